"""How many leads a batch takes."""

import time
from dataclasses import replace

import pytest
from sqlalchemy import Connection

from sequencer.services import advance, pace
from sequencer.services.pace import FEWEST, FIRST, HOLD, Pace
from sequencer.store import opening
from sequencer.store.opening import Opening
from tests.services.conftest import World
from tests.services.test_advance import BRANCH
from tests.workspaces import files

HERE, THERE = ("guide", "first"), ("guide", "second")


def test_a_process_begins_small_and_doubles_where_there_is_time() -> None:
    sizes = Pace()
    assert sizes.size(HERE, most=1_000) == FIRST
    sizes.took(HERE, FIRST, HOLD / 10)
    assert sizes.size(HERE, most=1_000) == 2 * FIRST


def test_a_place_that_nobody_was_at_begins_with_half_of_what_fits_elsewhere() -> None:
    sizes = Pace()
    sizes.took(HERE, 800, HOLD)
    assert sizes.size(HERE, most=1_000) == 800
    assert sizes.size(THERE, most=1_000) == 400


def test_no_batch_is_so_small_that_its_fixed_cost_is_all_it_does() -> None:
    sizes = Pace()
    sizes.took(HERE, FEWEST, 100 * HOLD)
    assert sizes.size(HERE, most=1_000) == FEWEST
    assert sizes.size(THERE, most=1_000) == FEWEST
    assert sizes.size(THERE, most=10) == 10


def test_what_is_waited_for_before_anybody_is_locked_makes_no_batch_smaller(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that the process's other threads have, a release that is new."""
    monkeypatch.setattr(pace, "FEWEST", 1)
    monkeypatch.setattr(pace, "HOLD", 1.0)  # far more than the batch takes on a busy machine
    ask = opening.ask

    def slowly(conn: Connection, sequence: str) -> Opening:
        time.sleep(1.1)
        return ask(conn, sequence)

    monkeypatch.setattr(opening, "ask", slowly)
    world.context = replace(world.context, mails=4)
    world.deploy(files(branch=BRANCH))
    world.enter("branch", *(world.lead(f"lead{n}@harbor.example") for n in range(4)))
    advance.drain(world.context, "branch", "one")
    assert world.context.pace.size(("branch", "one"), most=1_000) > 4

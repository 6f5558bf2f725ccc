"""A process that is told to go finishes what is under way and begins nothing further."""

from dataclasses import replace

import pytest

from sequencer.core.mail import Batch, Receipt
from sequencer.services import advance
from sequencer.services.context import Context
from sequencer.services.halt import halt
from sequencer.stop import Stop
from sequencer.store import clock
from tests.services.conftest import Recorder, World
from tests.workspaces import files

MANY = """
title: Many
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: owner
steps:
  - email: one
"""


REPS = ("ana@acme.example", "ben@other.example")
"""Senders of two domains: a batch for each."""


class Leaving(Recorder):
    """A provider at whose first request the process is told to go."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = replace(context, stopping=Stop())
        """The process that is told; the others go on."""

    def send(self, batch: Batch) -> Receipt:
        self.context.stopping.set()
        return super().send(batch)


@pytest.fixture
def people(world: World) -> int:
    workspace = files(many=MANY)
    workspace["sequences/workspace.yaml"] = workspace["sequences/workspace.yaml"].replace("ben@acme.example", REPS[1])
    world.deploy(workspace)
    world.enter("many", *(world.lead(f"p{n}@harbor.example", owner=REPS[n % 2]) for n in range(20)))
    return 20


def test_the_request_under_way_is_recorded_and_what_was_not_begun_is_due_again(world: World, people: int) -> None:
    leaving = Leaving(world.context)
    position = advance_position(world)
    advance.drain(replace(leaving.context, provider=leaving), "many", position)
    assert 1 == len(leaving.batches)
    with world.context.engine.connect() as conn:
        found = dict(conn.exec_driver_sql("SELECT state, count(*) FROM message GROUP BY state").fetchall())
    under_way = len(leaving.batches[0].recipients)
    assert {"accepted": under_way, "retry": people - under_way} == found
    world.work()
    assert people == len({r.to_email for b in leaving.batches + world.provider.batches for r in b.recipients})
    assert people == len(leaving.mails) + len(world.provider.mails)


def test_a_mail_that_was_not_begun_never_goes_to_somebody_who_was_halted_meanwhile(world: World, people: int) -> None:
    class Halting(Leaving):
        def send(self, batch: Batch) -> Receipt:
            with world.context.engine.begin() as conn:
                for n in range(people):
                    halt(conn, f"p{n}@harbor.example", clock.now(conn))
            return super().send(batch)

    leaving = Halting(world.context)
    advance.drain(replace(leaving.context, provider=leaving), "many", advance_position(world))
    with world.context.engine.connect() as conn:
        found = dict(conn.exec_driver_sql("SELECT state, count(*) FROM message GROUP BY state").fetchall())
    under_way = len(leaving.batches[0].recipients)
    assert {"accepted": under_way, "cancelled": people - under_way} == found


def test_who_was_told_to_go_claims_nobody_and_says_that_more_is_due(world: World, people: int) -> None:
    world.context.stopping.set()
    assert advance.drain(world.context, "many", advance_position(world))
    with world.context.engine.connect() as conn:
        assert 0 == conn.exec_driver_sql("SELECT count(*) FROM message").scalar_one()
    assert [] == world.provider.batches


def advance_position(world: World) -> str:
    with world.context.engine.connect() as conn:
        return str(conn.exec_driver_sql("SELECT DISTINCT position FROM enrollment").scalar_one())

"""An old month can be taken off while nobody needs it, and what it knew is forgotten without alarm."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from sequencer.core.lead import Lead
from sequencer.errors import SequencerError
from sequencer.services.detach import detach
from sequencer.store import pauses
from tests.services.conftest import World
from tests.services.test_advance import EXEMPT
from tests.services.webhooks import bodies, event, post
from tests.workspaces import files

MONTH = "message_2026_11"
"""In which everybody here was mailed."""


@pytest.fixture
def kim(world: World) -> Lead:
    """Got both mails of `quick`, more than a year ago."""
    world.deploy(files(quick=EXEMPT))
    kim = world.lead()
    world.enter("quick", kim)
    world.pass_(days=400)
    return kim


def test_an_old_month_becomes_a_table_of_its_own(world: World, kim: Lead) -> None:
    assert 2 == len(world.view(kim)["messages"])
    detach(world.context.engine, MONTH)
    assert [] == world.view(kim)["messages"]
    with world.context.engine.connect() as conn:
        assert 2 == conn.execute(text(f"SELECT count(*) FROM {MONTH}")).scalar()


def test_a_month_stays_while_somebody_who_entered_in_it_is_still_on_the_way(world: World) -> None:
    world.deploy(files(quick=EXEMPT.replace("2 hours", "500 days")))
    kim = world.lead()
    world.enter("quick", kim)
    world.pass_(days=400)
    with pytest.raises(SequencerError, match=r"message_2026_11 stays: somebody who entered .* November 2026 is still"):
        detach(world.context.engine, MONTH)
    world.pass_(days=101)
    detach(world.context.engine, MONTH)


def test_a_month_stays_while_the_last_mail_of_somebody_who_entered_in_it_is_on_its_way(world: World) -> None:
    world.deploy(files(quick=EXEMPT.replace("2 hours", "400 days")))
    kim = world.lead()
    world.enter("quick", kim)
    world.pass_(days=399)
    world.idle(timedelta(days=1))
    world.provider.answers.append(RuntimeError("its worker died"))
    with pytest.raises(RuntimeError):
        world.work()
    assert "finished" == world.status(kim, "quick")[0]
    with pytest.raises(SequencerError, match="is still in it"):
        detach(world.context.engine, MONTH)


def test_the_last_twelve_months_stay(world: World, kim: Lead) -> None:
    for name in ("message_2027_09", "event_2027_12"):
        with pytest.raises(SequencerError, match=f"{name} stays: less than 12 months have passed"):
            detach(world.context.engine, name)


@pytest.mark.parametrize("name", ["message_1999_01", "message", "lead", "message_2026_11; DROP TABLE lead"])
def test_what_is_no_month_is_refused(world: World, kim: Lead, name: str) -> None:
    with pytest.raises(SequencerError, match="there is no partition"):
        detach(world.context.engine, name)


def test_an_event_about_a_forgotten_mail_is_no_sign_of_a_restored_backup(world: World, kim: Lead) -> None:
    detach(world.context.engine, MONTH)
    post(world, event(world, "open"), event(world, "delivered", sg_event_id="again"))
    with world.context.engine.connect() as conn:
        assert [] == pauses.current(conn)
    assert ([("done", None)], []) == (bodies(world), world.view(kim)["events"])


@pytest.mark.parametrize("kind", ["unsubscribe", "spamreport", "bounce"])
def test_who_wants_no_more_mail_gets_none_also_in_answer_to_a_forgotten_one(world: World, kim: Lead, kind: str) -> None:
    detach(world.context.engine, MONTH)
    post(world, event(world, kind))
    assert (True, [("done", None)]) == (world.view(kim)["lead"]["suppressed"], bodies(world))

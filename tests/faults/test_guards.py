"""Each guard of the sending protocol by itself: what it must refuse although everything else would let it pass."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from sequencer.core.lead import Lead
from sequencer.core.mail import Answer, Batch, Outcome, Receipt
from sequencer.core.message import State
from sequencer.services import advance, due, reconcile
from sequencer.store import clock, intake, messages
from sequencer.store.messages import Attempt, Common, Settled
from tests.services.conftest import World
from tests.services.conftest import world as world
from tests.services.test_advance import EXEMPT
from tests.workspaces import files

KIM = "kim@harbor.example"


def entered(world: World) -> Lead:
    """A lead whose first mail is due."""
    world.deploy(files(quick=EXEMPT))
    kim = world.lead()
    world.enter("quick", kim)
    return kim


def ask(world: World, statement: str) -> Any:
    with world.context.engine.begin() as conn:
        return conn.execute(text(statement))


def ledger(world: World) -> list[Any]:
    with world.context.engine.connect() as conn:
        return [tuple(row) for row in conn.execute(text("SELECT step, state, attempt FROM message ORDER BY sent_at"))]


def interrupt(world: World, during: Callable[[], object], answer: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something happens while the provider has the request."""
    send = world.provider.send

    def interrupted(batch: Batch) -> Receipt:
        during()
        world.provider.answers = [Receipt(answer)]
        return send(batch)

    monkeypatch.setattr(world.provider, "send", interrupted)


def test_who_lost_the_fence_records_no_failure(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    entered(world)
    limited = Outcome(Answer.RETRY, detail="429")
    interrupt(world, lambda: ask(world, "UPDATE message SET fence = fence + 1"), limited, monkeypatch)
    advance.drain(world.context, "quick", "one")
    assert ledger(world) == [("one", "sending", 1)]


def test_a_step_that_was_begun_is_not_begun_again(world: World) -> None:
    entered(world)
    world.work()
    assert ledger(world) == [("one", "accepted", 1)]
    with world.context.engine.connect() as conn:
        row = conn.execute(text("SELECT * FROM message")).one()
        own = [getattr(row, name) for name in Attempt._fields if name != "common"]
        shared = {one.name: getattr(row, one.name) for one in fields(Common)}
        again = Attempt(*own, Common(**shared | {"state": State.SENDING, "attempt": 1, "request_id": "another"}))
        other = again._replace(enrollment_id=again.enrollment_id + 1)
        assert messages.begin(conn, [again, other], 99, 60.0, clock.now(conn)) == [other]
    assert ledger(world) == [("one", "accepted", 1)]


def test_who_was_begun_unseen_is_left_out_and_the_rest_of_the_batch_goes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    kim, lee = entered(world), world.lead("lee@harbor.example")
    world.enter("quick", lee)
    with world.context.engine.begin() as conn:
        conn.execute(
            text(
                "INSERT INTO message (enrollment_id, step, lead_id, sequence, deployment, content, email, sender,"
                " subject, message_id, state, attempt, fence, request_id, sent_at)"
                " SELECT id, 'one', lead_id, sequence, deployment, 'one', 'kim', '', '', '', 'accepted', 1, 0, '', :now"
                " FROM enrollment WHERE lead_id = :kim"
            ),
            {"now": clock.now(conn), "kim": kim.id},
        )
    monkeypatch.setattr(messages, "of_enrollments", lambda conn, ids: {})
    advance.drain(world.context, "quick", "one")
    assert world.provider.mails == [(lee.email, "one")]
    assert ask(world, "SELECT lead_id, fence > 0 FROM message ORDER BY 1").all() == [(kim.id, False), (lee.id, True)]


def test_what_a_lead_is_when_claimed_decides_not_what_they_were_when_the_mail_fell_due(world: World) -> None:
    kim = entered(world)
    ask(world, "UPDATE lead SET suppressed = true")
    world.work()
    assert world.provider.mails == []
    assert world.status(kim, "quick")[0] == "stopped"


def test_a_commit_of_which_nobody_knows_whether_it_happened_does_not_send(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered(world)
    dialect = world.context.engine.dialect
    commit = dialect.do_commit

    def lost(connection: Any) -> None:
        commit(connection)
        if ledger(world):
            monkeypatch.undo()
            connection.dbapi_connection.close()
            raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(dialect, "do_commit", lost)
    with pytest.raises(OperationalError):
        advance.drain(world.context, "quick", "one")
    assert (world.provider.mails, ledger(world)) == ([], [("one", "retry", 1)])
    world.work()
    assert (world.provider.mails, ledger(world)) == ([(KIM, "one")], [("one", "accepted", 2)])


def test_the_reaper_leaves_alone_what_still_has_its_lease(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    entered(world)
    seen: list[Any] = []

    def reap() -> None:
        reconcile.reap(world.context)
        seen.extend(ledger(world))

    interrupt(world, reap, Outcome(Answer.ACCEPTED, provider_id="p"), monkeypatch)
    advance.drain(world.context, "quick", "one")
    assert seen == [("one", "sending", 1)]


def test_a_failure_that_is_known_after_the_lease_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    entered(world)

    def lose() -> None:
        ask(world, "UPDATE request SET lease_until = clock_timestamp() - interval '1 second'")
        reconcile.reap(world.context)

    interrupt(world, lose, Outcome(Answer.RETRY, detail="429"), monkeypatch)
    advance.drain(world.context, "quick", "one")
    assert ledger(world) == [("one", "unknown", 1)]


def test_settling_in_the_name_of_another_request_changes_nothing(world: World) -> None:
    entered(world)
    world.work()
    number, fence = ask(world, "UPDATE message SET state = 'sending' RETURNING enrollment_id, fence").one()
    with world.context.engine.begin() as conn:
        settled = [Settled(number, State.REFUSED, "no")]
        assert messages.settle(conn, "another", fence, settled) == set()


def test_bodies_that_may_stop_mail_are_hinted_first(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    with world.context.engine.begin() as conn:
        for urgent in (False, True):
            intake.put(conn, "events", b"[]", "", urgent)
    assert [hint for hint in due.work(world.context) if hint[0] == "intake"] == [
        ("intake", (True,)),
        ("intake", (False,)),
    ]

"""Poison among webhook events: found by halving, set aside alone, and taken up again when the reason is gone."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, text
from sqlalchemy import event as hooks
from sqlalchemy.exc import OperationalError

from sequencer.core import aside
from sequencer.core.lead import Lead
from sequencer.services import bisect, due, ingest, replay, tidy
from sequencer.services.judge import UNRECORDED
from sequencer.store import intake
from tests.services.conftest import World
from tests.services.test_advance import EXEMPT
from tests.services.webhooks import bodies, event, post
from tests.workspaces import files


@pytest.fixture
def kim(world: World) -> Lead:
    """Got the first mail of `quick`."""
    world.deploy(files(quick=EXEMPT))
    kim = world.lead()
    world.enter("quick", kim)
    world.work()
    return kim


@pytest.fixture
def savepoints(world: World) -> Iterator[list[str]]:
    made: list[str] = []
    hooks.listen(world.context.engine, "savepoint", lambda conn, name: made.append(name))
    yield made


def poison(world: World, *keys: str) -> None:
    """What no check foresees: the database itself refuses events."""
    with world.context.engine.begin() as conn:
        for key in keys:
            conn.execute(text(f"ALTER TABLE event ADD CONSTRAINT no_{key} CHECK (key <> '{key}')"))


def opens(world: World, *keys: str) -> list[dict[str, Any]]:
    return [event(world, "open", sg_event_id=key) for key in keys]


def stored(world: World, kim: Lead) -> int:
    return len(world.view(kim)["events"])


def test_only_the_poison_event_is_set_aside_and_found_in_few_steps(
    world: World, kim: Lead, savepoints: list[str]
) -> None:
    poison(world, "k77")
    post(world, *opens(world, *(f"k{n}" for n in range(256))))
    assert stored(world, kim) == 255
    [(state, problem)] = bodies(world)
    assert (state, aside.numbers(problem or "")) == ("set_aside", [78])
    assert "IntegrityError" in (problem or "")
    # Once as a whole, then two halves for each halving of 256; each has one more where it stores.
    assert len(savepoints) == 2 * (1 + 2 * 8)


def test_other_bodies_of_the_batch_are_done(world: World, kim: Lead) -> None:
    poison(world, "b", "e")
    with world.context.engine.begin() as conn:
        for keys in ("abc", "d", "ef"):
            intake.put(conn, "events", orjson.dumps(opens(world, *keys)), "", False)
    ingest.process(world.context, False)
    assert [state for state, _ in bodies(world)] == ["set_aside", "done", "set_aside"]
    assert [aside.numbers(problem or "") for _, problem in bodies(world)] == [[2], [], [1]]
    assert stored(world, kim) == 4


def test_a_replay_takes_up_just_what_was_set_aside(world: World, kim: Lead) -> None:
    poison(world, "b")
    post(world, *opens(world, "a", "b", "c"))
    with world.context.engine.begin() as conn:
        [body_id] = intake.aside_ids(conn)
        conn.execute(text("ALTER TABLE event DROP CONSTRAINT no_b"))
    assert replay.replay(world.context, body_id) == replay.Replayed(body_id, 1, None)
    assert (stored(world, kim), bodies(world)) == (3, [("done", None)])


def test_when_every_event_fails_the_search_ends_soon(
    world: World, kim: Lead, savepoints: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a defect of ours")

    monkeypatch.setattr(ingest, "recognise", broken)
    post(world, *opens(world, *(f"k{n}" for n in range(1000))))
    assert len(savepoints) <= 2 * bisect.PATIENCE + 1
    [(state, problem)] = bodies(world)
    assert (state, len(aside.numbers(problem or ""))) == ("set_aside", 1000)


def test_a_deadlock_or_a_database_that_is_away_is_never_blamed_on_a_body(
    world: World, kim: Lead, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(conn: Connection, *_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("deadlock detected"))

    with monkeypatch.context() as patched:
        patched.setattr(ingest, "recognise", away)
        with pytest.raises(OperationalError):
            post(world, *opens(world, "a"))
    assert bodies(world) == [("pending", None)]
    ingest.process(world.context, False)
    assert (bodies(world), stored(world, kim)) == ([("done", None)], 1)


def test_what_strict_json_has_no_room_for_costs_one_event_nothing(world: World, kim: Lead) -> None:
    fine = orjson.dumps(opens(world, "a"))
    with world.context.engine.begin() as conn:
        for odd in (b'"\\ud800 half"', b'"\xff\xfe"', b"1" * 5000, b"NaN"):
            body = fine[:-1] + b',{"event":"open","useragent":' + odd + b"}]"
            intake.put(conn, "events", body, "", False)
    ingest.process(world.context, False)
    assert (stored(world, kim), [state for state, _ in bodies(world)]) == (1, ["done"] * 4)


def test_webhooks_wait_until_something_is_deployed(world: World) -> None:
    with world.context.engine.begin() as conn:
        intake.put(conn, "events", b"[]", "", False)
    assert ingest.process(world.context, False) is False
    assert bodies(world) == [("pending", None)]


@pytest.mark.parametrize("lost", [{"sq_step": "two"}, {"sq_attempt": "2"}])
def test_what_only_a_restored_ledger_does_not_know_is_told_apart(world: World, kim: Lead, lost: dict[str, str]) -> None:
    post(world, event(world, "delivered", **lost))
    assert bodies(world) == [("set_aside", f"event 1: {UNRECORDED}")]
    assert stored(world, kim) == 0


def test_an_unsubscription_holds_also_from_a_ledger_that_lost_the_mail(world: World, kim: Lead) -> None:
    post(world, event(world, "unsubscribe", sq_step="two"))
    assert world.view(kim)["lead"]["suppressed"] is True
    assert bodies(world) == [("set_aside", f"event 1: {UNRECORDED}")]


def test_an_unsubscription_that_is_too_old_to_be_stored_holds_and_counts_once(world: World, kim: Lead) -> None:
    old = event(world, "unsubscribe", timestamp=int((world.now() - timedelta(days=200)).timestamp()))
    post(world, old)
    world.pass_(hours=1)
    post(world, old)
    assert [e["event"] for e in world.view(kim)["events"]] == ["unsubscribed"]
    assert world.view(kim)["lead"]["suppressed"] is True


def test_a_repeat_weeks_later_changes_nothing(world: World, kim: Lead) -> None:
    said = [event(world, kind) for kind in ("delivered", "open", "click")]
    post(world, *said)
    before = world.view(kim)
    world.pass_(days=45)
    post(world, *said)
    after = world.view(kim)
    assert (after["events"], after["messages"][0]) == (before["events"], before["messages"][0])
    assert [state for state, _ in bodies(world)] == ["done", "done"]


def test_processed_bodies_go_after_thirty_days_and_what_is_set_aside_stays(world: World, kim: Lead) -> None:
    post(world, event(world, "delivered"))
    post(world, {"event": "open"}, {"event": "open", "sq_enrollment": "x"})
    world.pass_(days=29)
    assert ("tidy", ()) not in due.work(world.context)
    world.pass_(days=2)
    post(world, event(world, "open"))
    assert ("tidy", ()) in due.work(world.context)
    assert tidy.tidy(world.context) is False
    assert [state for state, _ in bodies(world)] == ["set_aside", "done"]


def test_a_piece_at_a_time_is_removed(world: World, kim: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidy, "AT_ONCE", 2)
    for _ in range(3):
        post(world)
    world.pass_(days=31)
    assert [tidy.tidy(world.context), tidy.tidy(world.context), bodies(world)] == [True, False, []]


def test_of_urgent_bodies_only_what_stops_mail_takes_effect_first(world: World, kim: Lead) -> None:
    said = [event(world, kind, sg_event_id=kind) for kind in ("open", "unsubscribe", "delivered")]
    with world.context.engine.begin() as conn:
        for urgent, body in ((False, []), (True, said)):
            intake.put(conn, "events", orjson.dumps(body), "", urgent)
    ingest.process(world.context, True)
    assert [e["event"] for e in world.view(kim)["events"]] == ["unsubscribed"]
    assert world.view(kim)["lead"]["suppressed"] is True
    assert [state for state, _ in bodies(world)] == ["pending", "pending"]
    assert ingest.process(world.context, True) is False
    ingest.process(world.context, False)
    assert sorted(e["event"] for e in world.view(kim)["events"]) == ["delivered", "opened", "unsubscribed"]
    assert [state for state, _ in bodies(world)] == ["done", "done"]


def test_what_another_worker_holds_is_passed_over(world: World, kim: Lead) -> None:
    with world.context.engine.begin() as conn:
        for _ in range(2):
            intake.put(conn, "events", b"[]", "", False)
    with world.context.engine.begin() as other:
        assert len(intake.claim(other, False, 1, 1)) == 1
        ingest.process(world.context, False)
        assert [state for state, _ in bodies(world)] == ["pending", "done"]


def test_a_batch_is_bounded_in_bytes_and_locks_no_more_than_it_takes(world: World) -> None:
    with world.context.engine.begin() as conn:
        for _ in range(3):
            intake.put(conn, "events", b"x" * 600, "", False)
    with world.context.engine.begin() as one, world.context.engine.begin() as two:
        assert [len(intake.claim(conn, False, 10, 1000)) for conn in (one, two)] == [1, 1]

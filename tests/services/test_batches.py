"""What a batch costs, and who it leaves alone."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from threading import Thread

import pytest
from sqlalchemy import Connection, Engine, event, text

from sequencer.services import advance, compose
from sequencer.store import enrollments, watches
from tests.services.conftest import World
from tests.services.test_advance import BRANCH
from tests.workspaces import files


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(conn: object, cursor: object, statement: str, *rest: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def cost(world: World, name: str, count: int) -> int:
    people = [world.lead(f"{name}{n}@harbor.example") for n in range(count)]
    world.enter("branch", *people)
    with counted(world.context.engine) as statements:
        advance.drain(world.context, "branch", "one")
    assert len(world.provider.batches[-1].recipients) == count
    return len(statements)


def test_a_batch_takes_the_same_number_of_queries_whatever_its_size(world: World) -> None:
    world.deploy(files(branch=BRANCH))
    cost(world, "warm", 1)
    assert cost(world, "few", 3) == cost(world, "many", 60)


def test_batches_are_smaller_while_requests_hang(world: World) -> None:
    """What hangs holds up the rest of its batch."""
    world.deploy(files(branch=BRANCH))
    world.enter("branch", *(world.lead(f"p{n}@harbor.example") for n in range(6)))
    world.provider.hanging = 2
    advance.drain(replace(world.context, mails=6), "branch", "one")
    assert [2, 2, 2] == [len(batch.recipients) for batch in world.provider.batches]


def test_two_workers_share_what_is_due_and_nobody_is_mailed_twice(world: World) -> None:
    world.deploy(files(branch=BRANCH))
    people = [world.lead(f"p{n}@harbor.example") for n in range(120)]
    world.enter("branch", *people)
    small = [Thread(target=advance.drain, args=(world.context, "branch", "one")) for _ in range(4)]
    for thread in small:
        thread.start()
    for thread in small:
        thread.join()
    world.work()
    assert sorted(world.provider.mails) == sorted((p.email, "one") for p in people)


def test_a_lead_who_is_locked_is_passed_over_and_served_later(world: World) -> None:
    world.deploy(files(branch=BRANCH))
    kim, lee = world.lead("kim@harbor.example"), world.lead("lee@harbor.example")
    world.enter("branch", kim, lee)
    with world.context.engine.begin() as conn:
        conn.execute(text("SELECT 1 FROM lead WHERE id = :id FOR UPDATE"), {"id": kim.id})
        advance.drain(world.context, "branch", "one")
    assert world.provider.mails == [("lee@harbor.example", "one")]
    world.work()
    assert world.provider.mails == [("lee@harbor.example", "one"), ("kim@harbor.example", "one")]


_WATCHED = "INSERT INTO watch (rule, lead_id, due_at) SELECT 1, id, :now FROM lead"
Claim = Callable[[Connection, datetime, Sequence[int]], Iterable[int]]
CLAIMS: dict[str, tuple[str, Claim]] = {
    "of who is due": (
        "enrollment",
        lambda conn, now, ids: [lead.id for _, lead in enrollments.claim(conn, "branch", "one", now, None, 10)],
    ),
    "of who is due, further on": (
        "enrollment",
        lambda conn, now, ids: [lead.id for _, lead in enrollments.claim(conn, "branch", "one", now, now, 10)],
    ),
    "of who is to be migrated": (
        "enrollment",
        lambda conn, now, ids: [lead.id for _, lead in enrollments.behind(conn, 9, 10)],
    ),
    "of who is to be looked at": (
        "watch",
        lambda conn, now, ids: [lead.id for lead in watches.claim(conn, 1, now, 10)],
    ),
    "of those of them": ("watch", lambda conn, now, ids: [lead.id for lead in watches.claim_of(conn, 1, now, ids)[0]]),
}


@pytest.mark.parametrize(("table", "claim"), CLAIMS.values(), ids=list(CLAIMS))
def test_nothing_of_a_lead_who_is_passed_over_stays_locked(world: World, table: str, claim: Claim) -> None:
    """Who holds the lead may wait for it, and have mails of others for which whoever passed over is to wait."""
    world.deploy(files(branch=BRANCH))
    people = world.lead("kim@harbor.example"), world.lead("lee@harbor.example")
    world.enter("branch", *people)
    ids, engine, now = [p.id for p in people], world.context.engine, world.now()
    with engine.begin() as conn:
        conn.execute(text(_WATCHED), {"now": now})
    lock = text(f"SELECT 1 FROM {table} WHERE lead_id = :id FOR NO KEY UPDATE NOWAIT")
    with engine.begin() as other, engine.begin() as conn:
        other.execute(text("SELECT 1 FROM lead WHERE id = :id FOR NO KEY UPDATE"), {"id": ids[0]})
        assert list(claim(conn, now, ids)) == ids[1:]
        assert other.execute(lock, {"id": ids[0]}).all()


class Slow:
    """Time of a machine on which every look at the clock takes a quarter of a second."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        self.seconds += 0.25
        return self.seconds


def test_a_slow_template_locks_few_leads_at_a_time_and_mails_each_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.deploy(files(branch=BRANCH))
    people = [world.lead(f"p{n:02}@harbor.example") for n in range(30)]
    world.enter("branch", *people)
    monkeypatch.setattr(compose, "time", Slow())
    advance.drain(world.context, "branch", "one")
    assert [len(batch.recipients) for batch in world.provider.batches] == [5] * 6
    assert sorted(world.provider.mails) == [(p.email, "one") for p in people]
    assert {world.view(p)["enrollments"][0]["position"] for p in people} == {"looked"}


def test_a_template_that_takes_all_the_time_for_one_mail_still_gets_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.deploy(files(branch=BRANCH))
    people = [world.lead(f"p{n}@harbor.example") for n in range(3)]
    world.enter("branch", *people)
    monkeypatch.setattr(compose, "RENDERING", -1.0)
    advance.drain(world.context, "branch", "one")
    assert [[r.to_email for r in batch.recipients] for batch in world.provider.batches] == [[p.email] for p in people]


SETS = """
title: Sets
state: live
topic: guides
enroll:
  when: manual
from: marketing
steps:
  - id: park
    set: {status: idle-timing, next_attempt: in 60 days, pains: [risk]}
  - id: known
    set: {status: working}
  - email: one
"""


def test_fields_are_set_by_the_same_number_of_queries_for_few_and_many(world: World) -> None:
    world.deploy(files(sets=SETS))

    def cost(name: str, count: int) -> int:
        people = [world.lead(f"{name}{n}@harbor.example", first_name=f"{name} {n}", pains="cost") for n in range(count)]
        world.enter("sets", *people)
        with counted(world.context.engine) as statements:
            advance.drain(world.context, "sets", "park")
        for n, one in enumerate(people):
            lead = world.view(one)["lead"]
            assert (lead["first_name"], lead["status"], lead["stage"]) == (f"{name} {n}", "working", None)
            assert lead["fields"] == {"pains": ["risk"], "next_attempt": "2027-01-22"}
        return len(statements)

    cost("warm", 1)
    assert cost("few", 3) == cost("many", 60)


def test_events_are_looked_up_only_where_a_condition_asks_for_them(world: World) -> None:
    plain = (
        "title: Plain\nstate: live\ntopic: guides\nenroll: {when: manual}\nfrom: marketing\nsteps:\n  - email: one\n"
    )
    world.deploy(files(plain=plain, asking=plain + "goal: did('meeting_booked')\n"))

    def asked(sequence: str) -> int:
        world.enter(sequence, world.lead(f"{sequence}@harbor.example"))
        with counted(world.context.engine) as statements:
            advance.drain(world.context, sequence, "one")
        assert world.provider.mails[-1] == (f"{sequence}@harbor.example", "one")
        return len([one for one in statements if "FROM event" in one])

    assert (asked("plain"), asked("asking")) == (0, 1)


def test_a_drain_looks_for_nothing_before_what_its_last_batch_began_with(world: World) -> None:
    """What earlier batches took stays in the index for as long as somebody holds an old snapshot."""
    world.deploy(files(branch=BRANCH))
    small = World(replace(world.context, mails=10), world.provider)
    people = [small.lead(f"p{n}@harbor.example") for n in range(25)]
    small.enter("branch", *people)
    with counted(small.context.engine) as statements:
        advance.drain(small.context, "branch", "one")
    assert [len(batch.recipients) for batch in world.provider.batches] == [10, 10, 5]
    claims = [one for one in statements if "SKIP LOCKED" in one and "FROM enrollment" in one]
    assert [one.count("enrollment.due_at >=") for one in claims] == [0, 1, 1]

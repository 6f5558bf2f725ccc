"""No more than so many mails to the people of one company within so long. On a real database."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier, Event
from typing import Any

import pytest
from sqlalchemy import event, func, select

from sequencer.core.lead import Lead
from sequencer.core.mail import Answer, Outcome, Receipt
from sequencer.core.snapshot import Snapshot
from sequencer.errors import Misconfigured
from sequencer.rendering.errors import RenderingFailed
from sequencer.services import advance, compose, due, release, tidy
from sequencer.services.seldom import Seldom
from sequencer.services.week import foresee
from sequencer.services.why import why
from sequencer.store import clock, enrollments, leads, readiness, tables, turns
from tests.services.conftest import START, World
from tests.services.test_companies import belong
from tests.services.test_unknown import LOST, RESENDS, webhooks
from tests.workspaces import WORKSPACE, files

SERIES = """
title: Series
state: live
topic: guides
enroll: {when: manual}
from: marketing
steps:
  - email: one
"""
CAPPED = WORKSPACE + "pressure: {company: {mails: 2, within: 4 hours}}\n"
EXEMPT = SERIES.replace("enroll:", "pressure: exempt\nenroll:")
BOUND = 60
"""Seconds after which something that has to come did not."""


def deploy(world: World, workspace: str = CAPPED, **series: str) -> None:
    sequences = {"first": SERIES, "second": SERIES, "receipts": EXEMPT, **series}
    world.deploy(files(**sequences) | {"sequences/workspace.yaml": workspace})


def people(world: World, *names: str, at: str = "harbor.example") -> list[Lead]:
    return [world.lead(f"{name}@{at}") for name in names]


def mailed(world: World) -> list[str]:
    return [address.partition("@")[0] for address, _ in world.provider.mails]


def dues(world: World, *leads: Lead) -> list[timedelta | None]:
    with world.context.engine.connect() as conn:
        found = {e.lead_id: e.due_at for e in enrollments.all_of(conn, [one.id for one in leads])}
    return [at - START if (at := found[one.id]) is not None else None for one in leads]


def test_five_colleagues_hear_two_at_a_time_and_why_says_so(world: World) -> None:
    deploy(world)
    five = people(world, "a", "b", "c", "d", "e")
    other = people(world, "x", "y", "z", at="mill.example")
    free = people(world, "m", "n", "o", at="gmail.com")
    world.enter("first", *five[:3], *other[:2], *free)
    world.enter("second", *five[3:], other[2])
    world.work()
    assert Counter(mailed(world)) == Counter("abxymno"), "each company has its own, and free mail is no company"
    assert dues(world, *five[2:]) == [timedelta(hours=h) for h in (4, 4, 8)], "each at their turn"
    with world.context.engine.connect() as conn:
        said = why(conn, world.context.releases.current(conn), five[4], None, clock.now(conn))
    [answer] = [one for one in said if one.sequence == "second"]
    enough = "waits: people of the company have had enough mails lately"
    assert answer.now[-1].text == f"{enough}; one goes Mon 23 Nov 2026 16:00 (London) at the earliest"
    world.enter("second", *people(world, "f"))
    assert foresee(world.context, 1, 100, lambda _: None).week.days[START.date()].waits == {"over a cap": 1}
    world.pass_(hours=4)
    assert Counter(mailed(world)) == Counter("abxymnocdz")
    world.pass_(hours=4)
    assert Counter(mailed(world)) == Counter("abxymnocdzef")


def test_who_waits_longer_goes_first_whatever_step_colleagues_are_at(world: World) -> None:
    steps = "\n  - wait: 1 day\n".join(f"  - id: s{9 - n}\n    email: one" for n in range(6))
    daily = SERIES.replace("  - email: one\n", steps + "\n")
    capped = "pressure: {week: none, gap: 1 hour, company: {mails: 1, within: 1 day}}\n"
    deploy(world, WORKSPACE.replace("quiet: {days: [sat, sun]}\n", "") + capped, daily=daily)
    a, z = people(world, "a", "z")
    world.enter("daily", a, z)
    world.pass_(days=3)
    assert mailed(world) == ["a", "z", "a", "z"]


def test_a_company_of_many_is_looked_at_as_little_as_one_of_few(world: World) -> None:
    """Each of them is decided twice: when they are put off, and at their turn."""
    deploy(world)
    decided: list[int] = []
    many = people(world, *(f"p{n:02}" for n in range(20)))
    world.enter("first", *many)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(advance, "decided", counting(decided, advance.decided))
        world.pass_(hours=36)
    assert Counter(mailed(world)) == Counter(f"p{n:02}" for n in range(20))
    # And once more each when the mail was taken: there is nothing after it, so that ends them without a decision.
    assert max(Counter(decided).values()) <= 2
    with world.context.engine.connect() as conn:
        [company_id] = {one.company_id for one in many}
        assert company_id is not None
        known = turns.of(conn, [company_id], START + timedelta(hours=32))
        kept = conn.execute(select(func.count()).select_from(tables.turn)).scalar_one()
    assert (len(known[company_id]), kept) == (2, 2), "what is over is kept no longer"


def test_turns_of_companies_that_nobody_mails_any_more_are_removed_and_others_stay(world: World) -> None:
    deploy(world)
    old, new = people(world, "a"), people(world, "b", "c", "d", at="mill.example")
    world.enter("first", *old)
    world.pass_(hours=25)
    world.enter("first", *new)
    world.work()
    assert not tidy.tidy(world.context)
    assert kept(world) == ["a", "b", "c", "d"], "it counts no more, and may not be a day old"
    assert due.work(replace(world.context, forgetting=Seldom(0))) == [], "nobody is asked to remove what stays"
    world.pass_(hours=3)
    assert due.work(replace(world.context, forgetting=Seldom(0))) == [("tidy", ())]
    world.pass_(hours=0.5)
    assert not tidy.tidy(world.context)
    assert kept(world) == ["b", "c", "d"]
    deploy(world, WORKSPACE)
    world.pass_(days=1.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tidy, "TURNS_AT_ONCE", 2)
        assert [tidy.tidy(world.context) for _ in range(2)] == [True, False]
    assert kept(world) == []


def test_whether_turns_are_old_is_asked_also_where_the_deployment_cannot_be_loaded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(world)
    world.enter("first", *people(world, "a"))

    def refused(*call: Any) -> Any:
        raise Misconfigured("deployment 1 cannot be run by this version")

    monkeypatch.setattr(release, "unpack", refused)
    context = replace(world.context, releases=release.Releases(), forgetting=Seldom(0))
    assert [name for name, _ in due.work(context)] == ["drain"]


def kept(world: World) -> list[str]:
    with world.context.engine.connect() as conn:
        ids = conn.execute(select(tables.turn.c.enrollment_id)).scalars().all()
        return sorted(one.email[0] for one in leads.by_ids(conn, list(enrollments.lead_of(conn, ids).values())))


def counting(decided: list[int], decide: Callable[..., Any]) -> Callable[..., Any]:
    def counted(steps: Any, snapshot: Snapshot, now: datetime) -> Any:
        decided.append(snapshot.lead.id)
        return decide(steps, snapshot, now)

    return counted


def test_who_ends_while_they_wait_keeps_nobody_waiting(world: World) -> None:
    deploy(world)
    a, b, c, d, e = people(world, *"abcde")
    world.enter("first", a, b, c, d)
    world.work()
    world.happens(c, "unsubscribed")
    world.happens(d, "unsubscribed")
    world.enter("first", e)
    world.work()
    assert (mailed(world), dues(world, e)) == (["a", "b"], [timedelta(hours=4)])


def test_a_mail_that_cannot_be_rendered_makes_nobody_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(world)
    a, b, c = people(world, "a", "b", "c")
    of = compose._Kinds.of

    def fails(kinds: Any, order: compose.Order, *more: Any) -> Any:
        if order.snapshot.lead.id in (a.id, b.id):
            raise RenderingFailed("one", "too long")
        return of(kinds, order, *more)

    monkeypatch.setattr(compose._Kinds, "of", fails)
    world.enter("first", a, b, c)
    world.work()
    assert mailed(world) == ["c"]


def test_what_counts_with_a_company_has_one_cap_with_it_and_a_batch_knows_itself(world: World) -> None:
    deploy(world)
    three = [*people(world, "a"), *people(world, "b", at="labs.example"), *people(world, "c", at="yard.example")]
    for domain in ("labs.example", "yard.example"):
        belong(world, domain, "harbor.example")
    world.enter("first", *three)
    world.work()
    assert mailed(world) == ["a", "b"]
    assert dues(world, three[2]) == [timedelta(hours=4)]


@pytest.mark.parametrize(
    ("sequence", "workspace", "mails"),
    [
        ("first", CAPPED, 2),
        ("receipts", CAPPED, 4),
        ("first", CAPPED.replace("company:", "counts: [sales], company:"), 4),
        ("first", WORKSPACE, 4),
    ],
    ids=["capped", "exempt", "not counted", "not declared"],
)
def test_what_is_free_of_gap_and_caps_is_free_of_it_too(
    world: World, sequence: str, workspace: str, mails: int
) -> None:
    deploy(world, workspace)
    world.enter(sequence, *people(world, "a", "b", "c", "d"))
    world.work()
    assert len(mailed(world)) == mails
    # What did not count makes nobody else wait either.
    if sequence == "receipts":
        world.enter("first", *people(world, "e", "f", "g"))
        world.work()
        assert len(mailed(world)) == mails + 2


def test_a_mail_too_many_is_skipped_after_the_declared_time(world: World) -> None:
    over = "company: {mails: 1, within: 3 days}, over: {wait: 1 day, then: skip}"
    deploy(world, WORKSPACE + f"pressure: {{{over}}}\n")
    kim, lee = people(world, "kim", "lee")
    world.enter("first", kim, lee)
    world.pass_(days=2)
    assert mailed(world) == ["kim"]
    with world.context.engine.connect() as conn:
        [enrollment] = enrollments.all_of(conn, [lee.id])
    assert [(o.step, o.outcome, o.detail) for o in enrollment.outcomes] == [("one", "skipped", "pressure: company")]


def test_what_was_not_taken_makes_nobody_wait(world: World) -> None:
    deploy(world, WORKSPACE + "pressure: {company: {mails: 1, within: 4 hours}}\n")
    kim, lee = people(world, "kim", "lee")
    world.provider.answers.append(Receipt(Outcome(Answer.REFUSED, "no such mailbox")))
    world.enter("first", kim)
    world.work()
    world.enter("first", lee)
    world.work()
    assert mailed(world) == ["kim", "lee"]


def test_a_mail_of_which_nobody_knows_goes_again_beside_its_colleagues_and_not_behind_itself(world: World) -> None:
    deploy(
        world,
        WORKSPACE + "pressure: {company: {mails: 2, within: 1 day}}\n",
        welcome=RESENDS.replace("pressure: exempt\n", ""),
    )
    world.enter("welcome", *people(world, "kim", "lee"))
    world.provider.answers = [LOST]
    world.work()
    world.enter("first", *people(world, "max"))
    webhooks(world, 7)
    assert mailed(world) == ["kim", "lee"] * 2


def test_who_is_claimed_while_a_colleague_is_mailed_waits_for_what_comes_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two workers that hold two colleagues at once, one has the company; the other waits for nobody."""
    deploy(world, WORKSPACE + "pressure: {company: {mails: 1, within: 4 hours}}\n")
    kim, lee = people(world, "kim", "lee")
    world.enter("first", kim)
    world.enter("second", lee)
    inside, go, carry_out = Event(), Event(), advance.carry_out

    def slow(*args: Any) -> Any:
        inside.set()
        assert go.wait(BOUND), "the other worker never came back"
        return carry_out(*args)

    monkeypatch.setattr(advance, "carry_out", slow)
    with ThreadPoolExecutor(1) as other:
        first = other.submit(advance.drain, world.context, "first", "one")
        try:
            assert inside.wait(BOUND), "the first worker never came so far"
            assert not advance.drain(world.context, "second", "one")
            assert (mailed(world), dues(world, lee)) == ([], [timedelta()]), "lee stays due"
        finally:
            go.set()
        first.result(BOUND)
    world.work()
    assert (mailed(world), dues(world, lee)) == (["kim"], [timedelta(hours=4)])


def test_workers_at_once_never_mail_more_of_a_company_than_may_be(world: World) -> None:
    deploy(world)
    domains = ("harbor.example", "labs.example", "mill.example")
    everybody = [one for domain in domains for one in people(world, *"abcdef", at=domain)]
    belong(world, "labs.example", "harbor.example")
    world.enter("first", *everybody[::2])
    world.enter("second", *everybody[1::2])
    start = Barrier(4)

    def work(number: int) -> None:
        start.wait(BOUND)
        for _ in range(3):
            advance.drain(world.context, ("first", "second")[number % 2], "one")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    world.work()
    families = Counter("mill" if "mill" in address else "harbor" for address, _ in world.provider.mails)
    assert families == {"harbor": 2, "mill": 2}


@pytest.mark.parametrize(("workspace", "asked"), [(WORKSPACE, 0), (CAPPED, 1)], ids=["not declared", "capped"])
def test_a_batch_asks_once_whatever_its_size_and_never_where_no_cap_is(
    world: World, workspace: str, asked: int
) -> None:
    deploy(world, workspace)
    world.enter("first", *people(world, *"abcdefgh"))
    said: list[str] = []

    def listen(_conn: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        said.append(statement)

    event.listen(world.context.engine, "before_cursor_execute", listen)
    try:
        advance.drain(world.context, "first", "one")
    finally:
        event.remove(world.context.engine, "before_cursor_execute", listen)
    assert sum("FROM company c" in one and "SKIP LOCKED" in one for one in said) == asked
    assert sum("FROM company c" in one and "turn" in one for one in said) == asked


@pytest.mark.parametrize("size", [1, 2, 250])
def test_who_is_due_behind_the_people_of_a_company_that_is_held_need_not_wait_for_it(
    world: World, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    deploy(world)
    held = people(world, "a", "b", "c")
    world.enter("first", *held, *people(world, "x", at="mill.example"), *people(world, "m", at="gmail.com"))
    monkeypatch.setattr(world.context.pace, "size", lambda *_: size)
    with world.context.engine.begin() as conn:
        assert held[0].company_id is not None
        assert readiness.lock_companies(conn, [held[0].company_id])
        advance.drain(world.context, "first", "one")
        assert sorted(mailed(world)) == ["m", "x"]
    world.work()
    assert sorted(mailed(world)) == ["a", "b", "m", "x"]


def test_a_company_that_somebody_else_deals_with_is_passed_over_alone(world: World) -> None:
    deploy(world)
    [kim], [max_] = people(world, "kim"), people(world, "max", at="mill.example")
    world.enter("first", kim, max_)
    with world.context.engine.begin() as conn:
        assert kim.company_id is not None
        assert readiness.lock_companies(conn, [kim.company_id])
        advance.drain(world.context, "first", "one")
        assert mailed(world) == ["max"]
    world.work()
    assert mailed(world) == ["max", "kim"]

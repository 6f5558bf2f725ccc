"""What one person of a company does to marketing's sequences of the others. On a real database."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest

from sequencer.core.enrollment import Enrollment, Status
from sequencer.core.event import Event
from sequencer.core.lead import Lead
from sequencer.core.mail import Answer, Outcome, Receipt
from sequencer.services.due import rest
from sequencer.services.react import react
from sequencer.services.why import why
from sequencer.store import clock, enrollments, leads
from tests.services.conftest import START, World
from tests.services.test_handoffs import REPS, RULES, SIGNALS, asks, of
from tests.workspaces import files

EDUCATION = """
title: Education
state: live
topic: guides
enroll: {when: manual}
from: marketing
steps:
  - email: one
  - wait: 4 days
  - email: two
"""
OWNED = EDUCATION.replace("from: marketing", "from: owner")
EXEMPT = EDUCATION.replace("enroll:", "pressure: exempt\nenroll:")
INSTEAD = EDUCATION.replace("{when: manual}", '{when: did("colleague_handed_off")}').replace(
    "email: one", "email: three"
)
PATIENT = SIGNALS.replace("[remind, reassign, return_to_nurture]", "[remind]")
HANDED, REPLIED = "colleague_handed_off", "colleague_replied"


def workspace(colleagues: str = "", **more: str) -> dict[str, str]:
    made = files(education=EDUCATION, owned=OWNED, receipts=EXEMPT, **more)
    return made | {"sequences/workspace.yaml": REPS + RULES + colleagues, "sequences/signals.yaml": PATIENT}


def company(world: World, *names: str) -> list[Lead]:
    return [world.lead(f"{name}@harbor.example", company="Harbor", owner="ana@acme.example") for name in names]


def stands(world: World, lead: Lead, sequence: str = "education") -> Enrollment:
    with world.context.engine.connect() as conn:
        return enrollments.of_sequence(conn, [lead.id], sequence)[-1]


def heard(world: World, lead: Lead) -> list[str]:
    return [e["event"] for e in world.view(lead)["events"] if e["source"] == "company"]


def replies(world: World, lead: Lead, key: str = "reply") -> None:
    world.happens(lead, "replied", key)
    world.work()


def test_one_persons_handoff_pauses_marketings_sequences_of_the_others_and_nothing_else(world: World) -> None:
    world.deploy(workspace())
    kim, lee = company(world, "kim", "lee")
    other = world.lead("max@other.example", company="Other")
    for name in ("education", "owned", "receipts"):
        world.enter(name, lee)
    world.enter("education", kim, other)
    world.work()
    world.pass_(days=1)
    asks(world, kim)
    mine = stands(world, lee)
    assert (mine.status, mine.reason) == (Status.PAUSED, "colleague handed off")
    assert mine.resume_at == mine.due_at == START + timedelta(days=15)
    running = [stands(world, lee, "owned"), stands(world, lee, "receipts"), stands(world, kim), stands(world, other)]
    assert {e.status for e in running} == {Status.ACTIVE}
    assert (heard(world, lee), heard(world, kim), heard(world, other)) == ([HANDED], [], [])


def test_why_and_the_timeline_say_it_and_what_was_left_of_a_wait_follows_the_pause(world: World) -> None:
    world.deploy(workspace())
    kim, lee = company(world, "kim", "lee")
    world.enter("education", lee)
    world.work()
    world.pass_(days=1)
    asks(world, kim)
    with world.context.engine.connect() as conn:
        release = world.context.releases.current(conn)
        [answer] = [one for one in why(conn, release, lee, None, clock.now(conn)) if one.sequence == "education"]
    assert answer.now[-1].text == "is paused (colleague handed off) until Tue 8 Dec 2026 08:00 (London)"
    [event] = [e for e in world.view(lee)["events"] if e["source"] == "company"]
    assert (event["sentence"], event["data"]) == ("a colleague was handed to sales", {"colleague": kim.id})
    world.pass_(days=20)
    assert stands(world, lee).ended_at == START + timedelta(days=18), "three of the four days were still to wait"


@pytest.mark.parametrize(
    ("declared", "days"),
    [("", None), ("colleagues: {reply: pause 5 business days}\n", 7), ("colleagues: {reply: none}\n", None)],
)
def test_a_colleagues_reply_pauses_as_long_as_is_declared(world: World, declared: str, days: int | None) -> None:
    world.deploy(workspace(declared))
    kim, lee = company(world, "kim", "lee")
    world.enter("education", kim, lee)
    world.work()
    replies(world, kim)
    expected = (Status.ACTIVE, None) if days is None else (Status.PAUSED, START + timedelta(days=days))
    assert (stands(world, lee).status, stands(world, lee).resume_at) == expected
    assert stands(world, kim).reason == "replied"


def test_a_handoff_that_is_to_pause_nothing_is_not_told(world: World) -> None:
    world.deploy(workspace("colleagues: {handoff: none}\n"))
    kim, lee = company(world, "kim", "lee")
    world.enter("education", lee)
    asks(world, kim)
    assert (stands(world, lee).status, heard(world, lee)) == (Status.ACTIVE, [])


def test_another_sequence_can_begin_for_the_others(world: World) -> None:
    world.deploy(workspace("colleagues: {handoff: none}\n", instead=INSTEAD))
    kim, lee = company(world, "kim", "lee")
    asks(world, kim)
    assert stands(world, lee, "instead").status is Status.ACTIVE
    assert world.provider.mails == [(lee.email, "three")]


def test_who_is_locked_hears_it_once_they_are_free_and_nobody_twice(world: World) -> None:
    world.deploy(workspace())
    kim, lee, max_, sam = company(world, "kim", "lee", "max", "sam")
    world.enter("education", lee, max_, sam)
    world.work()
    world.happens(kim, "submitted", form="demo")
    with world.context.engine.begin() as conn:
        leads.lock(conn, [max_.id])
        for _ in range(4):
            world.turn()
        assert [stands(world, lead).status for lead in (lee, max_, sam)] == ["paused", "active", "paused"]
        assert rest(conn).busy, "time stands still for whoever has yet to hear it"
    world.work()
    assert [stands(world, lead).status for lead in (lee, max_, sam)] == ["paused"] * 3
    assert [heard(world, lead) for lead in (lee, max_, sam)] == [[HANDED]] * 3


def test_a_company_of_many_is_told_piece_by_piece(world: World) -> None:
    world.deploy(workspace())
    people = company(world, *(f"p{number}" for number in range(7)))
    world.enter("education", *people[1:])
    asks(World(replace(world.context, batch=2), world.provider), people[0])
    assert [stands(world, lead).status for lead in people[1:]] == ["paused"] * 6
    assert [heard(world, lead) for lead in people[1:]] == [[HANDED]] * 6


def test_a_mail_that_was_not_taken_waits_for_the_end_of_the_pause(world: World) -> None:
    """Nobody enters `sending` once the pause is committed, not even to try again."""
    world.deploy(workspace())
    kim, lee = company(world, "kim", "lee")
    world.provider.answers.append(Receipt(Outcome(Answer.RETRY, "429")))
    world.enter("education", lee)
    world.work()
    asks(world, kim)
    world.pass_(days=13)
    assert world.provider.mails == [(lee.email, "one")], "the attempt that was refused"
    world.pass_(days=2)
    assert world.provider.mails == [(lee.email, "one")] * 2


@pytest.mark.parametrize("people", [9])
def test_what_colleagues_do_at_the_same_time_is_heard_once_each_and_loses_no_handoff(world: World, people: int) -> None:
    world.deploy(workspace("colleagues: {reply: pause 2 days}\n"))
    names = [
        (number, world.lead(f"p{number}@h{number % 3}.example", company=f"H{number % 3}")) for number in range(people)
    ]
    everybody = [lead for _, lead in names]
    world.enter("education", *everybody)
    world.work()
    start = Barrier(4)

    def happen(number: int) -> None:
        """All of them ask for a demo and answer, in another order by each of the threads; three times over."""
        start.wait()
        for lead in everybody[number:] + everybody[:number]:
            for kind in ("submitted", "replied") if number % 2 else ("replied", "submitted"):
                with world.context.engine.begin() as conn:
                    now = clock.now(conn)
                    e = Event(kind, START, lead.id, kind, "api", data={"form": "demo"} if kind == "submitted" else {})
                    react(conn, world.context.releases.current(conn), [e], now)
                world.turn()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(happen, range(4)))
    world.work()
    assert [len(of(world, lead)) for lead in everybody] == [1] * people
    others = people // 3 - 1
    assert {lead.email: sorted(heard(world, lead)) for lead in everybody} == {
        lead.email: [HANDED] * others + [REPLIED] * others for lead in everybody
    }
    assert {stands(world, lead).resume_at for lead in everybody} == {START + timedelta(days=14)}

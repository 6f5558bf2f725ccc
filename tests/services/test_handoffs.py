"""Handoffs: once for each readiness, to one rep, who is pressed for an answer. On a real database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, text

from sequencer.core.event import Event
from sequencer.core.handoff import Handoff
from sequencer.core.lead import Lead
from sequencer.core.rep_answer import Said
from sequencer.services import accept, handoff, weigh
from sequencer.services.due import work
from sequencer.services.react import react
from sequencer.services.standing import sentences, standing_view
from sequencer.store import clock, handoffs, leads
from tests.services.conftest import START, World
from tests.services.test_weighing import visits
from tests.workspaces import WORKSPACE, files

SIGNALS = """
points:
  - {when: visited("/pricing*"), points: 30, half_life: 10 days}
sales_ready:
  any:
    asked: submitted("demo")
    price: score >= 60
    together: company.engaged_people("30 days") >= 3 and score >= 20
  again_below: score < 30
  needs: [owner]
handoff:
  accept_within: 4 business hours
  then: [remind, reassign, return_to_nurture]
  return_status: idle-timing
"""

RULES = """
owner:
  assign: [company_owner, {territory: country}, round_robin]
"""

STEPS = """
title: Steps
state: live
topic: guides
pressure: exempt
enroll: {when: manual}
from: marketing
steps:
  - id: first
    handoff: owner
    note: Took the business case
  - email: one
  - wait: 1 day
  - id: second
    handoff: owner
    note: And again
"""

REPS = WORKSPACE.replace(
    "  ben@acme.example: {name: Ben Okafor, zone: Europe/London}",
    "  ben@acme.example: {name: Ben Okafor, zone: Europe/London}\n"
    "  eva@acme.example: {name: Eva Roth, zone: Europe/Berlin, territory: [DE, AT]}",
)


def workspace(signals: str = SIGNALS, rules: str = RULES) -> dict[str, str]:
    return files(steps=STEPS) | {"sequences/workspace.yaml": REPS + rules, "sequences/signals.yaml": signals}


def asks(world: World, lead: Lead, key: str = "demo") -> None:
    world.happens(lead, "submitted", key, form="demo")
    world.work()


def of(world: World, lead: Lead) -> list[Handoff]:
    """Oldest first."""
    with world.context.engine.connect() as conn:
        return handoffs.of_leads(conn, [lead.id]).get(lead.id, [])[::-1]


def told(world: World, lead: Lead) -> list[tuple[str, str | None, float]]:
    """Kind, rep, and hours after the start of all alerts."""
    alerts = sorted(world.view(lead)["alerts"], key=lambda alert: str(alert["at"]))
    return [(a["kind"], a["rep"], _hours(a["at"])) for a in alerts]


def _hours(at: str) -> float:
    return round((datetime.fromisoformat(at) - START) / timedelta(hours=1), 2)


def test_who_becomes_ready_is_handed_off_once_with_the_stage_and_a_rep(world: World) -> None:
    world.deploy(workspace())
    kim = world.lead(company="Harbor", country="AT")
    asks(world, kim)
    [one] = of(world, kim)
    assert (one.number, one.reasons, one.rep, one.state) == (1, ("asked",), "eva@acme.example", "waiting")
    after = world.lead()
    assert (after.stage, after.owner) == ("sql", "eva@acme.example")
    events = {e["event"]: e["sentence"] for e in world.view(kim)["events"]}
    assert events["handed_off"] == "was handed to eva@acme.example"
    asks(world, kim, "once more")
    visits(world, kim, *["/pricing"] * 4)
    world.work()
    assert len(of(world, kim)) == 1
    assert told(world, kim) == [("handoff", "eva@acme.example", 0.0)] * 2, (
        "a demo has no points here: the visits are a readiness of their own"
    )


def test_colleagues_inherit_the_companys_rep_and_others_go_round(world: World) -> None:
    world.deploy(workspace())
    kim, lee = (world.lead(f"{name}@harbor.example", company="Harbor") for name in ("kim", "lee"))
    others = [world.lead(f"p@h{number}.example") for number in range(4)]
    for lead in (kim, lee, *others):
        asks(world, lead)
    reps = [of(world, lead)[0].rep for lead in (kim, lee, *others)]
    assert reps == [f"{name}@acme.example" for name in ("ana", "ana", "ben", "eva", "ben", "eva")]


def test_the_rep_who_spoke_first_to_anybody_of_the_company_keeps_them(world: World) -> None:
    world.deploy(workspace())
    kim, lee = (world.lead(f"{name}@harbor.example", company="Harbor", country="DE") for name in ("kim", "lee"))
    world.happens(lee, "call_logged", rep="ben@acme.example")
    world.pass_(hours=1)
    world.happens(kim, "call_logged", rep="ana@acme.example")
    max_ = world.lead("max@harbor.example", company="Harbor", country="DE")
    asks(world, max_)
    assert of(world, max_)[0].rep == "ben@acme.example", "nobody spoke to them, nor is the company anybody's"
    asks(world, kim)
    assert of(world, kim)[0].rep == "ana@acme.example", "who spoke to the lead comes before who has the company"
    owned = world.lead("max@other.example", owner="ana@acme.example", country="DE")
    world.happens(owned, "call_logged", rep="ben@acme.example")
    asks(world, owned)
    assert of(world, owned)[0].rep == "ana@acme.example", "whom somebody named as the owner owns the lead"


def test_nobody_answers_so_the_rep_is_reminded_then_another_is_asked_then_it_is_nurtures_again(world: World) -> None:
    world.deploy(workspace())
    kim = world.lead(owner="ana@acme.example")
    asks(world, kim)  # on Monday at 8: Ana works from 9 to 17
    world.pass_(days=3)
    assert told(world, kim) == [
        ("handoff", "ana@acme.example", 0.0),
        ("reminder", "ana@acme.example", 5.0),
        ("reassigned", "ben@acme.example", 9.0),
    ]
    [one] = of(world, kim)
    assert (one.state, one.asked, one.answer) == (
        "expired",
        ("ana@acme.example", "ben@acme.example"),
        "nobody accepted it in time",
    )
    assert one.answered_at == START + timedelta(hours=29), "four of Ben's hours, of which he works none at 17:00"
    after = world.lead()
    assert (after.status, after.stage, after.owner) == ("idle-timing", "sql", "ana@acme.example")


def test_a_lead_that_fell_back_and_becomes_ready_again_is_handed_off_again(world: World) -> None:
    world.deploy(workspace(SIGNALS.replace("accept_within: 4 business hours", "stage: mql")))
    kim = world.lead(owner="ana@acme.example")
    visits(world, kim, *["/pricing"] * 2)
    world.pass_(days=30)
    visits(world, kim, *["/pricing"] * 2)
    world.work()
    assert [one.number for one in of(world, kim)] == [1], "the first has no answer yet: nobody asks twice"
    assert of(world, kim)[0].due_at is None, "and nobody presses where no time is declared"
    lee = world.lead("lee@other.example", owner="ana@acme.example")
    visits(world, lee, *["/pricing"] * 2)
    world.work()
    with world.context.engine.begin() as conn:
        handoffs.write(conn, [of(world, lee)[0]._replace(state=handoff.State.ACCEPTED, due_at=None)])
    world.pass_(days=30)
    visits(world, lee, *["/pricing"] * 2)
    world.work()
    assert [(one.number, one.state) for one in of(world, lee)] == [(1, "accepted"), (2, "waiting")]


LONG = """
points:
  - {when: submitted("demo"), points: 100, half_life: 30 days}
  - {when: visited("/pricing*"), points: 30, half_life: 30 days}
sales_ready:
  any:
    asked: submitted("demo")
    price: score >= 60
  again_below: score < 30
handoff:
  accept_within: 4 business hours
  then: [return_to_nurture]
"""


def states(world: World, lead: Lead) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.state.value, one.reasons) for one in of(world, lead)]


def test_after_a_handoff_expired_each_new_request_is_told_and_what_counted_before_is_not(world: World) -> None:
    world.deploy(workspace(LONG))
    kim = world.lead(owner="ana@acme.example")
    expected = []
    for number in range(3):
        asks(world, kim, f"{number}")
        expected.append(("expired", ("asked", "price")))
        world.pass_(days=20)
        assert states(world, kim) == expected, "the score never falls below 30, and makes nobody ready by itself"
    assert [kind for kind, _, _ in told(world, kim)] == ["handoff"] * 3
    assert [e["event"] for e in world.view(kim)["events"]].count("sales_ready") == 3


def test_after_a_decline_what_came_late_is_not_new_and_the_day_that_the_rep_named_is_kept(world: World) -> None:
    world.deploy(workspace(LONG.replace("accept_within: 4 business hours", "stage: mql")))
    kim = world.lead(owner="ana@acme.example")
    asks(world, kim)
    visits(world, kim, *["/pricing"] * 3)
    asked = world.now()
    world.pass_(hours=1)
    declines(world, kim, "not-now", (START + timedelta(days=20)).date())
    with world.context.engine.begin() as conn:
        late = Event("submitted", asked, kim.id, "late", "api", data={"form": "demo"})
        react(conn, world.context.releases.current(conn), [late], clock.now(conn))
    visits(world, kim, *["/pricing"] * 5)
    world.pass_(days=2)
    assert states(world, kim) == [("declined", ("asked", "price"))]
    visits(world, kim, *["/pricing"] * 2)
    world.work()
    with world.context.engine.connect() as conn:
        found = standing_view(conn, world.context.releases.current(conn), world.lead(), world.now())
    assert (
        found is not None
        and "(price) on 13 Dec 2026, as the rep said" in sentences(found, ZoneInfo("Europe/London"))[0].text
    )
    world.pass_(days=15)
    assert states(world, kim) == [("declined", ("asked", "price"))]
    asks(world, kim, "in earnest")
    assert states(world, kim) == [("declined", ("asked", "price")), ("waiting", ("asked",))], "who asks is answered"


def declines(world: World, lead: Lead, reason: str, until: date | None = None) -> None:
    one = of(world, lead)[-1]
    with world.context.engine.begin() as conn:
        accept.answer(world.context, conn, (lead.id, one.number), one.rep or "", Said(False, reason, until=until))


@pytest.mark.parametrize("answer", ["accepted", "declined"])
def test_who_becomes_ready_again_while_a_rep_has_yet_to_answer_is_told_of_to_that_rep(
    world: World, answer: str
) -> None:
    world.deploy(workspace(LONG.replace("accept_within: 4 business hours", "stage: mql")))
    kim = world.lead(owner="ana@acme.example")
    visits(world, kim, *["/pricing"] * 2)
    world.pass_(days=40)
    asks(world, kim)
    asks(world, kim, "once more")
    assert states(world, kim) == [("waiting", ("asked", "price"))]
    again = [("asked", "ana@acme.example", 960.0), ("handoff", "ana@acme.example", 960.0)]
    assert told(world, kim) == [("handoff", "ana@acme.example", 0.0), *again]
    with world.context.engine.begin() as conn:
        accept.answer(world.context, conn, (kim.id, 1), "ana@acme.example", Said(answer == "accepted", "no-budget"))
    world.pass_(hours=1)
    asks(world, kim, "after the answer")
    found = [state for state, _ in states(world, kim)]
    assert found == ["accepted"] if answer == "accepted" else ["declined", "waiting"]
    assert [kind for kind, _, _ in told(world, kim)[3:]] == ["asked" if answer == "accepted" else "handoff"]


def test_a_no_and_a_request_at_the_same_time_make_one_handoff_more_at_most(world: World) -> None:
    world.deploy(workspace(LONG.replace("accept_within: 4 business hours", "stage: mql")))
    people = [world.lead(f"p{number}@h{number}.example", owner="ana@acme.example") for number in range(6)]
    for lead in people:
        asks(world, lead)
    world.pass_(hours=1)

    def act(number: int) -> None:
        lead = people[number // 2]
        if number % 2:
            declines(world, lead, "no-budget")
        world.happens(lead, "submitted", f"again {number}", form="demo")
        for name, args in work(world.context):
            if name == "weigh":
                weigh.look(world.context, int(str(args[0])))

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(act, range(12)))
    world.work()
    world.pass_(minutes=1)
    for lead in people:
        asks(world, lead, "for sure")
        assert [state for state, _ in states(world, lead)] == ["declined", "waiting"]


def test_a_step_hands_off_and_tells_again_without_a_second_handoff(world: World) -> None:
    world.deploy(workspace())
    kim = world.lead(owner="ana@acme.example")
    world.enter("steps", kim)
    world.pass_(days=2)
    [one] = of(world, kim)
    assert (one.note, one.step, one.reasons) == ("Took the business case", "first", ())
    notes = [(a["kind"], a["note"]) for a in world.view(kim)["alerts"] if a["step"] in ("first", "second")]
    assert notes == [("handoff", "Took the business case"), ("handoff", "And again")]


def test_without_anybody_it_waits_and_says_so_and_a_deputy_takes_it_for_who_is_away(world: World) -> None:
    world.deploy(workspace(SIGNALS.replace("  needs: [owner]\n", ""), ""))
    kim = world.lead()
    asks(world, kim)
    assert [(a["kind"], a["rep"], a["state"]) for a in world.view(kim)["alerts"]] == [("handoff", None, "no_owner")]
    away = REPS.replace(
        "deputy: ben@acme.example}", "deputy: ben@acme.example, away: [{from: 2026-11-20, to: 2026-11-30}]}"
    )
    world.deploy(workspace() | {"sequences/workspace.yaml": away})
    world.lead(owner="ana@acme.example")
    world.pass_(days=1)
    [one] = of(world, kim)
    assert (one.rep, world.lead().owner) == ("ben@acme.example", "ana@acme.example")


@pytest.mark.parametrize("people", [12])
def test_events_of_colleagues_at_the_same_time_lose_no_handoff_and_make_none_twice(world: World, people: int) -> None:
    world.deploy(workspace(SIGNALS.replace("price: score >= 60", "price: score >= 600")))
    leads = [world.lead(f"p{number}@h{number % 3}.example", company=f"H{number % 3}") for number in range(people)]
    for lead in leads:
        visits(world, lead, "/pricing")

    def worker(_: int) -> None:
        for _ in range(30):
            for name, args in work(world.context):
                if name == "weigh":
                    weigh.look(world.context, int(str(args[0])))
                elif name == "handoff":
                    handoff.look(world.context)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(worker, range(4)))
    world.work()
    found = {lead.email: [(one.number, one.reasons, bool(one.rep)) for one in of(world, lead)] for lead in leads}
    assert found == {lead.email: [(1, ("together",), True)] for lead in leads}
    by_company = {(lead.company_id, of(world, lead)[0].rep) for lead in leads}
    assert len(by_company) == 3, "the people of one company have one rep"


def test_a_colleague_whose_mail_waited_for_a_rep_gets_it_at_once(world: World) -> None:
    owned = STEPS[: STEPS.index("steps:")].replace("from: marketing", "from: owner") + "steps:\n  - email: one\n"
    world.deploy(workspace() | {"sequences/owned.yaml": owned})
    kim, lee = (world.lead(f"{name}@harbor.example", company="Harbor") for name in ("kim", "lee"))
    world.enter("owned", lee)
    world.work()
    assert world.provider.mails == []
    asks(world, kim)
    assert world.provider.mails == [("lee@harbor.example", "one")], "Kim's rep is the company's, and so Lee's"


def test_a_call_accepts_an_owner_named_meanwhile_is_asked_and_a_customer_needs_no_answer(world: World) -> None:
    world.deploy(workspace())
    called, moved, bought, bored = (
        world.lead(f"{name}@{name}.example", owner="ana@acme.example") for name in ("kim", "lee", "max", "ida")
    )
    for lead in (called, moved, bought, bored):
        asks(world, lead)
    world.pass_(hours=1)
    world.happens(called, "call_logged", rep="ana@acme.example")
    world.lead(moved.email, owner="ben@acme.example")
    world.lead(bought.email, stage="customer")
    world.happens(bored, "changed", field="stage", before="sql", after="mql")
    world.pass_(hours=6)
    assert [(one.state.value, one.rep, one.answer) for lead in (called, moved, bought) for one in of(world, lead)] == [
        ("accepted", "ana@acme.example", "was in touch: call"),
        ("waiting", "ben@acme.example", ""),
        ("closed", "ana@acme.example", "the lead became a customer"),
    ]
    assert told(world, called) == told(world, bought) == [("handoff", "ana@acme.example", 0.0)]
    assert told(world, moved) == [
        ("handoff", "ana@acme.example", 0.0),
        ("reassigned", "ben@acme.example", 1.0),
        ("reminder", "ben@acme.example", 5.0),
    ]
    assert [kind for kind, _, _ in told(world, bored)] == ["handoff", "reminder"], "what changes nothing is no answer"
    sentences = [str(e["sentence"]) for e in world.view(bought)["events"]]
    assert "the handoff ended: the lead became a customer" in sentences


def test_whom_a_rep_takes_on_has_the_status_that_is_declared_by_an_answer_and_by_being_in_touch(world: World) -> None:
    world.deploy(workspace(SIGNALS + "  accept_status: working\n"))
    ana = "ana@acme.example"
    kim, lee = (world.lead(f"{name}@{name}.example", status="idle-timing", owner=ana) for name in ("kim", "lee"))
    asks(world, kim)
    asks(world, lee)
    with world.context.engine.begin() as conn:
        accept.answer(world.context, conn, (kim.id, 1), ana, Said(True))
    world.pass_(hours=1)
    world.happens(lee, "call_logged", rep=ana)
    world.work()
    assert [(of(world, one)[0].state, world.lead(one.email).status) for one in (kim, lee)] == [
        ("accepted", "working"),
        ("accepted", "working"),
    ]
    changed = [
        e["data"] for e in world.view(kim)["events"] if e["event"] == "changed" and e["data"]["field"] == "status"
    ]
    assert changed == [{"field": "status", "before": "idle-timing", "after": "working"}]


def test_what_changes_nothing_leaves_the_rep_the_time_that_a_late_reminder_gave(world: World) -> None:
    world.deploy(workspace())
    kim = world.lead(owner="ana@acme.example")
    asks(world, kim)
    world.idle(timedelta(hours=33))
    world.work()
    [late] = of(world, kim)
    assert (late.turns, late.due_at) == (1, START + timedelta(hours=53)), "on Wednesday at 13: four hours of Ana's"
    world.happens(kim, "changed", source="crm", field="stage", before="sql", after="mql")
    world.work()
    assert of(world, kim) == [late]


def test_who_moved_to_a_company_that_is_not_held_is_passed_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.deploy(workspace())
    kim, lee = (world.lead(f"{name}@{name}.example", company=name) for name in ("harbor", "mill"))
    asks(world, kim)
    world.pass_(hours=1)
    [waiting] = of(world, kim)

    def owner() -> str | None:
        with world.context.engine.connect() as conn:
            return leads.companies(conn, [lee.company_id or 0])[lee.company_id or 0].owner

    def moving(conn: Connection, now: datetime, limit: int) -> list[tuple[int, int, int | None]]:
        found = due(conn, now, limit)
        with world.context.engine.begin() as other:
            other.execute(text("UPDATE lead SET company_id = :to WHERE id = :id"), {"to": lee.company_id, "id": kim.id})
        return found

    due = handoffs.due
    with world.context.engine.begin() as conn:
        conn.execute(text("UPDATE company SET owner = 'gone@acme.example' WHERE id = :id"), {"id": lee.company_id})
        handoffs.touch(conn, [kim.id], clock.now(conn))
    with monkeypatch.context() as patched:
        patched.setattr(handoffs, "due", moving)
        handoff.look(world.context)
    assert (of(world, kim), owner()) == ([waiting._replace(due_at=world.now())], "gone@acme.example")
    handoff.look(world.context)
    assert (of(world, kim), owner()) == ([waiting], None)

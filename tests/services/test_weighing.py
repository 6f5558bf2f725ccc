"""What leads do is counted with the events, and what follows from it is decided after: on a real database."""

import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from sequencer.cli import timeline
from sequencer.core.event import Event
from sequencer.core.intent import counted
from sequencer.core.lead import Lead
from sequencer.services import due, tally, weigh
from sequencer.services.react import react
from sequencer.services.standing import sentences, standing_view
from sequencer.store import clock, events, readiness
from tests.services.conftest import START, World
from tests.services.test_batches import counted as statements_of
from tests.services.webhooks import enrolled, event, links, post
from tests.workspaces import WORKSPACE, content, files

SIGNALS = """
points:
  - {when: visited("/pricing*"), points: 20, half_life: 10 days, at_most: 60}
  - {when: visited("/careers*"), points: -30, half_life: 5 days}
  - {when: submitted("demo"), points: 50, half_life: 10 days}
fit:
  - {if: lead.country == "DE", points: 20}
stages:
  mql: score >= 20 and fit >= 20
sales_ready:
  any:
    asked: submitted("demo")
    price: score >= 60
    together: company.engaged_people("30 days") >= 3 and score >= 20
  again_below: score < 30
"""

READY = """
title: Ready
state: live
topic: guides
pressure: exempt
enroll:
  when: sales_ready()
  again: after 1 day
from: marketing
steps:
  - email: one
"""

EDUCATION = """
title: Education
state: live
topic: guides
pressure: exempt
goal: sales_ready()
enroll: {when: manual}
from: marketing
steps:
  - email: two
  - id: warm
    if: score >= 40
    within: 20 days
    then:
      - email: three
    else:
      - email: four
  - wait: 60 days
  - id: later
    email: one
"""


NUMBERS = itertools.count()


def workspace(signals: str = SIGNALS, catch_up: str = "") -> dict[str, str]:
    return files(ready=READY, education=EDUCATION) | {
        "sequences/workspace.yaml": WORKSPACE + catch_up,
        "sequences/signals.yaml": signals,
    }


def visits(world: World, lead: Lead, *pages: str) -> None:
    for page in pages:
        world.happens(lead, "visited", f"visit {next(NUMBERS)}", page=page)


def readinesses(world: World, lead: Lead) -> list[tuple[int, float, float | None, tuple[str, ...]]]:
    """Number, days after the start at which it began and was over, reasons."""
    with world.context.engine.connect() as conn:
        found = readiness.of_lead(conn, lead.id)

    def days(at: datetime | None) -> float | None:
        return None if at is None else round((at - START) / timedelta(days=1), 2)

    return [(one.number, days(one.at) or 0.0, days(one.over_at), one.reasons) for one in found]


def stored(world: World, lead: Lead) -> dict[Any, int]:
    with world.context.engine.connect() as conn:
        return dict(readiness.counts(conn, [lead.id]).get(lead.id, {}))


def test_a_score_that_reaches_the_mark_makes_ready_once_and_lets_into_sequences(world: World) -> None:
    world.deploy(workspace())
    kim = world.lead(country="DE")
    world.enter("education", kim)
    world.work()
    visits(world, kim, "/pricing", "/pricing/eu")
    world.work()
    assert readinesses(world, kim) == []
    assert world.lead().stage == "mql", "20 points of fit, 40 of behaviour"
    assert world.provider.mails[-1] == ("kim@harbor.example", "three"), "a condition on the score was waited for"
    visits(world, kim, "/pricing")
    world.work()
    assert readinesses(world, kim) == [(1, 0.0, None, ("price",))]
    assert world.status(kim, "education") == ("converted", "goal: sales_ready()")
    assert world.provider.mails[-1] == ("kim@harbor.example", "one")
    visits(world, kim, "/pricing")
    world.work()
    assert len(readinesses(world, kim)) == 1


def test_who_fell_back_becomes_ready_again_by_what_is_new_only(world: World) -> None:
    world.deploy(workspace())
    kim = world.lead()
    world.happens(kim, "submitted", form="demo")
    world.work()
    assert readinesses(world, kim) == [(1, 0.0, None, ("asked",))]
    world.pass_(days=60)
    # 50 points with a half-life of ten days are less than 30 on the eighth: at its midnight, by no event.
    assert readinesses(world, kim) == [(1, 0.0, 7.67, ("asked",))]
    world.happens(kim, "submitted", "again", form="demo")
    world.work()
    assert [one[:2] for one in readinesses(world, kim)] == [(1, 0.0), (2, 60.0)]
    assert [step for _, step in world.provider.mails] == ["one", "one"]


def test_a_negative_signal_that_fades_makes_ready_on_the_day_it_does(world: World) -> None:
    world.deploy(workspace())
    kim = world.lead()
    visits(world, kim, "/careers", "/pricing", "/pricing", "/pricing", "/pricing")
    world.work()
    assert readinesses(world, kim) == []
    world.pass_(days=30)
    # Four visits, 60 at most: 80 · 2^(-d/10) stay above 60 for four days, and 30 · 2^(-d/5) never reach 0 before.
    assert readinesses(world, kim) == []
    fading = SIGNALS.replace("half_life: 5 days", "half_life: 1 day").replace("score >= 60", "score >= 50")
    world.deploy(workspace(fading))
    lee = world.lead("lee@harbor.example")
    visits(world, lee, "/careers", "/pricing", "/pricing", "/pricing", "/pricing")
    world.pass_(days=10)
    [(number, day, _, reasons)] = readinesses(world, lee)
    assert (number, day, reasons) == (1, 31.67, ("price",)), "two midnights after the visits of day 30"


def test_colleagues_make_a_company_ready_also_for_those_who_came_first(world: World) -> None:
    world.deploy(workspace())
    people = [world.lead(f"{name}@harbor.example", company="Harbor") for name in ("kim", "lee", "max")]
    other = world.lead("eve@other.example", company="Other")
    for number, one in enumerate([*people, other]):
        visits(world, one, "/pricing")
        world.work()
        expected = people if number >= 2 else []
        assert [bool(readinesses(world, lead)) for lead in [*people, other]] == [
            lead in expected for lead in [*people, other]
        ]
    assert {readinesses(world, lead)[0][3] for lead in people} == {("together",)}


def test_without_an_owner_a_lead_waits_and_becomes_ready_once_there_is_one(world: World) -> None:
    world.deploy(workspace(SIGNALS + "  needs: [owner]\n"))
    kim = world.lead()
    world.happens(kim, "submitted", form="demo")
    world.pass_(hours=1)
    assert readinesses(world, kim) == []
    world.lead(owner="ana@acme.example")
    world.pass_(days=1)
    assert [one[3] for one in readinesses(world, kim)] == [("asked",)]


def test_a_changed_file_counts_everybody_anew_and_lets_in_those_who_become_ready_at_the_declared_pace(
    world: World,
) -> None:
    world.deploy(workspace("sales_ready: replied()\n"))
    people = [world.lead(f"p{number}@h{number}.example") for number in range(4)]
    for one in people[:3]:
        visits(world, one, *["/pricing"] * 4)
    world.work()
    assert [stored(world, one) for one in people] == [{}] * 4
    world.pass_(days=1)
    world.deploy(workspace(catch_up="pressure: {catch_up: 2}\n"))
    world.pass_(hours=3)
    day = START.astimezone(UTC).date()
    assert [stored(world, one) for one in people] == [{('visited("/pricing*")', day): 4}] * 3 + [{}]
    hours = sorted(round(readinesses(world, one)[0][1] * 48) / 2 for one in people[:3])
    assert hours == [24.5, 25.0, 25.5], "one every half hour"
    assert readinesses(world, people[3]) == []
    with world.context.engine.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM watch_rule WHERE sequence = ''")).scalar_one() == 1


def test_counts_are_what_the_stored_events_come_to_and_taking_back_leaves_nothing(world: World) -> None:
    world.deploy(workspace())
    kim = world.lead()
    visits(world, kim, "/pricing", "/careers", "/about")
    world.happens(kim, "visited", "bot", page="/pricing", machine=True)
    world.happens(kim, "submitted", "once", form="demo")
    world.happens(kim, "submitted", "once", form="demo")
    with world.context.engine.begin() as conn:
        release = world.context.releases.current(conn)
        known = events.of_leads(conn, [kim.id], ["visited", "submitted"], None)[kim.id]
        expected = Counter(counted(release.workspace, known))
        assert readiness.counts(conn, [kim.id])[kim.id] == expected
        assert sum(expected.values()) == 3
        tally.count(conn, release, known, clock.now(conn), times=-1)
        assert readiness.counts(conn, [kim.id]) == {}


def test_where_no_signals_are_declared_nothing_is_asked_about_them(world: World) -> None:
    plain = workspace()
    del plain["sequences/signals.yaml"], plain["sequences/ready.yaml"]
    plain["sequences/education.yaml"] = EDUCATION.replace("sales_ready()", "replied()").replace(
        "score >= 40", "replied()"
    )
    world.deploy(plain)
    kim = world.lead()
    with statements_of(world.context.engine) as statements:
        world.enter("education", kim)
        world.work()
        visits(world, kim, "/pricing")
        world.work()
    asked = [one for one in statements if any(name in one for name in ("signal_count", "readiness", "engaged_on"))]
    assert asked == []


def test_counting_and_looking_take_the_same_number_of_queries_for_few_and_many(world: World) -> None:
    world.deploy(workspace())

    def cost(name: str, count: int) -> int:
        people = [world.lead(f"{name}{number}@{name}.example", company=name) for number in range(count)]
        world.work()
        with world.context.engine.begin() as conn:
            happened = [event for one in people for event in [tuple_of(one, "visited", world.now(), page="/pricing")]]
            release, now = world.context.releases.current(conn), clock.now(conn)
            with statements_of(world.context.engine) as told:
                react(conn, release, happened, now)
        with statements_of(world.context.engine) as looked:
            world.work()
        return len(told) + len([one for one in looked if "signal_count" in one or "readiness" in one])

    cost("warm", 1)
    assert cost("few", 4) == cost("many", 40)


def tuple_of(lead: Lead, kind: str, at: datetime, **data: Any) -> Event:
    return Event(kind, at, lead.id, f"{kind}-{lead.id}", "site", data=data)


def test_only_who_asks_how_somebody_stands_is_told(world: World) -> None:
    plain = EDUCATION.replace("goal: sales_ready()\n", "").replace("score >= 40", "replied()")
    asking = plain.replace("replied()", "score >= 1000 or sales_ready()")
    world.deploy(workspace() | {"sequences/education.yaml": plain, "sequences/asking.yaml": asking})
    kim = world.lead()
    world.work()

    def asked(sequence: str) -> int:
        with statements_of(world.context.engine) as statements:
            world.enter(sequence, kim)
            world.work()
        return len([one for one in statements if "FROM signal_count" in one or "FROM readiness" in one])

    assert (asked("education"), asked("asking") > 0) == (0, True)


def test_a_click_that_turns_out_to_be_a_scanners_is_taken_back(world: World) -> None:
    two = content("One", "".join(f'{{{{ link("{n}", "https://www.acme.example/{n}", "{n}") }}}} ' for n in "ab"))
    clicks = 'points:\n  - {when: clicked_kind("guide"), points: 40}\nsales_ready: score >= 40\n'
    world.deploy(workspace(clicks) | {"content/one.md": two, "content/two.md": two})
    kim = enrolled(world, "education")
    first, second = links(world)
    post(world, event(world, "click", url=first, useragent="Mozilla/5.0"))
    assert list(stored(world, kim).values()) == [1]
    post(world, event(world, "click", url=second, useragent="Mozilla/5.0"))
    assert stored(world, kim) == {}
    world.work()
    assert readinesses(world, kim) == [], "it was taken back before anybody looked"


def test_colleagues_who_act_at_once_are_each_ready_once(world: World) -> None:
    world.deploy(workspace())
    people = [world.lead(f"p{number}@harbor.example", company="Harbor") for number in range(6)]
    world.work()

    def act(number: int) -> None:
        visits(world, people[number], "/pricing", "/pricing")
        for name, args in due.work(world.context):
            if name == "weigh":
                weigh.look(world.context, *map(int, args))

    with ThreadPoolExecutor(len(people)) as pool:
        list(pool.map(act, range(len(people))))
    world.work()
    assert [[one[0] for one in readinesses(world, lead)] for lead in people] == [[1]] * len(people)
    with world.context.engine.connect() as conn:
        told = events.of_leads(conn, [lead.id for lead in people], ["sales_ready"], None)
    assert {lead_id: len(of) for lead_id, of in told.items()} == {lead.id: 1 for lead in people}


def test_a_score_is_explained_down_to_the_single_event(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.deploy(workspace(SIGNALS + "  needs: [owner]\n"))
    kim = world.lead(country="DE")
    visits(world, kim, "/pricing/eu", "/careers")
    world.pass_(days=10)
    visits(world, kim, *["/pricing"] * 3)
    world.work()
    with world.context.engine.connect() as conn:
        found = standing_view(conn, world.context.releases.current(conn), world.lead(), world.now())
    assert found is not None
    assert (found["score"], found["fit"], found["sales_ready"], found["waits_with"]) == (52, 20, False, [])
    assert [(one["signal"], one["times"], one["points"], one["capped"]) for one in found["signals"]] == [
        ('visited("/pricing*")', 4, 60.0, True),
        ('visited("/careers*")', 1, -7.5, False),
    ]
    assert [(one["points"], one["sentence"]) for one in found["events"]] == [
        *[(20.0, "visited /pricing")] * 3,
        (10.0, "visited /pricing/eu"),
        (-7.5, "visited /careers"),
    ]
    world.happens(kim, "submitted", form="demo")
    world.work()
    with world.context.engine.connect() as conn:
        waiting = standing_view(conn, world.context.releases.current(conn), world.lead(), world.now())
    world.lead(owner="ana@acme.example")
    world.pass_(days=1)
    with world.context.engine.connect() as conn:
        ready = standing_view(conn, world.context.releases.current(conn), world.lead(), world.now())
    assert waiting is not None and ready is not None
    assert [one.text for one in sentences(ready, ZoneInfo("Europe/London"))] == [
        "score 100, fit 20; sales-ready since Thu 3 Dec 2026 08:00 (London): asked, price",
        "+60 points, as much as counts: visited /pricing* 4 times, last Thu 3 Dec 2026 08:00 (London)",
        "+46.65 points: submitted the form demo once, last Thu 3 Dec 2026 08:00 (London)",
        "-6.53 points: visited /careers* once, last Mon 23 Nov 2026 08:00 (London)",
        "1 person of the company did something that counts, within 30 days",
    ]
    timeline.stands(waiting, ZoneInfo("Europe/London"))
    timeline.stands(ready, ZoneInfo("Europe/London"))
    said = capsys.readouterr().out
    since = "since Thu 3 Dec 2026 08:00 (London)"
    assert f"score 102, fit 20, would be sales-ready {since} (asked, price), but for lack of an owner\n" in said
    assert f"fit 20, sales-ready {since}: asked, price\n" in said
    assert '60    visited("/pricing*")  4 times, as much as counts  sequences/signals.yaml:3:12' in said

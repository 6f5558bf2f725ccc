"""What `week` foresees is what then happens when nobody reacts; on a real database."""

from collections import Counter
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from sequencer.services.week import Foreseen, foresee
from tests.services.conftest import START, World
from tests.workspaces import files

HEAD = """
title: A series
state: live
topic: guides
enroll:
  when: manual
from: %s
hours: {days: mon-fri, between: "09:00-17:00"}
steps:
"""
FIRST = HEAD % "marketing" + "  - email: one\n  - wait: 2 days\n  - email: two\n  - wait: 1 day\n  - email: three\n"
SECOND = HEAD % "marketing" + "  - wait: 1 day\n  - email: one\n  - wait: 2 days\n  - email: four\n"
OWNED = HEAD % "owner" + "  - email: one\n"
NEWS = """
title: News
state: live
topic: guides
enroll:
  at: 2026-11-26 10:00
from: marketing
steps:
  - email: four
"""
SIGNALS = """
points:
  - {when: visited("/pricing"), points: 40, half_life: 2 days}
sales_ready: score >= 30
"""
"""Forty points are 28 after one day, 20 after two, 10 after four."""

SERIES = """
title: Warm
state: live
topic: guides
pressure: exempt
enroll: {when: manual}
from: marketing
steps:
  - id: hot
    if: score >= 25
    then:
      - email: one
  - wait: 1 day
  - id: warm
    if: score >= 25
    then:
      - email: two
  - wait: 1 day
  - id: cooling
    if: score >= 25
    then:
      - email: three
    else:
      - email: four
"""


def foreseen(world: World, days: int = 7, most: int = 5000) -> Foreseen:
    return foresee(world.context, days, most, lambda _: None)


def sent(world: World) -> Counter[tuple[date, str]]:
    with world.context.engine.connect() as conn:
        return Counter((row.day, row.sequence) for row in conn.execute(text(SENT)))


SENT = "SELECT (sent_at AT TIME ZONE 'Europe/London')::date AS day, sequence FROM message"


def test_what_is_foreseen_is_what_happens_when_nobody_reacts(world: World) -> None:
    world.deploy(files(first=FIRST, second=SECOND, news=NEWS))
    people = [world.lead(f"p{n}@harbor.example", country="GB" if n % 2 else "US") for n in range(6)]
    world.enter("first", *people[:4])
    world.pass_(hours=30)
    world.enter("second", *people[2:])
    world.work()
    before = sent(world)
    week = foreseen(world, 8).week
    world.pass_(days=9)
    happened = sent(world) - before
    days = {when: day.mails for when, day in week.days.items()}
    assert {(when, name): count for when, mails in days.items() for name, count in mails.items()} == {
        key: count for key, count in happened.items() if key[0] in days
    }
    assert sum(mails.total() for mails in days.values()) > 10
    assert sum(day.waits["over a cap"] for day in week.days.values()) > 0
    # Thanksgiving, for the three who live there.
    assert {when: day.holidays for when, day in week.days.items() if day.holidays} == {date(2026, 11, 26): {"US": 3}}


def test_mail_in_nobodys_name_waits_and_is_counted(world: World) -> None:
    world.deploy(files(owned=OWNED))
    world.enter("owned", world.lead())
    day = foreseen(world).week.days[START.date()]
    assert (day.mails.total(), day.waits) == (0, {"without an owner": 1})


@pytest.mark.parametrize(("most", "looked_at"), [(100, 40), (10, 10)])
def test_some_stand_for_all(world: World, most: int, looked_at: int) -> None:
    world.deploy(files(first=FIRST))
    world.enter("first", *(world.lead(f"p{n}@harbor.example") for n in range(40)))
    found = foreseen(world, most=most)
    assert found.people == 40
    assert looked_at / 2 <= found.looked_at <= looked_at * 2
    assert found.scaled(found.week.days[START.date()].mails["first"]) == 40


def test_nothing_is_changed_by_looking(world: World) -> None:
    world.deploy(files(first=FIRST))
    world.enter("first", world.lead())
    with world.context.engine.connect() as conn:
        before = conn.execute(text("SELECT * FROM enrollment")).all()
    foreseen(world)
    with world.context.engine.connect() as conn:
        assert conn.execute(text("SELECT * FROM enrollment")).all() == before
        assert conn.execute(text("SELECT count(*) FROM message")).scalar_one() == 0


def test_nobody_inside_is_a_quiet_week(world: World) -> None:
    world.deploy(files(first=FIRST))
    found = foreseen(world)
    assert (found.people, found.looked_at, found.scaled(0)) == (0, 0, 0)


def test_conditions_ask_the_stored_score_as_it_fades(world: World) -> None:
    world.deploy(files(warm=SERIES) | {"sequences/signals.yaml": SIGNALS})
    keen, idle = world.lead("keen@harbor.example"), world.lead("idle@harbor.example")
    world.happens(keen, "visited", page="/pricing")
    world.enter("warm", keen, idle)
    week = foreseen(world, 4).week
    expected = [week.days[START.date() + timedelta(days=n)].mails.total() for n in range(4)]
    world.work()
    went = [len(world.provider.mails)]
    for _ in range(3):
        before = sum(went)
        world.pass_(days=1)
        went.append(len(world.provider.mails) - before)
    assert expected == went == [1, 1, 2, 0]
    assert sorted(world.provider.mails) == [
        (idle.email, "four"),
        *((keen.email, step) for step in ("four", "one", "two")),
    ]

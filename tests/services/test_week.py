"""What `week` foresees is what happens, if nobody reacts."""

from datetime import timedelta

from sequencer.services.week import foresee
from tests.services.conftest import START, World
from tests.workspaces import files

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


def test_conditions_ask_the_stored_score_as_it_fades(world: World) -> None:
    world.deploy(files(warm=SERIES) | {"sequences/signals.yaml": SIGNALS})
    keen, idle = world.lead("keen@harbor.example"), world.lead("idle@harbor.example")
    world.happens(keen, "visited", page="/pricing")
    world.enter("warm", keen, idle)
    week = foresee(world.context, 4, 100, lambda _: None).week
    foreseen = [week.days[START.date() + timedelta(days=n)].mails.total() for n in range(4)]
    world.work()
    went = [len(world.provider.mails)]
    for _ in range(3):
        before = sum(went)
        world.pass_(days=1)
        went.append(len(world.provider.mails) - before)
    assert foreseen == went == [1, 1, 2, 0]
    assert sorted(world.provider.mails) == [
        (idle.email, "four"),
        *((keen.email, step) for step in ("four", "one", "two")),
    ]

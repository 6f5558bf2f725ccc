"""Silence after a rep was in touch, and mail that does not count, on a real database."""

from tests.services.conftest import World
from tests.workspaces import files

COURSE = """
title: Course
state: live
topic: guides
enroll:
  when: manual
from: marketing
steps:
  - email: one
  - wait: 2 days
  - email: two
"""
REPS = COURSE.replace("Course", "Rep").replace("marketing", "owner").replace("one", "three").replace("two", "four")


def workspace(rules: str) -> dict[str, str]:
    texts = files(course=COURSE, rep=REPS)
    return {**texts, "sequences/workspace.yaml": f"{texts['sequences/workspace.yaml']}{rules}\n"}


def test_a_call_that_the_crm_tells_of_silences_what_no_condition_asks_about(world: World) -> None:
    world.deploy(workspace("contact: {call: 3 days}"))
    kim = world.lead()
    world.enter("course", kim)
    world.pass_(days=1)
    world.happens(kim, "call_logged")
    world.happens(kim, "mail_logged")
    assert world.status(kim, "course") == ("paused", "call")
    world.pass_(days=3.5)
    assert world.status(kim, "course") == ("active", None)
    world.pass_(days=3)
    assert [step for _, step in world.provider.mails] == ["one", "two"]


def test_mail_that_does_not_count_goes_beside_what_does(world: World) -> None:
    world.deploy(workspace("pressure: {day: 1, week: 1, counts: [sales]}"))
    kim = world.lead(owner_email="ana@acme.example")
    world.enter("course", kim)
    world.work()
    world.enter("rep", kim)
    world.pass_(days=3)
    assert [step for _, step in world.provider.mails] == ["one", "three", "two"]

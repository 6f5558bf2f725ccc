"""What a lead's status means for its sequences, on a real database: they wait for it, and others begin by it."""

import pytest

from sequencer.services.migrate import migrate
from sequencer.services.why import why
from tests.services.conftest import World
from tests.workspaces import files

COURSE = """
title: Course
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
steps:
  - email: one
  - wait: 4 days
  - email: two
"""

BACK = """
title: Back to marketing
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
  if: lead.stage == "lead"
from: marketing
steps:
  - email: three
"""


def workspace(working: str = "label: Working, pauses: [course]") -> dict[str, str]:
    texts = files(course=COURSE, back=BACK)
    meant = texts["sequences/workspace.yaml"].replace("working: Working", f"working: {{{working}}}")
    meant = meant.replace("idle-timing: Idle", "idle-timing: {label: Idle, runs: [back]}")
    return {**texts, "sequences/workspace.yaml": meant}


def test_a_status_pauses_what_the_lead_is_in_and_another_begins_what_it_runs(world: World) -> None:
    world.deploy(workspace())
    kim = world.lead(stage="mql")
    world.enter("course", kim)
    world.pass_(days=1)
    world.lead(status="working")
    world.work()
    assert world.status(kim, "course") == ("paused", "status working")
    with world.context.engine.connect() as conn:
        [_, course] = why(conn, world.context.releases.current(conn), world.lead(), None, world.now())
    assert course.now[-1].text == "waits as long as the lead's status is Working"
    world.pass_(days=10)
    world.lead(status="idle-timing")
    world.work()
    assert world.status(kim, "course") == ("active", None)
    world.pass_(days=3)
    assert [step for _, step in world.provider.mails] == ["one", "three", "two"]


def test_the_last_mail_ends_nothing_that_a_status_pauses(world: World) -> None:
    world.deploy(workspace())
    kim = world.lead()
    world.enter("course", kim)
    world.pass_(days=4)
    assert [step for _, step in world.provider.mails] == ["one", "two"]
    assert world.status(kim, "course") == ("finished", "finished")


@pytest.mark.parametrize("edit", ["label: Working", "label: Working, pauses: [back]"])
def test_an_edit_that_pauses_it_no_more_lets_it_go_on_at_once(world: World, edit: str) -> None:
    world.deploy(workspace())
    kim = world.lead(status="working")
    world.enter("course", kim)
    world.work()
    assert world.status(kim, "course") == ("paused", "status working")
    world.deploy(workspace(edit))
    while migrate(world.context):
        pass
    world.work()
    assert [step for _, step in world.provider.mails] == ["one"]

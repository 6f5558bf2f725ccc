"""Calls that reps are to make, and sequences that wait for them; on a real database."""

import pytest
from sqlalchemy import text

from sequencer.services import alerts
from sequencer.services.halt import halt
from sequencer.services.inspect import status, tasks_view
from tests.services.conftest import World
from tests.workspaces import files

SERIES = """
title: Calls
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
exit_on:
  - did("bought")
steps:
  - id: first-call
    task: call
    note: Ask {{ lead.first_name or "them" }} what made them look
    due: 1 business day
    hold: on
  - email: one
"""


def tasks(world: World, rep: str | None = None) -> list[tuple[str, str, str, str]]:
    with world.context.engine.connect() as conn:
        return [(t["email"], t["rep"], t["note"], t["due_at"][:16]) for t in tasks_view(conn, None, rep, 100)]


def closed(world: World) -> list[str | None]:
    with world.context.engine.connect() as conn:
        return list(conn.execute(text("SELECT closed_by FROM task ORDER BY step, lead_id")).scalars())


def test_the_sequence_waits_for_the_call_and_goes_on_when_it_is_logged(world: World) -> None:
    world.deploy(files(calls=SERIES))
    kim = world.lead(first_name="Kim", owner_email="ana@acme.example")
    world.happens(kim, "call_logged", key="long ago")
    world.pass_(hours=1)
    world.enter("calls", kim)
    world.pass_(hours=2)
    assert tasks(world) == [
        ("kim@harbor.example", "ana@acme.example", "Ask Kim what made them look", "2026-11-24T09:00")
    ]
    assert (tasks(world, "ben@acme.example"), world.provider.mails) == ([], [])
    world.happens(kim, "call_logged")
    world.work()
    assert (tasks(world), closed(world), world.provider.mails) == ([], ["done"], [("kim@harbor.example", "one")])
    said = [o["sentence"] for o in world.view(kim)["enrollments"][0]["outcomes"]]
    assert said[:2] == ["the owner got a task (first-call)", "went on after first-call: the call was logged"]
    alerts.deliver(world.context)
    assert world.provider.batches[-1].recipients[0].values[0] == "To do: call Kim"


def test_a_call_that_nobody_makes_holds_the_sequence_until_it_is_due_and_stays_to_be_made(world: World) -> None:
    world.deploy(files(calls=SERIES))
    kim = world.lead()
    world.enter("calls", kim)
    world.pass_(hours=23)
    assert world.provider.mails == []
    world.pass_(hours=1)
    assert (world.provider.mails, [t[1] for t in tasks(world)]) == ([("kim@harbor.example", "one")], [None])
    with world.context.engine.connect() as conn:
        assert status(conn, None)["tasks"] == {"open": 1, "late": 0}


def test_without_hold_the_sequence_goes_on_at_once_and_a_lead_who_leaves_needs_no_call(world: World) -> None:
    world.deploy(files(calls=SERIES.replace("    hold: on\n", "") + "  - wait: 9 days\n  - email: two\n"))
    kim = world.lead()
    world.enter("calls", kim)
    world.work()
    assert world.provider.mails == [("kim@harbor.example", "one")]
    world.happens(kim, "bought")
    assert (tasks(world), closed(world)) == ([], ["left"])


@pytest.mark.parametrize(("how", "expected"), [("halt", ["left"]), ("exit", ["left"]), ("end", [None])])
def test_who_leaves_needs_no_call_and_who_came_to_the_end_still_does(
    world: World, how: str, expected: list[str | None]
) -> None:
    goes_on = SERIES.replace("    hold: on\n", "") + "  - wait: 1 hour\n"
    world.deploy(files(calls=goes_on + ("  - id: out\n    exit: enough\n" if how == "exit" else "")))
    kim = world.lead()
    world.enter("calls", kim)
    world.work()
    assert closed(world) == [None]
    if how == "halt":
        with world.context.engine.begin() as conn:
            halt(conn, kim.email, world.now())
    world.pass_(hours=1)
    assert closed(world) == expected


def test_a_task_is_given_once_however_often_somebody_is_looked_at_and_held_out_leads_get_none(world: World) -> None:
    world.deploy(files(calls=SERIES, out=SERIES.replace("from:", "holdout: 100%\nfrom:")))
    kim = world.lead()
    world.enter("calls", kim)
    world.enter("out", kim)
    world.work()
    world.lead(first_name="Another")  # a change wakes whoever waits
    world.work()
    assert len(tasks(world)) == 1
    assert world.status(kim, "out")[0] == "finished"

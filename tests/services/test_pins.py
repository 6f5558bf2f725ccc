"""`edits: pin` on a real database: people inside keep the steps with which they entered."""

import zlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from sequencer.cli.why import known_step
from sequencer.services import advance, inspect
from sequencer.services.migrate import migrate
from sequencer.services.operate import move
from sequencer.services.release import Releases
from sequencer.services.seldom import Seldom
from sequencer.services.week import foresee
from sequencer.services.why import why
from sequencer.store import clock
from tests.services.conftest import World
from tests.services.test_batches import counted
from tests.workspaces import content, files

HEAD = """
title: It
state: live
topic: guides
edits: pin
goal: did("bought")
enroll:
  when: manual
from: marketing
pressure: exempt
steps:
"""
OLD = """\
  - email: one
  - id: asked
    if: clicked("one", "price")
    within: 2 days
    then:
      - email: two
    else:
      - email: three
  - wait: 2 days
  - id: gone
    email: two
    unless: received("two")
"""
NEW = """\
  - email: one
  - wait: 9 days
  - email: four
"""


def it(steps: str, **head: str) -> str:
    top = HEAD
    for was, now in head.items():
        key = next(line for line in HEAD.splitlines() if line.startswith(f"{was}:"))
        top = top.replace(key, now)
    return top + steps


def taken_over(world: World) -> None:
    while migrate(world.context):
        pass


def steps(world: World, lead: Any) -> list[str]:
    return [step for email, step in world.provider.mails if email == lead.email]


@pytest.mark.parametrize("first", ["taken over", "acting"])
def test_those_inside_go_their_old_way_and_others_the_new_one(world: World, first: str) -> None:
    world.deploy(files(it=it(OLD)))
    kim, lee = world.lead(), world.lead("lee@harbor.example")
    world.enter("it", kim, lee)
    world.work()
    world.deploy(files(it=it(NEW)))
    if first == "taken over":
        taken_over(world)
    max_new = world.lead("max@harbor.example")
    world.enter("it", max_new)
    # Today's file asks for no click any more; those who keep older steps are woken by it all the same.
    [enrollment] = world.view(kim)["enrollments"]
    about = {"enrollment_id": enrollment["id"], "step": "one", "link": "price", "source": "sendgrid"}
    world.happens(kim, "clicked", **about)
    world.work()
    assert steps(world, kim) == ["one", "two"]
    world.pass_(days=12)
    assert steps(world, kim) == ["one", "two"]
    assert steps(world, lee) == ["one", "three", "gone"]
    assert steps(world, max_new) == ["one", "four"]
    assert {world.status(one, "it") for one in (kim, lee, max_new)} == {("finished", "finished")}


def test_what_ends_their_passage_is_as_it_was_and_what_concerns_many_as_it_is(world: World) -> None:
    world.deploy(files(it=it(OLD)))
    people = [world.lead(f"{name}@harbor.example") for name in ("kim", "lee", "max")]
    kim, lee, late = people
    world.enter("it", kim, lee)
    world.work()
    world.deploy(files(it=it(NEW, goal='goal: did("called")')))
    world.enter("it", late)
    world.happens(kim, "bought")
    world.happens(lee, "called")
    world.happens(late, "bought", "late")
    assert [world.status(one, "it")[0] for one in people] == ["converted", "active", "active"]

    world.deploy(files(it=it(NEW, state="state: stopped")))
    taken_over(world)
    world.pass_(days=20)
    assert steps(world, lee) == ["one"]
    world.deploy(files(it=it(NEW)))
    taken_over(world)
    world.work()
    assert steps(world, lee) == ["one", "three"]
    world.happens(lee, "unsubscribed", topic="guides")
    assert world.status(lee, "it")[0] == "left"


ONE = content("One", 'See {{ link("price", "https://www.acme.example/price", "prices") }}')


@pytest.mark.parametrize(
    ("edited", "subject"),
    [
        # A fix of copy flows.
        (ONE.replace("subject: One", "subject: Better"), "Better"),
        # The link that a condition of theirs asks for is gone, so they get the copy that they entered with.
        (content("Better"), "One"),
        # So is the whole item.
        (None, "One"),
    ],
)
def test_copy_flows_as_long_as_it_fits_their_steps(world: World, edited: str | None, subject: str) -> None:
    later = "  - wait: 1 day\n" + OLD
    world.deploy(files(it=it(later)))
    kim = world.lead()
    world.enter("it", kim)
    workspace = files(it=it("  - email: four\n"))
    del workspace["content/one.md"]
    if edited is not None:
        workspace["content/one.md"] = edited
    world.deploy(workspace)
    taken_over(world)
    world.pass_(days=1)
    [message] = world.view(kim)["messages"]
    assert (message["step"], message["subject"]) == ("one", subject)
    with world.context.engine.connect() as conn:
        of = conn.execute(text("SELECT deployment FROM message")).scalar_one()
    # The deployment whose copy it is: by it, clicks find their link's name.
    assert of == (2 if subject == "Better" else 1)


def test_from_pin_to_follow_everybody_is_taken_through_each_deployment(world: World) -> None:
    world.deploy(files(it=it(OLD)))
    kim = world.lead()
    world.enter("it", kim)
    world.work()
    world.deploy(files(it=it("  - email: one\n  - email: three\n")))
    world.deploy(files(it=it("  - email: one\n  - email: three\n  - email: four\n")))
    taken_over(world)
    assert world.view(kim)["enrollments"][0]["steps_of_deployment"] == 1
    world.deploy(files(it=it("  - email: one\n  - email: three\n  - email: four\n", edits="edits: follow")))
    taken_over(world)
    [enrollment] = world.view(kim)["enrollments"]
    # By the second deployment, `three` was what was left of the branch that they stood before.
    assert (enrollment["position"], enrollment["steps_of_deployment"]) == ("three", 4)
    world.pass_(days=5)
    assert steps(world, kim) == ["one", "three", "four"]


def test_from_follow_to_pin_they_keep_the_steps_that_they_had_then(world: World) -> None:
    world.deploy(files(it=it(OLD, edits="edits: follow")))
    kim = world.lead()
    world.enter("it", kim)
    world.work()
    two = "  - email: one\n  - wait: 1 day\n  - email: three\n"
    world.deploy(files(it=it(two, edits="edits: follow")))
    world.deploy(files(it=it(NEW)))
    taken_over(world)
    [enrollment] = world.view(kim)["enrollments"]
    assert (enrollment["position"], enrollment["steps_of_deployment"]) == ("three", 2)
    world.pass_(days=12)
    assert steps(world, kim) == ["one", "three"]


def test_an_edit_that_leaves_the_steps_pins_nobody_to_an_old_deployment(world: World) -> None:
    world.deploy(files(it=it(OLD)))
    world.enter("it", world.lead())
    world.deploy(files(it=it(OLD, title="title: Another name")))
    taken_over(world)
    with world.context.engine.connect() as conn:
        assert conn.execute(text("SELECT deployment, pinned FROM enrollment")).one() == (2, None)


def test_why_status_and_commands_know_steps_that_are_gone_from_the_file(world: World) -> None:
    world.deploy(files(it=it(OLD)))
    kim, lee = world.lead(), world.lead("lee@harbor.example")
    world.enter("it", kim, lee)
    world.work()
    world.deploy(files(it=it(NEW)))
    taken_over(world)
    with world.context.engine.begin() as conn:
        release, now = world.context.releases.current(conn), clock.now(conn)
        known_step(release, "asked")
        [answer] = why(conn, release, kim, None, now)
        [older] = inspect.status(conn, release)["keep_older_steps"]
        assert [row["standing"] for row in inspect.steps(conn, release)["it"]] == [0, 0]
        move(world.context, conn, lee.email, "gone", None)
    assert [one.text.partition(";")[0] for one in answer.now][:2] == [
        "keeps the steps of deployment 1",
        'waits at asked for `clicked("one", "price")`, until Wed 25 Nov 2026 08:00 (London) at the latest',
    ]
    assert older == {"sequence": "it", "deployment": 1, "people": 2, "positions": {"asked": 2}, "can_run": True}
    world.work()
    assert steps(world, lee) == ["one"]
    world.pass_(days=2)
    assert steps(world, lee) == ["one", "gone"]


def test_who_keeps_steps_that_cannot_be_run_any_more_is_held_and_shown(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.deploy(files(it=it(OLD)))
    kim, lee = world.lead(), world.lead("lee@harbor.example")
    world.enter("it", kim, lee)
    world.work()
    world.deploy(files(it=it(NEW)))
    taken_over(world)
    with world.context.engine.begin() as conn:
        older = "UPDATE release SET bundle = :bundle WHERE hash = (SELECT release FROM deployment WHERE number = 1)"
        conn.execute(text(older), {"bundle": zlib.compress(b'{"format": 0}')})
    world.context = replace(world.context, releases=Releases())
    world.happens(lee, "unsubscribed")
    assert world.status(lee, "it")[0] == "stopped"
    world.pass_(days=5)
    assert steps(world, kim) == ["one"]
    assert "cannot be run" in caplog.text
    with world.context.engine.begin() as conn:
        release, now = Releases().current(conn), clock.now(conn)
        [answer] = why(conn, release, kim, None, now)
        [older] = inspect.status(conn, release)["keep_older_steps"]
    assert "cannot be run by this version" in answer.now[0].text
    assert (older["people"], older["can_run"]) == (1, False)


def test_the_week_is_foreseen_by_the_steps_that_each_of_them_keeps(world: World) -> None:
    world.deploy(files(it=it(OLD)))
    world.enter("it", world.lead(), world.lead("lee@harbor.example"))
    world.work()
    world.deploy(files(it=it("  - email: one\n")))
    taken_over(world)
    week = foresee(world.context, 7, 5000, lambda _: None).week
    # `three` when the two days for a click are over, `gone` two days after that; the new file has neither.
    mails = {day.isoformat(): sum(one.mails.values()) for day, one in week.days.items() if one.mails}
    assert mails == {"2026-11-25": 2, "2026-11-27": 2}


def test_a_start_of_a_sequence_whose_file_is_gone_since_is_passed_over(world: World) -> None:
    other = it("  - email: four\n")
    world.deploy(
        files(it=it("  - email: one\n  - wait: 1 day\n  - id: go-on\n    start: other\n  - email: two\n"), other=other)
    )
    kim = world.lead()
    world.enter("it", kim)
    world.work()
    world.deploy(files(it=it(NEW)))
    taken_over(world)
    world.pass_(days=1)
    assert steps(world, kim) == ["one", "two"]


def cost(world: World, name: str, count: int) -> int:
    """Statements for a batch of so many from each of three deployments, all of them at one place."""
    people = []
    for part in range(3):
        world.deploy(files(it=it(f"  - wait: {24 + part} hours\n" + OLD, title=f"title: {name}")))
        entering = [world.lead(f"{name}{part}{n}@harbor.example") for n in range(count)]
        world.enter("it", *entering)
        people += entering
    taken_over(world)
    world.idle(timedelta(hours=30))
    # What is asked and noted from time to time is so in each, however long the tests take.
    world.context = replace(world.context, noted=Seldom(3600), vouched=Seldom(3600))
    with counted(world.context.engine) as statements:
        advance.drain(world.context, "it", "one")
    assert sorted(world.provider.mails[-3 * count :]) == sorted((one.email, "one") for one in people)
    return len(statements)


def test_a_batch_takes_the_same_number_of_queries_whatever_its_size_also_with_older_steps(world: World) -> None:
    cost(world, "warm", 1)
    assert cost(world, "few", 2) == cost(world, "many", 12)

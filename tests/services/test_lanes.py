"""Sequences that make way for others, on a real database."""

from datetime import timedelta

from sequencer.core.entry import holds_out
from sequencer.services import advance
from sequencer.services.why import why
from tests.services.conftest import World
from tests.services.test_batches import counted
from tests.workspaces import files

EDUCATION = """
title: Education
state: live
topic: guides
lane: nurture
pressure: exempt
enroll:
  when: manual
from: marketing
steps:
  - email: one
  - wait: 4 days
  - email: two
"""

SALES = """
title: Sales
state: live
topic: guides
lane: nurture
priority: 80
pauses: [education]
goal: did("meeting_booked")
pressure: exempt
enroll:
  when: became("stage", "mql")
from: marketing
steps:
  - email: three
  - wait: 10 days
  - email: four
"""


def test_the_higher_priority_pauses_the_other_which_goes_on_where_it_stood(world: World) -> None:
    world.deploy(files(education=EDUCATION, sales=SALES))
    kim = world.lead()
    world.enter("education", kim)
    world.pass_(days=1)
    world.lead(stage="mql")
    world.work()
    assert world.status(kim, "education") == ("paused", "behind sales")
    with world.context.engine.connect() as conn:
        education = why(conn, world.context.releases.current(conn), kim, None, world.now())[0]
    assert education.now[-1].text == "waits until the lead is through with sales, which goes first"
    world.pass_(days=11)
    assert world.status(kim, "education") == ("active", None)
    world.pass_(days=3)
    assert [step for _, step in world.provider.mails] == ["one", "three", "four", "two"]


def test_who_enters_behind_another_waits_from_the_beginning(world: World) -> None:
    waits_first = EDUCATION.replace("  - email: one\n", "  - wait: 1 day\n  - email: one\n")
    world.deploy(files(education=waits_first, sales=SALES))
    kim = world.lead(stage="lead")
    world.lead(stage="mql")
    world.enter("education", kim)
    world.work()
    assert world.status(kim, "education") == ("paused", "behind sales")
    world.pass_(days=10)
    assert [step for _, step in world.provider.mails] == ["three", "four"]
    world.pass_(days=1)
    assert [step for _, step in world.provider.mails] == ["three", "four", "one"]


def test_the_goal_ends_what_was_paused_by_name(world: World) -> None:
    world.deploy(files(education=EDUCATION, sales=SALES))
    kim = world.lead(stage="lead")
    world.enter("education", kim)
    world.lead(stage="mql")
    world.work()
    world.happens(kim, "meeting_booked")
    world.work()
    assert world.status(kim, "sales")[0] == "converted"
    assert world.status(kim, "education") == ("left", "goal-elsewhere: sales")


def test_an_answer_pauses_also_who_waits_behind_another(world: World) -> None:
    world.deploy(files(education=EDUCATION, sales=SALES.replace("10 days", "1 day")))
    kim = world.lead(stage="lead")
    world.enter("education", kim)
    world.pass_(hours=1)
    world.lead(stage="mql")
    world.work()
    world.happens(kim, "replied")
    assert world.status(kim, "education") == ("paused", "replied")
    world.pass_(days=14)
    # The answer paused both; when that is over the one goes on, and the other waits behind it again.
    assert world.status(kim, "education") == ("paused", "behind sales")
    world.pass_(days=5)
    assert [step for _, step in world.provider.mails] == ["one", "three", "four", "two"]


def test_a_batch_that_ends_and_lets_go_takes_the_same_queries_for_few_and_many(world: World) -> None:
    world.deploy(files(education=EDUCATION, sales=SALES.replace("10 days\n  - email: four", "1 hour")))

    def cost(name: str, count: int) -> int:
        people = [world.lead(f"{name}{n}@harbor.example") for n in range(count)]
        world.enter("education", *people)
        world.enter("sales", *people)
        world.work()
        world.idle(timedelta(hours=1))
        with counted(world.context.engine) as statements:
            advance.drain(world.context, "sales", ":end")
        waiting = [e for p in people for e in world.view(p)["enrollments"] if e["sequence"] == "education"]
        assert [e["due_at"] for e in waiting] == [world.now().isoformat()] * count
        return len(statements)

    cost("warm", 1)
    assert cost("few", 3) == cost("many", 60)


def test_where_nobody_makes_way_nothing_more_is_asked(world: World) -> None:
    def cost(email: str, sales: str) -> int:
        world.deploy(files(education=EDUCATION.replace("lane: nurture\n", ""), sales=sales))
        world.enter("education", world.lead(email))
        with counted(world.context.engine) as statements:
            advance.drain(world.context, "education", "one")
        return len(statements)

    alone = SALES.replace("pauses: [education]\n", "")
    cost("warm@harbor.example", alone)
    assert cost("lee@harbor.example", SALES) == cost("kim@harbor.example", alone) + 1


def test_the_holdout_goes_through_without_getting_anything_and_nobody_waits_for_it(world: World) -> None:
    held_out = SALES.replace("goal:", "holdout: 100%\ngoal:")
    world.deploy(files(education=EDUCATION, sales=held_out))
    kim, lee = world.lead(), world.lead("lee@harbor.example")
    world.enter("education", kim, lee)
    world.enter("sales", kim, lee)
    world.pass_(days=1)
    # What is drawn is drawn: nobody begins in the middle.
    world.deploy(files(education=EDUCATION, sales=SALES))
    world.happens(lee, "meeting_booked")
    world.pass_(days=10)
    assert [world.status(p, "sales")[0] for p in (kim, lee)] == ["finished", "converted"]
    passed = next(e for e in world.view(kim)["enrollments"] if e["sequence"] == "sales")["outcomes"]
    assert [(o["step"], o["outcome"]) for o in passed] == [
        (":holdout", "held_out"),
        ("three", "skipped"),
        ("four", "skipped"),
    ]
    assert sorted(world.provider.mails) == sorted((p.email, step) for p in (kim, lee) for step in ("one", "two"))


def test_about_so_many_are_held_out_each_time_the_same(world: World) -> None:
    world.deploy(files(sales=SALES.replace("goal:", "holdout: 30%\ngoal:").replace("pauses: [education]\n", "")))
    people = [world.lead(f"p{n}@harbor.example") for n in range(100)]
    world.enter("sales", *people)
    world.work()
    mailed = {email for email, _ in world.provider.mails}
    assert 55 <= len(mailed) <= 85
    series = world.context.releases.at(None, 1).workspace.sequences["sales"]  # type: ignore[arg-type, union-attr]
    assert mailed == {p.email for p in people if not holds_out(series, p)}

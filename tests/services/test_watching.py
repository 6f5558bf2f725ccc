"""Leads whom time lets in: a silence, a date, one moment for all; on a real database."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import Connection, create_engine, text

from sequencer.services import due, watch
from sequencer.services.why import why
from sequencer.store import clock
from tests.services.conftest import START, World
from tests.services.test_batches import counted
from tests.workspaces import files

HEAD = """
title: Watched
state: live
topic: guides
pressure: exempt
enroll:
  %s
from: marketing
steps:
  - email: one
"""

IDLE = HEAD % 'when: silent("call_logged", "60 days")\n  if: lead.stage == "mql"\n  again: after 30 days'
RENEWAL = HEAD % 'when: before("next_attempt", "30 days")\n  again: after 30 days'
NEWS = HEAD % 'at: 2026-12-03 10:00\n  if: not (lead.stage == "customer")'


def days(world: World) -> list[tuple[str, float]]:
    """Who was mailed, how many days after the start."""
    with world.context.engine.connect() as conn:
        rows = conn.execute(text("SELECT email, sent_at FROM message ORDER BY sent_at, email")).all()
    return [(email.partition("@")[0], (at - START) / timedelta(days=1)) for email, at in rows]


def test_who_is_silent_for_so_long_enters_and_again_while_the_silence_lasts(world: World) -> None:
    world.deploy(files(idle=IDLE))
    kim, lee = world.lead(stage="mql"), world.lead("lee@harbor.example", stage="mql")
    world.pass_(days=10)
    world.happens(kim, "call_logged")
    world.pass_(days=90)
    world.happens(lee, "call_logged")
    world.pass_(days=55)
    assert days(world) == [("lee", 60), ("kim", 70), ("lee", 90), ("kim", 100), ("kim", 130)]


def test_who_does_not_fit_when_the_time_comes_enters_once_they_do(world: World) -> None:
    world.deploy(files(idle=IDLE))
    kim = world.lead(stage="lead")
    world.pass_(days=65)
    assert days(world) == []
    with world.context.engine.connect() as conn:
        said = why(conn, world.context.releases.current(conn), kim, None, world.now())[0].now
    assert said[-1].text == "may enter by `silent call_logged 60 days`; looked at once something changes"
    world.lead(stage="mql")
    world.work()
    assert days(world) == [("kim", 65)]


def test_whoever_fits_by_another_condition_enters_once_it_is_deployed_and_nobody_twice(world: World) -> None:
    world.deploy(files(idle=IDLE))
    world.lead(stage="mql")
    world.lead("lee@harbor.example", stage="lead")
    world.lead("new@harbor.example", stage="customer")
    world.pass_(days=65)
    world.deploy(files(idle=IDLE.replace('lead.stage == "mql"', 'lead.stage in ["mql", "lead"]')))
    world.pass_(days=30, hours=1)
    # Who entered before enters again when that was so long ago, and no sooner.
    assert [(who, round(at)) for who, at in days(world)] == [("kim", 60), ("lee", 65), ("kim", 90), ("lee", 95)]


def test_a_date_lets_in_once_also_when_it_was_told_late_and_again_when_it_moves(world: World) -> None:
    world.deploy(files(renewal=RENEWAL))
    world.lead(next_attempt="2027-01-22")  # day 60
    world.lead("lee@harbor.example", next_attempt="2026-12-03")  # day 10: its thirty days began before
    world.lead("past@harbor.example", next_attempt="2026-11-20")
    world.lead("none@harbor.example")
    world.pass_(days=60)
    midnight = 8 / 24
    assert [(who, round(at + midnight, 3)) for who, at in days(world)] == [("lee", 0.333), ("kim", 30.0)]
    world.lead(next_attempt="2027-03-23")  # day 120
    world.pass_(days=60)
    assert [(who, round(at + midnight, 3)) for who, at in days(world)][2:] == [("kim", 90.0)]


def test_a_moment_comes_in_each_leads_zone_once_and_not_for_those_who_come_later(world: World) -> None:
    world.deploy(files(news=NEWS))
    world.lead(time_zone="Europe/London")
    world.lead("sydney@harbor.example", time_zone="Australia/Sydney")
    world.lead("customer@harbor.example", stage="customer")
    world.pass_(days=10, hours=3)
    world.lead("late@harbor.example", time_zone="Europe/London")
    world.lead("west@harbor.example", time_zone="America/New_York")
    world.pass_(days=30)
    hours = [(who, round((at - 10) * 24)) for who, at in days(world)]
    assert hours == [("sydney", -9), ("kim", 2), ("west", 7)]


def test_a_moment_that_was_past_when_it_was_deployed_lets_nobody_in(world: World) -> None:
    world.deploy(files(other=IDLE))
    world.lead()
    world.pass_(days=13)
    world.deploy(files(news=NEWS))
    world.pass_(days=3)
    assert days(world) == []


def test_leads_from_before_the_deployment_are_spread_when_their_time_is_past(world: World) -> None:
    world.deploy(files(other=NEWS))
    for number in range(5):
        world.lead(f"p{number}@harbor.example", stage="mql")
    world.pass_(days=100)
    slow = files(idle=IDLE)
    slow["sequences/workspace.yaml"] += "pressure: {catch_up: 2}\n"
    world.deploy(slow)
    world.pass_(days=1)
    idle = [at for _, at in days(world) if at >= 100]
    assert [round((at - 100) * 24, 2) for at in idle] == [0.5, 1, 1.5, 2, 2.5]


def test_a_trigger_that_is_deployed_no_more_lets_nobody_in_and_leaves_nothing(world: World) -> None:
    world.deploy(files(idle=IDLE))
    world.lead(stage="mql")
    world.pass_(days=1)
    world.deploy(files(idle=IDLE.replace("state: live", "state: closed")))
    world.pass_(days=90)
    assert days(world) == []
    with world.context.engine.connect() as conn:
        assert conn.execute(text("SELECT count(*), (SELECT count(*) FROM watch_rule) FROM watch")).one() == (
            0,
            0,
        )
    world.deploy(files(idle=IDLE))
    world.pass_(days=1)
    assert [who for who, _ in days(world)] == ["kim"]


@contextmanager
def open_transaction(world: World) -> Iterator[Connection]:
    with world.context.engine.connect() as conn, conn.begin():
        yield conn


def test_a_lead_whose_transaction_commits_late_is_not_passed_over(world: World) -> None:
    world.deploy(files(news=NEWS))
    with open_transaction(world) as conn:
        conn.execute(
            text("INSERT INTO lead (email, zone, created_at, updated_at) VALUES (:email, 'Europe/London', :now, :now)"),
            {"email": "slow@harbor.example", "now": world.now()},
        )
        world.lead()  # gets the higher id, and is there first
        for _ in range(3):
            for name, args in due.work(world.context):
                assert name == "plant"
                watch.plant(world.context, *map(int, args))
    world.pass_(days=11)
    assert [who for who, _ in days(world)] == ["kim", "slow"]


def test_whoever_writes_for_long_in_another_database_of_the_server_holds_up_nobody(world: World) -> None:
    url = world.context.engine.url.set(database="postgres")
    elsewhere = create_engine(url)
    with elsewhere.begin() as conn:
        conn.execute(text("SELECT pg_current_xact_id()"))
        world.deploy(files(news=NEWS))
        world.lead()
        world.pass_(days=11)
    elsewhere.dispose()
    assert [who for who, _ in days(world)] == ["kim"]


@pytest.mark.parametrize("sequence", [IDLE, RENEWAL, NEWS], ids=["silent", "before", "at"])
def test_a_look_takes_the_same_number_of_queries_for_few_and_many(world: World, sequence: str) -> None:
    world.deploy(files(watched=sequence))

    def cost(name: str, count: int) -> int:
        for number in range(count):
            world.lead(f"{name}{number}@harbor.example", stage="mql", next_attempt="2027-01-02")
        world.work()
        with world.context.engine.begin() as conn:
            conn.execute(text("UPDATE watch SET due_at = :now WHERE due_at IS NOT NULL"), {"now": clock.now(conn)})
            number = conn.execute(text("SELECT id FROM watch_rule")).scalar_one()
        with counted(world.context.engine) as statements:
            assert watch.look(world.context, number) is False
        return len(statements)

    cost("warm", 1)
    assert cost("few", 3) == cost("many", 60)


def test_an_event_is_no_reason_to_ask_about_watches_where_nothing_is_watched(world: World) -> None:
    world.deploy(files(plain=HEAD % "when: manual"))
    kim = world.lead()
    with counted(world.context.engine) as statements:
        world.happens(kim, "changed", field="stage", before="lead", after="mql")
    assert [s for s in statements if "watch" in s] == []

"""What the random machine found once, as the actions that led there, and what its watch must be able to see."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from tests.stateful.edits import Edit
from tests.stateful.house import House, engines
from tests.stateful.provider import Action, Plan


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    found = House(*engines(database_url))
    found.open(1, 500)
    yield found
    found.close()


QUICK: Action = ("enrol", 0, 1)
TICK: Action = ("tick", (), 0, None)


def does(house: House, *actions: Action) -> None:
    for action in actions:
        house.do(action)


def test_a_halt_during_the_request_and_a_lost_commit_settle(house: House) -> None:
    meanwhile = Plan("timeout-accepted", (("halt", 0),), (("reap",),))
    does(house, QUICK, ("tick", (meanwhile,), 0, None), ("enrol", 1, 1), ("drain", 0, (), (2, "lost-after"), None))
    does(house, ("lift", 0), ("deploy", Edit(quick=1)), ("jump", 125), TICK)
    house.settle()


def test_what_went_is_known_as_gone_also_where_its_second_attempt_was_refused(house: House) -> None:
    does(house, QUICK, ("tick", (Plan("timeout-accepted"),), 0, None), ("hours", 2))
    does(house, ("tick", (Plan("refuse-one"),), 0, None), ("say", 0, "open", 0), ("post", (0,)), ("ingest", False))
    assert len(house.watch.again) == 1
    house.settle()


def test_an_event_that_proves_only_itself_wakes_whoever_stood_behind_its_mail(house: House) -> None:
    does(house, QUICK, ("tick", (Plan("timeout-accepted"),), 0, None), TICK)
    does(house, ("say", 0, "processed", 0), ("post", (0,)), ("ingest", False))
    house.works_off()
    house.settle()


def test_the_watch_sees_a_mail_during_a_pause(house: House) -> None:
    does(house, QUICK, ("tick", (Plan("refuse-key"),), 0, None))
    with house.spy.begin() as conn:
        conn.execute(text("UPDATE pause SET retry_at = clock_timestamp()"))
    does(house, TICK)
    assert any("sending is paused" in said for said in house.watch.violations)


def test_the_watch_sees_a_mail_that_goes_again_on_doubt_alone(house: House) -> None:
    does(house, QUICK, ("tick", (Plan("timeout-lost"),), 0, None), ("hours", 2))
    house.model.posts.clear()
    does(house, TICK)
    assert any("its events may be lost" in said for said in house.watch.violations)


def test_the_watch_sees_a_mail_after_a_halt(house: House) -> None:
    does(house, QUICK)
    house.model.people[house.lead(0)].barred.add("operator")
    does(house, TICK)
    assert any("after a halt" in said for said in house.watch.violations)


def test_the_watch_sees_a_second_mail_for_one_step(house: House) -> None:
    does(house, QUICK, TICK)
    with house.spy.begin() as conn:
        conn.execute(text("UPDATE message SET state = 'retry', retry_at = sent_at"))
        conn.execute(text("UPDATE enrollment SET due_at = since"))
    does(house, TICK)
    assert any("has taken it already" in said for said in house.watch.violations)


def test_the_watch_sees_an_event_that_is_lost(house: House) -> None:
    does(house, QUICK, TICK, ("say", 0, "open", 0), ("post", (0,)), ("ingest", False))
    with house.spy.begin() as conn:
        conn.execute(text("DELETE FROM event WHERE kind = 'opened'"))
    house.watch.everything_is_told()
    assert any("different events came" in said for said in house.watch.violations)

"""What happens is written back to the CRM: of leads that it knows, what changed, each once in an interval at most."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from sequencer.core.lead import Lead
from sequencer.core.mail import Answer, Outcome
from sequencer.providers.crm import Activity, Change, Contact, Failed
from sequencer.services import due, targets, write_back
from sequencer.store import calls_out, crm_contacts
from sequencer.store.crm_contacts import Known
from tests.services.conftest import World
from tests.services.test_batches import counted
from tests.workspaces import WORKSPACE, files

WRITES = """
crm:
  write_back:
    to: hubspot
    every: 30 minutes
    fields: {sequence: sq_sequence, step: sq_step, next_send: sq_next, activity: sq_activity, active_on: sq_active}
"""
WELCOME = """
title: Welcome
state: live
topic: guides
enroll: {when: manual}
from: marketing
steps:
  - email: one
  - wait: 3 days
  - email: two
"""


@dataclass
class Kept:
    most: int = 100
    updates: list[list[Change]] = field(default_factory=list)
    fails: list[Outcome] = field(default_factory=list)

    def leave(self, contact: Contact, activity: Activity, repeat: bool) -> str:
        raise AssertionError("nobody was handed off")

    def update(self, changes: Sequence[Change]) -> Collection[str]:
        if self.fails:
            raise Failed(self.fails.pop(0))
        self.updates.append(list(changes))
        return [one.contact for one in changes]

    def told(self) -> dict[str, str | None]:
        """What the only contact of the last call was told."""
        [[change]] = [self.updates.pop()]
        assert not self.updates
        return dict(change.values)


@pytest.fixture
def kept(world: World) -> Kept:
    found = Kept()
    world.context = replace(world.context, crms={"hubspot": found})
    world.deploy({**files(welcome=WELCOME), "sequences/workspace.yaml": WORKSPACE + WRITES})
    return found


def bound(world: World, *people: Lead) -> None:
    with world.context.engine.begin() as conn:
        crm_contacts.put(conn, [Known(one.id, "hubspot", f"c{one.id}", {}) for one in people])


def turn(world: World) -> None:
    """Everybody's turn comes, and the calls are made."""
    with world.context.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE crm_contact SET next_at = clock_timestamp()")
        conn.exec_driver_sql("UPDATE call_out SET next_at = NULL")
    while write_back.plan(world.context):
        pass
    targets.deliver(world.context)


def test_the_crm_is_told_where_a_lead_stands_what_comes_next_and_what_they_did(world: World, kept: Kept) -> None:
    kim = world.lead()
    bound(world, kim)
    turn(world)
    assert kept.updates == [], "there is nothing to tell yet"
    world.enter("welcome", kim)
    world.work()
    world.happens(kim, "clicked", step="one", link="price")
    turn(world)
    day = world.now().date()
    assert kept.told() == {
        "sq_sequence": "Welcome",
        "sq_step": "two",
        "sq_next": (day + timedelta(days=3)).isoformat(),
        "sq_activity": "clicked price in one",
        "sq_active": day.isoformat(),
    }
    world.happens(kim, "unsubscribed")
    turn(world)
    told = kept.told()
    assert (told["sq_sequence"], told["sq_next"], told["sq_activity"]) == (None, None, "clicked price in one")


def test_what_did_not_change_is_not_told_again_and_nobody_before_their_turn(world: World, kept: Kept) -> None:
    kim = world.lead()
    world.enter("welcome", kim)
    bound(world, kim)
    turn(world)
    assert kept.told()["sq_step"] == "one"
    turn(world)
    world.work()
    while write_back.plan(world.context):
        pass
    targets.deliver(world.context)
    assert kept.updates == [], "half an hour has not passed"
    turn(world)
    assert kept.told()["sq_step"] == "two"


def queries(world: World, name: str, count: int) -> int:
    people = [world.lead(f"{name}{number}@harbor.example") for number in range(count)]
    world.enter("welcome", *people)
    bound(world, *people)
    with counted(world.context.engine) as statements:
        write_back.plan(world.context)
        targets.deliver(world.context)
    return len(statements)


def test_many_leads_go_in_one_call_by_as_many_queries_as_few(world: World, kept: Kept) -> None:
    queries(world, "warm", 1)
    assert queries(world, "few", 3) == queries(world, "many", 60)
    assert [len(changes) for changes in kept.updates] == [1, 3, 60]


def test_a_call_that_fails_tells_later_how_things_stand_then_and_meanwhile_few_wait(world: World, kept: Kept) -> None:
    kim, *others = (world.lead(f"p{number}@harbor.example") for number in range(10))
    world.enter("welcome", kim, *others)
    bound(world, kim)
    kept.most, kept.fails = 1, [Outcome(Answer.RETRY, detail="429 to POST x", retry_after=60.0)]
    turn(world)
    assert kept.updates == []
    world.work()
    bound(world, *others)
    while write_back.plan(world.context):
        pass
    with world.context.engine.connect() as conn:
        assert calls_out.open_to(conn, write_back.TARGET) == write_back.OPEN
        conn.exec_driver_sql("UPDATE call_out SET next_at = NULL")
        conn.commit()
    targets.deliver(world.context)
    [first] = [one for [one] in kept.updates if one.contact == f"c{kim.id}"]
    assert first.values["sq_step"] == "two", "not what was so when it was planned"


@pytest.mark.parametrize("most", [100, 1], ids=["in one call", "in calls of their own"])
def test_leads_that_are_one_contact_are_told_of_as_the_newest_stands(world: World, kept: Kept, most: int) -> None:
    kept.most = most
    older, other, newer = (world.lead(f"p{number}@harbor.example") for number in range(3))
    world.enter("welcome", older, other)
    world.work()
    world.enter("welcome", newer)
    same = [Known(one.id, "hubspot", "c1" if one is not other else "c2", {}) for one in (older, other, newer)]
    with world.context.engine.begin() as conn:
        crm_contacts.put(conn, same)
    turn(world)
    told = sorted((one.contact, one.values["sq_step"]) for changes in kept.updates for one in changes)
    assert told == [("c1", "one"), ("c2", "two")]
    turn(world)
    assert sum(map(len, kept.updates)) == 2, "nothing changed since"


def test_nothing_is_written_unless_it_is_declared_and_a_crm_is_there(world: World, kept: Kept) -> None:
    kim = world.lead()
    world.enter("welcome", kim)
    bound(world, kim)
    with_crm = world.context
    world.context = replace(with_crm, crms={})
    turn(world)
    world.context = with_crm
    world.deploy(files(welcome=WELCOME))
    turn(world)
    assert kept.updates == []
    with world.context.engine.connect() as conn:
        assert calls_out.counts(conn) == {}


def test_the_clock_finds_whose_turn_has_come(world: World, kept: Kept) -> None:
    assert ("write_back", ()) not in due.work(world.context)
    bound(world, world.lead())
    world.context = replace(world.context, writing_back=type(world.context.writing_back)(1000.0))
    assert ("write_back", ()) in due.work(world.context)
    assert ("write_back", ()) not in due.work(world.context), "it looks from time to time"

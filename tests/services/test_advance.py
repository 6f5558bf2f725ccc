"""Enrolling, mailing, waiting, branching: the services on a real database."""

from datetime import UTC, datetime, timedelta

from sequencer.core.mail import Answer, Outcome, Receipt
from tests.services.conftest import World
from tests.workspaces import files

EXEMPT = """
title: Quick
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
steps:
  - email: one
  - wait: 2 hours
  - email: two
"""

BRANCH = """
title: Branch
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
exit_on:
  - replied()
steps:
  - email: one
  - id: looked
    if: clicked("one", "price")
    within: 3 days
    then:
      - id: tell-rep
        tell: owner
        note: Looked at prices, {{ lead.first_name or "somebody" }}
      - email: two
    else:
      - email: three
  - wait: 1 day
  - email: four
"""


def test_a_lead_gets_each_mail_once_and_in_time(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    kim = world.lead(first_name="Kim")
    assert world.enter("quick", kim).leads == {kim.id}
    world.work()
    assert world.provider.mails == [("kim@harbor.example", "one")]
    world.pass_(hours=1, minutes=59)
    assert len(world.provider.mails) == 1
    world.pass_(minutes=1)
    assert world.provider.mails == [("kim@harbor.example", "one"), ("kim@harbor.example", "two")]
    assert world.status(kim, "quick") == ("finished", "finished")
    assert [m["state"] for m in world.view(kim)["messages"]] == ["accepted", "accepted"]


def test_one_request_serves_many_leads(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    people = [world.lead(f"p{n}@harbor.example") for n in range(20)]
    world.enter("quick", *people)
    world.work()
    assert [len(batch.recipients) for batch in world.provider.batches] == [20]


def test_a_click_leads_down_then_and_tells_the_owner(world: World) -> None:
    world.deploy(files(branch=BRANCH))
    kim = world.lead(first_name="Kim", owner_email="ana@acme.example")
    world.enter("branch", kim)
    world.pass_(hours=1)
    enrollment = world.view(kim)["enrollments"][0]["id"]
    world.happens(kim, "clicked", source="sendgrid", enrollment_id=enrollment, step="one", link="price", content="one")
    world.work()
    assert [step for _, step in world.provider.mails] == ["one", "two"]
    assert [(a["rep"], a["note"]) for a in world.view(kim)["alerts"]] == [("ana@acme.example", "Looked at prices, Kim")]
    assert [m["clicked"] for m in world.view(kim)["messages"]] == [["price"], []]


def test_without_a_click_the_time_runs_out_and_else_is_taken(world: World) -> None:
    world.deploy(files(branch=BRANCH))
    kim = world.lead()
    world.enter("branch", kim)
    world.pass_(days=2, hours=23)
    assert [step for _, step in world.provider.mails] == ["one"]
    world.pass_(hours=1)
    assert [step for _, step in world.provider.mails] == ["one", "three"]
    world.pass_(days=1)
    assert [step for _, step in world.provider.mails] == ["one", "three", "four"]


def test_a_machines_click_does_not_count(world: World) -> None:
    world.deploy(files(branch=BRANCH))
    kim = world.lead()
    world.enter("branch", kim)
    world.pass_(hours=1)
    enrollment = world.view(kim)["enrollments"][0]["id"]
    world.happens(
        kim,
        "clicked",
        source="sendgrid",
        enrollment_id=enrollment,
        step="one",
        link="price",
        content="one",
        machine=True,
    )
    world.pass_(days=3)
    assert [step for _, step in world.provider.mails] == ["one", "three"]


def test_a_reply_is_out_in_the_same_transaction(world: World) -> None:
    world.deploy(files(branch=BRANCH))
    kim = world.lead()
    world.enter("branch", kim)
    world.pass_(hours=1)
    world.happens(kim, "replied")
    assert world.status(kim, "branch") == ("left", "exit_on: replied()")
    world.pass_(days=10)
    assert [step for _, step in world.provider.mails] == ["one"]


def test_an_unsubscribe_stops_everything_and_keeps_out(world: World) -> None:
    world.deploy(files(branch=BRANCH, quick=EXEMPT))
    kim = world.lead()
    world.enter("branch", kim)
    world.enter("quick", kim)
    world.happens(kim, "unsubscribed")
    world.pass_(days=10)
    assert world.provider.mails == []
    assert world.status(kim, "branch") == ("stopped", "suppressed")
    assert world.status(kim, "quick") == ("stopped", "suppressed")
    assert world.enter("quick", kim).refused == {"must not be mailed": 1}


def test_an_event_counts_once_however_often_it_comes(world: World) -> None:
    world.deploy(files(branch=BRANCH))
    kim = world.lead()
    first, second = world.happens(kim, "visited", key="k"), world.happens(kim, "visited", key="k")
    assert (len(first.new), len(second.new)) == (1, 0)


def test_a_retry_goes_again_later_and_only_once(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    kim = world.lead()
    world.enter("quick", kim)
    world.provider.answers = [Receipt(Outcome(Answer.RETRY, "429", retry_after=90))]
    world.work()
    assert [m["state"] for m in world.view(kim)["messages"]] == ["retry"]
    world.pass_(seconds=89)
    assert len(world.provider.batches) == 1
    world.pass_(seconds=1)
    assert [m["state"] for m in world.view(kim)["messages"]] == ["accepted"]
    assert [m["attempt"] for m in world.view(kim)["messages"]] == [2]


def test_an_unknown_message_is_never_sent_again_and_nobody_is_stuck_behind_it(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    kim = world.lead()
    world.enter("quick", kim)
    world.provider.answers = [Receipt(Outcome(Answer.UNKNOWN, "timeout"))]
    world.pass_(hours=23)
    assert world.provider.mails == [("kim@harbor.example", "one")]
    world.pass_(hours=2)
    assert [step for _, step in world.provider.mails] == ["one", "two"]
    assert [m["state"] for m in world.view(kim)["messages"]] == ["unknown", "accepted"]


def test_a_halt_cancels_what_was_to_go_again(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    kim = world.lead()
    world.enter("quick", kim)
    world.provider.answers = [Receipt(Outcome(Answer.RETRY, "429"))]
    world.work()
    world.happens(kim, "complained")
    world.pass_(days=2)
    assert [m["state"] for m in world.view(kim)["messages"]] == ["cancelled"]
    assert len(world.provider.batches) == 1


PACED = """
title: Paced
state: live
topic: guides
enroll:
  when: manual
from: owner
hours: {days: mon-fri, between: "09:00-17:00"}
steps:
  - email: one
  - wait: 1 hour
  - email: two
  - email: three
"""


def test_hours_gap_and_caps_hold(world: World) -> None:
    world.deploy(files(paced=PACED))
    kim = world.lead(owner_email="ana@acme.example")
    world.enter("paced", kim)
    world.pass_(days=14)
    sent = [datetime.fromisoformat(m["sent_at"]) for m in world.view(kim)["messages"]]
    first = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    assert sent[:2] == [first, first + timedelta(days=1)]
    # Two a week: the third waits until the first is seven days old, and then for the gap of nobody.
    assert sent[2] == first + timedelta(days=7)


def test_owner_mail_without_an_owner_is_held_and_goes_once_there_is_one(world: World) -> None:
    world.deploy(files(paced=PACED))
    kim = world.lead()
    world.enter("paced", kim)
    world.pass_(days=2)
    assert world.provider.mails == []
    world.lead(owner_email="ana@acme.example")
    world.pass_(days=1)
    assert world.provider.mails == [("kim@harbor.example", "one")]
    assert world.provider.batches[0].recipients[0].from_email == "ana@acme.example"


def test_an_edit_moves_whoever_stands_at_a_step_that_is_gone(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    kim = world.lead()
    world.enter("quick", kim)
    world.pass_(hours=1)
    assert world.deploy(files(quick=EXEMPT.replace("email: two", "email: three"))) == 2
    world.pass_(hours=2)
    assert [step for _, step in world.provider.mails] == ["one", "three"]

"""Who must not be mailed any more, by whose word, and whose word takes that back."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from sequencer.core.lead import Lead
from sequencer.core.mail import Answer, Batch, Outcome, Receipt
from sequencer.services.halt import Lifted, halt, lift
from sequencer.store import clock, leads
from sequencer.web import unsubscribe as page
from tests.services.conftest import Recorder, World
from tests.services.test_advance import EXEMPT
from tests.services.webhooks import bodies, event, post, reply_form, take
from tests.workspaces import files

OWNERS = EXEMPT.replace("from: marketing", "from: owner")

ASKED = """
title: Asked
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
steps:
  - email: one
  - id: asked
    if: consent("news")
    within: 3 days
    then:
      - email: two
    else:
      - email: three
"""


def begun(world: World, sequence: str = EXEMPT, **values: str) -> Lead:
    """A lead who got the first mail of `quick`."""
    world.deploy(files(quick=sequence))
    kim = world.lead(**values)
    world.enter("quick", kim)
    world.work()
    return kim


def unsubscribes(world: World, lead: Lead) -> None:
    with world.context.engine.begin() as conn:
        locked = leads.lock(conn, [lead.id])[lead.id]
        page.unsubscribe(conn, world.context.releases.current(conn), locked, "page.1", clock.now(conn))


def chooses(world: World, lead: Lead, *topics: str) -> None:
    """On the page of topics."""
    with world.context.engine.begin() as conn:
        locked = leads.lock(conn, [lead.id])[lead.id]
        page.choose(conn, world.context.releases.current(conn), locked, set(topics), "page.2", clock.now(conn))


def halts(world: World, lead: Lead) -> None:
    with world.context.engine.begin() as conn:
        halt(conn, lead.email, clock.now(conn))


def lifts(world: World, lead: Lead) -> Lifted:
    with world.context.engine.begin() as conn:
        return lift(conn, lead.email)


def barred(world: World, lead: Lead) -> tuple[bool, list[str]]:
    """Whether the lead is suppressed, and the strongest reason for all topics."""
    found = world.view(lead)["lead"]
    return found["suppressed"], [s["reason"] for s in found["suppressions"] if s["topic"] is None]


def test_a_reply_pauses_a_transactional_series_too(world: World) -> None:
    kim = begun(world)
    body, content_type = reply_form(world, "Call me")
    take(world, body, urgent=True, door="inbound", content_type=content_type)
    assert world.status(kim, "quick") == ("paused", "replied")
    world.pass_(days=10)
    assert world.provider.mails == [("kim@harbor.example", "one")]


def test_a_reply_ends_a_transactional_series_of_the_owners(world: World) -> None:
    kim = begun(world, OWNERS, owner_email="ana@acme.example")
    body, content_type = reply_form(world, "Call me")
    take(world, body, urgent=True, door="inbound", content_type=content_type)
    assert world.status(kim, "quick") == ("left", "replied")
    world.pass_(days=30)
    assert world.provider.mails == [("kim@harbor.example", "one")]


def test_an_out_of_office_note_pauses_a_transactional_series_too(world: World) -> None:
    kim = begun(world)
    body, content_type = reply_form(world, "I am back on 30 November 2026", Auto_Submitted="auto-replied")
    take(world, body, urgent=True, door="inbound", content_type=content_type)
    assert world.status(kim, "quick") == ("paused", "out of office")
    world.pass_(days=6)
    assert len(world.provider.mails) == 1
    world.pass_(days=2)
    assert [step for _, step in world.provider.mails] == ["one", "two"]


def test_an_operators_halt_outlives_an_unsubscription_that_is_taken_back(world: World) -> None:
    kim = begun(world)
    unsubscribes(world, kim)
    halts(world, kim)
    chooses(world, kim, "guides")
    assert barred(world, kim) == (True, ["operator"])


@pytest.mark.parametrize("kind", ["complained", "bounced"])
def test_a_complaint_and_a_bounce_outlive_an_unsubscription_that_is_taken_back(world: World, kind: str) -> None:
    kim = begun(world)
    world.happens(kim, "unsubscribed")
    world.happens(kim, kind)
    chooses(world, kim, "guides")
    assert barred(world, kim) == (True, [kind])


@pytest.mark.parametrize("kind", ["unsubscribed", "complained", "bounced"])
def test_lifting_a_halt_leaves_every_other_reason(world: World, kind: str) -> None:
    kim = begun(world)
    world.happens(kim, kind)
    halts(world, kim)
    assert lifts(world, kim) == Lifted(True, kind)
    assert barred(world, kim) == (True, [kind])


def test_lifting_what_no_operator_halted_changes_nothing(world: World) -> None:
    kim = begun(world)
    world.happens(kim, "complained")
    assert lifts(world, kim) == Lifted(False, "complained")
    assert barred(world, kim) == (True, ["complained"])


def test_a_lifted_halt_lets_the_lead_enter_but_ended_series_stay_ended(world: World) -> None:
    other = EXEMPT.replace("Quick", "Other")
    world.deploy(files(quick=EXEMPT, other=other))
    kim = world.lead()
    world.enter("quick", kim)
    halts(world, kim)
    assert lifts(world, kim) == Lifted(True, None)
    assert barred(world, kim) == (False, [])
    assert world.status(kim, "quick") == ("stopped", "operator")
    assert world.enter("other", kim).leads == {kim.id}


def test_taking_back_an_unsubscription_keeps_off_what_was_not_chosen(world: World) -> None:
    kim = begun(world)
    unsubscribes(world, kim)
    chooses(world, kim, "news")
    assert barred(world, kim) == (False, [])
    assert [(s["topic"], s["reason"]) for s in world.view(kim)["lead"]["suppressions"]] == [("guides", "unsubscribed")]


@pytest.mark.parametrize("kind", ["unsubscribe", "spamreport", "bounce"])
@pytest.mark.parametrize("days", [-130, 130])
def test_a_halt_whose_time_cannot_be_stored_is_respected_all_the_same(world: World, kind: str, days: int) -> None:
    kim = begun(world)
    said = int((world.now() + timedelta(days=days)).timestamp())
    post(world, event(world, kind, timestamp=said), urgent=True)
    assert barred(world, kim)[0] is True
    assert world.status(kim, "quick") == ("stopped", "suppressed")
    assert [state for state, _ in bodies(world)] == ["set_aside"]


class Interrupted(Recorder):
    """A provider during whose request something else happens."""

    def __init__(self, answer: Answer, during: Callable[[], object]) -> None:
        super().__init__()
        self.answers = [Receipt(Outcome(answer, detail="during"))]
        self.during = during

    def send(self, batch: Batch) -> Receipt:
        self.during()
        return super().send(batch)


@pytest.mark.parametrize("how", ["unsubscribed", "complained", "operator"])
def test_what_surely_was_not_sent_does_not_go_again_to_whom_was_halted_meanwhile(world: World, how: str) -> None:
    world.deploy(files(quick=EXEMPT))
    kim = world.lead()
    provider = Interrupted(Answer.RETRY, lambda: halts(world, kim) if how == "operator" else world.happens(kim, how))
    busy = World(replace(world.context, provider=provider), provider)
    busy.enter("quick", kim)
    busy.pass_(days=1)
    assert [m["state"] for m in busy.view(kim)["messages"]] == ["cancelled"]
    assert busy.status(kim, "quick")[0] == "stopped"
    assert len(provider.batches) == 1


def test_what_was_accepted_while_its_lead_was_halted_is_told_as_it_is(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    kim = world.lead()
    provider = Interrupted(Answer.ACCEPTED, lambda: halts(world, kim))
    busy = World(replace(world.context, provider=provider), provider)
    busy.enter("quick", kim)
    busy.pass_(days=1)
    assert [m["state"] for m in busy.view(kim)["messages"]] == ["accepted"]
    assert provider.mails == [("kim@harbor.example", "one")]


def test_a_suppressed_address_stays_so_when_it_is_imported_again(world: World) -> None:
    kim = begun(world)
    world.happens(kim, "complained")
    world.lead(first_name="Kim", stage="mql")
    assert barred(world, kim) == (True, ["complained"])


def test_consent_that_is_given_wakes_whoever_waits_for_it(world: World) -> None:
    world.deploy(files(asked=ASKED))
    kim = world.lead()
    world.enter("asked", kim)
    world.pass_(hours=1)
    chooses(world, kim, "guides", "news")
    world.work()
    assert [step for _, step in world.provider.mails] == ["one", "two"]


def test_consent_that_is_not_given_leads_down_else(world: World) -> None:
    world.deploy(files(asked=ASKED))
    kim = world.lead()
    world.enter("asked", kim)
    world.pass_(hours=1)
    chooses(world, kim, "guides")
    world.pass_(days=3)
    assert [step for _, step in world.provider.mails] == ["one", "three"]


def test_an_address_that_the_provider_will_never_mail_ends_its_series_at_once(world: World) -> None:
    kim = begun(world)
    post(world, event(world, "dropped", reason="Bounced Address"))
    assert barred(world, kim) == (True, ["bounced"])
    assert world.status(kim, "quick") == ("stopped", "suppressed")

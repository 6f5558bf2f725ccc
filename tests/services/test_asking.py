"""What leads ask for who are in a rep's hands already reaches the rep, in their own words."""

from datetime import timedelta
from typing import Any

import pytest

from sequencer.core.event import Event
from sequencer.core.lead import Lead
from sequencer.core.rep_answer import Said
from sequencer.services import accept, alerts
from sequencer.services import owners as owner_service
from sequencer.services.asking import MOST
from sequencer.services.react import react
from sequencer.store import clock
from sequencer.store.alerts import LOOKED
from tests.services.conftest import World
from tests.services.test_handoffs import LONG, asks, workspace
from tests.workspaces import edited

ANA, BEN = "ana@acme.example", "ben@acme.example"
WORDS = "We are ready to sign.\n\nHow much is it for 2000 invoices? Please call me today."
ASKING = (
    LONG.replace("4 business hours", "5 days")
    + """
inquiries:
  price:
    phrases: {en: [how much is it]}
    examples: [How much is it for ten people?]
    not: [How much time does it take?]
"""
)
FORMS = "contact: {title: Write to us, message: What is it?, tell: owner}\nguide: {title: The guide, message: Why?}\n"
PRICED = workspace(
    ASKING.replace("points:\n", 'points:\n  - {when: asked_about("price"), points: 40, half_life: 10 days}\n').replace(
        "any:", 'any:\n    wants: asked_about("price")'
    ),
    "",
) | {"sequences/forms.yaml": FORMS}


@pytest.fixture
def kim(world: World) -> Lead:
    world.deploy(workspace(ASKING))
    lead = world.lead(first_name="Kim", owner=ANA)
    world.happens(lead, "submitted", "first", form="demo", text=WORDS)
    world.work()
    return lead


def asked(world: World, lead: Lead) -> list[tuple[str, str]]:
    """Whom it was told, and the note."""
    found = sorted((a for a in world.view(lead)["alerts"] if a["kind"] == "asked"), key=lambda a: str(a["at"]))
    return [(a["rep"], a["note"]) for a in found]


def mails(world: World) -> list[str]:
    while alerts.deliver(world.context):
        pass
    return [world.provider.text(number) for number in range(len(world.provider.batches))]


def by_form(world: World, lead: Lead) -> list[tuple[str | None, str]]:
    """Whom it was told that something came by a form, and what became of that."""
    return [(a["rep"], a["state"]) for a in world.view(lead)["alerts"] if a["kind"] == "form"]


def accepts(world: World, lead: Lead) -> None:
    with world.context.engine.begin() as conn:
        accept.answer(world.context, conn, (lead.id, 1), ANA, Said(True))


def test_the_handoff_tells_the_whole_of_what_the_lead_wrote(world: World, kim: Lead) -> None:
    [mail] = mails(world)
    assert "(London): “We are ready to sign. How much is it for 2000 invoices? Please call me today.”" in mail


@pytest.mark.parametrize("accepted", [False, True])
def test_what_is_asked_next_goes_to_the_rep_once_an_hour_for_each_thing(
    world: World, kim: Lead, accepted: bool
) -> None:
    if accepted:
        accepts(world, kim)
    mails(world)
    for key in "ab":
        world.happens(kim, "submitted", key, form="contact", text=WORDS)
    asks(world, kim, "again")
    world.happens(kim, "submitted", "guide", form="guide", answers={"role": "cfo"})
    world.happens(kim, "visited", page="/pricing")
    question = "asks about price: “How much is it for 2000 invoices?”"
    assert asked(world, kim) == [
        (ANA, f"Submitted the form contact: “{' '.join(WORDS.split())}”"),
        (ANA, "Submitted the form demo"),
    ]
    first = next(mail for mail in mails(world) if "form contact" in mail)
    assert question in first and ("Accept or decline" in first) is not accepted
    world.pass_(hours=1)
    asks(world, kim, "an hour later")
    assert len(asked(world, kim)) == 3


def test_a_rep_reads_what_is_asked_in_their_own_language(world: World, kim: Lead) -> None:
    mails(world)
    german = edited(workspace(ASKING), "name: Ana Ruiz", "name: Ana Ruiz, language: de")
    world.deploy(german)
    world.happens(kim, "submitted", "next", form="contact", text=WORDS)
    mail = mails(world)[-1]
    assert world.provider.batches[-1].recipients[0].values[0] == "Kim möchte etwas"
    assert "Hat das Formular contact abgeschickt: “We are ready to sign." in mail
    assert "fragt nach price: „How much is it for 2000 invoices?“" in mail


def test_other_words_are_told_within_the_hour_and_no_more_than_so_many_of_a_lead(world: World, kim: Lead) -> None:
    words = ["Hello there", "Please call me at 5, it is urgent", *(f"And {number}" for number in range(MOST))]
    for key, said in enumerate(words):
        for again in "ab":
            world.happens(kim, "submitted", f"{key}{again}", form="contact", text=said)
    assert [note for _, note in asked(world, kim)] == [f"Submitted the form contact: “{one}”" for one in words[:MOST]]
    world.pass_(hours=1)
    world.happens(kim, "submitted", "later", form="contact", text=words[-1])
    assert len(asked(world, kim)) == MOST + 1


def test_nothing_is_told_twice_of_who_becomes_ready_by_it_nor_of_what_is_old(world: World, kim: Lead) -> None:
    lee = world.lead("lee@other.example", owner=BEN)
    world.happens(lee, "submitted", form="contact", text="How much is it?")
    assert asked(world, lee) == [], "nobody has them in hand yet"
    with world.context.engine.begin() as conn:
        now = clock.now(conn)
        data: dict[str, Any] = {"form": "demo"}
        old = Event("submitted", now - timedelta(days=3), kim.id, "old", "api", data=data)
        react(conn, world.context.releases.current(conn), [old], now)
        accept.answer(world.context, conn, (kim.id, 1), ANA, Said(False, "no-budget"))
    world.pass_(hours=1)
    asks(world, kim, "after the no")
    assert asked(world, kim) == [] and [a["kind"] for a in world.view(kim)["alerts"]] == ["handoff", "handoff"]


def test_what_is_asked_before_a_rep_was_found_stands_in_the_handoff_of_whoever_is(world: World) -> None:
    world.deploy(workspace(ASKING, ""))
    lead = world.lead(first_name="Kim")
    world.happens(lead, "submitted", "first", form="demo", text="A demo, please.")
    world.work()
    world.pass_(hours=4)
    world.happens(lead, "submitted", "second", form="contact", text="We sign today.")
    world.happens(lead, "submitted", "guide", form="guide", answers={"role": "cfo"})
    world.work()
    assert mails(world) == [] == asked(world, lead), "nobody owns the lead"
    world.lead(owner=ANA)
    world.work()
    [mail] = mails(world)
    assert mail.index("“We sign today.”") < mail.index("“A demo, please.”") and "form guide" not in mail


def test_what_is_asked_is_held_where_whoever_accepted_left_and_nobody_owns_the_lead(world: World, kim: Lead) -> None:
    accepts(world, kim)
    world.deploy(edited(workspace(ASKING), ANA, "ann@acme.example"))
    world.happens(kim, "submitted", form="contact", text="Who calls me?")
    [held] = [a for a in world.view(kim)["alerts"] if a["kind"] == "asked"]
    assert (held["rep"], held["state"]) == (None, "no_owner")


@pytest.mark.parametrize("signals", [True, False])
def test_what_comes_by_a_form_that_says_so_reaches_the_owner_whole_and_nothing_else_does(
    world: World, signals: bool
) -> None:
    whole = workspace(ASKING) | {"sequences/forms.yaml": FORMS}
    if not signals:
        del whole["sequences/signals.yaml"]
    world.deploy(whole)
    kim = world.lead(first_name="Kim", owner=BEN, company="Harbor")
    for key in ("first", "again"):
        answers = {"phone": "<b>+46 70</b>", "pains": ["cost", "risk"], "notes": "x" * 400}
        world.happens(kim, "submitted", key, form="contact", text="Please call\nme on +46 70.", answers=answers)
    world.happens(kim, "submitted", "guide", form="guide", text="Curious.")
    world.happens(kim, "submitted", "scanner", form="contact", text="Buy now.", machine=True)
    world.work()
    [mail] = mails(world)
    assert mail.split("\n\n") == [
        *("Kim, Harbor", "Submitted the form contact: “Please call me on +46 70.”"),
        *("- Phone: <b>+46 70</b>", "- Pains: cost, risk", f"- Notes: {'x' * 293}…"),
        *("kim@harbor.example", f"https://mail.acme.example/dashboard/leads/{kim.id}"),
    ]
    [recipient] = world.provider.batches[0].recipients
    assert (recipient.to_email, recipient.values[0]) == (BEN, "Kim asks for something")
    assert "<p>- Phone: &lt;b&gt;+46 70&lt;/b&gt;</p>" in str(recipient.values[1])


def test_other_answers_to_the_same_form_are_told_within_the_hour_and_the_same_once(world: World) -> None:
    world.deploy(PRICED)
    lead = world.lead(owner=ANA)
    for key, role in enumerate(("cfo", "cto", "cfo")):
        world.happens(lead, "submitted", str(key), form="contact", answers={"role": role})
    world.work()
    assert sorted("Role: cfo" in mail for mail in mails(world)) == [False, True]
    assert by_form(world, lead) == [(ANA, "sent")] * 2


def test_what_comes_by_a_form_of_who_is_handed_off_by_it_is_told_once_by_the_handoff(world: World) -> None:
    world.deploy(PRICED)
    kim = world.lead(first_name="Kim", owner=ANA)
    world.happens(kim, "submitted", form="contact", text=WORDS)
    assert mails(world) == [], "nobody looked yet whether the lead is handed off"
    world.work()
    [mail] = mails(world)
    assert mail.count("How much is it for 2000 invoices?") == 1 and "Accept or decline" in mail
    assert by_form(world, kim) == [(ANA, "in_handoff")]
    world.happens(kim, "submitted", "other", form="contact", text="And call me.")
    world.work()
    assert by_form(world, kim) == [(ANA, "in_handoff")]
    assert [note for _, note in asked(world, kim)] == ["Submitted the form contact: “And call me.”"]


def test_a_look_that_does_not_come_keeps_what_came_by_a_form_for_minutes_only(world: World) -> None:
    world.deploy(workspace(ASKING) | {"sequences/forms.yaml": FORMS})
    kim = world.lead(first_name="Kim", owner=ANA)
    world.happens(kim, "submitted", form="contact", text="Please call me.")
    world.idle(LOOKED)
    assert mails(world) == []
    world.idle(timedelta(seconds=1))
    assert ["Please call me." in mail for mail in mails(world)] == [True]


def test_what_comes_by_a_form_of_whom_nobody_owns_is_held_until_somebody_does(world: World) -> None:
    world.deploy(PRICED)
    kim, lee = world.lead(first_name="Kim"), world.lead("lee@mill.example", first_name="Lee")
    world.happens(kim, "submitted", form="contact", text="Please call me.")
    world.happens(lee, "submitted", form="contact", text=WORDS)
    world.work()
    assert mails(world) == [] and by_form(world, kim) == [(None, "no_owner")]
    world.pass_(hours=1)
    for lead in (kim, lee):
        world.lead(lead.email, owner=ANA)
    world.work()
    owner_service.find(world.context)
    assert sorted("Please call me." in mail for mail in mails(world)) == [False, True]
    assert by_form(world, kim) == [(ANA, "sent")]
    assert by_form(world, lee) == [(None, "in_handoff")], "the handoff says it, as the lead is ready by it"


def test_who_was_handed_off_in_vain_still_reaches_the_owner_by_a_form_that_says_so(world: World, kim: Lead) -> None:
    with world.context.engine.begin() as conn:
        accept.answer(world.context, conn, (kim.id, 1), ANA, Said(False, "no-budget"))
    world.deploy(workspace(ASKING) | {"sequences/forms.yaml": FORMS})
    world.happens(kim, "submitted", "later", form="contact", text="We have a budget now.")
    world.work()
    assert by_form(world, kim) == [(ANA, "pending")]

"""What leads ask for who are in a rep's hands already reaches the rep, in their own words."""

from datetime import timedelta
from typing import Any

import pytest

from sequencer.core.event import Event
from sequencer.core.lead import Lead
from sequencer.core.rep_answer import Said
from sequencer.services import accept, alerts
from sequencer.services.asking import MOST
from sequencer.services.react import react
from sequencer.store import clock
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

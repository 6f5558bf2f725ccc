"""What people ask about is found in their own words, and only there."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sequencer.core.event import Event
from sequencer.core.inquiry import Inquiry, in_event
from sequencer.core.mark import Mark
from sequencer.core.quoting import own_words

PRICE = Inquiry(
    "price",
    Mark("sequences/signals.yaml", 1, 1),
    ("how much", "preis*", "what * cost", "combien ça coûte", "what's the price"),
    ("at any price", "kein preis"),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hi. HOW MUCH would it be\nfor 40 people? Thanks", "HOW MUCH would it be for 40 people?"),
        ("Was sind die Preise?", "Was sind die Preise?"),
        ("what does it really cost", "what does it really cost"),
        ("what does it all really cost", None),
        ("Combien c'a coute", None),
        ("Combien ca coute ?", "Combien ca coute ?"),
        ("COMBIEN ÇA COÛTE", "COMBIEN ÇA COÛTE"),
        ("What’s the price?", "What’s the price?"),
        ("somehow much better", None),
        ("how-much is it", "how-much is it"),
        ("Enterpreise are odd", None),
        ("Kein Preis ist zu hoch. Danke!", None),
        ("Kein Preis ist zu hoch. Aber wie ist der Preis?", "Aber wie ist der Preis?"),
        ("", None),
        ("how much " + "x" * 400, "how much " + "x" * 291 + "…"),
    ],
)
def test_phrases_are_whole_words_whatever_their_case_and_accents(text: str, expected: str | None) -> None:
    assert PRICE.asked(text) == expected


@pytest.mark.parametrize(
    ("kind", "data", "found"),
    [
        ("replied", {"text": "How much?", "subject": "x"}, True),
        ("replied", {"text": "Thanks", "subject": "Re: How much is it?"}, False),
        ("submitted", {"form": "demo", "message": "How much?"}, True),
        ("submitted", {"form": "how much", "url": "how much", "link": "https://x.example/how much"}, False),
        ("submitted", {"form": "demo", "answers": {"message": "how much", "people": 40}}, True),
        ("submitted", {"form": "demo", "path": "/how much"}, False),
        ("visited", {"text": "How much?"}, False),
    ],
)
def test_only_what_somebody_wrote_is_looked_at(kind: str, data: dict[str, Any], found: bool) -> None:
    e = Event(kind, datetime(2026, 11, 2, tzinfo=UTC), 1, "k", "test", data=data)
    assert (in_event(PRICE, e) is not None) is found
    assert in_event(PRICE, e._replace(machine=True)) is None


OUTLOOK = """Thanks, looks good.

Kim

From: Ana Ruiz <ana@acme.example>
Sent: Monday, 2 November 2026 09:00
To: Kim
Subject: How much it costs

How much it costs
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes, please.", "Yes, please."),
        ("Yes.\n\nOn Mon, 2 Nov 2026 at 09:00, Ana <ana@acme.example> wrote:\n> How much?\n> Ana\n", "Yes."),
        ("Yes.\n\nOn Mon, 2 Nov 2026 at 09:00, Ana Ruiz\n<ana@acme.example> wrote:\n\n> How much?", "Yes."),
        ("Ja.\n\nAm 02.11.2026 um 09:00 schrieb Ana Ruiz:\n\nWas kostet es?", "Ja."),
        ("Oui.\nLe lun. 2 nov. 2026 à 09:00, Ana a écrit :\n> Combien ?", "Oui."),
        (OUTLOOK, "Thanks, looks good.\n\nKim"),
        ("Fine\n-----Original Message-----\nHow much", "Fine"),
        ("Fine\n________________________________\nVon: Ana <ana@acme.example>\nPreise", "Fine"),
        ("On 2 Nov 2026, Ana wrote:\n> Which one?\nThe second.\n> How much?\nTen.", "The second.\nTen."),
        ("My boss wrote:\nwe need a price", "My boss wrote:\nwe need a price"),
        ("> How much?", "> How much?"),
        ("", ""),
    ],
)
def test_what_is_quoted_of_the_mail_before_is_left_out(text: str, expected: str) -> None:
    assert own_words(text) == expected

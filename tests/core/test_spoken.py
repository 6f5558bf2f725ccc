"""What reps are told, in each of their languages."""

import re
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sequencer.core import explain
from sequencer.core.event import Event
from sequencer.core.handoff import State
from sequencer.core.handoff_policy import DECLINES
from sequencer.core.lead import Rep
from sequencer.core.spoken import SPOKEN, Spoken, language_of, plain, spoken
from tests.core.test_learn import workspace

ENGLISH = SPOKEN["en"]
OTHERS = sorted(SPOKEN.keys() - {"en"})


def texts(words: Spoken) -> dict[str, str]:
    """All that is said, by its name."""
    found: dict[str, str] = {}
    for one in fields(Spoken):
        value: Any = getattr(words, one.name)
        if isinstance(value, str) and one.name != "following":
            found[one.name] = value
        elif one.name in ("events", "already"):
            found |= {f"{one.name}.{name}": text for name, text in value.items()}
    return found


@pytest.mark.parametrize("language", sorted(SPOKEN))
def test_every_language_says_everything_with_the_same_names(language: str) -> None:
    said, english = texts(SPOKEN[language]), texts(ENGLISH)
    assert said.keys() == english.keys()
    assert [name for name, text in said.items() if not text.strip()] == []
    named = {name: sorted(re.findall(r"{\w*}", text)) for name, text in said.items()}
    assert named == {name: sorted(re.findall(r"{\w*}", text)) for name, text in english.items()}


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_was_left_in_english(language: str) -> None:
    said, english = texts(SPOKEN[language]), texts(ENGLISH)
    same = {name for name, text in said.items() if text == english[name]}
    assert same <= {"status"}


@pytest.mark.parametrize("language", sorted(SPOKEN))
def test_every_language_understands_every_kind_of_answer(language: str) -> None:
    words = SPOKEN[language]
    assert words.reasons.keys() == {one.id for one in DECLINES}
    assert words.already.keys() == {one.value for one in State} - {"waiting"}
    assert words.units.keys() == {"day", "week", "month"}
    assert len(words.numbers) == 6
    for several in (
        words.accept,
        words.also,
        words.hello,
        words.away,
        words.back,
        words.refuse,
        words.no,
        *words.reasons.values(),
    ):
        assert several and all(map(plain, several))
    for phrases in (words.within, words.next_week, words.next_month, words.next_year):
        assert phrases and all(map(plain, phrases))


def test_the_usual_reasons_have_the_labels_of_the_declared_ones_in_english() -> None:
    assert {reason: ways[0] for reason, ways in ENGLISH.reasons.items()} == {one.id: one.label for one in DECLINES}


@pytest.mark.parametrize(
    ("own", "locale", "language"),
    [("de", "en", "de"), (None, "fr-CA", "fr"), (None, "sv", "en"), ("nl", "fr", "nl"), (None, "de_AT", "de")],
)
def test_a_rep_is_told_in_their_language_else_in_the_workspaces(own: str | None, locale: str, language: str) -> None:
    space, rep = replace(workspace(), locale=locale), Rep("ana@acme.example", "Ana", language=own)
    assert language_of(space, rep) == language
    assert spoken(space, rep) is SPOKEN[language]


def test_nobody_in_particular_is_told_in_the_workspaces_language() -> None:
    assert language_of(replace(workspace(), locale="es"), None) == "es"


@pytest.mark.parametrize(
    ("language", "moment", "minute", "day"),
    [
        ("en", "Mon 1 Mar 2027 09:00 (Berlin)", "Monday 1 March 09:00", "1 March 2027"),
        ("de", "Mo., 1. März 2027, 09:00 (Berlin)", "Montag, 1. März 2027, 09:00", "1. März 2027"),
        ("fr", "lun. 1 mars 2027, 09:00 (Berlin)", "lundi 1 mars 2027, 09:00", "1 mars 2027"),
        ("nl", "ma 1 mrt 2027, 09:00 (Berlin)", "maandag 1 maart 2027, 09:00", "1 maart 2027"),
    ],
)
def test_times_are_written_as_people_write_them(language: str, moment: str, minute: str, day: str) -> None:
    at, berlin = datetime(2027, 3, 1, 8, tzinfo=UTC), ZoneInfo("Europe/Berlin")
    assert explain.moment(at, berlin, language) == moment
    assert explain.minute(at, berlin, language) == minute
    assert explain.day(date(2027, 3, 1), language) == day


def test_what_a_lead_did_is_told_in_each_language_and_what_a_workspace_named_by_its_name() -> None:
    def told(kind: str, **data: str) -> list[str]:
        happened = Event(kind, datetime(2027, 3, 1, tzinfo=UTC), 1, "k", "x", data=data)
        return [explain.event(happened, SPOKEN[one]) for one in ("en", "de", "es")]

    assert told("visited", page="/pricing") == ["visited /pricing", "hat /pricing besucht", "visitó /pricing"]
    assert told("clicked") == [
        "clicked a link in a mail",
        "hat auf einen Link geklickt (eine Mail)",
        "hizo clic en un enlace de un correo",
    ]
    assert told("demo_requested") == ["demo requested"] * 3

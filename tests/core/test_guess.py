"""Time zone and language of who did not tell them: what tells, and what tells more."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from sequencer.core.content import Content
from sequencer.core.field import Field
from sequencer.core.guess import Guess, Traces, country_of, guesses, offered_by
from sequencer.core.lead import Lead
from sequencer.core.lead_input import LeadInput
from sequencer.core.learn import Source
from sequencer.core.workspace import Workspace
from tests.core.test_learn import workspace

BASE = Content("a", "a.md", "", "", "", "", "")
OFFERED = offered_by([BASE, replace(BASE, variants={"de": BASE, "es": BASE, "pt-br": BASE})], "en-GB")
SAID: Source = {"by": "import", "at": "2026-11-01T00:00:00Z"}


def noted(by: str, confidence: int) -> Source:
    return {**SAID, "by": by, "confidence": confidence, "because": []}


def guess(
    traces: Traces, before: Lead | None = None, noted: dict[str, Source] | None = None, **given: str
) -> dict[str, Any]:
    own = {name: given.pop(name) for name in ("zone", "country") if name in given}
    found = guesses(workspace(), OFFERED, traces, LeadInput("k@b.example", None, None, own, given), before, noted or {})
    return {name: (one.value, one.by) for name, one in found.items()}


def test_languages_that_mails_are_written_in_are_offered_and_the_workspaces_own() -> None:
    assert OFFERED == {"de": "de", "en": "en", "en-gb": "en-GB", "es": "es", "pt-br": "pt-BR"}


@pytest.mark.parametrize(
    ("traces", "given", "zone", "language"),
    [
        (Traces(), {}, None, None),
        (Traces("Europe/Madrid"), {}, ("Europe/Madrid", "browser"), None),
        (Traces(languages="es-MX,es;q=0.9,en;q=0.8"), {}, None, ("es", "browser")),
        (Traces(languages="fr, de;q=0.4, en-US;q=0.7"), {}, None, ("en", "browser")),
        (Traces(languages="fr,*;q=0.5, de;q=0, ;;"), {}, None, None),
        (Traces(languages="pt-BR"), {}, None, ("pt-BR", "browser")),
        (Traces(country="DE"), {}, ("Europe/Berlin", "country"), ("de", "country")),
        (Traces(country="AU"), {}, ("Australia/Sydney", "country"), ("en", "country")),
        (Traces(country="CH"), {}, ("Europe/Zurich", "country"), None),
        (Traces(), {"phone": "+49 151 12345678"}, ("Europe/Berlin", "phone"), ("de", "phone")),
        (Traces(), {"mobile": "+1 416 555 1234"}, ("America/Toronto", "phone"), None),
        (Traces(), {"phone": "0151 12345678", "country": "de"}, ("Europe/Berlin", "phone"), ("de", "phone")),
        (Traces(), {"phone": "0151 12345678"}, None, None),
        (Traces(), {"phone": "+1 800 555 1234"}, None, None),
        (Traces(), {"phone": "+870 772001234"}, None, None),
        (Traces(), {"phone": "ask Jo"}, None, None),
        # What is surer wins, field by field.
        (
            Traces("Europe/Lisbon", "fr", "ES"),
            {"phone": "+49 151 12345678"},
            ("Europe/Lisbon", "browser"),
            ("de", "phone"),
        ),
        (Traces(country="ES"), {"phone": "+49 151 12345678"}, ("Europe/Berlin", "phone"), ("de", "phone")),
        # Answers win, and what contradicts the country that was answered tells nothing.
        (Traces("Europe/Lisbon", "de"), {"zone": "Asia/Tokyo", "language": "en"}, None, None),
        (Traces(country="US"), {"country": "DE"}, None, None),
        (Traces(), {"phone": "+1 310 555 1234", "country": "DE"}, None, None),
        (Traces(country="US"), {"country": "Germany"}, ("America/New_York", "country"), ("en", "country")),
    ],
)
def test_browser_phone_and_country_tell_what_nobody_told(
    traces: Traces, given: dict[str, str], zone: Any, language: Any
) -> None:
    expected = {name: value for name, value in (("time_zone", zone), ("language", language)) if value is not None}
    assert guess(traces, **given) == expected


@pytest.mark.parametrize(
    ("source", "traces", "changes"),
    [
        (None, Traces("Europe/Madrid", "es"), False),
        (SAID, Traces("Europe/Madrid", "es"), False),
        (noted("signals", 50), Traces("Europe/Madrid", "es"), True),
        (noted("signals", 90), Traces("Europe/Madrid", "es"), False),
        (noted("browser", 90), Traces("Europe/Madrid", "es"), False),
        (noted("phone", 60), Traces("Europe/Madrid", "es"), True),
        (noted("phone", 60), Traces(country="ES"), False),
        (noted("country", 40), Traces(country="ES"), False),
    ],
)
def test_only_what_is_surer_takes_the_place_of_a_guess_and_nothing_that_of_an_answer(
    source: Source | None, traces: Traces, changes: bool
) -> None:
    before = Lead(1, "k@b.example", zone="Europe/Berlin", fields={"language": "de"})
    sources = {"time_zone": source, "language": source} if source is not None else {}
    expected = {"time_zone": ("Europe/Madrid", "browser"), "language": ("es", "browser")} if changes else {}
    assert guess(traces, before, sources) == expected


def test_a_declared_language_gets_one_of_its_choices_and_no_language_is_guessed_where_there_is_one_only() -> None:
    def language(space: Workspace, offered: dict[str, str]) -> Guess | None:
        given = LeadInput("k@b.example", None, None, {}, {})
        return guesses(space, offered, Traces(languages="de-AT,es"), given, None, {}).get("language")

    declared = [
        Field("language", "one_of", ("EN", "DE")),
        Field("language", "one_of", ("en",)),
        Field("language", "flag"),
    ]
    found = [language(replace(workspace(), fields={"language": one}), dict(OFFERED)) for one in declared]
    assert found == [Guess("DE", "browser"), None, None]
    assert language(workspace(), {"en": "en"}) is None


@pytest.mark.parametrize(
    ("header", "country"),
    [("DE", "DE"), ("de", "DE"), ("XX", None), ("T1", None), ("", None), (None, None), ("DEU", None), ("ÄÖ", None)],
)
def test_a_front_door_names_a_country_by_two_letters_or_none(header: str | None, country: str | None) -> None:
    assert country_of(header) == country


def test_no_process_starts_with_the_library_of_phone_numbers() -> None:
    began = "import sys, workers.actors, sequencer.web.app; raise SystemExit('phonenumbers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", began], timeout=120).returncode == 0

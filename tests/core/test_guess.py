"""Time zone and language of who did not tell them: what tells, and what tells more."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from sequencer.core.content import Content
from sequencer.core.country import country_of
from sequencer.core.field import Field
from sequencer.core.guess import NO_TRACES, SURE, Guess, Traces, guesses, offered_by, tells
from sequencer.core.lead import Lead
from sequencer.core.lead_input import LeadInput
from sequencer.core.learn import Source
from sequencer.core.workspace import Workspace
from tests.core.test_learn import workspace

BASE = Content("a", "a.md", "", "", "", "", "")
OFFERED = offered_by(
    [BASE, replace(BASE, variants=dict.fromkeys(("de", "es", "no", "pt-br", "zh-hant"), BASE))], "en-GB"
)
SAID: Source = {"by": "import", "at": "2026-11-01T00:00:00Z"}


def noted(by: str, confidence: int) -> Source:
    return {**SAID, "by": by, "confidence": confidence, "because": []}


def guess(
    traces: Traces,
    before: Lead | None = None,
    noted: dict[str, Source] | None = None,
    theirs: bool = True,
    **given: str,
) -> Mapping[str, Guess]:
    own = {name: given.pop(name) for name in ("zone", "country") if name in given}
    told = LeadInput("k@b.example", None, None, own, given)
    return guesses(workspace(), OFFERED, traces, told, before, noted or {}, theirs)


def test_languages_that_mails_are_written_in_are_offered_and_the_workspaces_own() -> None:
    written = {"de": "de", "en": "en", "en-gb": "en-GB", "es": "es", "no": "no", "pt-br": "pt-BR", "zh-hant": "zh-Hant"}
    assert OFFERED == written


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
        (Traces(), {"phone": "06 12345678", "country": "NL"}, ("Europe/Amsterdam", "told"), None),
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
        (Traces(country="US"), {"country": "DE"}, ("Europe/Berlin", "told"), ("de", "told")),
        (Traces(), {"phone": "+1 310 555 1234", "country": "Germany"}, ("Europe/Berlin", "told"), ("de", "told")),
        (Traces("Asia/Tokyo"), {"country": "UK"}, ("Asia/Tokyo", "browser"), ("en-GB", "told")),
        (Traces(country="CH", languages="fr"), {"country": "Schweiz"}, ("Europe/Zurich", "told"), None),
        (Traces(country="US"), {"country": "all over"}, ("America/New_York", "country"), ("en", "country")),
        # Languages are met as their readers do.
        (Traces(languages="zh-TW, zh;q=0.9"), {}, None, ("zh-Hant", "browser")),
        (Traces(languages="zh-Hant-HK"), {}, None, ("zh-Hant", "browser")),
        (Traces(languages="nb-NO,nb;q=0.9,en;q=0.8"), {}, None, ("no", "browser")),
        (Traces(languages="nn, en;Q=0.9"), {}, None, ("no", "browser")),
        (Traces(), {"phone": "+47 40 61 23 45"}, ("Europe/Oslo", "phone"), ("no", "phone")),
        (Traces(languages="de;q=0.2;q=1, es;q=1.5, en;q=0.001"), {}, None, ("en", "browser")),
        (Traces(languages=",".join(["xx;q=0.9"] * 40) + ",de"), {}, None, ("de", "browser")),
        (Traces(languages=",".join(["xx"] * 332) + ",en-GB,de"), {}, None, None),
    ],
)
def test_browser_phone_and_country_tell_what_nobody_told(
    traces: Traces, given: dict[str, str], zone: Any, language: Any
) -> None:
    expected = {name: value for name, value in (("time_zone", zone), ("language", language)) if value is not None}
    assert {name: (one.value, one.by) for name, one in guess(traces, **given).items()} == expected


BY_BROWSER = Traces("Europe/Madrid", "es")


@pytest.mark.parametrize(
    ("source", "traces", "theirs", "by"),
    [
        # Answers, whoever gave them.
        (None, BY_BROWSER, True, None),
        (SAID, BY_BROWSER, True, None),
        # What behaviour tells counts by how sure it is.
        (noted("signals", 50), BY_BROWSER, True, "browser"),
        (noted("signals", 50), BY_BROWSER, False, "browser"),
        (noted("signals", 90), BY_BROWSER, True, None),
        # What is surer, and what is later and as sure, also where the guess had lost some of it.
        (noted("phone", 60), BY_BROWSER, True, "browser"),
        (noted("phone", 60), BY_BROWSER, False, "browser"),
        (noted("browser", 90), BY_BROWSER, True, "browser"),
        (noted("browser", 70), BY_BROWSER, True, "browser"),
        (noted("country", 40), Traces(country="ES"), True, "country"),
        # Anybody can type an address.
        (noted("browser", 90), BY_BROWSER, False, None),
        (noted("country", 40), Traces(country="ES"), False, None),
        (noted("phone", 60), Traces(country="ES"), False, None),
    ],
)
def test_what_is_as_sure_takes_the_place_of_a_guess_and_nothing_that_of_an_answer(
    source: Source | None, traces: Traces, theirs: bool, by: str | None
) -> None:
    before = Lead(1, "k@b.example", zone="Europe/Kyiv", fields={"language": "de"})
    sources = {"time_zone": source, "language": source} if source is not None else {}
    found = guess(traces, before, sources, theirs)
    expected = {"time_zone": Guess("Europe/Madrid", by, SURE[by]), "language": Guess("es", by, SURE[by])} if by else {}
    assert found == expected


@pytest.mark.parametrize(
    ("who", "confidence", "told", "left"),
    [
        ("phone", 60, Traces(country="US"), 40),
        ("browser", 90, Traces(country="US"), 70),
        ("browser", 90, "+1 310 555 1234", 60),
        ("told", 70, "+1 310 555 1234", 40),
        # Said again, it says no more; and what agrees says nothing against it.
        ("phone", 40, Traces(country="US"), None),
        ("browser", 60, Traces(country="US"), None),
        ("phone", 60, Traces(country="DE"), None),
        ("phone", 60, Traces(country="CH"), None),
        ("browser", 90, "+49 151 12345678", None),
    ],
)
def test_a_guess_that_is_contradicted_by_what_is_less_sure_stays_and_is_less_sure(
    who: str, confidence: int, told: Traces | str, left: int | None
) -> None:
    traces, given = (NO_TRACES, {"phone": told}) if isinstance(told, str) else (told, {})
    before = Lead(1, "k@b.example", zone="Europe/Berlin", fields={"language": "de"})
    found = guess(traces, before, dict.fromkeys(("time_zone", "language"), noted(who, confidence)), **given)
    at = SAID["at"]
    both = {"time_zone": Guess("Europe/Berlin", who, left or 0, at), "language": Guess("de", who, left or 0, at)}
    assert found == (both if left else {})


@pytest.mark.parametrize(
    ("zone", "country", "contradicted"),
    [
        ("America/Los_Angeles", "US", False),
        ("US/Pacific", "US", False),
        ("Asia/Calcutta", "IN", False),
        ("Europe/Vienna", "DE", False),
        ("Europe/London", "DE", True),
        ("America/New_York", "MX", True),
    ],
)
def test_zones_contradict_each_other_when_their_clocks_do(zone: str, country: str, contradicted: bool) -> None:
    before = Lead(1, "k@b.example", zone=zone)
    found = guess(Traces(country=country), before, {"time_zone": noted("browser", 90)})
    assert ("time_zone" in found) is contradicted


def test_a_number_then_a_country_then_a_browser() -> None:
    lead, sources = Lead(1, "k@b.example"), dict[str, Source]()
    stood = []
    for day, (traces, given) in enumerate(
        [(NO_TRACES, {"phone": "+49 151 12345678"}), (Traces(country="US"), {}), (Traces("America/New_York"), {})], 1
    ):
        found = guess(traces, lead, sources, **given)
        lead = lead._replace(zone=found["time_zone"].value)
        sources["time_zone"] = found["time_zone"].source(f"2026-11-0{day}")
        stood.append((lead.zone, *(sources["time_zone"][name] for name in ("by", "confidence", "at"))))
    assert stood == [
        ("Europe/Berlin", "phone", 60, "2026-11-01"),
        ("Europe/Berlin", "phone", 40, "2026-11-01"),
        ("America/New_York", "browser", 90, "2026-11-03"),
    ]


@pytest.mark.parametrize(
    ("traces", "given", "before", "whether"),
    [
        (NO_TRACES, {}, None, False),
        (Traces(country="DE"), {}, None, True),
        (NO_TRACES, {"phone": "+49 30 1"}, None, True),
        (NO_TRACES, {"country": "DE"}, None, True),
        (NO_TRACES, {"phone": "+49 30 1"}, Lead(1, "", fields={"phone": "+49 30 1"}), True),
        (NO_TRACES, {"phone": "+49 30 1"}, Lead(1, "", zone="UTC", fields={"phone": "+49 30 1"}), False),
        (NO_TRACES, {"phone": "+49 30 1"}, Lead(1, "", zone="UTC", fields={"phone": "+49 30 2"}), True),
        (NO_TRACES, {"country": "DE"}, Lead(1, "", zone="UTC", country="DE"), False),
        (NO_TRACES, {"country": "DE"}, Lead(1, "", zone="UTC", country="FR"), True),
    ],
)
def test_what_was_told_before_tells_nothing_where_something_is_known(
    traces: Traces, given: dict[str, str], before: Lead | None, whether: bool
) -> None:
    own = {name: value for name, value in given.items() if name == "country"}
    fields = {name: value for name, value in given.items() if name != "country"}
    assert tells(traces, LeadInput("k@b.example", None, None, own, fields), before) is whether


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
    assert found == [Guess("DE", "browser", 90), None, None]
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

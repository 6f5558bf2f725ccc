"""Time zone and language of who did not tell them: from the browser, else from a phone number or the country from which
a form came. Answers always win, and so does what tells more.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from operator import itemgetter
from typing import Any, Final, NamedTuple

from sequencer.core.content import Content, languages
from sequencer.core.lead import Lead
from sequencer.core.lead_input import LeadInput
from sequencer.core.learn import Source, is_inferred
from sequencer.core.workspace import Workspace

SURE: Final = {"browser": 90, "phone": 60, "country": 40}
"""Per cent, by what tells: a browser's clock and language are those that somebody lives with, a number may have moved
with them, and the country is only where they sat when they sent a form, or where their company's network begins.
"""
PHONES: Final = ("phone", "mobile")
"""Fields that hold a lead's own number."""
LONGEST_LIST: Final = 200
"""Characters of a browser's languages that are read."""
_MAIN_ZONE: Final = {
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "RU": "Europe/Moscow",
    "UA": "Europe/Kyiv",
    "UZ": "Asia/Tashkent",
}
"""Where most people live, of countries with several zones; of all others it is the first in tz's zone.tab."""
_LANGUAGE: Final = {
    "bg": "BG",
    "cs": "CZ",
    "da": "DK",
    "de": "AT DE LI",
    "el": "GR",
    "en": "AU GB IE NZ US",
    "es": "AR BO CL CO CR CU DO EC ES GT HN MX NI PA PE PY SV UY VE",
    "et": "EE",
    "fi": "FI",
    "fr": "FR MC",
    "hr": "HR",
    "hu": "HU",
    "it": "IT SM",
    "ja": "JP",
    "ko": "KR",
    "lt": "LT",
    "lv": "LV",
    "nb": "NO",
    "nl": "NL",
    "pl": "PL",
    "pt": "BR PT",
    "ro": "RO",
    "sk": "SK",
    "sl": "SI",
    "sv": "SE",
    "tr": "TR",
    "zh": "CN",
}
"""By language the countries where business is done in it. Belgium, Canada, Switzerland and all others with several
tell none."""


class Traces(NamedTuple):
    """What the sending of a form lets see of who sent it."""

    zone: str | None = None
    """The browser's, an IANA name."""
    languages: str = ""
    """Those that the browser asks for, as in Accept-Language (RFC 9110, 12.5.4)."""
    country: str | None = None
    """From which it came, as the front door says it."""


NO_TRACES: Final = Traces()


class Guess(NamedTuple):
    value: str
    by: str
    """One of SURE."""

    def source(self, at: str) -> Source:
        """As it is noted beside the value."""
        return {"by": self.by, "at": at, "confidence": SURE[self.by], "because": []}


def tells(traces: Traces, given: LeadInput) -> bool:
    """Whether there is anything to guess by."""
    return traces != NO_TRACES or any(given.fields.get(name) for name in PHONES)


def guesses(
    workspace: Workspace,
    offered: Mapping[str, str],
    traces: Traces,
    given: LeadInput,
    before: Lead | None,
    noted: Mapping[str, Source],
) -> Mapping[str, Guess]:
    """What is to be written as `time_zone` and `language` beside what is `given`.

    `before`: the lead as it was; `noted`: who wrote its fields; `offered`: as `offered_by` says.
    """
    floors: dict[str, int] = {}
    if "zone" not in given.own:
        floors["time_zone"] = _floor(before.zone if before is not None else None, noted.get("time_zone"))
    if "language" not in given.fields and len(offered) > 1:
        floors["language"] = _floor(before.get("language") if before is not None else None, noted.get("language"))
    found: dict[str, Guess] = {}
    country = _code(given.own.get("country") or (before.country if before is not None else None))
    phone = next((str(given.fields[name]) for name in PHONES if given.fields.get(name)), None)
    for by, zone, tags in _evidence(traces, phone, country):
        for name, value in (("time_zone", zone), ("language", _fitting(workspace, offered, tags))):
            if value is not None and SURE[by] > floors.get(name, 100):
                found[name] = Guess(value, by)
                del floors[name]
        if not floors:
            break
    return found


def offered_by(contents: Collection[Content], locale: str) -> Mapping[str, str]:
    """The languages in which there are mails, as they are to be written, by their names in small letters."""
    found = {*languages(locale)}.union(*(one.variants or () for one in contents))
    return {tag: _written(tag) for tag in sorted(found)}


def country_of(text: str | None) -> str | None:
    """The country that a front door names, ISO 3166-1 alpha-2; None: it names none that is on the map."""
    code = _code(text)
    return code if code in _zones() else None


def _floor(value: Any, source: Source | None) -> int:
    """How sure the value is that stands there; an answer is surer than any guess."""
    if value is None:
        return 0
    return int(source["confidence"]) if source is not None and is_inferred(source) else 100


def _evidence(
    traces: Traces, phone: str | None, country: str | None
) -> Iterator[tuple[str, str | None, Sequence[str]]]:
    """What tells, the zone, and languages by preference; the surest first. What contradicts the lead's country does not
    count.
    """
    yield "browser", traces.zone, _preferred(traces.languages)
    if phone is not None and (of_phone := _country_of_phone(phone, country)) and country in (None, of_phone):
        yield "phone", _zones().get(of_phone), _spoken(of_phone)
    if (came_from := traces.country) and country in (None, came_from):
        yield "country", _zones().get(came_from), _spoken(came_from)


def _code(text: str | None) -> str | None:
    text = (text or "").strip()
    return text.upper() if len(text) == 2 and text.isascii() and text.isalpha() else None


@cache
def _zones() -> Mapping[str, str]:
    """By country its zone, or the one in which most people live. Read from disk once, when it is first asked for."""
    found = dict[str, str]()
    for line in (files("tzdata") / "zoneinfo" / "zone.tab").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            found.setdefault(country, zone)
    return found | _MAIN_ZONE


def _country_of_phone(text: str, country: str | None) -> str | None:
    """Of a number that belongs to a person or an office; without `+` it is one of the lead's country."""
    # A seventh of a second at its first use: no process starts with that.
    import phonenumbers

    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.number_type(number) not in _PERSONAL:
        return None
    found = phonenumbers.region_code_for_number(number)
    return found if found in _zones() else None


_PERSONAL: Final = frozenset({0, 1, 2})
"""phonenumbers.PhoneNumberType: FIXED_LINE, MOBILE, FIXED_LINE_OR_MOBILE; not toll-free and the like."""


def _spoken(country: str) -> Sequence[str]:
    return [f"{language}-{country}" for language, where in _LANGUAGE.items() if country in where.split()]


def _preferred(header: str) -> Sequence[str]:
    """The languages of an Accept-Language header, the most wanted first."""
    wanted: list[tuple[float, str]] = []
    for one in header[:LONGEST_LIST].split(","):
        found = _RANGE.fullmatch(one.strip())
        if found is not None and (quality := float(found[2] or 1)) > 0:
            wanted.append((-quality, found[1]))
    return [tag for _, tag in sorted(wanted, key=itemgetter(0))]


_RANGE: Final = re.compile(r"([A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*)(?:\s*;\s*q=([01](?:\.\d{0,3})?))?")


def _fitting(workspace: Workspace, offered: Mapping[str, str], tags: Sequence[str]) -> str | None:
    """The first of the languages that mails are written in, as the field `language` takes it."""
    found = next((offered[one] for tag in tags for one in languages(tag) if one in offered), None)
    declared = workspace.fields.get("language")
    if found is None or declared is None or declared.type == "text":
        return found
    return next((one for one in declared.choices if declared.type == "one_of" and one.lower() == found.lower()), None)


def _written(tag: str) -> str:
    """`de-at` as `de-AT` (BCP 47, 2.1.1)."""
    first, *rest = tag.split("-")
    return "-".join([first, *(one.upper() if len(one) == 2 else one for one in rest)])

"""Time zone and language of who did not tell them: from the browser, else from the country that they told, a phone
number, or the country from which a form came.

Answers always win. Of what tells together the surest speaks. It takes the place of a guess from what is no surer; a
guess from what is surer stays, and is less sure from then on if this contradicts it.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sequencer.core.content import Content, languages, narrowed
from sequencer.core.country import code_of, zones
from sequencer.core.lead import Lead
from sequencer.core.lead_input import LeadInput
from sequencer.core.learn import Source, is_inferred
from sequencer.core.workspace import Workspace

SURE: Final = {"browser": 90, "told": 70, "phone": 60, "country": 40}
"""Per cent, by what tells, the surest first: a browser's clock and language are those that somebody lives with; the
country that they told has its own; a number may have moved with them, and the country from which a form comes is only
where they sat when they sent it, or where their company's network begins.
"""
PHONES: Final = ("phone", "mobile")
"""Fields that hold a lead's own number."""
LONGEST_LIST: Final = 1000
"""Characters of a browser's languages that are read; a language of which a part is beyond that does not count."""
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
    confidence: int
    """Per cent."""
    at: str | None = None
    """Since when, as it is noted beside the value; None: it is new."""

    def source(self, now: str) -> Source:
        """As it is noted beside the value."""
        return {"by": self.by, "at": self.at or now, "confidence": self.confidence, "because": []}


def tells(traces: Traces, given: LeadInput, before: Lead | None) -> bool:
    """Whether there is anything new to guess by. What was told before tells only where nothing is known yet."""
    if traces != NO_TRACES:
        return True
    told = {name: given.fields[name] for name in PHONES if given.fields.get(name)}
    if given.own.get("country"):
        told["country"] = given.own["country"]
    return any(before is None or before.zone is None or before.get(name) != value for name, value in told.items())


def stands(given: LeadInput, before: Lead) -> bool:
    """Whether something stands that may be a guess, so that it matters who wrote it."""
    return ("zone" not in given.own and before.zone is not None) or (
        "language" not in given.fields and before.get("language") is not None
    )


def guesses(
    workspace: Workspace,
    offered: Mapping[str, str],
    traces: Traces,
    given: LeadInput,
    before: Lead | None,
    noted: Mapping[str, Source],
    theirs: bool = True,
) -> Mapping[str, Guess]:
    """What is to be written as `time_zone` and `language` beside what is `given`.

    `before`: the lead as it was; `noted`: who wrote its fields; `offered`: as `offered_by` says. `theirs`: it is surely
    the lead who shows the traces; anybody else's only count where they are surer than what stands.
    """
    open_to: dict[str, _Standing] = {}
    if "zone" not in given.own:
        open_to["time_zone"] = _Standing(before.zone if before is not None else None, noted.get("time_zone"))
    if "language" not in given.fields and len(offered) > 1:
        open_to["language"] = _Standing(before.get("language") if before is not None else None, noted.get("language"))
    open_to = {name: one for name, one in open_to.items() if one.is_guess}
    found: dict[str, Guess] = {}
    country = code_of(given.own.get("country") or (before.country if before is not None else None) or "")
    phone = next((str(given.fields[name]) for name in PHONES if given.fields.get(name)), None)
    for by, zone, tags, where in _evidence(traces, phone, country):
        if not open_to:
            break
        for name, value in (("time_zone", zone), ("language", _fitting(workspace, offered, tags))):
            if value is None or name not in open_to:
                continue
            agrees = _same_clock(where, value) if name == "time_zone" else _same_language(value)
            if (guess := open_to.pop(name).after(value, by, agrees, theirs)) is not None:
                found[name] = guess
    return found


def completed(given: LeadInput, guessed: Mapping[str, Guess]) -> LeadInput:
    """With what nobody told."""
    zone, language = guessed.get("time_zone"), guessed.get("language")
    return replace(
        given,
        own={**given.own, "zone": zone.value} if zone is not None else given.own,
        fields={**given.fields, "language": language.value} if language is not None else given.fields,
    )


def newcomer(workspace: Workspace, contents: Collection[Content], given: LeadInput) -> LeadInput:
    """Somebody of whom nothing but this is known, as they are stored."""
    if not tells(NO_TRACES, given, None):
        return given
    offered = offered_by(contents, workspace.locale)
    return completed(given, guesses(workspace, offered, NO_TRACES, given, None, {}))


class _Standing(NamedTuple):
    """The value that a field has, and who wrote it."""

    value: Any
    source: Source | None

    @property
    def is_guess(self) -> bool:
        """Nothing, or what is surer may take its place."""
        return self.value is None or is_inferred(self.source)

    def after(self, value: str, by: str, agrees: Callable[[str], bool], theirs: bool) -> Guess | None:
        """What is written once this tells another value, or the same; None: nothing changes."""
        new = Guess(value, by, SURE[by])
        if self.value is None or self.source is None:
            return new
        who, confidence = self.source["by"], int(self.source["confidence"])
        if who not in SURE:
            # What behaviour tells has no rank: it is as sure as it was often seen.
            return new if new.confidence > confidence else None
        if SURE[by] > SURE[who]:
            return new
        if not theirs:
            return None
        if by == who:
            return new if (value, SURE[by]) != (self.value, confidence) else None
        less = min(confidence, SURE[who] - SURE[by] // 2)
        if agrees(str(self.value)) or less == confidence:
            return None
        return Guess(str(self.value), who, less, self.source["at"])


def offered_by(contents: Collection[Content], locale: str) -> Mapping[str, str]:
    """The languages in which there are mails, as they are to be written, by their names in small letters."""
    found = {*narrowed(locale)}.union(*(one.variants or () for one in contents))
    return {tag: _written(tag) for tag in sorted(found)}


def _evidence(
    traces: Traces, phone: str | None, country: str | None
) -> Iterator[tuple[str, str | None, Sequence[str], str | None]]:
    """What tells, the zone, languages by preference, and the country by which it tells them; the surest first. What
    contradicts the lead's country does not count.
    """
    yield "browser", traces.zone, _preferred(traces.languages), None
    if country is not None and country in _zones():
        yield "told", _zones()[country], _spoken(country), country
    if phone is not None and (of_phone := _country_of_phone(phone, country)) and country in (None, of_phone):
        yield "phone", _zones().get(of_phone), _spoken(of_phone), of_phone
    if (came_from := traces.country) and country in (None, came_from):
        yield "country", _zones().get(came_from), _spoken(came_from), came_from


def _same_clock(country: str | None, zone: str) -> Callable[[str], bool]:
    """Whether another zone shows the same time as this one, or as any of the country's."""
    clocks = {_clock(one) for one in (zone, *zones().get(country or "", ()))}
    return lambda other: _clock(other) in clocks


def _same_language(tag: str) -> Callable[[str], bool]:
    """Whether another tag is the same language, wherever it is spoken."""
    read = {narrowed(one)[-1] for one in languages(tag)}
    return lambda other: narrowed(other)[-1] in read


@lru_cache(maxsize=1024)
def _clock(zone: str) -> tuple[Any, ...]:
    """How far a zone is from UTC in winter and in summer. One place has several names, and several zones one time."""
    return tuple(datetime(2026, month, 1, tzinfo=UTC).astimezone(ZoneInfo(zone)).utcoffset() for month in (1, 7))


@cache
def _zones() -> Mapping[str, str]:
    """By country its zone, or the one in which most people live."""
    return {country: all_of_it[0] for country, all_of_it in zones().items()} | _MAIN_ZONE


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


def readable(header: str) -> str:
    """As much of an Accept-Language header as is read; the language at which it is cut is left out."""
    if len(header) <= LONGEST_LIST:
        return header
    return header[: LONGEST_LIST + 1].rpartition(",")[0]


def _preferred(header: str) -> Sequence[str]:
    """The languages of an Accept-Language header, the most wanted first."""
    wanted: list[tuple[float, str]] = []
    for one in readable(header).split(","):
        found = _RANGE.fullmatch(one.strip())
        if found is not None and (quality := float(found[2] or 1)) > 0:
            wanted.append((-quality, found[1]))
    return [tag for _, tag in sorted(wanted, key=itemgetter(0))]


_RANGE: Final = re.compile(
    r"([a-z]{2,8}(?:-[a-z0-9]{1,8})*)(?:\s*;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?", re.IGNORECASE
)
"""RFC 9110, 12.4.2 and 12.5.4."""


def _fitting(workspace: Workspace, offered: Mapping[str, str], tags: Sequence[str]) -> str | None:
    """The first of the languages that mails are written in, as the field `language` takes it."""
    found = next((offered[one] for tag in tags for one in languages(tag) if one in offered), None)
    declared = workspace.fields.get("language")
    if found is None or declared is None or declared.type == "text":
        return found
    choices = {one.lower(): one for one in reversed(declared.choices)} if declared.type == "one_of" else {}
    return next((choices[one] for one in languages(found) if one in choices), None)


def _written(tag: str) -> str:
    """`de-at` as `de-AT`, `zh-hant` as `zh-Hant` (BCP 47, 2.1.1)."""
    first, *rest = tag.split("-")
    return "-".join([first, *({2: one.upper(), 4: one.title()}.get(len(one), one) for one in rest)])

"""Texts into values: durations, zones, addresses, dates. What a text is not is reported where it stands."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import date
from typing import Final, TypeVar
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email

from sequencer.core.codes import UNKNOWN, Code, Declared
from sequencer.core.country import code_of
from sequencer.core.duration import Duration
from sequencer.core.field import Field
from sequencer.core.quiet import countries
from sequencer.core.zones import zones
from sequencer.workspace.nodes import Items, Node, Text, as_texts, did_you_mean, listed, one_of, shown

T = TypeVar("T")

KEBAB: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
"""Ids of sequences, steps, senders, topics: positions put `:` between them."""

SNAKE: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
"""Names of fields and events, as conditions write them."""

DOMAIN: Final = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?")

DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")

_SPELT: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "oe", "å": "aa", "æ": "ae"})

WORDS: Final = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}


def parsed(text: Text | None, parse: Callable[[str], T], code: Code = "bad-value") -> T | None:
    """What the parser makes of the text; its ValueError, which says what was expected, is reported."""
    if text is None:
        return None
    try:
        return parse(text.value)
    except ValueError as error:
        text.wrong(code, str(error))
        return None


def duration(text: Text | None) -> Duration | None:
    return parsed(text, Duration.parse, "bad-duration")


def identifier(text: Text, what: str) -> str | None:
    """A kebab-case id."""
    if KEBAB.fullmatch(text.value) and len(text.value) <= 80:
        return text.value
    text.bad(f"{what} in small letters, digits and single hyphens, as `price-faq`", "bad-id")
    return None


def as_identifier(name: str) -> str:
    """The id that is nearest to a name: `preisuebersicht-2027` for `Preisübersicht 2027`."""
    spelt = unicodedata.normalize("NFC", name.lower()).translate(_SPELT)
    letters = unicodedata.normalize("NFKD", spelt).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", letters).strip("-")


def choice(text: Text | None, choices: Iterable[str], code: Code = "bad-value") -> str | None:
    """One of the given words."""
    if text is None:
        return None
    known = tuple(choices)
    if text.value in known:
        return text.value
    text.wrong(code, f"expected {one_of(known)}, got {text.got}{did_you_mean(text.value, known)}")
    return None


def declared(text: Text | None, names: Iterable[str], what: Declared, where: str) -> str | None:
    """A name that must be declared elsewhere, as a topic in workspace.yaml."""
    if text is None:
        return None
    known = tuple(names)
    if text.value in known:
        return text.value
    hint = did_you_mean(text.value, known) or f": {where} declares {listed(known)}"
    text.wrong(UNKNOWN[what], f"there is no {what} {shown(text.value)}{hint}")
    return None


def email(text: Text | None) -> str | None:
    """An address, in small letters. Whether its domain takes mail is not looked up."""
    if text is None:
        return None
    try:
        return validate_email(text.value, check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        text.wrong("bad-email", f"expected an email address as `mara@mail.example.com`, got {text.got}: {error}")
        return None


def zone(text: Text | None) -> str | None:
    """An IANA time zone."""
    if text is None:
        return None
    if text.value in zones():
        return text.value
    # Abbreviations, as `EST`, are zones too, which know no summer.
    hint = did_you_mean(text.value, [one for one in zones() if "/" in one])
    text.wrong("bad-zone", f"expected a time zone as `Europe/London`, got {text.got}{hint}")
    return None


def country(text: Text | None) -> str | None:
    """A country whose public holidays are known, as `GB`."""
    if text is None:
        return None
    known = countries()
    if text.value.upper() in known:
        return known[text.value.upper()]
    code = code_of(text.value)
    hint = f", did you mean `{known[code]}`?" if code is not None and code in known else ""
    text.wrong("bad-value", f"expected a country's code as `GB` or `DE`, got {text.got}{hint}")
    return None


def url(text: Text | None) -> str | None:
    """An absolute web address."""
    if text is None:
        return None
    try:
        parts = urlsplit(text.value)
        if parts.scheme in ("http", "https") and parts.hostname and not re.search(r"\s", text.value):
            return text.value
    except ValueError:
        pass
    text.bad("a web address that begins with `https://`")
    return None


_LONGEST_LANGUAGE: Final = 3
"""Letters of a language's code (ISO 639)."""


def locale(text: Text | None) -> str | None:
    """A language, as `de-AT`."""
    if text is None:
        return None
    parts = text.value.split("-")
    if all(part.isascii() and part.isalnum() and 2 <= len(part) <= 8 for part in parts) and parts[0].isalpha():
        if len(parts[0]) > _LONGEST_LANGUAGE:
            message = f"no language has the code {shown(parts[0])}: expected one as `en`, `de` or `de-AT`"
            text.problems.warning(text.mark, "bad-value", message)
        return text.value
    text.bad("a language as `en` or `de-AT`")
    return None


def domain(text: Text | None) -> str | None:
    """A host name, as `reply.example.com`."""
    if text is None:
        return None
    if DOMAIN.fullmatch(text.value.lower()):
        return text.value.lower()
    text.bad("a domain as `reply.example.com`")
    return None


def day(text: Text | None) -> date | None:
    """A date as 2026-12-21."""
    if text is None:
        return None
    try:
        if DATE.fullmatch(text.value):
            return date.fromisoformat(text.value)
    except ValueError:
        pass
    text.bad("a date as `2026-12-21`", "bad-date")
    return None


def month_or_day(written: str) -> date | None:
    """The first day of a month as `2026-12`, or that day; None for anything else."""
    try:
        return date.fromisoformat(written if DATE.fullmatch(written) else f"{written}-01")
    except ValueError:
        return None


def count(text: Text | None) -> int | None:
    """A whole number from 1 on."""
    if text is None:
        return None
    if re.fullmatch(r"[1-9]\d{0,5}", text.value):
        return int(text.value)
    text.bad("a whole number from 1 on")
    return None


def percent(text: Text | None) -> int | None:
    """A share as `50` or `50%`."""
    if text is None:
        return None
    if re.fullmatch(r"(100|\d{1,2})%?", text.value):
        return int(text.value.removesuffix("%"))
    text.bad("a whole number of per cent from 0 to 100, as `50`")
    return None


def flag(text: Text | None) -> bool | None:
    """`on` or `off`."""
    if text is None:
        return None
    if text.value.lower() in WORDS:
        return WORDS[text.value.lower()]
    text.bad("`on` or `off`")
    return None


def _number(text: Text) -> int | float | None:
    if re.fullmatch(r"-?\d{1,15}", text.value):
        return int(text.value)
    if re.fullmatch(r"-?\d{1,15}\.\d{1,9}", text.value):
        return float(text.value)
    text.bad("a number as `250` or `0.5`")
    return None


def _moment(text: Text) -> str | Duration | None:
    words = text.value.split(maxsplit=1)
    if len(words) == 2 and words[0] == "in":
        return parsed(Text(words[1], text.mark, text.start, text.problems), Duration.parse, "bad-duration")
    if DATE.fullmatch(text.value):
        found = day(text)
        return found.isoformat() if found else None
    text.bad("`in 60 days` or a date as `2026-12-21`", "bad-date")
    return None


def field_value(node: Node, field: Field) -> object | None:
    """A value for a field of the lead, by the field's type. Dates are ISO text, or a Duration from now."""
    if field.type == "some_of":
        texts = as_texts(node, f"a list of {listed(field.choices)}") if isinstance(node, Items) else (node,)
        chosen = [choice(text, field.choices) for text in texts if isinstance(text, Text)]
        return [value for value in chosen if value is not None] or None
    if not isinstance(node, Text):
        node.problems.error(node.mark, "wrong-type", f"expected one value for `{field.name}`, got {node.got}")
        return None
    match field.type:
        case "one_of":
            return choice(node, field.choices)
        case "number":
            return _number(node)
        case "date":
            return _moment(node)
        case "flag":
            return flag(node)
    return node.value

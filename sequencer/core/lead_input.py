"""Reads one lead as others give it (a CSV row, an API body) and says everything that is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from email_validator import EmailNotValidError, validate_email

from sequencer.core.field import Field
from sequencer.core.workspace import Workspace

LONGEST = 1000
"""Characters of a value."""

LONGEST_ZONE = 40
"""Characters; IANA's longest has 32."""

FREE_MAIL = frozenset(
    """
    aol.com fastmail.com free.fr gmail.com gmx.at gmx.ch gmx.de gmx.net googlemail.com hotmail.co.uk hotmail.com
    hotmail.fr icloud.com libero.it live.com mac.com mail.com mail.example mail.ru me.com msn.com naver.com orange.fr
    outlook.com outlook.de proton.me protonmail.com qq.com t-online.de web.de yahoo.co.jp yahoo.co.uk yahoo.com
    yahoo.de yandex.ru ymail.com zoho.com 126.com 163.com
    """.split()
)
"""Domains whose addresses say nothing about a company."""

_PLAIN = {
    "first_name": "first_name",
    "last_name": "last_name",
    "title": "title",
    "country": "country",
    "campaign": "campaign",
    "status": "status",
    "stage": "stage",
}
COLUMNS = ("email", *_PLAIN, "company", "time_zone", "owner_email")
"""What a CSV or API body may name besides declared fields; anything else becomes an attribute."""


@dataclass(frozen=True, slots=True)
class LeadInput:
    """A checked lead. `own`: built-in fields; `fields`: declared ones and attributes. Absent: leave it as it is."""

    email: str
    domain: str | None
    """The company's; None for free mail."""
    company: str | None
    own: Mapping[str, str]
    fields: Mapping[str, Any]


class InvalidLead(ValueError):
    """Everything that is wrong with one lead."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def normal_email(text: str) -> str:
    """The address as we keep it: Unicode-normalised, lower case. Raises InvalidLead."""
    try:
        checked = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise InvalidLead([f"email: expected an address, got `{text[:100]}` ({error})"]) from error
    return checked.normalized.lower()


def read(raw: Mapping[str, Any], workspace: Workspace) -> LeadInput:
    """Checks and types one lead. Empty values count as absent. Raises InvalidLead with every problem.

    Names of fields are the same in upper and lower case, whoever gives them.
    """
    problems: list[str] = []
    unreadable: list[str] = []
    values: dict[str, Any] = {}
    for given, value in raw.items():
        if not is_text(given):
            unreadable.append("expected names of fields in UTF-8 without NUL")
            continue
        name = given.strip().lower()
        if not name:
            problems.append("expected a name for every field, got an empty one")
            continue
        if value is None or value == "":
            continue
        if value == [] and (declared := workspace.fields.get(name)) is not None and declared.type == "some_of":
            continue
        if isinstance(value, str):
            value = value.strip()
            if len(value) > LONGEST:
                problems.append(f"{name}: expected at most {LONGEST} characters, got {len(value):,}")
                continue
            if not is_text(value):
                unreadable.append(f"{name}: expected text in UTF-8 without NUL")
                continue
        if name in values:
            problems.append(f"{name}: expected once, got it twice")
        if value != "":
            values[name] = value
    if unreadable:
        # In a wrong encoding nothing else that is wrong is sure to be.
        raise InvalidLead(unreadable)
    email = ""
    if "email" in values:
        try:
            email = normal_email(str(values.pop("email")))
        except InvalidLead as error:
            problems += error.problems
    elif not any(problem.startswith("email:") for problem in problems):
        problems.append("email: is missing")
    own: dict[str, str] = {}
    for name, column in _PLAIN.items():
        if name in values:
            own[column] = _text(name, values.pop(name), problems)
    for name, choices in (("stage", workspace.stages), ("status", tuple(workspace.statuses))):
        if name in own and choices and own[name] not in choices:
            problems.append(f"{name}: {_expected(own[name], choices)}")
    if "time_zone" in values and (zone := _zone(values.pop("time_zone"), problems)):
        own["zone"] = zone
    other = values.pop("owner", None)
    owner = values.pop("owner_email", other)
    if owner is not None:
        try:
            own["owner"] = normal_email(str(owner))
        except InvalidLead:
            problems.append(f"owner_email: expected an address, got `{str(owner)[:100]}`")
    company = _text("company", values.pop("company"), problems) if "company" in values else None
    fields = {name: _field(workspace.fields.get(name), name, value, problems) for name, value in values.items()}
    if problems:
        raise InvalidLead(problems)
    domain = email.rpartition("@")[2]
    return LeadInput(
        email=email,
        domain=None if domain in FREE_MAIL else domain,
        company=company,
        own=own,
        fields=fields,
    )


def is_text(value: str) -> bool:
    """Whether a database takes it: no NUL is in it, and no half of a surrogate pair, as bytes not in UTF-8 leave."""
    return not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value)


def _field(declared: Field | None, name: str, value: Any, problems: list[str]) -> Any:
    """A declared field's value by its type; attributes stay text."""
    if declared is None or declared.type == "text":
        return _text(name, value, problems)
    if declared.type == "some_of":
        chosen = value if isinstance(value, list) else [part.strip() for part in str(value).split(";")]
        chosen = [str(one) for one in chosen if str(one)]
        problems += [f"{name}: {_expected(one, declared.choices)}" for one in chosen if one not in declared.choices]
        return chosen
    if declared.type == "one_of":
        if str(value) not in declared.choices:
            problems.append(f"{name}: {_expected(str(value), declared.choices)}")
        return str(value)
    try:
        if declared.type == "number":
            number = float(value)
            if number != number or abs(number) > 1e15:
                raise ValueError
            return int(number) if number.is_integer() else number
        if declared.type == "date":
            return date.fromisoformat(str(value)).isoformat()
    except (TypeError, ValueError, OverflowError):
        expected = "a number" if declared.type == "number" else "a date as 2026-11-30"
        problems.append(f"{name}: expected {expected}, got `{str(value)[:100]}`")
        return None
    said = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(str(value).lower())
    if said is None:
        problems.append(f"{name}: expected yes or no, got `{str(value)[:100]}`")
    return said


def _text(name: str, value: Any, problems: list[str]) -> str:
    if isinstance(value, (list, dict)):
        problems.append(f"{name}: expected text, got a {'list' if isinstance(value, list) else 'mapping'}")
        return ""
    return str(value)


def _zone(value: Any, problems: list[str]) -> str | None:
    text = str(value)
    if text not in _zones():
        close = _closest_zone(text) if len(text) <= LONGEST_ZONE else None
        hint = f"; did you mean `{close}`?" if close else ""
        problems.append(f"time_zone: expected an IANA zone such as Europe/Madrid, got `{text[:60]}`{hint}")
        return None
    return ZoneInfo(text).key


@cache
def _zones() -> frozenset[str]:
    """Read from disk once: it takes milliseconds."""
    return frozenset(available_timezones())


@lru_cache(maxsize=1024)
def _closest_zone(text: str) -> str | None:
    """It takes milliseconds, and a file has the same mistake in every row."""
    return next(iter(get_close_matches(text, _zones(), 1)), None)


def _expected(got: str, choices: tuple[str, ...]) -> str:
    return f"expected one of {', '.join(choices)}, got `{got[:100]}`"

"""Reads one lead as others give it (a CSV row, an API body) and says everything that is wrong with it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import orjson
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from sequencer.core.field import Field
from sequencer.core.lead import BUILT_IN
from sequencer.core.workspace import Workspace
from sequencer.core.zones import zones

LONGEST = 1000
"""Characters of a value."""

LONGEST_ZONE = 40
"""Characters; IANA's longest has 32."""

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
OWN: Final = tuple(sorted(BUILT_IN - {"email", "time_zone"}))
"""Built-in fields that a caller may write, as the columns of a lead are called."""

REMEMBERED: Final = 4096
"""Different cells of one column whose meaning is kept, each of SHORT characters at most."""
SHORT: Final = 100


@dataclass(frozen=True, slots=True)
class LeadInput:
    """A checked lead. `own`: built-in fields; `fields`: declared ones and attributes. Absent: leave it as it is."""

    email: str
    domain: str | None
    """The company's; None: strangers share it, as free mail."""
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
    text = text.strip()
    if _ordinary(text):
        return text.lower()
    try:
        checked = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise InvalidLead([f"email: expected an address, got `{text[:100]}` ({error})"]) from error
    return checked.normalized.lower()


def normal_domain(text: str) -> str:
    """The domain as those of addresses are kept. Raises InvalidLead."""
    return normal_email(f"a@{text.strip()}").rpartition("@")[2]


_ORDINARY: Final = re.compile(
    r"[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]+(?:\.[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]+)*"
    r"@(?P<domain>(?:[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+(?P<top>[A-Za-z]{2,}))",
    re.ASCII,
)
"""RFC 5322 3.2.3 and RFC 1123 2.1, without `--` in the domain, which is where international names begin."""
_SPECIAL: Final = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)


def _ordinary(text: str) -> bool:
    """Whether `validate_email` accepts the address and changes nothing but its case; it takes a fiftieth of the time.

    False: it has to be asked. The lengths are those of RFC 3696 (errata 1690) and of one label in RFC 1035 2.3.1.
    """
    found = _ORDINARY.fullmatch(text)
    if found is None or len(text) > 254 or found["top"].lower() in _SPECIAL:
        return False
    return len(found["domain"]) <= 63 or max(map(len, found["domain"].split("."))) <= 63


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
    return LeadInput(
        email=email,
        domain=workspace.company_domain(email),
        company=company,
        own=own,
        fields=fields,
    )


def is_text(value: str) -> bool:
    """Whether a database takes it: no NUL is in it, and no half of a surrogate pair, as bytes not in UTF-8 leave."""
    return _UNFIT.search(value) is None


_UNFIT: Final = re.compile("[\0\ud800-\udfff]")


class Row(NamedTuple):
    """A checked lead as a file of a million is stored: texts only."""

    email: str
    domain: str | None
    company: str | None
    own: tuple[str | None, ...]
    """In the order of OWN."""
    fields: str
    """JSON."""

    def lead(self) -> LeadInput:
        """The lead that was read."""
        own = {name: value for name, value in zip(OWN, self.own, strict=True) if value is not None}
        return LeadInput(self.email, self.domain, self.company, own, orjson.loads(self.fields))


class _Unsure(Exception):
    """Something is wrong or unusual: `read` has to look."""


class RowReader:
    """Reads the rows of one table as `read` would, at a tenth of the cost: cells repeat themselves from row to row."""

    def __init__(self, names: Sequence[str], workspace: Workspace) -> None:
        """`names` of the columns, each once; an empty one belongs to a column that means nothing."""
        self._names = names
        self._workspace = workspace
        self._meanings: list[_Meaning | None] = [self._meaning(name) for name in names]
        ordinary = all(name == name.strip().lower() and is_text(name) for name in names)
        self._plain = ordinary and not {"owner", "owner_email"} <= {*names}

    def __call__(self, cells: Sequence[str]) -> Row:
        """As many cells as names. Raises InvalidLead with every problem."""
        try:
            if self._plain:
                return self._quick(cells)
        except (_Unsure, InvalidLead):
            pass
        named = {name: cell for name, cell in zip(self._names, cells, strict=True) if name}
        return row(read(named, self._workspace))

    def _quick(self, cells: Sequence[str]) -> Row:
        email, company = "", None
        own: list[str | None] = [None] * len(OWN)
        fields = []
        for meaning, cell in zip(self._meanings, cells, strict=True):
            if not cell or meaning is None:
                continue
            place = meaning.place
            if place == _EMAIL:
                email = normal_email(cell)
                continue
            value = meaning.known.get(cell)
            if value is None:
                value = meaning.learn(cell)
            if not value:
                continue
            if place >= 0:
                own[place] = value
            elif place == _COMPANY:
                company = value
            else:
                fields.append(value)
        if not email:
            raise _Unsure
        return Row(email, self._workspace.company_domain(email), company, tuple(own), f"{{{','.join(fields)}}}")

    def _meaning(self, name: str) -> "_Meaning | None":
        if not name:
            return None
        workspace = self._workspace
        choices = {"stage": workspace.stages, "status": tuple(workspace.statuses)}.get(name, ())
        if name == "email":
            return _Meaning(_EMAIL, str)
        if name == "company":
            return _Meaning(_COMPANY, str)
        if name in _PLAIN:
            return _Meaning(OWN.index(_PLAIN[name]), lambda text: _chosen(text, choices))
        if name == "time_zone":
            return _Meaning(OWN.index("zone"), _sure_zone)
        if name in ("owner", "owner_email"):
            return _Meaning(OWN.index("owner"), normal_email)
        return _Meaning(_FIELD, lambda text: _sure_field(workspace.fields.get(name), name, text))


_EMAIL, _COMPANY, _FIELD = -1, -2, -3
"""Where a column's value goes, unless it is one of OWN."""


class _Meaning:
    """What the cells of one column mean."""

    def __init__(self, place: int, of: Callable[[str], str]) -> None:
        self.place = place
        self.known: dict[str, str] = {}
        self._of = of

    def learn(self, cell: str) -> str:
        """The value as it is stored; empty: there is none. Raises _Unsure and InvalidLead."""
        text = cell.strip()
        if len(text) > LONGEST or not is_text(text):
            raise _Unsure
        value = self._of(text) if text else ""
        if len(cell) <= SHORT:
            if len(self.known) >= REMEMBERED:
                self.known.clear()
            self.known[cell] = value
        return value


def row(lead: LeadInput) -> Row:
    own = tuple(lead.own.get(name) for name in OWN)
    return Row(lead.email, lead.domain, lead.company, own, orjson.dumps(dict(lead.fields)).decode())


def _chosen(text: str, choices: tuple[str, ...]) -> str:
    if choices and text not in choices:
        raise _Unsure
    return text


def _sure_zone(text: str) -> str:
    if text not in zones():
        raise _Unsure
    return ZoneInfo(text).key


def _sure_field(declared: Field | None, name: str, text: str) -> str:
    problems: list[str] = []
    value = _field(declared, name, text, problems)
    if problems:
        raise _Unsure
    return f"{orjson.dumps(name).decode()}:{orjson.dumps(value).decode()}"


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
    if text not in zones():
        close = _closest_zone(text) if len(text) <= LONGEST_ZONE else None
        hint = f"; did you mean `{close}`?" if close else ""
        problems.append(f"time_zone: expected an IANA zone such as Europe/Madrid, got `{text[:60]}`{hint}")
        return None
    return ZoneInfo(text).key


def is_zone(text: str) -> bool:
    """Whether it is the name of a time zone."""
    return text in zones()


@lru_cache(maxsize=1024)
def _closest_zone(text: str) -> str | None:
    """It takes milliseconds, and a file has the same mistake in every row."""
    return next(iter(get_close_matches(text, zones(), 1)), None)


def _expected(got: str, choices: tuple[str, ...]) -> str:
    return f"expected one of {', '.join(choices)}, got `{got[:100]}`"

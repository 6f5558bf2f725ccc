"""What callers of the API send, checked: every problem of a request at once."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from sequencer.core import event as kinds
from sequencer.core.beacon import page_of
from sequencer.core.form import UNCONFIRMED
from sequencer.core.lead_input import InvalidLead, LeadInput, normal_email, read
from sequencer.core.release import Release

DEEPEST: Final = 16
"""Levels of lists and objects in a body."""
LONGEST_NAME: Final = 64
LONGEST_KEY: Final = 200
SKEW: Final = timedelta(hours=1)
"""How far a caller's clock may be ahead of business time."""

PROVIDERS: Final = (
    kinds.DELIVERY
    | kinds.HANDOFF
    | kinds.OF_COLLEAGUES
    | {
        kinds.OPENED,
        kinds.CLICKED,
        kinds.AUTO_REPLIED,
        kinds.CHANGED,
        kinds.RESUBSCRIBED,
        kinds.SALES_READY,
        UNCONFIRMED,
    }
)
"""What only the provider, or this system itself, knows."""
NAMES: Final = ("email", "event", "at", "key", "data")

_ADDRESS = re.compile(r"https?://[^/?#]+", re.IGNORECASE)


class Refused(Exception):
    """A request that is answered with a status and everything that is wrong with it."""

    def __init__(self, status: int, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.status = status
        self.problems = problems


@dataclass(frozen=True, slots=True)
class LeadRequest:
    lead: LeadInput
    enroll: tuple[str, ...]
    """Sequences, all of them deployed."""


@dataclass(frozen=True, slots=True)
class EventRequest:
    email: str
    kind: str
    at: datetime | None
    key: str | None
    data: dict[str, Any] = field(default_factory=dict)


def parse(body: bytes) -> dict[str, Any]:
    """A JSON object that PostgreSQL can keep. Raises Refused."""
    try:
        found = orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise Refused(400, f"expected a JSON object in UTF-8: {error}") from error
    if not isinstance(found, dict):
        raise Refused(400, "expected a JSON object")
    left: list[tuple[Any, int]] = [(found, 1)]
    while left:
        value, depth = left.pop()
        if depth > DEEPEST:
            raise Refused(422, f"expected at most {DEEPEST} levels of lists and objects")
        if isinstance(value, str) and "\0" in value:
            raise Refused(422, "expected text without the character NUL (\\u0000)")
        if isinstance(value, dict):
            left += [(name, depth) for name in value]
            left += [(one, depth + 1) for one in value.values()]
        elif isinstance(value, list):
            left += [(one, depth + 1) for one in value]
    return found


def lead_request(body: bytes, release: Release) -> LeadRequest:
    """Raises Refused with every problem."""
    raw = parse(body)
    enroll = raw.pop("enroll", None)
    problems = [
        f"{name[:40]}…: expected a field's name of at most {LONGEST_NAME} characters"
        for name in raw
        if len(name) > LONGEST_NAME
    ]
    names: list[str] = []
    if enroll is None or enroll == "":
        names = []
    elif isinstance(enroll, str):
        names = [enroll]
    elif isinstance(enroll, list) and all(isinstance(name, str) for name in enroll):
        names = list(dict.fromkeys(enroll))
    else:
        problems.append("enroll: expected the name of a sequence, or a list of them")
    known = release.workspace.sequences
    problems += [
        f"enroll: there is no sequence `{name[:100]}`; deployed are: {', '.join(sorted(known))}"
        for name in names
        if name not in known
    ]
    try:
        lead = read(raw, release.workspace)
    except InvalidLead as error:
        raise Refused(422, *error.problems, *problems) from error
    if problems:
        raise Refused(422, *problems)
    return LeadRequest(lead, tuple(names))


def event_request(body: bytes, release: Release, now: datetime) -> EventRequest:
    """Raises Refused with every problem."""
    raw = parse(body)
    problems = [f"{name[:100]}: expected only {', '.join(NAMES)}" for name in raw if name not in NAMES]
    email = ""
    try:
        email = normal_email(raw["email"] if isinstance(raw.get("email"), str) else "")
    except InvalidLead as error:
        problems += error.problems
    kind = raw.get("event")
    if not isinstance(kind, str) or not kinds.is_name(kind):
        problems.append(f"event: expected {kinds.EXAMPLE}")
        kind = ""
    elif kind in PROVIDERS:
        problems.append(f"event: `{kind}` is known from the email provider or made here, and not taken from others")
    key = raw.get("key")
    if key is not None and not (isinstance(key, str) and 0 < len(key) <= LONGEST_KEY):
        problems.append(f"key: expected a text of 1 to {LONGEST_KEY} characters that is the same for a repeat")
        key = None
    data = raw.get("data")
    if data is None or data == []:  # as PHP writes an object that is empty
        data = {}
    if isinstance(data, dict):
        if kind == kinds.VISITED and isinstance(data.get("page"), str):
            data = {**data, "page": _page(data["page"])}
        problems += _data_problems(kind, data, release)
    else:
        problems.append("data: expected an object")
        data = {}
    at = _moment(raw.get("at"), now, problems)
    if problems:
        raise Refused(422, *problems)
    return EventRequest(email, kind, at, key, data)


def _page(told: str) -> str | None:
    """The path of a page, as `/t` tells it, of a path or a whole address; None: it is neither."""
    whole = _ADDRESS.match(told)
    return page_of(f"/{told[whole.end() :].removeprefix('/')}" if whole is not None else told)


def _data_problems(kind: str, data: dict[str, Any], release: Release) -> list[str]:
    """What built-in events must say, or must not."""
    for needed, name in ((kinds.SUBMITTED, "form"), (kinds.VISITED, "page")):
        if kind == needed and not (isinstance(data.get(name), str) and data[name]):
            example = "/pricing" if name == "page" else "…"
            return [f'data.{name}: expected which {name} it was, as {{"{name}": "{example}"}}']
    topics = release.workspace.topics
    if kind == kinds.UNSUBSCRIBED and "topic" in data and data["topic"] not in list(topics):
        return [f"data.topic: expected one of {', '.join(topics)}; leave it out to unsubscribe from everything"]
    if kind == kinds.COMPLAINED and "topic" in data:
        return ["data.topic: a complaint is about everything; leave it out"]
    return []


def _moment(raw: Any, now: datetime, problems: list[str]) -> datetime | None:
    if raw is None:
        return None
    at: datetime | None = None
    try:
        given = datetime.fromisoformat(raw)
        at = given.astimezone(UTC) if given.tzinfo is not None else None
    except (TypeError, ValueError, OverflowError):
        pass
    if at is None:
        problems.append("at: expected a time with its offset, such as 2026-11-30T09:30:00Z")
    elif at > now + SKEW:
        problems.append(f"at: expected a time that has come; it is {now:%Y-%m-%dT%H:%M:%SZ} here")
    return at

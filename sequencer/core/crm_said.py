"""Reads what a CRM posted, as workspace.yaml says: who it is about, what happened, what they know."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson

from sequencer.core.crm import SALES, Conditions, Crm, CrmSource, Path
from sequencer.core.crm_truth import stage_of, status_of
from sequencer.core.lead_input import InvalidLead, is_text, normal_email, read
from sequencer.core.workspace import Workspace

MOST: Final = 1000
"""Things in a body. HubSpot says at most 100."""
LONGEST_NOTE: Final = 1000
_MILLISECONDS: Final = 100_000_000_000
"""Unix time from here on is meant in milliseconds: as seconds it would be the year 5138."""


class NotSaid(ValueError):
    """The body is not what the mapping expects."""


class Told(NamedTuple):
    """One thing that a CRM says."""

    number: int
    """Its place in the body, from 1 on."""
    source: str
    system: str
    email: str | None
    contact: str | None
    key: str
    at: datetime
    kinds: tuple[str, ...]
    values: Mapping[str, Any]
    """By our name of the field, as the CRM says them."""
    rep: str | None
    note: str | None
    once: Mapping[str, str] = MappingProxyType({})
    """By those of the kinds that happen to a thing once, what is the same whenever it is told of."""

    def key_of(self, kind: str) -> str:
        """Of the event of that kind, or of a field's change."""
        return f"{self.once.get(kind, self.key)}.{kind}"


def read_body(source: CrmSource, body: bytes, arrived: datetime) -> list[Told]:
    """What concerns us in a body. `arrived`: business time; nothing happened later. Raises NotSaid."""
    try:
        found = orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise NotSaid(f"expected JSON in UTF-8: {error}") from error
    things = _at(found, source.each) if source.each is not None else found
    if not isinstance(things, list):
        things = [things]
    if len(things) > MOST:
        raise NotSaid(f"expected at most {MOST} things in a body, got {len(things):,}")
    told: list[Told] = []
    for number, thing in enumerate(things, 1):
        if not isinstance(thing, dict):
            raise NotSaid("expected JSON objects")
        told += _told(source, number, thing, arrived)
    return told


def _told(source: CrmSource, number: int, thing: dict[str, Any], arrived: datetime) -> Iterator[Told]:
    if source.property is not None:
        name, value = (_at(thing, path) for path in source.property)
        thing = {**thing, name: value} if isinstance(name, str) and name not in thing else thing
    if not _holds(thing, source.only):
        return
    email, contact = _email(_text(thing, source.email)), _text(thing, source.contact)
    kinds = tuple(kind for kind, conditions in source.events.items() if _holds(thing, conditions))
    values = {name: value for name, path in source.fields.items() if (value := _at(thing, path)) not in (None, "")}
    if (email is None and contact is None) or not (kinds or values or (email and contact)):
        return
    key = _text(thing, source.key) or orjson.dumps(thing, option=orjson.OPT_SORT_KEYS).decode()
    ids = {kind: found for kind in kinds if (found := _text(thing, source.once.get(kind))) is not None}
    note = _text(thing, source.note)
    yield Told(
        number,
        source.name,
        source.system,
        email,
        contact,
        _key(source, key),
        min(_moment(_at(thing, source.at)) or arrived, arrived),
        kinds,
        values,
        _text(thing, source.rep),
        note[:LONGEST_NOTE] if note is not None else None,
        {kind: _key(source, f"once {found}") for kind, found in ids.items()},
    )


def _key(source: CrmSource, same: str) -> str:
    digest = hashlib.sha256(same.encode("utf-8", "replace")).hexdigest()[:32]
    return f"crm.{source.name}.{digest}"


def rep_of(workspace: Workspace, said: str | None) -> str | None:
    """A rep's address, by it or by the rep's id in the CRM; None: nobody whom we know."""
    if said is None:
        return None
    by_id = {rep.crm: email for email, rep in workspace.reps.items() if rep.crm is not None}
    return by_id.get(said) or (said.lower() if said.lower() in workspace.reps else None)


def typed(
    workspace: Workspace, crm: Crm, email: str, values: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The values as fields hold them; and of those that their field cannot hold, by its name, what was expected.

    A stage, status or owner that is none of ours says nothing.
    """
    ours = {
        "stage": stage_of(workspace, crm, str(values.get("stage"))),
        "status": status_of(workspace, str(values.get("status"))),
        "owner": rep_of(workspace, str(values.get("owner"))),
    }
    found: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, value in values.items():
        said = ours[name] if name in SALES else value
        if said is None:
            continue
        try:
            # Each by itself, so that one that is wrong withholds no other.
            lead = read({name: said, "email": email}, workspace)
        except InvalidLead as error:
            problems[name] = str(error)
            continue
        own = {("time_zone" if column == "zone" else column): one for column, one in lead.own.items()}
        found |= {**own, **lead.fields}
    return found, problems


def _at(thing: Any, path: Path | None) -> Any:
    for name in path or ():
        if isinstance(thing, dict):
            thing = thing.get(name)
        elif isinstance(thing, list) and name.isdecimal() and len(name) < 5 and int(name) < len(thing):
            thing = thing[int(name)]
        else:
            return None
    return thing if path is not None else None


def _text(thing: Any, path: Path | None) -> str | None:
    """What stands there as one short text; None for nothing, lists and objects, and what no database takes."""
    value = _at(thing, path)
    if value is None or isinstance(value, (dict, list)):
        return None
    text = ("true" if value else "false") if isinstance(value, bool) else str(value).strip()
    return text if text and is_text(text) else None


def _holds(thing: Any, conditions: Conditions) -> bool:
    return all(_fits(_text(thing, path), wanted) for path, wanted in conditions.items())


def _fits(text: str | None, wanted: tuple[str, ...]) -> bool:
    return text is not None and any(text.startswith(one[:-1]) if one.endswith("*") else text == one for one in wanted)


def _email(text: str | None) -> str | None:
    try:
        return normal_email(text) if text is not None else None
    except InvalidLead:
        return None


def _moment(value: Any) -> datetime | None:
    """ISO 8601 with its offset (Salesforce writes `+0000`), or Unix time in seconds or milliseconds."""
    try:
        if isinstance(value, str) and not value.isdecimal():
            found = datetime.fromisoformat(value)
            return found.astimezone(UTC) if found.tzinfo is not None else None
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            number = int(value)
            seconds, rest = divmod(number, 1000) if number >= _MILLISECONDS else (number, 0)
            return datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=rest)
    except (ValueError, OverflowError, OSError):
        pass
    return None

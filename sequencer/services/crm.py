"""What the CRM says by its webhooks takes effect here, set by set, beside what the mail provider says."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from sequencer.core import event as kinds
from sequencer.core.crm import Crm
from sequencer.core.crm_said import NotSaid, Told, read_body, rep_of, typed
from sequencer.core.crm_truth import settled
from sequencer.core.event import Event
from sequencer.core.lead import Lead
from sequencer.core.learn import is_inferred
from sequencer.core.people import changed
from sequencer.core.release import Release
from sequencer.core.workspace import Workspace
from sequencer.store import crm_contacts, events, leads
from sequencer.store.crm_contacts import Known, Word
from sequencer.store.intake import Body

DOOR: Final = "crm:"
SOURCE: Final = "crm"

TOLD: Final = ""
"""Among the fields that a CRM spoke of: which things were told whose kinds count once, and when first."""
REMEMBERED: Final = 20
"""How many of these are known of a lead, the newest: posts come again soon or never."""

Item = tuple[int, Told]
"""A body's id, and one thing that it says."""


def opened(workspace: Workspace, body: Body) -> list[Told]:
    """What a body says that concerns us. Raises NotSaid."""
    name = body.door.removeprefix(DOOR)
    source = workspace.crm.webhooks.get(name) if workspace.crm is not None else None
    if source is None:
        raise NotSaid(f"`webhooks` of `crm` in workspace.yaml declares no `{name}`")
    return read_body(source, body.body, body.at)


def recognise(conn: Connection, told: Sequence[Item]) -> list[tuple[Item, int]]:
    """Each with its lead; who is no lead of ours is left out. The contact's id goes first: addresses change."""
    by_contact = crm_contacts.lead_ids(conn, {(one.system, one.contact) for _, one in told if one.contact is not None})
    emails = {one.email for _, one in told if one.email is not None}
    by_email = leads.ids_by_email(conn, sorted(emails)) if emails else {}
    found = []
    for item in told:
        one = item[1]
        lead_id = by_contact.get((one.system, one.contact or "")) or by_email.get(one.email or "")
        if lead_id is not None:
            found.append((item, lead_id))
    return found


@dataclass(slots=True)
class Heard:
    """What came of it."""

    happened: list[Event] = field(default_factory=list)
    leads: dict[int, Lead] = field(default_factory=dict)
    """Those of whom a field got another value, as they are now."""
    places: dict[tuple[int, str], Item] = field(default_factory=dict)
    """Which thing an event came from, by its lead and key."""
    problems: list[tuple[Item, str]] = field(default_factory=list)


def hear(
    conn: Connection, release: Release, locked: Mapping[int, Lead], told: Sequence[tuple[Item, int]], now: datetime
) -> Heard:
    """Writes what counts of the fields, and gives the events; the caller holds the leads' locks.

    In the order in which it happened: of a field, what was said before its last word is past, however late it comes.
    """
    workspace, heard = release.workspace, Heard()
    crm = workspace.crm
    if crm is None or not told:
        return heard
    ordered = sorted(told, key=lambda one: (one[0][1].at, one[0][0], one[0][1].number))
    said = crm_contacts.said(conn, sorted({lead_id for _, lead_id in ordered}))
    known = _known(conn, ordered)
    inferred = {
        lead_id: {name for name, source in noted.items() if is_inferred(source)}
        for lead_id, noted in leads.sources(conn, sorted({lead_id for _, lead_id in ordered})).items()
    }
    written: list[tuple[int, Mapping[str, Any]]] = []
    noted: dict[tuple[int, str], Known] = {}
    for item, lead_id in ordered:
        one, lead = item[1], heard.leads.get(lead_id, locked[lead_id])
        place = (lead_id, one.system)
        last = said.setdefault(place, {})
        if _is_repeat(one, lead_id, known, last.get(TOLD)):
            continue
        fresh = {name: value for name, value in one.values.items() if _is_news(one, last.get(name))}
        held, wrong = typed(workspace, crm, lead.email, fresh)
        values = settled(workspace, crm, lead, held, inferred.get(lead_id, ()))
        if wrong:
            heard.problems.append((item, _wrong(crm, one, wrong)))
        # What is wrong counts as never said: once it can be held, it is when the body is replayed.
        last |= {name: _heard(one, last.get(name)) for name in fresh.keys() - wrong.keys()}
        if one.once and one.values:
            last[TOLD] = _remembered(one, last.get(TOLD))
        before = noted.get(place)
        contact = one.contact or (before.contact if before is not None else None)
        noted[place] = Known(lead_id, one.system, contact, last)
        if values:
            written.append((lead_id, values))
            heard.leads[lead_id] = changed(lead, values)
            inferred.get(lead_id, set()).difference_update(values)
        _note(heard, item, _events(workspace, one, lead, values, known, now))
        known.update({(lead_id, one.key_of(kind)): one.at for kind in one.kinds})
    crm_contacts.put(conn, noted.values())
    leads.write(conn, written, SOURCE, now)
    return heard


def _is_repeat(one: Told, lead_id: int, known: Mapping[tuple[int, str], datetime], told: Word | None) -> bool:
    """Whether all that it tells is known, but for the time that it bears now: then none of its fields is later word.

    What happens to a thing once says nothing of that: the thing may be told of anew. `told` knows what said so.
    """
    before = [known.get((lead_id, one.key_of(kind))) for kind in one.kinds if kind not in one.once]
    if one.once and not before:
        before = [_told(told).get(one.key)]
    return bool(before) and all(at is not None and at != one.at for at in before)


def _told(word: Word | None) -> dict[str, datetime]:
    pairs = (said.split(" ", 1) for said in word.keys) if word is not None else ()
    return {key: datetime.fromisoformat(at) for at, key in pairs}


def _remembered(one: Told, word: Word | None) -> Word:
    before = word.keys if word is not None else ()
    new = () if one.key in _told(word) else (f"{one.at.isoformat()} {one.key}",)
    return Word(one.at, (*before, *new)[-REMEMBERED:])


def _wrong(crm: Crm, one: Told, wrong: Mapping[str, str]) -> str:
    """What is wrong with fields, and where in the thing they stand."""
    source = crm.webhooks.get(one.source)
    places = {name: ".".join(path) for name, path in source.fields.items()} if source is not None else {}
    return "; ".join(f"{problem} at `{places.get(name, name)}`" for name, problem in wrong.items())


def _is_news(one: Told, last: Word | None) -> bool:
    return last is None or one.at > last.at or (one.at == last.at and one.key not in last.keys)


def _heard(one: Told, last: Word | None) -> Word:
    return Word(one.at, (*last.keys, one.key) if last is not None and one.at == last.at else (one.key,))


def _events(
    workspace: Workspace,
    one: Told,
    lead: Lead,
    values: Mapping[str, Any],
    known: Container[tuple[int, str]],
    now: datetime,
) -> list[Event]:
    rep = rep_of(workspace, one.rep)
    data = {name: value for name, value in (("rep", rep), ("note", one.note)) if value}
    found = [
        Event(kind, one.at, lead.id, one.key_of(kind), SOURCE, data=data)
        for kind in one.kinds
        if (lead.id, one.key_of(kind)) not in known
    ]
    return found + [
        kinds.change(now, lead.id, one.key_of(name), SOURCE, name, lead.get(name), value)
        for name, value in values.items()
        if lead.get(name) != value
    ]


def _known(conn: Connection, told: Sequence[tuple[Item, int]]) -> dict[tuple[int, str], datetime]:
    """Events that are stored already, and at what time: a repeat need not bear the same."""
    return events.stored_at_any_time(
        conn, {(lead_id, one.key_of(kind)) for (_, one), lead_id in told for kind in one.kinds}
    )


def _note(heard: Heard, item: Item, happened: Sequence[Event]) -> None:
    heard.happened += happened
    for e in happened:
        heard.places[e.lead_id, e.key] = item

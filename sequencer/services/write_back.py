"""What happens is written back to the CRM: set by set, of leads that it knows, each once in an interval at most.

Planning looks at contacts whose turn has come and notes a call for those of whom something changed. What a call writes
is worked out when it is made: one that is tried again hours later tells how things stand then. While calls of before
are open, no more are planned: what a CRM that is away costs is bounded.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import Connection

from sequencer.core import event as kinds
from sequencer.core.crm import WriteBack
from sequencer.core.enrollment import RUNNING, Enrollment, Status
from sequencer.core.event import Event
from sequencer.core.mail import Answer, Outcome
from sequencer.core.release import Release
from sequencer.providers.crm import Change, Crm, Failed
from sequencer.services.context import Context
from sequencer.services.inspect import sentence, shown
from sequencer.store import calls_out, clock, crm_contacts, enrollments, events, pauses
from sequencer.store.calls_out import NewCall

TARGET: Final = "write_back"
"""In the outbox; targets of signals.yaml have no underscore in their names."""
KIND: Final = "contacts.update"
OPEN: Final = 4
"""Calls that wait at a time."""
MOST: Final = 100
"""Contacts of a call."""
ACTIVE: Final = frozenset({kinds.CLICKED, kinds.REPLIED, kinds.SUBMITTED, kinds.VISITED})
LATELY: Final = timedelta(days=90)
"""What the lead did longer ago is not told any more."""
LONGEST: Final = 250
"""Characters of a value; fields of one line take 255."""

Values = Mapping[str, str | None]


class Prepared(NamedTuple):
    """What one call writes."""

    system: str
    changes: Sequence[Change]
    digests: Mapping[int, str]


def plan(context: Context) -> bool:
    """Looks at one batch of contacts. True: there may be more."""
    with context.engine.begin() as conn:
        release = context.releases.deployed(conn)
        if release is None or pauses.is_for_people(conn):
            return False
        declared = _declared(release)
        crm = context.crms.get(declared.to) if declared is not None else None
        if declared is None or crm is None or calls_out.open_to(conn, TARGET) >= OPEN:
            return False
        limit = min(crm.most, MOST)
        contacts, more = crm_contacts.look(conn, declared.to, declared.every.total_seconds(), limit)
        values = _values(conn, release, declared, [one.lead_id for one in contacts], clock.now(conn))
        changed = [one for one in contacts if _is_news(values[one.lead_id], one.written)]
        if changed:
            data = {"leads": [one.lead_id for one in changed]}
            calls_out.insert(conn, [NewCall(TARGET, KIND, changed[0].lead_id, len(changed), data)], clock.now(conn))
    if changed:
        context.hint("targets")
    return more


def prepare(conn: Connection, release: Release, row: Any) -> Prepared | None:
    """What a call writes, as things stand now; None: nothing is to be written back any more."""
    declared = _declared(release)
    if declared is None:
        return None
    ids = orjson.loads(bytes(row.body))["data"]["leads"]
    contacts = crm_contacts.of_leads(conn, declared.to, ids)
    values = _values(conn, release, declared, [one.lead_id for one in contacts], clock.now(conn))
    return Prepared(
        declared.to,
        [Change(one.contact, values[one.lead_id]) for one in contacts],
        {one.lead_id: digest(values[one.lead_id]) for one in contacts},
    )


def write(crms: Mapping[str, Crm], prepared: Prepared | None) -> Outcome:
    """One attempt. Whom the CRM refuses among others is told again once something changes."""
    crm = crms.get(prepared.system) if prepared is not None else None
    if prepared is None or crm is None:
        return Outcome(Answer.REFUSED, detail="nothing is written back any more, or its credentials are not set")
    try:
        if prepared.changes:
            crm.update(prepared.changes)
    except Failed as failed:
        return failed.outcome
    return Outcome(Answer.ACCEPTED)


def remember(conn: Connection, prepared: Prepared) -> None:
    """What locked leads' contacts were told."""
    crm_contacts.wrote(conn, prepared.system, prepared.digests)


def digest(values: Values) -> str:
    return hashlib.sha256(orjson.dumps(dict(values), option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _is_news(values: Values, written: str | None) -> bool:
    if written is None and not any(values.values()):
        return False  # nothing was told yet, and there is nothing to tell
    return digest(values) != written


def _declared(release: Release) -> WriteBack | None:
    return release.workspace.crm.write_back if release.workspace.crm is not None else None


def _values(
    conn: Connection, release: Release, declared: WriteBack, ids: Sequence[int], now: datetime
) -> dict[int, Values]:
    """By lead, the values by the CRM's names of the fields."""
    if not ids:
        return {}
    of_leads: dict[int, list[Enrollment]] = {}
    for one in enrollments.all_of(conn, ids):
        of_leads.setdefault(one.lead_id, []).append(one)
    did = events.latest(conn, ids, ACTIVE, now - LATELY)
    zone = ZoneInfo(release.workspace.zone)
    return {
        lead_id: {
            declared.fields[name]: value[:LONGEST] if value is not None else None
            for name, value in _told(release, of_leads.get(lead_id, []), did.get(lead_id), zone).items()
            if name in declared.fields
        }
        for lead_id in ids
    }


def _told(release: Release, of_lead: Sequence[Enrollment], did: Event | None, zone: ZoneInfo) -> dict[str, str | None]:
    """All that may be told of a lead (WRITTEN)."""
    known = release.workspace.sequences
    running = [one for one in of_lead if one.status in RUNNING and one.sequence in known]
    # The one that goes on first; of paused ones, the one entered last.
    now_in = min(running, key=lambda one: (one.due_at is None, one.due_at or one.entered_at, -one.id), default=None)
    due = now_in.due_at if now_in is not None and now_in.status is Status.ACTIVE else None
    inside = {one.id: one.sequence for one in of_lead}
    return {
        "sequence": known[now_in.sequence].title if now_in is not None else None,
        "step": shown(release, now_in.sequence, now_in.position) if now_in is not None else None,
        "next_send": due.astimezone(zone).date().isoformat() if due is not None else None,
        "activity": sentence(release, inside, did) if did is not None else None,
        "active_on": did.at.astimezone(zone).date().isoformat() if did is not None else None,
    }

"""Saves leads as others give them, and does what follows from their changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from sequencer.core import event as kinds
from sequencer.core.entry import manual
from sequencer.core.event import Event
from sequencer.core.lead import Lead
from sequencer.core.lead_input import LeadInput
from sequencer.core.release import Release
from sequencer.core.sequence import Sequence as Series
from sequencer.services.enroll import Entered, enroll
from sequencer.services.react import react
from sequencer.store import leads, suppressions


@dataclass(slots=True)
class Saved:
    """Ids of what was saved, and who fell due by it."""

    new: set[int] = field(default_factory=set)
    updated: set[int] = field(default_factory=set)
    awake: set[tuple[str, str]] = field(default_factory=set)

    @property
    def all(self) -> list[int]:
        return sorted(self.new | self.updated)


def save(
    conn: Connection, release: Release, inputs: Sequence[LeadInput], source: str, now: datetime, announce_new: bool
) -> Saved:
    """Inserts or updates leads by email (each at most once in `inputs`).

    A field of a known lead that changes is an event, so `became` triggers fire; for new leads only when `announce_new`:
    importing a customer base must not start everybody's welcome.
    """
    saved = Saved()
    by_email = {one.email: one for one in inputs}
    before = leads.lock(conn, leads.ids_by_email(conn, sorted(by_email)).values())
    was = {lead.email: lead for lead in before.values()}
    named: dict[str, str | None] = {}
    for one in by_email.values():
        if one.domain is not None:
            named[one.domain] = named.get(one.domain) or one.company
    companies = leads.put_companies(conn, named)
    written = leads.upsert(conn, [_row(one, companies) for one in by_email.values()], source, now)
    # An address stays suppressed whoever brings it back.
    barred = {email for email, topic in suppressions.of(conn, sorted(by_email)) if topic == suppressions.ALL}
    leads.suppress(conn, [written[email][0] for email in sorted(barred)])
    happened: list[Event] = []
    for email, (lead_id, is_new) in sorted(written.items()):
        (saved.new if is_new else saved.updated).add(lead_id)
        if not is_new or announce_new:
            happened += changes(was.get(email), lead_id, by_email[email], source, now)
    saved.awake = react(conn, release, happened, now).awake
    return saved


def changes(before: Lead | None, lead_id: int, after: LeadInput, source: str, now: datetime) -> list[Event]:
    """One event for each field that gets another value."""
    events = []
    for name, value in {**after.own, **after.fields}.items():
        name = "time_zone" if name == "zone" else name
        old = before.get(name) if before is not None else None
        if old != value and not (name == "campaign" and old is not None):
            key = f"{source}.{name}.{now.timestamp()}"
            events.append(kinds.change(now, lead_id, key, source, name, old, value))
    return events


def enter(
    conn: Connection, release: Release, sequence: Series, lead_ids: Sequence[int], origin: str, now: datetime
) -> Entered:
    """Enrols leads by hand. The sequence's `if` (of its manual trigger, else of its first) still holds."""
    locked = leads.lock(conn, lead_ids)
    return enroll(conn, release, sequence, locked.values(), origin, now, manual(sequence))


def _row(one: LeadInput, companies: Mapping[str, int]) -> dict[str, Any]:
    return {
        "email": one.email,
        **one.own,
        "company_id": companies[one.domain] if one.domain is not None else None,
        "fields": dict(one.fields),
    }

"""Saves leads as others give them, and does what follows from their changes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection

from sequencer.core import event as kinds
from sequencer.core.entry import manual
from sequencer.core.event import Event
from sequencer.core.guess import NO_TRACES, Guess, Traces, completed, guesses, offered_by, stands, tells
from sequencer.core.lead import Lead
from sequencer.core.lead_input import LeadInput
from sequencer.core.release import Release
from sequencer.core.sequence import Sequence as Series
from sequencer.services.context import Awake
from sequencer.services.enroll import Entered, enroll
from sequencer.services.react import react
from sequencer.store import leads, suppressions


@dataclass(slots=True)
class Saved:
    """Ids of what was saved, and who fell due by it."""

    new: set[int] = field(default_factory=set)
    updated: set[int] = field(default_factory=set)
    awake: Awake = field(default_factory=set)

    @property
    def all(self) -> list[int]:
        return sorted(self.new | self.updated)


def save(
    conn: Connection,
    release: Release,
    inputs: Sequence[LeadInput],
    source: str,
    now: datetime,
    announce_new: bool,
    traces: Traces = NO_TRACES,
    theirs: bool = True,
) -> Saved:
    """Inserts or updates leads by email (each at most once in `inputs`). Where nobody told a time zone or a language,
    they are guessed, also by what `traces` show of who gave the leads; `theirs`: that is surely the lead.

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
            named[one.domain] = one.company or named.get(one.domain)
    companies = leads.put_companies(conn, named, source)
    guessed: dict[str, Mapping[str, Guess]] = {}

    def rows(some: Collection[LeadInput]) -> list[dict[str, Any]]:
        guessed.update(_guessed(conn, release, some, was, traces, theirs))
        by_email.update({one.email: completed(one, guessed.get(one.email, {})) for one in some})
        return [_row(by_email[one.email], companies, guessed.get(one.email, {}), now) for one in some]

    written = leads.add(conn, rows([one for one in inputs if one.email not in was]), source, now)
    overtaken = [lead_id for lead_id, is_new in written.values() if not is_new]
    if overtaken:
        # Somebody else brought them since we looked: what these answered is not to be guessed.
        was |= {lead.email: lead for lead in leads.by_ids(conn, overtaken)}
    written |= leads.upsert(conn, rows([one for one in inputs if one.email in was]), source, now)
    # An address stays suppressed whoever brings it back.
    barred = {email for email, topic in suppressions.of(conn, sorted(by_email)) if topic == suppressions.ALL}
    leads.suppress(conn, [written[email][0] for email in sorted(barred)])
    happened: list[Event] = []
    for email, (lead_id, is_new) in sorted(written.items()):
        (saved.new if is_new else saved.updated).add(lead_id)
        if not is_new or announce_new:
            by = {name: guess.by for name, guess in guessed.get(email, {}).items()}
            happened += changes(was.get(email), lead_id, by_email[email], source, now, by)
    saved.awake = react(conn, release, happened, now).awake
    return saved


def _guessed(
    conn: Connection,
    release: Release,
    given: Collection[LeadInput],
    was: Mapping[str, Lead],
    traces: Traces,
    theirs: bool,
) -> dict[str, Mapping[str, Guess]]:
    """By address, what nobody told, of those of whom anything new is known to guess by."""
    telling = [(one, was.get(one.email)) for one in given]
    telling = [(one, before) for one, before in telling if tells(traces, one, before)]
    if not telling:
        return {}
    known = [before.id for one, before in telling if before is not None and stands(one, before)]
    noted = leads.sources(conn, known) if known else {}
    workspace, offered = release.workspace, offered_by(release.contents.values(), release.workspace.locale)
    return {
        one.email: guesses(
            workspace, offered, traces, one, before, noted.get(before.id, {}) if before is not None else {}, theirs
        )
        for one, before in telling
    }


def changes(
    before: Lead | None,
    lead_id: int,
    after: LeadInput,
    source: str,
    now: datetime,
    by: Mapping[str, str] = MappingProxyType({}),
) -> list[Event]:
    """One event for each field that gets another value. `by`: who says so where it is not `source`."""
    events = []
    for name, value in {**after.own, **after.fields}.items():
        name = "time_zone" if name == "zone" else name
        old = before.get(name) if before is not None else None
        if old != value and not (name == "campaign" and old is not None):
            who = by.get(name, source)
            events.append(kinds.change(now, lead_id, f"{who}.{name}.{now.timestamp()}", who, name, old, value))
    return events


def enter(
    conn: Connection, release: Release, sequence: Series, lead_ids: Sequence[int], origin: str, now: datetime
) -> Entered:
    """Enrols leads by hand. The sequence's `if` (of its manual trigger, else of its first) still holds."""
    locked = leads.lock(conn, lead_ids)
    return enroll(conn, release, sequence, locked.values(), origin, now, manual(sequence))


def _row(one: LeadInput, companies: Mapping[str, int], guessed: Mapping[str, Guess], now: datetime) -> dict[str, Any]:
    return {
        "email": one.email,
        **one.own,
        "company_id": companies[one.domain] if one.domain is not None else None,
        "fields": dict(one.fields),
        "guessed": {name: guess.source(now.isoformat()) for name, guess in guessed.items()},
    }

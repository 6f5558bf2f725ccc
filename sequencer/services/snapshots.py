"""Reads what decisions need, for a whole batch at a time: a fixed number of queries whatever its size."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import repeat
from types import MappingProxyType
from typing import Any, TypeVar

from sqlalchemy import Connection

from sequencer.core.condition import Asks
from sequencer.core.engine import open_message
from sequencer.core.enrollment import Enrollment
from sequencer.core.facts import span
from sequencer.core.lead import Lead
from sequencer.core.message import Message, State
from sequencer.core.quiet import NEVER_QUIET
from sequencer.core.snapshot import Consent, Snapshot, Standing, made
from sequencer.core.turn import Turn, before
from sequencer.core.workspace import Workspace
from sequencer.store import enrollments, events, intake_health, leads, messages, readiness, suppressions
from sequencer.store import turns as turns_

_SAID_NOTHING, _NOT_ASKED, _NO_MESSAGES = Consent(), Standing(), MappingProxyType[str, Message]({})

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

Subject = tuple[Enrollment | None, Lead]


def load(
    conn: Connection,
    workspace: Workspace,
    asks: Asks,
    subjects: Sequence[Subject],
    now: datetime,
    mails: bool = True,
    colleagues: bool = True,
) -> list[Snapshot]:
    """Snapshots in the order of `subjects`. The caller holds the leads' locks wherever something is decided.

    `mails`: whether a mail may come of it; else nobody asks when the leads were mailed lately. `colleagues`: nor when
    others of their companies were.
    """
    if not subjects:
        return []
    inside = [enrollment for enrollment, _ in subjects]
    people = [lead for _, lead in subjects]
    ids, emails = [lead.id for lead in people], [lead.email for lead in people]
    lead_ids, company_ids = sorted(set(ids)), [lead.company_id or 0 for lead in people]
    companies = leads.companies(conn, {*company_ids} - {0})
    enrolled = [enrollment for enrollment in inside if enrollment is not None]
    # What is begun is noted in the same transaction: who passed nothing was mailed nothing.
    ledger = messages.of_enrollments(conn, [enrollment.id for enrollment in enrolled if enrollment.outcomes])
    mailed = messages.mailed_at(conn, lead_ids, lately(workspace, now)) if enrolled and mails else {}
    asked = enrolled and mails and colleagues
    together = turns(conn, workspace, people, now) if asked else {}
    consents = suppressions.consents(conn, emails)
    happened = (
        events.of_leads(conn, lead_ids, asks.events, _since(workspace, asks, subjects, now)) if asks.events else {}
    )
    received = messages.received(conn, lead_ids, sorted(asks.contents)) if asks.contents else {}
    sequences = {enrollment.sequence for enrollment in enrolled}
    ahead = set().union(*(workspace.held_by.get(sequence, ()) for sequence in sequences))
    others = enrollments.others(conn, lead_ids, sorted(ahead)) if ahead else {}
    standings = _standings(conn, asks, people, now) if asks.standing else {}
    in_doubt = any(m.state is State.UNKNOWN for rows in ledger.values() for m in rows.values())
    sound_since = intake_health.sound_since(conn, now) if in_doubt else None
    # By columns in the order of the fields: of most things nothing is found for a whole batch.
    columns: tuple[Iterable[Any], ...] = (
        people,
        map(companies.get, company_ids),
        inside,
        _column(ledger, (e.id if e is not None else 0 for e in inside), _NO_MESSAGES),
        _column(happened, ids, (), tuple),
        _column(received, ids, frozenset(), frozenset),
        _column(mailed, ids, (), tuple),
        [_before(together, enrollment, lead, ledger, now) for enrollment, lead in subjects] if together else repeat(()),
        _column(consents, emails, _SAID_NOTHING),
        _column(others, ids, (), tuple),
        _column(standings, ids, _NOT_ASKED),
        repeat(sound_since),
    )
    return list(map(made, zip(*columns, strict=False)))


def _column(
    found: Mapping[Key, Any], keys: Iterable[Key], nothing: Value, kind: Callable[[Any], Value] | None = None
) -> Iterable[Value]:
    """What was found for each of these; `kind` is made of it."""
    if not found:
        return repeat(nothing)
    if kind is None:
        return [found.get(key, nothing) for key in keys]
    return [kind(found[key]) if key in found else nothing for key in keys]


def _before(
    together: Mapping[int, Sequence[Turn]],
    enrollment: Enrollment | None,
    lead: Lead,
    ledger: Mapping[int, Mapping[str, Message]],
    now: datetime,
) -> tuple[datetime, ...]:
    """What the next mail of this enrollment comes after in the queue of its lead's company."""
    queue = together.get(lead.company_id or 0)
    if queue is None:
        return ()
    if enrollment is None:
        return before(queue, ())
    return before(queue, (enrollment.id,), open_message(ledger.get(enrollment.id, {}), now) is not None)


def lately(workspace: Workspace, now: datetime) -> datetime:
    """From when on mails count for gap and caps, whatever the lead's zone."""
    return now - max(timedelta(days=7), workspace.pressure.gap) - timedelta(days=1)


def turns(
    conn: Connection, workspace: Workspace, people: Iterable[Lead], now: datetime
) -> Mapping[int, Sequence[Turn]]:
    """By company, who of it was mailed lately and who waits; nothing, and no query, where no cap asks for it."""
    cap = workspace.pressure.company
    if cap is None:
        return {}
    ids = {lead.company_id for lead in people if lead.company_id is not None}
    return turns_.of(conn, ids, now - cap.within)


def _since(workspace: Workspace, asks: Asks, subjects: Sequence[Subject], now: datetime) -> datetime | None:
    """From when on events matter; None for always."""
    if asks.ever or any(enrollment is None and asks.bounded is None for enrollment, _ in subjects):
        return None
    moments = [enrollment.counts_from for enrollment, _ in subjects if enrollment is not None]
    if asks.bounded is not None:
        moments.append(now - span(asks.bounded, now, NEVER_QUIET))
    return min(moments)


def _standings(conn: Connection, asks: Asks, of: Sequence[Lead], now: datetime) -> dict[int, Standing]:
    """How leads stand, as far as it is asked for."""
    ids = sorted({lead.id for lead in of})
    counts = readiness.counts(conn, ids) if "score" in asks.standing else {}
    last = readiness.last(conn, ids) if "sales_ready" in asks.standing else {}
    today = now.astimezone(UTC).date()
    since = {window: today - window.elapsed for window in asks.windows}
    companies = {lead.company_id for lead in of if lead.company_id is not None} if since else set()
    engaged = readiness.engaged(conn, companies, min(since.values())) if companies else {}
    found = {}
    for lead in of:
        days = engaged.get(lead.company_id or 0, ())
        found[lead.id] = Standing(
            counts.get(lead.id, {}),
            lead.id in last and last[lead.id].over_at is None,
            {window: sum(day >= first for day in days) for window, first in since.items()},
        )
    return found

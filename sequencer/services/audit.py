"""Holds what was done against what is known: branches against events, mail against halts.

Independent of what the engine noted while it ran: every passed branch is judged anew on the events as they were then.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from sequencer.core import event as kinds
from sequencer.core.condition import Asks, merged
from sequencer.core.enrollment import Enrollment, Outcome
from sequencer.core.event import Event
from sequencer.core.facts import LeadFacts
from sequencer.core.fork import chosen
from sequencer.core.lead import BUILT_IN, Lead
from sequencer.core.message import MAYBE_SENT, Message
from sequencer.core.release import Release
from sequencer.core.sequence import Branch, Choose
from sequencer.core.snapshot import Snapshot
from sequencer.store import enrollments, events, leads, messages

PAGE = 500
HISTORY = 100_000
"""Events of one lead at most."""


def audit(conn: Connection, release: Release) -> dict[str, int]:
    """Counts of contradictions; every one of them should be 0."""
    return {
        "branches_against_events": sum(1 for _ in wrong_branches(conn, release)),
        "mailed_after_halt": int(conn.execute(text(_AFTER_HALT)).scalar_one()),
        "mailed_after_reply": int(conn.execute(text(_AFTER_REPLY)).scalar_one()),
    }


_AFTER_HALT = """
SELECT count(*) FROM message m
WHERE EXISTS (
    SELECT 1 FROM event e
    WHERE e.lead_id = m.lead_id AND e.at < m.sent_at AND NOT e.machine AND NOT e.data ? 'topic'
      AND e.kind IN ('unsubscribed', 'complained', 'bounced')
) AND m.state NOT IN ('refused', 'cancelled', 'retry')
"""
"""Nobody was mailed after an unsubscribe, a complaint or a bounce."""

_AFTER_REPLY = """
SELECT count(*) FROM message m JOIN enrollment n ON n.id = m.enrollment_id
WHERE EXISTS (
    SELECT 1 FROM event e
    WHERE e.lead_id = m.lead_id AND e.kind = 'replied' AND n.entered_at <= e.at AND e.at < m.sent_at
      AND (e.enrollment_id = n.id OR m.sent_at < e.at + interval '14 days')
)
"""
"""Nobody was mailed by the series that they had answered, nor by another of theirs within 14 days."""


def wrong_branches(conn: Connection, release: Release) -> Iterator[tuple[Enrollment, Outcome]]:
    """Passed branches whose arm does not follow from what had happened by then."""
    after = 0
    while page := leads.page(conn, after, PAGE):
        after = page[-1].id
        passages = enrollments.all_of(conn, [lead.id for lead in page])
        ledger = messages.of_enrollments(conn, [e.id for e in passages])
        people = {lead.id: lead for lead in page}
        companies = leads.companies(conn, (lead.company_id for lead in page if lead.company_id is not None))
        got: dict[int, list[Message]] = {}
        for e in passages:
            got.setdefault(e.lead_id, []).extend(ledger.get(e.id, {}).values())
        for enrollment in passages:
            history = events.history(conn, enrollment.lead_id, HISTORY)
            there = enrollment.sequence in release.workspace.sequences
            series = release.steps_of(enrollment).sequence if there else None
            for passed in enrollment.outcomes:
                step = series.steps.get(passed.step) if series is not None else None
                if isinstance(step, Branch | Choose) and not (_asks(step).topics or _asks(step).standing):
                    lead = people[enrollment.lead_id]
                    then = as_of(lead, enrollment, ledger.get(enrollment.id, {}), history, passed.at)
                    snapshot = then._replace(
                        company=companies.get(lead.company_id or 0),
                        received=frozenset(
                            m.content for m in got[lead.id] if m.sent_at < passed.at and m.state in MAYBE_SENT
                        ),
                    )
                    facts = LeadFacts(release.workspace, snapshot, passed.at)
                    if _arm(step, facts) != passed.outcome:
                        yield enrollment, passed


def _asks(step: Branch | Choose) -> Asks:
    """What the step depends on. Not judged by consent, nor by how a lead stood: only what holds now is kept."""
    return step.condition.asks if isinstance(step, Branch) else merged(c.asks for c in step.conditions)


def _arm(step: Branch | Choose, facts: LeadFacts) -> str:
    if isinstance(step, Choose):
        return step.arms[chosen(step, facts)].name
    return "then" if step.condition.test(facts) else "else"


def as_of(
    lead: Lead, enrollment: Enrollment, ledger: dict[str, Message], history: Sequence[Event], at: datetime
) -> Snapshot:
    """What was known at a moment, built from events alone: later changes of fields are taken back."""
    until = [e for e in reversed(history) if e.at <= at and not e.machine]
    for e in history:
        if e.kind == kinds.CHANGED and e.at > at:
            lead = _with(lead, str(e.data["field"]), e.data.get("before"))
    return Snapshot(
        lead=lead,
        company=None,
        enrollment=enrollment,
        messages={step: _engaged(message, until) for step, message in ledger.items()},
        events=tuple(until),
    )


def _engaged(message: Message, until: Sequence[Event]) -> Message:
    own = [e for e in until if e.enrollment_id == message.enrollment_id and e.step == message.step]
    clicks = {str(e.data["link"]) for e in own if e.kind == kinds.CLICKED and e.data.get("link")}
    opened = min((e.at for e in own if e.kind == kinds.OPENED), default=None)
    clicked = min((e.at for e in own if e.kind == kinds.CLICKED), default=None)
    return message._replace(clicked=tuple(sorted(clicks)), clicked_at=clicked, opened_at=opened)


def _with(lead: Lead, field: str, value: Any) -> Lead:
    if field in BUILT_IN:
        return lead._replace(**{("zone" if field == "time_zone" else field): value})
    return lead._replace(fields={**lead.fields, field: value})

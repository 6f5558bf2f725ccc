"""What people and scripts ask about leads and the whole: plain data, ready for JSON and for pages."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from sequencer.core import explain
from sequencer.core.condition_run import known
from sequencer.core.enrollment import RUNNING, Enrollment
from sequencer.core.event import Event
from sequencer.core.handoff import Handoff
from sequencer.core.lead import Lead
from sequencer.core.message import Message
from sequencer.core.release import Release
from sequencer.core.request import inquired
from sequencer.errors import NotFound
from sequencer.services.census import Counted, count
from sequencer.store import (
    alerts,
    calls_out,
    clock,
    enrollments,
    events,
    handoffs,
    intake,
    leads,
    messages,
    pauses,
    releases,
    reviews,
    suppressions,
    tasks,
    unmet,
    visits,
    watches,
)
from sequencer.store.enrollments import Count
from sequencer.store.pauses import Pause, Reason

ENDS = {
    Reason.OPERATOR: "`sequencer resume` ends it",
    Reason.CREDENTIALS: "set a valid SENDGRID_API_KEY; one mail tries every five minutes, `sequencer resume` at once",
    Reason.RESTORED: "compare with the provider's activity, then `sequencer resume`",
}
"""How each kind of pause of all sending ends."""
HELD = 100
"""Held messages that are listed; the counts are complete."""


def lead_by_email(conn: Connection, email: str) -> Lead:
    found = leads.by_email(conn, email.strip().lower())
    if found is None:
        raise NotFound(f"there is no lead with the address {email}")
    return found


def lead_view(conn: Connection, release: Release | None, lead: Lead, history: int = 500) -> dict[str, Any]:
    """Everything about one lead: the lead, enrollments with their outcomes, messages, events, alerts.

    Steps are called as in the release.
    """
    company = leads.companies(conn, [lead.company_id] if lead.company_id is not None else []).get(lead.company_id or 0)
    first_touch, last_touch = visits.touches_of(conn, lead.id)
    of_lead = enrollments.all_of(conn, [lead.id])
    sent = messages.described(conn, [e.id for e in of_lead])
    ledger = messages.of_enrollments(conn, [e.id for e in of_lead])
    told = alerts.of_lead(conn, lead.id)
    posted = {(row.enrollment_id, row.step): row.state for row in told if row.channel == "webhook"}
    inside = {e.id: e.sequence for e in of_lead}

    def called(enrollment_id: int | None, key: str | None) -> str | None:
        sequence = inside.get(enrollment_id or 0)
        return shown(release, sequence, key) if sequence is not None and key is not None else key

    return {
        "lead": {
            "id": lead.id,
            "email": lead.email,
            "first_name": lead.first_name,
            "last_name": lead.last_name,
            "title": lead.title,
            "company": {"domain": company.domain, "name": company.name, "owner": company.owner} if company else None,
            "time_zone": lead.zone,
            "country": lead.country,
            "stage": lead.stage,
            "status": lead.status,
            "campaign": lead.campaign,
            "first_touch": first_touch,
            "last_touch": last_touch,
            "owner_email": lead.owner,
            "suppressed": lead.suppressed,
            "suppressions": [
                {"topic": topic or None, "reason": reason}
                for (_, topic), reason in sorted(suppressions.of(conn, [lead.email]).items())
            ],
            "fields": dict(lead.fields),
            "sources": _sources(conn, lead),
            "created_at": iso(lead.created_at),
        },
        "enrollments": [_enrollment(release, e, ledger.get(e.id, {})) for e in of_lead],
        "messages": [_message(release, row) for row in sent],
        "events": [
            {
                "event": e.kind,
                "at": iso(e.at),
                "source": e.source,
                "enrollment_id": e.enrollment_id,
                "step": called(e.enrollment_id, e.step),
                "machine": e.machine,
                "data": dict(e.data),
                "sentence": sentence(release, inside, e),
            }
            for e in events.history(conn, lead.id, history)
        ],
        "handoffs": [handoff_view(one) for one in handoffs.of_leads(conn, [lead.id]).get(lead.id, [])],
        "alerts": [
            {
                "enrollment_id": row.enrollment_id,
                "kind": row.kind,
                "step": called(row.enrollment_id, row.step),
                "rep": row.rep,
                "note": row.note,
                "at": iso(row.at),
                "state": row.state,
                "webhook": posted.get((row.enrollment_id, row.step)),
            }
            for row in told
            if row.channel == "email"
        ],
    }


def _sources(conn: Connection, lead: Lead) -> dict[str, dict[str, Any]]:
    """By known field: who said so, when, and how sure that is (per cent); of what was inferred, from what."""
    brought_by, noted = leads.source(conn, lead.id)
    first = {"by": brought_by, "at": iso(lead.created_at)}
    told = {"time_zone": lead.zone, **lead.fields}
    return {
        name: {"confidence": 100, "because": [], **noted.get(name, first)}
        for name, value in told.items()
        if known(value)
    }


def shown(release: Release | None, sequence: str, key: str) -> str:
    """A step or position as the file calls it; as it is stored where there is no such sequence any more."""
    series = release.workspace.sequences.get(sequence) if release is not None else None
    return series.shown(key) if series is not None else key


def named(release: Release | None, inside: Mapping[int, str], e: Event) -> Event:
    """The event with its step as the file calls it. `inside`: the lead's sequences by enrollment."""
    sequence = inside.get(e.enrollment_id or 0)
    return e._replace(step=shown(release, sequence, e.step)) if sequence is not None and e.step is not None else e


def sentence(release: Release | None, inside: Mapping[int, str], e: Event) -> str:
    """What happened, and what the lead asked about in that. `inside`: the lead's sequences by enrollment."""
    asked = explain.asks(inquired(release.workspace, e)) if release is not None else ()
    return "; ".join((explain.event(named(release, inside, e)), *asked))


def not_before(view: Mapping[str, Any], event: Mapping[str, Any]) -> datetime | None:
    """What an event of a `lead_view` can only have followed: its mail's sending, or that the enrollment was entered.

    Providers tell whole seconds and we tell fractions, so by its own time it may seem to come first.
    """
    enrollment = event["enrollment_id"]
    mails = [m["sent_at"] for m in view["messages"] if (m["enrollment_id"], m["step"]) == (enrollment, event["step"])]
    entries = [e["entered_at"] for e in view["enrollments"] if e["id"] == enrollment]
    return max((datetime.fromisoformat(at) for at in mails + entries if at), default=None)


def told_at(view: Mapping[str, Any], event: Mapping[str, Any]) -> datetime:
    """When an event is shown to have happened."""
    at = datetime.fromisoformat(event["at"])
    return max(at, not_before(view, event) or at)


def status(conn: Connection, release: Release | None, counted: Counted | None = None) -> dict[str, Any]:
    """Enrollments by sequence and status, messages by state, and what is held. `counted`: what was counted before."""
    people, mails = counted or count(conn)
    by_sequence: dict[str, dict[str, int]] = {}
    places: dict[str, dict[str, int]] = {}
    for one in people:
        in_sequence = by_sequence.setdefault(one.sequence, {})
        in_sequence[one.status] = in_sequence.get(one.status, 0) + one.people
        if one.status in RUNNING and not _keeps(release, one):
            at = places.setdefault(one.sequence, {})
            position = shown(release, one.sequence, one.position)
            at[position] = at.get(position, 0) + one.people
    by_state: dict[str, int] = {}
    for _, _, state, number in mails:
        by_state[state] = by_state.get(state, 0) + number
    waiting = intake.pending(conn)
    return {
        "deployment": release.number if release is not None else None,
        "taking_over": _taking_over(conn, release) if release is not None else None,
        "enrollments": by_sequence,
        "positions": places,
        "keep_older_steps": _kept(release, people),
        "messages": by_state,
        "without_owner": _ownerless(conn, release) if release is not None else {},
        "paused": [_pause(p) for p in pauses.current(conn)],
        "sequences_paused": [
            {"sequence": p.sequence, "since": iso(p.since), "detail": p.detail} for p in pauses.sequences(conn)
        ],
        "held": held(conn, release, HELD),
        "weighing": _weighing(conn),
        "tasks": tasks.counts(conn, clock.now(conn)),
        "reviews": reviews.counts(conn),
        "handoffs": handoffs.counts(conn),
        "not_handed_over_for_lack_of": _unmet(conn, release) if release is not None else {},
        "targets": calls_out.counts(conn),
        "alerts": {f"{kind} {state}": number for kind, state, number in sorted(alerts.counts(conn))},
        "webhooks_pending": sum(waiting.values()),
        "webhooks_set_aside": intake.set_aside_count(conn),
    }


def held(conn: Connection, release: Release | None, limit: int) -> list[dict[str, Any]]:
    """Messages of which nobody knows whether they went, the oldest first."""
    return [_message(release, row) for row in messages.held(conn, limit)]


def tasks_view(conn: Connection, release: Release | None, rep: str | None, limit: int) -> list[dict[str, Any]]:
    """What reps are still to do, what is due first."""
    return [
        {
            "due_at": iso(row.due_at),
            "rep": row.rep,
            "kind": row.kind,
            "email": row.email,
            "name": row.name,
            "note": row.note,
            "step": shown(release, row.sequence or "", row.step),
            "at": iso(row.at),
        }
        for row in tasks.still_open(conn, rep, limit)
    ]


def reviews_view(conn: Connection, release: Release | None, rep: str | None, limit: int) -> list[dict[str, Any]]:
    """Mails that wait for a rep to look at them, what is due first."""
    return [
        {
            "due_at": iso(row.due_at),
            "rep": row.rep,
            "email": row.email,
            "name": row.name,
            "sequence": row.sequence,
            "step": shown(release, row.sequence, row.step),
            "content": row.content,
            "enrollment_id": row.enrollment_id,
            "at": iso(row.at),
        }
        for row in reviews.still_open(conn, rep, limit)
    ]


def handoff_view(one: Handoff) -> dict[str, Any]:
    """How a handoff stands."""
    return {
        "number": one.number,
        "state": one.state.value,
        "at": iso(one.at),
        "reasons": list(one.reasons),
        "note": one.note,
        "rep": one.rep,
        "asked": list(one.asked),
        "due_at": iso(one.due_at),
        "answered_at": iso(one.answered_at),
        "answer": one.answer or None,
        "until": one.until.isoformat() if one.until is not None else None,
    }


def _pause(p: Pause) -> dict[str, Any]:
    return {
        "reason": p.reason.value,
        "since": iso(p.since),
        "detail": p.detail,
        "ends": ENDS[p.reason],
        "tries_again_at": iso(p.retry_at),
    }


def _taking_over(conn: Connection, release: Release) -> dict[str, Any] | None:
    """How far the last deploy has come with those inside; None: it is done, and nobody waits for a turn."""
    left, spread_to = enrollments.left_behind(conn, release.number), releases.spread_to(conn, release.number)
    spread = spread_to if spread_to is not None and spread_to > clock.now(conn) else None
    return {"left": left, "spread_until": iso(spread)} if left or spread else None


def _kept(release: Release | None, counted: Iterable[Count]) -> list[dict[str, Any]]:
    """Who keeps the steps of an older deployment, by sequence and deployment."""
    found: dict[tuple[str, int], dict[str, int]] = {}
    for one in counted:
        if one.status in RUNNING and one.pinned is not None and _keeps(release, one):
            at = found.setdefault((one.sequence, one.pinned), {})
            at[one.position] = at.get(one.position, 0) + one.people
    return [
        {
            "sequence": name,
            "deployment": number,
            "people": sum(at.values()),
            "positions": {shown(release, name, position): people for position, people in sorted(at.items())},
            "can_run": release is not None and (name, number) in release.kept,
        }
        for (name, number), at in sorted(found.items())
    ]


def _keeps(release: Release | None, one: Count) -> bool:
    """Whether these go by steps that are not in today's file."""
    series = release.workspace.sequences.get(one.sequence) if release is not None else None
    return series is not None and series.pins and one.pinned is not None


def _weighing(conn: Connection) -> dict[str, Any] | None:
    """Leads who are still to be looked at by signals.yaml; None: nobody is."""
    now = clock.now(conn)
    found = watches.behind(conn, now)
    if found is None or not (found.uncounted or found.due):
        return None
    spread = found.spread_to if found.spread_to is not None and found.spread_to > now else None
    return {"uncounted": found.uncounted, "due": found.due, "spread_until": iso(spread)}


def _unmet(conn: Connection, release: Release) -> dict[str, int]:
    """By what is missing, in words: leads who would be handed to sales if it were not."""
    return {explain.needed(what): people for what, people in unmet.counts(conn, release.workspace).items()}


def _ownerless(conn: Connection, release: Release) -> dict[str, int]:
    """By sequence: people whose mail waits because it comes from the owner, and they have none."""
    if release.workspace.owner.missing != "hold":
        return {}
    from_owner = [name for name, series in release.workspace.sequences.items() if series.sender == "owner"]
    workspace = release.workspace
    return enrollments.ownerless(conn, from_owner, list(workspace.reps), shared=workspace.owner.of == "company")


def steps(conn: Connection, release: Release, counted: Counted | None = None) -> dict[str, list[dict[str, Any]]]:
    """By sequence: its steps in order, how many who go by them stand before each, and what became of its mails."""
    people, mails = counted or count(conn)
    standing: dict[tuple[str, str], int] = {}
    for one in people:
        if one.status in RUNNING and not _keeps(release, one):
            at = one.sequence, one.position
            standing[at] = standing.get(at, 0) + one.people
    mailed: dict[tuple[str, str], dict[str, int]] = {}
    for sequence, step, state, number in mails:
        counts = mailed.setdefault((sequence, step.partition(":")[0]), {})  # the rounds of a series together
        counts[state] = counts.get(state, 0) + number
    return {
        name: [
            {
                "step": series.shown(place.step.id),
                "kind": type(place.step).__name__.lower(),
                "depth": depth(series.places, position),
                "arm": place.arm.name,
                "standing": standing.get((name, position), 0),
                "messages": mailed.get((name, position), {}),
                "mark": str(place.step.mark),
            }
            for position, place in series.places.items()
            if place.step is not None
        ]
        for name, series in sorted(release.workspace.sequences.items())
    }


def depth(places: Mapping[str, Any], position: str) -> int:
    """How many forks a place lies in."""
    found = 0
    place = places[position]
    while place.fork is not None:
        found, place = found + 1, places[place.fork.id]
    return found


def _enrollment(release: Release | None, e: Enrollment, ledger: Mapping[str, Message]) -> dict[str, Any]:
    return {
        "id": e.id,
        "sequence": e.sequence,
        "status": e.status.value,
        "reason": e.reason or None,
        "position": shown(release, e.sequence, e.position),
        "since": iso(e.since),
        "due_at": iso(e.due_at),
        "entered_at": iso(e.entered_at),
        "ended_at": iso(e.ended_at),
        "paused_until": iso(e.resume_at),
        "deployment": e.deployment,
        "steps_of_deployment": e.pinned if e.pinned is not None else e.deployment,
        "sentence": explain.ending(e),
        "outcomes": [
            {
                "step": shown(release, e.sequence, o.step),
                "outcome": o.outcome,
                "at": iso(o.at),
                "detail": o.detail,
                "sentence": explain.came_to(o._replace(step=shown(release, e.sequence, o.step)), ledger.get(o.step)),
            }
            for o in e.outcomes
        ],
    }


def _message(release: Release | None, row: Any) -> dict[str, Any]:
    return {
        "enrollment_id": row.enrollment_id,
        "sequence": row.sequence,
        "step": shown(release, row.sequence, row.step),
        "content": row.content,
        "state": row.state,
        "subject": row.subject,
        "to": row.email,
        "from": row.sender,
        "attempt": row.attempt,
        "request_id": row.request_id,
        "sent_at": iso(row.sent_at),
        "accepted_at": iso(row.accepted_at),
        "delivered_at": iso(row.delivered_at),
        "opened_at": iso(row.opened_at),
        "clicked_at": iso(row.clicked_at),
        "clicked": list(row.clicked),
        "retry_at": iso(row.retry_at),
        "failure": row.failure,
    }


def iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None

"""How a lead stands, down to the single event: plain data, ready for JSON and for people."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from sequencer.core.facts import LeadFacts
from sequencer.core.intent import explained
from sequencer.core.lead import Lead
from sequencer.core.readiness import judged
from sequencer.core.release import Release
from sequencer.core.score import UNIT, parts
from sequencer.services import snapshots
from sequencer.services.inspect import sentence
from sequencer.services.weigh import asks_of
from sequencer.store import enrollments, events, readiness


def standing_view(conn: Connection, release: Release, lead: Lead, now: datetime) -> dict[str, Any] | None:
    """None where no signals are declared. Points are rounded to hundredths here, the score is exact."""
    signals = release.workspace.signals
    if signals is None:
        return None
    [snapshot] = snapshots.load(conn, release.workspace, asks_of(signals), [(None, lead)], now, mails=False)
    facts = LeadFacts(release.workspace, snapshot, now)
    happened = events.of_leads(conn, [lead.id], signals.by_kind, None).get(lead.id, []) if signals.by_kind else []
    inside = {e.id: e.sequence for e in enrollments.all_of(conn, [lead.id])}
    times = readiness.of_lead(conn, lead.id)
    today = now.astimezone(UTC).date()
    return {
        "score": facts.score(),
        "fit": facts.fit(),
        "sales_ready": bool(times) and times[-1].over_at is None,
        "waits_with": list(judged(release.workspace, snapshot, times[-1] if times else None, now).waits),
        "signals": [
            {
                "signal": part.signal.name,
                "where": str(part.signal.mark),
                "times": part.times,
                "points": _points(part.units),
                "capped": part.units != part.uncapped,
            }
            for part in parts(signals, snapshot.standing.counts, today)
        ],
        "events": [
            {
                "at": deed.event.at.isoformat(),
                "signal": deed.signal.name,
                "points": _points(deed.units),
                "sentence": sentence(release, inside, deed.event),
            }
            for deed in explained(release.workspace, happened, today)
        ],
        "fits": [
            {"if": one.condition.source, "where": str(one.condition.mark), "points": one.points}
            for one in signals.fit
            if one.condition.test(facts)
        ],
        "readiness": [
            {
                "number": one.number,
                "at": one.at.isoformat(),
                "over_at": one.over_at.isoformat() if one.over_at is not None else None,
                "reasons": list(one.reasons),
            }
            for one in times
        ],
    }


def _points(units: int) -> float:
    return round(units / UNIT, 2)

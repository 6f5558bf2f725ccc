"""How a lead stands, down to the single event: plain data, ready for JSON and for people."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from sequencer.core import explain
from sequencer.core.facts import LeadFacts
from sequencer.core.intent import explained
from sequencer.core.lead import Lead
from sequencer.core.readiness import judged
from sequencer.core.release import Release
from sequencer.core.score import UNIT, parts
from sequencer.services import snapshots
from sequencer.services.inspect import iso, lead_view, sentence
from sequencer.services.why import Sentence
from sequencer.store import enrollments, events, readiness, unmet


def whole_view(conn: Connection, release: Release, lead: Lead, now: datetime) -> dict[str, Any]:
    """Everything about a lead, with how it stands."""
    return lead_view(conn, release, lead) | {"standing": standing_view(conn, release, lead, now)}


def standing_view(conn: Connection, release: Release, lead: Lead, now: datetime) -> dict[str, Any] | None:
    """None where no signals are declared. Points are rounded to hundredths here, the score is exact."""
    signals = release.workspace.signals
    if signals is None:
        return None
    [snapshot] = snapshots.load(conn, release.workspace, signals.asks, [(None, lead)], now, mails=False)
    facts = LeadFacts(release.workspace, snapshot, now)
    happened = events.of_leads(conn, [lead.id], signals.by_kind, None).get(lead.id, []) if signals.by_kind else []
    inside = {e.id: e.sequence for e in enrollments.all_of(conn, [lead.id])}
    times = readiness.of_lead(conn, lead.id)
    verdict = judged(release.workspace, snapshot, times[-1] if times else None, now)
    today = now.astimezone(UTC).date()
    deeds = explained(release.workspace, happened, today)
    last = {deed.signal.name: deed.event.at for deed in sorted(deeds, key=lambda deed: deed.event.at)}
    return {
        "score": facts.score(),
        "fit": facts.fit(),
        "sales_ready": bool(times) and times[-1].over_at is None,
        "waits_with": list(verdict.waits),
        "lacks": list(verdict.lacks),
        "waits_since": iso(unmet.since(conn, lead.id)) if verdict.lacks else None,
        "rests_until": times[-1].until.isoformat() if verdict.rests_until and times and times[-1].until else None,
        "company": [{"within": str(window), "people": people} for window, people in snapshot.standing.engaged.items()],
        "signals": [
            {
                "signal": part.signal.name,
                "last_at": last[part.signal.name].isoformat() if part.signal.name in last else None,
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
            for deed in deeds
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


TOLD: Final = 3
"""Reasons of a score that are told at most."""


def sentences(view: Mapping[str, Any], zone: ZoneInfo) -> list[Sentence]:
    """How somebody stands, in words: the score, what it mostly comes from, and colleagues."""
    said = [Sentence(f"score {view['score']}, fit {view['fit']}; {ready(view, zone) or 'not sales-ready'}")]
    weightiest = sorted(view["signals"], key=lambda one: -abs(one["points"]))[:TOLD]
    for one in weightiest:
        last = f", last {explain.moment(datetime.fromisoformat(one['last_at']), zone)}" if one["last_at"] else ""
        cap = ", as much as counts" if one["capped"] else ""
        what = f"{explain.behaviour(one['signal'])} {explain.times(one['times'])}{last}"
        said.append(Sentence(f"{one['points']:+g} points{cap}: {what}", one["where"]))
    for one in view["company"]:
        if one["people"]:
            people = f"{one['people']} {'person' if one['people'] == 1 else 'people'}"
            said.append(Sentence(f"{people} of the company did something that counts, within {one['within']}"))
    return said


def ready(view: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Whether sales is to talk to a lead, or would be if something were not; empty when not."""
    if view["sales_ready"]:
        last = view["readiness"][-1]
        since = explain.moment(datetime.fromisoformat(last["at"]), zone)
        return f"sales-ready since {since}: {', '.join(last['reasons'])}"
    if view["rests_until"]:
        day = date.fromisoformat(view["rests_until"])
        return f"becomes sales-ready ({', '.join(view['waits_with'])}) on {day:%-d %b %Y}, as the rep said who declined"
    if not view["lacks"]:
        return ""
    since = explain.moment(datetime.fromisoformat(view["waits_since"]), zone) if view["waits_since"] else ""
    reasons, lacks = ", ".join(view["waits_with"]), explain.lacking(view["lacks"])
    return f"would be sales-ready{f' since {since}' if since else ''} ({reasons}), but for lack of {lacks}"

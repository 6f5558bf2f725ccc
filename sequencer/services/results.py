"""What came of what was handed to sales: plain data, ready for JSON and for people."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from sequencer.core.handoff import policy_of
from sequencer.core.release import Release
from sequencer.store import results

WON = ("customer",)
"""Stages of leads who bought."""
REP = ("given", "accepted", "declined", "expired", "waiting", "reassigned")
OTHER = "other"
"""What reps give as a reason in their own words, in a report."""
FUNNEL = ("leads", "active", "ready", "handed_off", "accepted", "customers")


def report(conn: Connection, release: Release, since: datetime) -> dict[str, Any]:
    """Handoffs begun and leads known since then."""
    labels = {one.id: one.label for one in policy_of(release.workspace).declines.values()}
    return {
        "since": since.isoformat(),
        "reps": [
            {
                "rep": row.rep,
                **{name: getattr(row, name) for name in REP},
                "hours_to_accept": None if row.seconds_to_accept is None else round(row.seconds_to_accept / 3600, 1),
            }
            for row in results.by_rep(conn, since)
        ],
        "reasons": [
            {"state": row.state, "reason": labels.get(row.reason, row.reason) or None, "times": row.times}
            for row in results.reasons(conn, since, labels, OTHER)
        ],
        "campaigns": [
            {"campaign": row.campaign, **{name: getattr(row, name) for name in FUNNEL}}
            for row in results.funnel(conn, since, WON)
        ],
    }

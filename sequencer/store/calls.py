"""Whom to call: tasks that are open, leads who come up again, and what the campaigns that brought them were worth."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from sequencer.core.calls import KNOWN, NEXT_ATTEMPT, Campaign
from sequencer.core.lead import Lead
from sequencer.core.workspace import Workspace
from sequencer.store import leads

# Dates of the field are ISO texts, and compare like one; whatever else was written there fails no query.
_IDLE = text(
    f"""
    SELECT {", ".join(f"l.{column.name}" for column in leads.COLUMNS)},
           l.engaged_on, CASE WHEN a.next_attempt <= :today THEN a.next_attempt END AS next_attempt
    FROM ({leads.of_reps()}) l
    CROSS JOIN LATERAL (SELECT left(l.fields ->> '{NEXT_ATTEMPT}', 10) AS next_attempt) a
    LEFT JOIN (
        SELECT c.campaign, (count(*) FILTER (WHERE h.state = 'accepted') + 1.0) / (count(*) + 2) AS worth
        FROM handoff h JOIN lead c ON c.id = h.lead_id
        WHERE h.state <> 'waiting' AND c.campaign IS NOT NULL GROUP BY c.campaign
    ) w ON w.campaign = l.campaign
    -- Calls are few among a lead's events, and have an index of their own: all of them are read sooner than one each.
    LEFT JOIN (
        SELECT e.lead_id, to_char(max(e.at) AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day
        FROM event e WHERE e.kind = 'call_logged' AND e.at >= :since GROUP BY e.lead_id
    ) called ON called.lead_id = l.id
    WHERE NOT l.suppressed
      AND NOT EXISTS (SELECT 1 FROM task t WHERE t.lead_id = l.id AND t.kind = 'call' AND t.closed_at IS NULL)
      AND CASE
            WHEN a.next_attempt IS NOT NULL AND a.next_attempt > :today THEN false
            WHEN a.next_attempt IS NOT NULL AND coalesce(called.day < a.next_attempt, true) THEN true
            ELSE called.day IS NULL AND l.created_at < :since
                 AND l.stage IN ({", ".join(f"'{stage}'" for stage in KNOWN)})
          END
    ORDER BY (a.next_attempt IS NULL), coalesce(w.worth, 0.5) DESC, l.engaged_on DESC NULLS LAST, l.id
    LIMIT :limit
    """
)
_CAMPAIGNS = text(
    """
    SELECT l.campaign, count(*) FILTER (WHERE h.state = 'accepted') AS accepted, count(*) AS answered
    FROM handoff h JOIN lead l ON l.id = h.lead_id
    WHERE h.state <> 'waiting' AND l.campaign IS NOT NULL GROUP BY l.campaign
    """
)


class Idle(NamedTuple):
    """A lead who comes up again."""

    lead: Lead
    next_attempt: date | None
    active_on: date | None


def idle(
    conn: Connection, workspace: Workspace, reps: Collection[str], today: date, since: datetime, limit: int
) -> list[Idle]:
    """Leads of these reps whose next attempt has come, or whom nobody called since then; the likeliest first."""
    values = leads.reps_of(workspace, reps) | {"today": today.isoformat(), "since": since, "limit": limit}
    rows = conn.execute(_IDLE, values) if reps else ()
    return [Idle(leads.of(row), _day(row.next_attempt), row.engaged_on) for row in rows]


def _day(written: Any) -> date | None:
    try:
        return date.fromisoformat(written)
    except (TypeError, ValueError):
        return None


def campaigns(conn: Connection) -> dict[str, Campaign]:
    """By first-touch campaign: its leads' handoffs that have an answer, and how many reps accepted."""
    return {row.campaign: Campaign(row.accepted, row.answered) for row in conn.execute(_CAMPAIGNS)}


_AGAIN = text(
    """
    UPDATE task SET due_at = greatest(due_at, :due_at)
    WHERE lead_id = :lead_id AND kind = 'call' AND closed_at IS NULL
    """
)


def put_off(conn: Connection, lead_id: int, due_at: datetime) -> int:
    """Open calls to a lead are due at this time at the earliest. Returns how many there are."""
    return int(conn.execute(_AGAIN, {"lead_id": lead_id, "due_at": due_at}).rowcount)

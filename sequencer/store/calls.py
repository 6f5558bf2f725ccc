"""Whom to call: tasks that are open, leads who come up again, and what the campaigns that brought them were worth."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from sequencer.core.calls import ENDED, KNOWN, NEXT_ATTEMPT, Campaign
from sequencer.core.handoff import Handoff
from sequencer.core.lead import Lead
from sequencer.core.owner import CONTACTS
from sequencer.core.workspace import Workspace
from sequencer.store import handoffs, leads
from sequencer.store.arrays import array

_GOES_ON = "coalesce(l.status <> ALL(CAST(:stopping AS text[])), true)"
"""SQL: no status of lead `l` says that nobody is to go on with it."""

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
    WHERE NOT l.suppressed AND {_GOES_ON}
      AND NOT EXISTS (SELECT 1 FROM handoff h WHERE h.lead_id = l.id AND h.state = 'waiting')
      AND NOT EXISTS (SELECT 1 FROM task t WHERE t.lead_id = l.id AND t.kind = 'call' AND t.closed_at IS NULL)
      AND CASE
            WHEN a.next_attempt IS NOT NULL AND a.next_attempt > :today THEN false
            WHEN a.next_attempt IS NOT NULL AND coalesce(called.day < a.next_attempt, true) THEN true
            ELSE called.day IS NULL AND l.created_at < :since
                 AND l.stage IN ({", ".join(f"'{stage}'" for stage in KNOWN)})
          END
    ORDER BY (a.next_attempt IS NULL), coalesce(w.worth, 0.5) DESC, l.engaged_on DESC NULLS LAST, l.id
    LIMIT :limit OFFSET :offset
    """
)
# Whoever accepted by being in touch (`answer`) has called, met or written already.
_HANDED = text(
    f"""
    SELECT h.* FROM handoff h WHERE h.state = 'waiting' AND (CAST(:rep AS text) IS NULL OR h.rep = :rep)
    UNION ALL
    SELECT h.* FROM handoff h JOIN lead l ON l.id = h.lead_id
    WHERE h.state = 'accepted' AND h.answer = '' AND h.at >= :since AND (CAST(:rep AS text) IS NULL OR h.rep = :rep)
      AND {_GOES_ON} AND coalesce(l.stage NOT IN ({", ".join(f"'{stage}'" for stage in ENDED)}), true)
      AND coalesce(left(l.fields ->> '{NEXT_ATTEMPT}', 10) <= :today, true)
      AND NOT EXISTS (SELECT 1 FROM handoff later WHERE later.lead_id = h.lead_id AND later.number > h.number)
      AND NOT EXISTS (
          SELECT 1 FROM event e WHERE e.lead_id = h.lead_id AND e.at >= h.answered_at
          AND e.kind IN ({", ".join(f"'{kind}'" for kind in CONTACTS)})
      )
    ORDER BY state DESC, at, lead_id LIMIT :limit
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


def handed(
    conn: Connection, workspace: Workspace, rep: str | None, today: date, since: datetime, limit: int
) -> list[Handoff]:
    """Handoffs of a rep, or of all, that wait for an answer, then those since then whose lead waits for the first call.

    Each lead once. Whose next attempt is a later day does not wait for it now.
    """
    values = {"rep": rep, "today": today.isoformat(), "since": since, "limit": limit, "stopping": _stopping(workspace)}
    return [handoffs.of(row) for row in conn.execute(_HANDED, values)]


def idle(
    conn: Connection,
    workspace: Workspace,
    reps: Collection[str],
    today: date,
    since: datetime,
    limit: int,
    offset: int = 0,
) -> list[Idle]:
    """Leads of these reps whose next attempt has come, or whom nobody called since then; the likeliest first.

    Of `never` only the caller can tell.
    """
    values = leads.reps_of(workspace, reps) | {"today": today.isoformat(), "since": since}
    values |= {"limit": limit, "offset": offset, "stopping": _stopping(workspace)}
    rows = conn.execute(_IDLE, values) if reps else ()
    return [Idle(leads.of(row), _day(row.next_attempt), row.engaged_on) for row in rows]


def _stopping(workspace: Workspace) -> Any:
    return array(status.id for status in workspace.statuses.values() if status.stops)


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

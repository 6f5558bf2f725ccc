"""What came of handoffs, and of the leads that each first-touch campaign brought."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from sequencer.store.arrays import array

_BY_REP = text(
    """
    WITH given AS (
        SELECT a.rep, CASE WHEN a.turn < cardinality(asked) THEN 'reassigned' ELSE state END AS state,
               answered_at - told_at AS took
        FROM handoff h CROSS JOIN LATERAL
            unnest(CASE WHEN cardinality(asked) = 0 THEN ARRAY[h.rep] ELSE asked END) WITH ORDINALITY a(rep, turn)
        WHERE at >= :since
    )
    SELECT rep,
           count(*) AS given,
           count(*) FILTER (WHERE state = 'accepted') AS accepted,
           count(*) FILTER (WHERE state = 'declined') AS declined,
           count(*) FILTER (WHERE state = 'expired') AS expired,
           count(*) FILTER (WHERE state = 'waiting') AS waiting,
           count(*) FILTER (WHERE state = 'reassigned') AS reassigned,
           CAST(percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM took))
                FILTER (WHERE state = 'accepted') AS float) AS seconds_to_accept
    FROM given GROUP BY rep ORDER BY count(*) DESC, rep
    """
)


def by_rep(conn: Connection, since: datetime) -> list[Any]:
    """Handoffs begun since then, by every rep who was asked; half were accepted within `seconds_to_accept`.

    `reassigned`: that rep did not answer in time, and another one was asked.
    """
    return list(conn.execute(_BY_REP, {"since": since}))


_REASONS = text(
    """
    SELECT state, reason, count(*) AS times
    FROM (
        SELECT state, CASE WHEN state = 'expired' OR answer = '' OR answer = ANY(CAST(:declared AS text[])) THEN answer
                      ELSE :other END AS reason
        FROM handoff WHERE at >= :since AND state IN ('declined', 'expired')
    ) said
    GROUP BY state, reason ORDER BY count(*) DESC, state, reason
    """
)


def reasons(conn: Connection, since: datetime, declared: Collection[str], other: str) -> list[Any]:
    """Why handoffs begun since then were declined, or went back. What reps wrote themselves counts as `other`."""
    return list(conn.execute(_REASONS, {"since": since, "declared": array(sorted(declared)), "other": other}))


_FUNNEL = text(
    """
    SELECT l.campaign,
           count(*) AS leads,
           count(*) FILTER (WHERE l.engaged_on IS NOT NULL) AS active,
           count(*) FILTER (WHERE EXISTS (SELECT 1 FROM readiness r WHERE r.lead_id = l.id)) AS ready,
           count(*) FILTER (WHERE EXISTS (SELECT 1 FROM handoff h WHERE h.lead_id = l.id)) AS handed_off,
           count(*) FILTER (
               WHERE EXISTS (SELECT 1 FROM handoff h WHERE h.lead_id = l.id AND h.state = 'accepted')
           ) AS accepted,
           count(*) FILTER (WHERE l.stage = ANY(CAST(:won AS text[]))) AS customers
    FROM lead l WHERE l.created_at >= :since
    GROUP BY l.campaign ORDER BY accepted DESC, leads DESC, l.campaign
    """
)


def funnel(conn: Connection, since: datetime, won: Sequence[str]) -> list[Any]:
    """Leads known since then by first-touch campaign, and how far they came. `won`: stages of customers."""
    return list(conn.execute(_FUNNEL, {"since": since, "won": array(won)}))

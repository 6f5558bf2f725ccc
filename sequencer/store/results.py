"""What came of handoffs, and of the leads that each first-touch campaign brought."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from sequencer.store.arrays import array

_BY_REP = text(
    """
    SELECT rep,
           count(*) AS given,
           count(*) FILTER (WHERE state = 'accepted') AS accepted,
           count(*) FILTER (WHERE state = 'declined') AS declined,
           count(*) FILTER (WHERE state = 'expired') AS expired,
           count(*) FILTER (WHERE state = 'waiting') AS waiting,
           count(*) FILTER (WHERE cardinality(asked) > 1) AS reassigned,
           CAST(percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM answered_at - told_at))
                FILTER (WHERE state = 'accepted') AS float) AS seconds_to_accept
    FROM handoff WHERE at >= :since GROUP BY rep ORDER BY count(*) DESC, rep
    """
)


def by_rep(conn: Connection, since: datetime) -> list[Any]:
    """Handoffs begun since then, by the rep who has or had them last; half were accepted within `seconds_to_accept`."""
    return list(conn.execute(_BY_REP, {"since": since}))


_REASONS = text(
    """
    SELECT state, answer, count(*) AS times FROM handoff
    WHERE at >= :since AND state IN ('declined', 'expired') GROUP BY state, answer ORDER BY count(*) DESC, state, answer
    """
)


def reasons(conn: Connection, since: datetime) -> list[Any]:
    """Why handoffs begun since then were declined, or went back."""
    return list(conn.execute(_REASONS, {"since": since}))


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

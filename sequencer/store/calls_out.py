"""Calls to other systems, until each was taken, or is dead because nobody took it for long.

What was taken is kept for a time only. There is much of it: whoever asks for the others has indexes without it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, func, select, text

from sequencer.store.arrays import array
from sequencer.store.tables import call_out


@dataclass(frozen=True, slots=True)
class NewCall:
    target: str
    kind: str
    """As receivers read it: `handoff.accepted`."""
    lead_id: int
    number: int
    data: dict[str, Any]


def insert(conn: Connection, calls: Sequence[NewCall], now: datetime) -> None:
    rows = [
        {
            "target": one.target,
            "kind": one.kind,
            "lead_id": one.lead_id,
            "number": one.number,
            # Frozen: every attempt says the same, whatever became of the lead meanwhile.
            "body": orjson.dumps({"type": one.kind, "timestamp": now.isoformat(), "data": one.data}),
            "at": now,
            "state": "pending",
        }
        for one in calls
    ]
    if rows:
        conn.execute(call_out.insert(), rows)


_CLAIM = text(
    """
    WITH next AS MATERIALIZED (
        SELECT id FROM call_out
        WHERE state = 'pending' AND coalesce(next_at <= clock_timestamp(), true)
           OR state = 'sending' AND lease_until < clock_timestamp()
        ORDER BY id LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE call_out c SET state = 'sending', attempts = attempts + 1,
           lease_until = clock_timestamp() + make_interval(secs => :lease)
    FROM next WHERE c.id = next.id
    RETURNING c.id, c.target, c.kind, c.lead_id, c.number, c.body, c.attempts,
              c.attempts > 1 OR c.failure IS NOT NULL AS repeat
    """
)


def claim(conn: Connection, lease: float, limit: int) -> list[Any]:
    """Takes calls that are to be made, also those of whoever died: receivers know a repeat by its id.

    `repeat`: an attempt before may have gone through, also one before an operator's replay, which counts anew.
    """
    rows = conn.execute(_CLAIM, {"lease": lease, "limit": limit})
    return sorted(rows, key=lambda row: int(row.id))


_SETTLE = text(
    """
    UPDATE call_out SET state = :state, failure = :failure, lease_until = NULL,
           next_at = clock_timestamp() + make_interval(secs => CAST(:again AS float))
    WHERE id = :id AND state = 'sending' AND attempts = :attempts
    """
)


def settle(
    conn: Connection, number: int, attempts: int, state: str, failure: str | None, again: float | None = None
) -> None:
    """What one attempt came to. `again`: seconds of operating time until the next."""
    values = {"id": number, "attempts": attempts, "state": state, "failure": failure, "again": again}
    conn.execute(_SETTLE, values)


DUE = (
    "SELECT 1 FROM call_out WHERE state = 'pending' AND coalesce(next_at <= clock_timestamp(), true)"
    " OR state = 'sending' AND lease_until < clock_timestamp()"
)
"""Whether some call is to be made now."""


_UNSENT: Final = text("state <> 'sent'")
"""As the index says it: a parameter in its place could be anything."""


def listed(conn: Connection, limit: int) -> list[Any]:
    """Those that were not taken, the oldest first."""
    return list(conn.execute(select(call_out).where(_UNSENT).order_by(call_out.c.id).limit(limit)))


_REPLAY = text(
    """
    UPDATE call_out SET state = 'pending', attempts = 0, next_at = NULL
    WHERE state = 'dead' AND (:every OR id = ANY(CAST(:ids AS bigint[])))
    """
)


def replay(conn: Connection, ids: Collection[int] | None) -> int:
    """Has dead calls made again; None: all of them. Returns how many."""
    return int(conn.execute(_REPLAY, {"every": ids is None, "ids": array(sorted(ids or ()))}).rowcount)


def open_to(conn: Connection, target: str) -> int:
    """How many calls to a target are still to be made, or being made."""
    query = select(func.count()).where(call_out.c.target == target, call_out.c.state.in_(("pending", "sending")))
    return int(conn.execute(query).scalar_one())


def counts(conn: Connection) -> dict[str, int]:
    """How many in each state, of those that were not taken."""
    query = select(call_out.c.state, func.count()).where(_UNSENT).group_by(call_out.c.state)
    return {row[0]: row[1] for row in conn.execute(query)}


_OLD: Final = "SELECT id FROM call_out WHERE state = 'sent' AND at < :before"


def has_old(conn: Connection, before: datetime) -> bool:
    """Whether there are calls that were taken, of what happened before then."""
    return bool(conn.execute(_ANY_OLD, {"before": before}).scalar_one())


_ANY_OLD = text(f"SELECT EXISTS ({_OLD})")
_DELETE = text(
    f"""
    WITH old AS MATERIALIZED ({_OLD} ORDER BY at LIMIT :limit FOR UPDATE SKIP LOCKED)
    DELETE FROM call_out c USING old WHERE c.id = old.id
    """
)


def delete_old(conn: Connection, before: datetime, limit: int) -> int:
    """Removes these, at most so many; says how many. Dead ones stay: they can be replayed."""
    return int(conn.execute(_DELETE, {"before": before, "limit": limit}).rowcount)

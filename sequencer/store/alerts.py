"""What reps are told: `tell` and `handoff`, until it is mailed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, func, select, text

from sequencer.store.tables import alert


@dataclass(frozen=True, slots=True)
class NewAlert:
    enrollment_id: int
    step: str
    kind: str
    lead_id: int
    rep: str | None
    note: str
    reasons: tuple[str, ...]


def insert(conn: Connection, alerts: Sequence[NewAlert], now: datetime) -> None:
    """One alert for each enrollment and step, however often it is asked for."""
    if not alerts:
        return
    conn.execute(
        text(
            """
            INSERT INTO alert (enrollment_id, step, kind, lead_id, rep, note, reasons, at, state)
            SELECT v.enrollment_id, v.step, v.kind, v.lead_id, v.rep, v.note, CAST(v.reasons AS jsonb), :now,
                   CASE WHEN v.rep IS NULL THEN 'no_owner' ELSE 'pending' END
            FROM unnest(CAST(:ids AS bigint[]), CAST(:steps AS text[]), CAST(:kinds AS text[]),
                        CAST(:leads AS bigint[]), CAST(:reps AS text[]), CAST(:notes AS text[]),
                        CAST(:reasons AS text[]))
                 v(enrollment_id, step, kind, lead_id, rep, note, reasons)
            ON CONFLICT DO NOTHING
            """
        ),
        {
            "now": now,
            "ids": [a.enrollment_id for a in alerts],
            "steps": [a.step for a in alerts],
            "kinds": [a.kind for a in alerts],
            "leads": [a.lead_id for a in alerts],
            "reps": [a.rep for a in alerts],
            "notes": [a.note for a in alerts],
            "reasons": [orjson.dumps(list(a.reasons)).decode() for a in alerts],
        },
    )


def claim(conn: Connection, lease: float, limit: int) -> list[Any]:
    """Takes pending alerts and marks them `sending`. One whose lease ran out is `unknown` and never sent again."""
    conn.execute(
        text(
            "UPDATE alert SET state = 'unknown', failure = 'no answer was recorded before the lease ended'"
            " WHERE state = 'sending' AND lease_until < clock_timestamp()"
        )
    )
    return list(
        conn.execute(
            text(
                """
                WITH next AS MATERIALIZED (
                    SELECT enrollment_id, step FROM alert
                    WHERE state = 'pending' AND coalesce(retry_at <= clock_timestamp(), true)
                    ORDER BY at, lead_id, step LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
                )
                UPDATE alert a SET state = 'sending', lease_until = clock_timestamp() + make_interval(secs => :lease)
                FROM next WHERE a.enrollment_id = next.enrollment_id AND a.step = next.step
                RETURNING a.enrollment_id, a.step, a.kind, a.lead_id, a.rep, a.note, a.reasons, a.at
                """
            ),
            {"lease": lease, "limit": limit},
        )
    )


def settle(
    conn: Connection, keys: Sequence[tuple[int, str]], state: str, failure: str | None, again: float | None
) -> None:
    """Records an attempt; `again`: seconds of operating time until a pending one goes again."""
    conn.execute(
        text(
            "UPDATE alert a SET state = :state, failure = :failure, lease_until = NULL,"
            " retry_at = clock_timestamp() + make_interval(secs => CAST(:again AS float))"
            " FROM unnest(CAST(:ids AS bigint[]), CAST(:steps AS text[])) v(id, step)"
            " WHERE a.enrollment_id = v.id AND a.step = v.step AND a.state = 'sending'"
        ),
        {
            "ids": [k[0] for k in keys],
            "steps": [k[1] for k in keys],
            "state": state,
            "failure": failure,
            "again": again,
        },
    )


def due(conn: Connection) -> bool:
    """Whether some alert may be sent now, or lies with somebody whose lease ran out."""
    query = text(
        "SELECT EXISTS (SELECT 1 FROM alert WHERE state = 'pending' AND coalesce(retry_at <= clock_timestamp(), true)"
        " OR state = 'sending' AND lease_until < clock_timestamp())"
    )
    return bool(conn.execute(query).scalar_one())


def of_lead(conn: Connection, lead_id: int) -> list[Any]:
    return list(conn.execute(select(alert).where(alert.c.lead_id == lead_id).order_by(alert.c.at)))


def counts(conn: Connection) -> list[tuple[str, str, int]]:
    """(kind, state, how many)."""
    query = select(alert.c.kind, alert.c.state, func.count()).group_by(alert.c.kind, alert.c.state)
    return [(row[0], row[1], row[2]) for row in conn.execute(query)]

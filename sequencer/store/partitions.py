"""Monthly partitions of the ledger and of events, made ahead of time.

The ledger is partitioned by enrollment id, whose upper bits are business milliseconds; events by the payload's time.
"""

from datetime import UTC, datetime

from sqlalchemy import Connection, text

from sequencer.store import clock

BACK = 3
"""Months behind now that still take events; what is older is set aside."""
AHEAD = 2
SHIFT = 20
"""Bits of an enrollment id below its milliseconds."""


def ensure(conn: Connection) -> None:
    """Makes the partitions around business now that are missing. Cheap when none is."""
    now = clock.now(conn)
    existing = set(
        conn.execute(
            text(
                "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
                " JOIN pg_class p ON p.oid = i.inhparent WHERE p.relname IN ('event', 'message')"
            )
        ).scalars()
    )
    for offset in range(-BACK, AHEAD + 1):
        first, after = _month(now, offset), _month(now, offset + 1)
        name = f"event_{first:%Y_%m}"
        if name not in existing:
            conn.execute(
                text(
                    f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF event"
                    f" FOR VALUES FROM ('{first.isoformat()}') TO ('{after.isoformat()}')"
                )
            )
        name = f"message_{first:%Y_%m}"
        if name not in existing:
            conn.execute(
                text(
                    f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF message"
                    f" FOR VALUES FROM ({_lowest_id(first)}) TO ({_lowest_id(after)})"
                    " WITH (fillfactor = 80)"
                )
            )


def event_span(now: datetime) -> tuple[datetime, datetime]:
    """From when until when an event's time may lie to be stored."""
    return _month(now, -BACK), _month(now, AHEAD + 1)


def _month(moment: datetime, offset: int) -> datetime:
    months = moment.year * 12 + moment.month - 1 + offset
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def _lowest_id(moment: datetime) -> int:
    return int(moment.timestamp() * 1000) << SHIFT

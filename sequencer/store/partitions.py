"""Monthly partitions of the ledger and of events, made ahead of time, and taken off when they are old.

The ledger is partitioned by enrollment id, whose upper bits are business milliseconds; events by the payload's time.
"""

import logging
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from sequencer.store import clock

log = logging.getLogger(__name__)

BACK = 3
"""Months behind now that still take events; what is older is set aside."""
AHEAD = 2
SHIFT = 20
"""Bits of an enrollment id below its milliseconds."""

_OPTIONS = {
    # Each row is written twice within a moment: the attempt, then what the provider said. After that, events.
    "message": "fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02,"
    " autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off",
    "event": "autovacuum_analyze_scale_factor = 0.02",
}
"""See migrations 0004 and 0006, which give them to those that were there before."""
_LOCK = 0x5EC1  # any number will do, as long as nothing else in this database uses it
_PATIENCE = "1s"
"""How long the parent's lock is waited for: a look at what is due waits meanwhile."""


class Months:
    """Makes partitions as business time goes on. One a process: it remembers the month for which all is there."""

    def __init__(self) -> None:
        self._complete: tuple[int, int] | None = None

    def keep(self, conn: Connection, now: datetime) -> None:
        """Costs nothing but once a month. Never fails because somebody else holds the tables: the next look tries."""
        month = (now.year, now.month)
        # What this transaction makes may still be rolled back, so only what was there before is remembered.
        if self._complete != month and not _make(conn, now):
            self._complete = month


def ensure(conn: Connection) -> None:
    """Makes the partitions around business now that are missing."""
    _make(conn, clock.now(conn))


def _make(conn: Connection, now: datetime) -> bool:
    """Whether any was missing."""
    missing = _missing(conn, now)
    if not missing:
        return False
    try:
        with conn.begin_nested():
            conn.execute(text(f"SET LOCAL lock_timeout = '{_PATIENCE}'"))
            # Two that make the same at once would fail on its name.
            conn.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            for schema, parent, first, after in _missing(conn, now):
                _add(conn, schema, parent, first, after)
            conn.execute(text("SET LOCAL lock_timeout = DEFAULT"))
    except OperationalError as error:
        if not isinstance(error.orig, LockNotAvailable):
            raise
        log.warning("partitions of the coming months are not made yet: somebody holds %s", missing[0][1])
    return True


def _missing(conn: Connection, now: datetime) -> list[tuple[str, str, datetime, datetime]]:
    """(schema, parent, from, to) of those around now that are not there. One that was taken off stays off."""
    months = [(_month(now, offset), _month(now, offset + 1)) for offset in range(-BACK, AHEAD + 1)]
    wanted = {_name(parent, first): (parent, first, after) for parent in _OPTIONS for first, after in months}
    there = conn.execute(
        # Read as a table, as of now: whoever waited for the lock was told by to_regclass that nobody had made it. Where
        # the parent is, not where this session would make tables now: a schema named like the role comes before it.
        text(
            """
            SELECT w.name, p.relnamespace::regnamespace::text AS schema
            FROM unnest(CAST(:names AS text[]), CAST(:parents AS text[])) w(name, parent)
            JOIN pg_class p ON p.oid = to_regclass(w.parent)
            WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.relname = w.name AND c.relnamespace = p.relnamespace)
                AND NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                                WHERE i.inhparent = p.oid AND c.relname = w.name)
            """
        ),
        {"names": list(wanted), "parents": [parent for parent, _, _ in wanted.values()]},
    )
    return [(row.schema, *wanted[row.name]) for row in there]


def _add(conn: Connection, schema: str, parent: str, first: datetime, after: datetime) -> None:
    """Made by itself and then attached: CREATE TABLE … PARTITION OF would lock everybody out of the parent, and wait
    for whoever reads it, as pg_dump does for hours, with everybody else waiting behind.
    """
    name = f"{schema}.{_name(parent, first)}"
    low, high = (
        (f"'{first.isoformat()}'", f"'{after.isoformat()}'")
        if parent == "event"
        else (str(lowest_id(first)), str(lowest_id(after)))
    )
    conn.execute(text(f"CREATE TABLE {name} (LIKE {parent} INCLUDING ALL) WITH ({_OPTIONS[parent]})"))
    conn.execute(text(f"ALTER TABLE {parent} ATTACH PARTITION {name} FOR VALUES FROM ({low}) TO ({high})"))


def event_span(now: datetime) -> tuple[datetime, datetime]:
    """From when until when an event's time may lie to be stored."""
    return _month(now, -BACK), _month(now, AHEAD + 1)


class Partition(NamedTuple):
    name: str
    parent: str
    """event | message"""
    first: datetime
    after: datetime
    """Business time: [first, after)."""
    size: int
    """Bytes, with indexes."""
    rows: int
    """As PostgreSQL estimates it."""


def of(conn: Connection) -> list[Partition]:
    """Those that are part of the ledger or of events, the oldest first."""
    rows = conn.execute(
        text(
            """
            SELECT c.relname, i.inhparent::regclass::text AS parent, pg_total_relation_size(c.oid), c.reltuples
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent IN ('event'::regclass, 'message'::regclass) AND NOT i.inhdetachpending
            """
        )
    )
    found = []
    for name, parent, size, estimate in rows:
        if match := re.fullmatch(rf"{parent}_(\d{{4}})_(\d\d)", name):
            first = datetime(int(match[1]), int(match[2]), 1, tzinfo=UTC)
            found.append(Partition(name, parent, first, _month(first, 1), size, max(0, int(estimate))))
    return sorted(found, key=lambda p: (p.first, p.parent))


def detach(conn: Connection, partition: Partition) -> None:
    """Makes a table of its own of it, of the same name. The connection must not be in a transaction.

    Nobody is locked out meanwhile; it waits for transactions that were under way.
    """
    conn.execute(text(f"ALTER TABLE {partition.parent} DETACH PARTITION {partition.name} CONCURRENTLY"))


def forgotten(conn: Connection, ids: Iterable[int]) -> set[int]:
    """Which of these enrollments belong to a month that is no part of the ledger any more."""
    kept = [(lowest_id(p.first), lowest_id(p.after)) for p in of(conn) if p.parent == "message"]
    return {number for number in ids if not any(low <= number < high for low, high in kept)}


def lowest_id(moment: datetime) -> int:
    """No enrollment that entered at this business time or later has a lower id."""
    return int(moment.timestamp() * 1000) << SHIFT


def month_before(now: datetime, months: int) -> datetime:
    """The first moment of the month that lies so many before now's."""
    return _month(now, -months)


def _name(parent: str, first: datetime) -> str:
    return f"{parent}_{first:%Y_%m}"


def _month(moment: datetime, offset: int) -> datetime:
    months = moment.year * 12 + moment.month - 1 + offset
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)

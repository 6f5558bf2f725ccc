"""Business time: the database's own clock, or a virtual one kept in a row that every process reads."""

from datetime import datetime

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from sequencer.store.tables import clock

BUSINESS = """coalesce(
        (SELECT virtual + (clock_timestamp() - anchor) * speed FROM clock WHERE id = 1 AND virtual IS NOT NULL),
        clock_timestamp())"""
"""Business time as an expression, for a statement that is a transaction by itself."""

_NOW = text(f"SELECT {BUSINESS}")
_OPERATING = select(func.clock_timestamp())


def now(conn: Connection) -> datetime:
    """Business time, aware, UTC. Read it once per transaction."""
    moment: datetime = conn.execute(_NOW).scalar_one()
    return moment


def operating(conn: Connection) -> datetime:
    """Operating time, always real: for the age of signatures, never for business."""
    moment: datetime = conn.execute(_OPERATING).scalar_one()
    return moment


def start_virtual(conn: Connection, at: datetime, speed: int = 0) -> None:
    """Business time is `at` from here on and runs at `speed` virtual seconds per real one; 0 waits for `advance`."""
    values = {"virtual": at, "anchor": func.clock_timestamp(), "speed": speed}
    conn.execute(insert(clock).values(id=1, **values).on_conflict_do_update(index_elements=["id"], set_=values))


def advance(conn: Connection, expected: datetime, to: datetime) -> bool:
    """Compare-and-set: False when somebody else moved the clock first, or `to` lies behind."""
    if to < expected:
        return False
    done = conn.execute(
        update(clock)
        .where(clock.c.id == 1, clock.c.virtual == expected, clock.c.speed == 0)
        .values(virtual=to, anchor=func.clock_timestamp())
    )
    return done.rowcount == 1

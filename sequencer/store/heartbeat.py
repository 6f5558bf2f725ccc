"""When this installation was last at work: what tells a downtime, and a database that was restored from a backup."""

from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Connection, text

NOTED = 10.0
"""Seconds for which having worked need not be noted again."""


class Beat(NamedTuple):
    ledger: str
    """Names this ledger, also after it was restored from a backup."""
    number: int
    silent: timedelta
    """Operating time since the last beat."""
    idle: timedelta
    """Operating time since nothing was overdue, or some of it was worked off."""


def last(conn: Connection) -> Beat | None:
    """The last beat; None before the first."""
    row = conn.execute(
        text("SELECT ledger, number, clock_timestamp() - at, clock_timestamp() - worked_at FROM heartbeat")
    ).one_or_none()
    return Beat(*row) if row is not None else None


def beat(conn: Connection, at_rest: bool, after: int = 0) -> Beat:
    """One more. `at_rest`: nothing is overdue. `after`: its number is higher than this one too."""
    row = conn.execute(
        text(
            """
            INSERT INTO heartbeat AS h (id, ledger, number, at, worked_at)
            VALUES (1, gen_random_uuid(), greatest(1, :after + 1), clock_timestamp(), clock_timestamp())
            ON CONFLICT (id) DO UPDATE
            SET number = greatest(h.number, :after) + 1, at = excluded.at,
                worked_at = CASE WHEN :at_rest THEN excluded.worked_at ELSE h.worked_at END
            RETURNING ledger, number, clock_timestamp() - at, clock_timestamp() - worked_at
            """
        ),
        {"at_rest": at_rest, "after": after},
    ).one()
    return Beat(*row)


def worked(conn: Connection) -> None:
    """Some of what was overdue has been worked off."""
    conn.execute(text("UPDATE heartbeat SET worked_at = clock_timestamp()"))


def vouch(conn: Connection) -> None:
    """An operator knows that this database was restored, and lets it go on."""
    conn.execute(text("UPDATE heartbeat SET vouched_at = clock_timestamp()"))


def vouched(conn: Connection, within: timedelta) -> bool:
    """Whether an operator has let a restored database go on within so much operating time."""
    query = text("SELECT EXISTS (SELECT 1 FROM heartbeat WHERE vouched_at > clock_timestamp() - :within)")
    return bool(conn.execute(query, {"within": within}).scalar_one())


def lock(conn: Connection) -> Beat | None:
    """The last beat, locked, so that one process at a time deals with a downtime; None: another does already."""
    held = conn.execute(text("SELECT 1 FROM heartbeat FOR NO KEY UPDATE SKIP LOCKED")).scalar_one_or_none()
    return last(conn) if held is not None else None

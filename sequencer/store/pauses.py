"""Why all sending is paused, one row a reason; no rows: it is not. Times here are operating time."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, select, text

from sequencer.store.tables import pause

TRIAL = 60.0
"""Seconds that one process has to find out whether a pause is over, before another may try."""


class Reason(StrEnum):
    OPERATOR = "operator"
    CREDENTIALS = "credentials"
    """The provider refuses our key; one mail tries again from time to time."""
    RESTORED = "restored"
    """The database seems to be an older copy: what was sent since is not in its ledger."""


class Pause(NamedTuple):
    reason: Reason
    since: datetime
    detail: str
    retry_at: datetime | None


class Gate(StrEnum):
    """What a claim may do now."""

    OPEN = "open"
    SHUT = "shut"
    TRIAL = "trial"
    """One mail, to see whether the pause is over; nobody else tries meanwhile."""


def begin(conn: Connection, reason: Reason, detail: str, retry_after: float | None = None) -> bool:
    """Pauses all sending. True: it was not paused for this reason before.

    `retry_after`: seconds until one mail may try whether the reason is gone; None: only `sequencer resume` ends it.
    """
    done = conn.execute(
        text(
            """
            INSERT INTO pause (reason, since, detail, retry_at)
            VALUES (:reason, clock_timestamp(), :detail, clock_timestamp() + make_interval(secs => :retry_after))
            ON CONFLICT (reason) DO UPDATE SET detail = excluded.detail, retry_at = excluded.retry_at
            RETURNING xmax = 0
            """
        ),
        {"reason": reason.value, "detail": detail[:2000], "retry_after": retry_after},
    )
    return bool(done.scalar_one())


def end(conn: Connection, reason: Reason | None = None) -> list[Pause]:
    """Ends the pause for this reason, or for all; returns what ended."""
    query = pause.delete().returning(pause.c.reason, pause.c.since, pause.c.detail, pause.c.retry_at)
    if reason is not None:
        query = query.where(pause.c.reason == reason.value)
    return [_of(row) for row in conn.execute(query)]


def current(conn: Connection) -> list[Pause]:
    """Every reason for which sending is paused, the oldest first."""
    query = select(pause.c.reason, pause.c.since, pause.c.detail, pause.c.retry_at).order_by(pause.c.since)
    return [_of(row) for row in conn.execute(query)]


def gate(conn: Connection) -> Gate:
    """Asked by every claim, in its transaction. A trial is given to one claim at a time."""
    waiting = conn.execute(text("SELECT retry_at <= clock_timestamp() FROM pause")).scalars().all()
    if not waiting:
        return Gate.OPEN
    if not all(waiting):
        return Gate.SHUT
    taken = conn.execute(
        text(
            "UPDATE pause SET retry_at = clock_timestamp() + make_interval(secs => :trial)"
            " WHERE retry_at <= clock_timestamp()"
        ),
        {"trial": TRIAL},
    )
    return Gate.TRIAL if taken.rowcount == len(waiting) else Gate.SHUT


def give_back(conn: Connection) -> None:
    """The trial went to somebody who is not mailed now: the next claim may try."""
    conn.execute(text("UPDATE pause SET retry_at = clock_timestamp() WHERE retry_at IS NOT NULL"))


def is_shut(conn: Connection) -> bool:
    """Whether no claim would be let through now."""
    query = text("SELECT EXISTS (SELECT 1 FROM pause WHERE retry_at IS NULL OR retry_at > clock_timestamp())")
    return bool(conn.execute(query).scalar_one())


def is_for_people(conn: Connection) -> bool:
    """Whether somebody must end a pause: then alerts wait too, which may have gone before a backup was restored."""
    return bool(conn.execute(text("SELECT EXISTS (SELECT 1 FROM pause WHERE retry_at IS NULL)")).scalar_one())


def _of(row: tuple[str, datetime, str, datetime | None]) -> Pause:
    return Pause(Reason(row[0]), *row[1:])

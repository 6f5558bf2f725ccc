"""Why all sending is paused, one row a reason; no rows: it is not. And single sequences that are.

Times are operating time unless they are said to be business time.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, select, text

from sequencer.store.tables import pause, sequence_pause

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
    HELD = "held"
    """This sequence is paused: nobody in it is mailed, and whoever falls due is set aside until it goes on."""


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


def gate(conn: Connection, waiting: Sequence[bool | None], held: bool) -> Gate:
    """What that claim may do. `waiting`: of every pause of all sending, whether one mail may try by now; None: only
    people end it. `held`: its sequence is paused. See `opening.ask`.
    """
    if not waiting:
        return Gate.HELD if held else Gate.OPEN
    if not all(waiting):
        return Gate.SHUT
    taken = conn.execute(
        text(
            "UPDATE pause SET retry_at = clock_timestamp() + make_interval(secs => :trial)"
            " WHERE retry_at <= clock_timestamp()"
        ),
        {"trial": TRIAL},
    )
    if taken.rowcount != len(waiting):
        return Gate.SHUT
    if held:
        give_back(conn)
        return Gate.HELD
    return Gate.TRIAL


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


class SequencePause(NamedTuple):
    """An operator paused a sequence; `since` is business time."""

    sequence: str
    since: datetime
    detail: str


def begin_sequence(conn: Connection, sequence: str, detail: str, now: datetime) -> bool:
    """Pauses one sequence. True: it was not paused before; else only the reason is a new one."""
    done = conn.execute(
        text(
            """
            INSERT INTO sequence_pause (sequence, since, detail) VALUES (:sequence, :now, :detail)
            ON CONFLICT (sequence) DO UPDATE SET detail = excluded.detail RETURNING xmax = 0
            """
        ),
        {"sequence": sequence, "detail": detail[:2000], "now": now},
    )
    return bool(done.scalar_one())


def end_sequence(conn: Connection, sequence: str) -> bool:
    """Ends the pause of one sequence. False: it was not paused."""
    return conn.execute(sequence_pause.delete().where(sequence_pause.c.sequence == sequence)).rowcount > 0


def sequences(conn: Connection) -> list[SequencePause]:
    """Every sequence that is paused."""
    return [SequencePause(*row) for row in conn.execute(select(sequence_pause).order_by(sequence_pause.c.sequence))]


def _of(row: tuple[str, datetime, str, datetime | None]) -> Pause:
    return Pause(Reason(row[0]), *row[1:])

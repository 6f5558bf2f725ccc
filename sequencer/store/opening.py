"""What every claim asks before it takes anybody, in one question: the time, its fence, what runs, what is paused, and
whether there was a downtime."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, text

from sequencer.store import pauses
from sequencer.store.clock import BUSINESS
from sequencer.store.engine import KEEPS_PLANS
from sequencer.store.pauses import Gate


class Opening(NamedTuple):
    now: datetime
    """Business time."""
    fence: int
    """A number that no other claim has: it guards what this one writes."""
    deployment: tuple[int, str] | None
    """Number and hash of the newest."""
    gate: Gate
    idle: timedelta | None
    """Operating time since nothing was overdue, or some of it was worked off; None before the first heartbeat."""


_OPENING = text(
    f"""
    SELECT {BUSINESS}, nextval('fence_number'), newest.number, newest.release,
           EXISTS (SELECT 1 FROM sequence_pause WHERE sequence = :sequence),
           (SELECT array_agg(retry_at <= clock_timestamp()) FROM pause),
           (SELECT clock_timestamp() - worked_at FROM heartbeat)
    FROM (SELECT {KEEPS_PLANS}) one
    LEFT JOIN (SELECT number, release FROM deployment ORDER BY number DESC LIMIT 1) newest ON true
    """
)


def ask(conn: Connection, sequence: str) -> Opening:
    """Asked by every claim for a sequence, in its transaction. A trial is given to one claim at a time."""
    now, fence, number, digest, held, trials, idle = conn.execute(_OPENING, {"sequence": sequence}).one()
    newest = (number, digest) if number is not None else None
    return Opening(now, fence, newest, pauses.gate(conn, trials or (), held), idle)

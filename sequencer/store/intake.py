"""Webhook bodies as they came, until they are processed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from sequencer.store.tables import intake


class Body(NamedTuple):
    id: int
    door: str
    body: bytes
    content_type: str
    at: datetime
    """Business time of arrival."""


def put(conn: Connection, door: str, body: bytes, content_type: str, urgent: bool, at: datetime) -> None:
    """Stores a body raw; what is in it is looked at later."""
    conn.execute(insert(intake).values(door=door, body=body, content_type=content_type, urgent=urgent, at=at))


def claim(conn: Connection, urgent: bool, limit: int, size: int) -> list[Body]:
    """Takes pending bodies in the order they came; what others hold is passed over.

    At most `limit`, and `size` bytes together unless the first alone is larger.
    """
    waiting = (
        select(intake.c.id, func.octet_length(intake.c.body))
        .where(intake.c.state == "pending", intake.c.urgent == urgent)
        .order_by(intake.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken: list[int] = []
    for body_id, length in conn.execute(waiting):
        size -= length
        if taken and size < 0:
            break
        taken.append(body_id)
    query = select(intake.c.id, intake.c.door, intake.c.body, intake.c.content_type, intake.c.at)
    return [Body(*row) for row in conn.execute(query.where(intake.c.id == func.any(taken)).order_by(intake.c.id))]


def done(conn: Connection, ids: Sequence[int]) -> None:
    conn.execute(update(intake).where(intake.c.id == func.any(list(ids))).values(state="done"))


def set_aside(conn: Connection, body_id: int, problem: str) -> None:
    """A body (or events in it) that could not be processed; kept for `sequencer events replay`."""
    waiting = (intake.c.id == body_id) & (intake.c.state == "pending")
    conn.execute(update(intake).where(waiting).values(state="set_aside", problem=problem[:2000]))


def pending(conn: Connection) -> dict[bool, int]:
    """How many bodies wait, by urgency."""
    query: Any = select(intake.c.urgent, func.count()).where(intake.c.state == "pending").group_by(intake.c.urgent)
    return {row[0]: row[1] for row in conn.execute(query)}

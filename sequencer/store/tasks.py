"""Tasks: what reps are to do about a lead, until it is done."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert as insert_

from sequencer.store.leads import NAME
from sequencer.store.tables import enrollment, lead, task

DONE, LEFT = "done", "left"


@dataclass(frozen=True, slots=True)
class NewTask:
    enrollment_id: int
    step: str
    lead_id: int
    kind: str
    rep: str | None
    note: str
    due_at: datetime


def insert(conn: Connection, new: Sequence[NewTask], now: datetime) -> None:
    """One for each enrollment and step, however often it is asked for."""
    if new:
        conn.execute(insert_(task).on_conflict_do_nothing(), [asdict(one) | {"at": now} for one in new])


def done(conn: Connection, lead_ids: Sequence[int], kind: str, now: datetime) -> None:
    """A call to each of these leads: whatever asked for one is done."""
    mine = task.c.lead_id == func.any(list(lead_ids))
    query = update(task).where(mine, task.c.kind == kind, task.c.closed_at.is_(None))
    conn.execute(query.values(closed_at=now, closed_by=DONE))


def drop(conn: Connection, enrollment_ids: Sequence[int], now: datetime) -> None:
    """These enrollments are over, and with them what was still to be done for them."""
    if enrollment_ids:
        query = update(task).where(task.c.enrollment_id == func.any(list(enrollment_ids)), task.c.closed_at.is_(None))
        conn.execute(query.values(closed_at=now, closed_by=LEFT))


def still_open(conn: Connection, rep: str | None, limit: int) -> list[Any]:
    """Tasks and their leads' names, what is due first; of one rep, or of all."""
    query = (
        select(task, enrollment.c.sequence, lead.c.email, NAME)
        .join(lead, lead.c.id == task.c.lead_id)
        .outerjoin(enrollment, enrollment.c.id == task.c.enrollment_id)
        .where(task.c.closed_at.is_(None))
        .order_by(task.c.due_at, task.c.lead_id, task.c.step)
        .limit(limit)
    )
    if rep is not None:
        query = query.where(task.c.rep == rep)
    return list(conn.execute(query))


def count_of(conn: Connection, lead_id: int, kind: str) -> int:
    """How many are open about one lead."""
    mine = (task.c.lead_id == lead_id, task.c.kind == kind, task.c.closed_at.is_(None))
    return int(conn.execute(select(func.count()).where(*mine)).scalar_one())


def counts(conn: Connection, now: datetime) -> dict[str, int]:
    """How many are open, and how many of them are late."""
    late = func.count().filter(task.c.due_at < now)
    row = conn.execute(select(func.count(), late).where(task.c.closed_at.is_(None))).one()
    return {"open": row[0], "late": row[1]}

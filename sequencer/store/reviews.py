"""Reviews: mails that wait for a rep to look at them. A row has its message's key, and keeps what the rep wrote."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as insert_

from sequencer.store.leads import NAME
from sequencer.store.tables import enrollment, lead, review

SENT, SKIPPED, TIME, LEFT = "sent", "skipped", "time", "left"

Key = tuple[int, str]
"""(enrollment, step), as of a message."""


@dataclass(frozen=True, slots=True)
class NewReview:
    enrollment_id: int
    step: str
    lead_id: int
    content: str
    sender: str | None
    rep: str | None
    due_at: datetime


class Edit(NamedTuple):
    """What a rep wrote in place of the content's own; None: nothing else."""

    content: str
    subject: str | None
    body: str | None


def insert(conn: Connection, new: Sequence[NewReview], now: datetime) -> None:
    """One for each enrollment and step, however often it is asked for."""
    if new:
        conn.execute(insert_(review).on_conflict_do_nothing(), [asdict(one) | {"at": now} for one in new])


def close(conn: Connection, keys: Collection[Key], by: str, now: datetime) -> None:
    """These are not to be looked at any more."""
    if keys:
        mine = tuple_(review.c.enrollment_id, review.c.step).in_(sorted(keys))
        query = update(review).where(mine, review.c.closed_at.is_(None))
        conn.execute(query.values(closed_at=now, closed_by=by))


def answer(conn: Connection, key: Key, by: str, edit: Edit | None, now: datetime) -> bool:
    """What the rep said. False: it was closed before."""
    mine = (review.c.enrollment_id == key[0], review.c.step == key[1], review.c.closed_at.is_(None))
    written = {"subject": edit.subject, "body": edit.body} if edit is not None else {}
    done = conn.execute(update(review).where(*mine).values(closed_at=now, closed_by=by, **written))
    return done.rowcount == 1


def drop(conn: Connection, enrollment_ids: Sequence[int], now: datetime) -> None:
    """These enrollments are over, and with them what was still to be looked at."""
    if enrollment_ids:
        mine = review.c.enrollment_id == func.any(list(enrollment_ids))
        query = update(review).where(mine, review.c.closed_at.is_(None))
        conn.execute(query.values(closed_at=now, closed_by=LEFT))


def edits(conn: Connection, keys: Collection[Key]) -> Mapping[Key, Edit]:
    """What reps wrote into these mails; those that they left as they were are not among them."""
    if not keys:
        return {}
    c = review.c
    query = select(c.enrollment_id, c.step, c.content, c.subject, c.body).where(
        tuple_(c.enrollment_id, c.step).in_(sorted(keys)), (c.subject.is_not(None) | c.body.is_not(None))
    )
    return {(row.enrollment_id, row.step): Edit(row.content, row.subject, row.body) for row in conn.execute(query)}


def find(conn: Connection, key: Key) -> Any | None:
    """One row, open or closed; `waits`: whether it is still to be looked at."""
    return conn.execute(_open(review.c.enrollment_id == key[0], review.c.step == key[1])).one_or_none()


def still_open(conn: Connection, rep: str | None, limit: int) -> list[Any]:
    """Reviews and their leads' names, what is due first; of one rep, or of all."""
    mine = (review.c.rep == rep,) if rep is not None else ()
    query = _open(review.c.closed_at.is_(None), _waits(), *mine)
    return list(conn.execute(query.order_by(review.c.due_at, review.c.lead_id, review.c.step).limit(limit)))


def of_lead(conn: Connection, lead_id: int) -> list[Any]:
    """Those about one lead that are still to be looked at."""
    return list(conn.execute(_open(review.c.lead_id == lead_id, review.c.closed_at.is_(None), _waits())))


def counts(conn: Connection) -> int:
    """How many are open."""
    query = select(func.count()).select_from(review.join(enrollment, review.c.enrollment_id == enrollment.c.id))
    return int(conn.execute(query.where(review.c.closed_at.is_(None), _waits())).scalar_one())


def _open(*where: ColumnElement[bool]) -> Any:
    waits = and_(review.c.closed_at.is_(None), _waits()).label("waits")
    return (
        select(review, enrollment.c.sequence, lead.c.email, NAME, waits)
        .join(lead, lead.c.id == review.c.lead_id)
        .join(enrollment, enrollment.c.id == review.c.enrollment_id)
        .where(*where)
    )


def _waits() -> ColumnElement[bool]:
    """Whether the lead still stands before the mail: an operator may have moved it on."""
    return and_(enrollment.c.position == review.c.step, enrollment.c.status.in_(("active", "paused")))

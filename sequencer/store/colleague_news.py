"""What the others of a company have yet to hear of somebody."""

from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import Connection, func, text

from sequencer.core.colleagues import News
from sequencer.store.companies import FAMILY
from sequencer.store.tables import colleague_news

WAITING: Final = "SELECT 1 FROM colleague_news"
"""Whether somebody has yet to hear something."""


def add(conn: Connection, new: Iterable[News]) -> None:
    """In the transaction that stores the events themselves."""
    if rows := [one._asdict() for one in new]:
        conn.execute(colleague_news.insert(), rows)


# The company's lock comes before those of its people, as wherever both are taken. Who has not moved yet since a merge
# makes news of the company that is gone, and it is the other's; without `own`'s lock a merge in between stays unseen.
_CLAIM = text(
    """
    SELECT n.lead_id, n.at, n.key, n.kind, n.company_id, n.told_to
    FROM colleague_news n JOIN company own ON own.id = n.company_id
    JOIN company c ON c.id = coalesce(own.merged_into, own.id)
    JOIN company head ON head.id = coalesce(c.parent_id, c.id)
    ORDER BY n.at, n.lead_id, n.key LIMIT 1 FOR NO KEY UPDATE OF own, c, head, n SKIP LOCKED
    """
)


def claim(conn: Connection) -> News | None:
    """The oldest one, with its company's lock; None when there is none, or others have them all."""
    row = conn.execute(_CLAIM).first()
    return News(*row) if row is not None else None


_LISTENERS = text(
    f"""
    SELECT l.id FROM company own JOIN company c ON c.id = coalesce(own.merged_into, own.id) CROSS JOIN {FAMILY}
    CROSS JOIN LATERAL (SELECT family.id UNION ALL SELECT m.id FROM company m WHERE m.merged_into = family.id) whose
    JOIN lead l ON l.company_id = whose.id
    WHERE own.id = :company AND l.id > :told_to AND l.id <> :lead ORDER BY l.id LIMIT :limit
    """
)


def listeners(conn: Connection, one: News, limit: int) -> list[int]:
    """Who is to hear it next, ascending; also in those that count with the company, or were merged and wait to move."""
    values = {"company": one.company_id, "told_to": one.told_to, "lead": one.lead_id, "limit": limit}
    return list(conn.execute(_LISTENERS, values).scalars())


_KEY = (colleague_news.c.lead_id, colleague_news.c.at, colleague_news.c.key)


def told(conn: Connection, one: News, to: int | None) -> None:
    """Everybody up to that id has heard it; None: all have."""
    mine = [column == getattr(one, column.name) for column in _KEY]
    if to is None:
        conn.execute(colleague_news.delete().where(*mine))
    else:
        conn.execute(colleague_news.update().where(*mine).values(told_to=func.greatest(to, one.told_to)))


def forget(conn: Connection, lead_ids: Collection[int]) -> None:
    """Of these nobody is to hear any more: they have no colleagues."""
    conn.execute(colleague_news.delete().where(colleague_news.c.lead_id == func.any(sorted(lead_ids))))

"""Pages of what there is, for programs: each begins behind a place of its order, and costs the same."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select, text, tuple_

from sequencer.core.enrollment import Enrollment
from sequencer.core.event import Event
from sequencer.core.lead import Lead
from sequencer.core.workspace import Workspace
from sequencer.store import enrollments, events, leads
from sequencer.store.tables import enrollment, event, lead, suppression

_OF_REP: Final = text(
    f"""
    SELECT {", ".join(f"l.{column.name}" for column in leads.COLUMNS)}
    FROM ({leads.of_reps("AND l.id > :after ORDER BY l.id LIMIT :limit")}) l ORDER BY l.id LIMIT :limit
    """
)


def of_leads(conn: Connection, workspace: Workspace | None, after: int, owner: str | None, limit: int) -> list[Lead]:
    """All, or those of one rep, also by their company where the workspace says so."""
    if owner is not None:
        values = leads.reps_of(workspace, [owner]) | {"after": after, "limit": limit}
        return [leads.of(row) for row in conn.execute(_OF_REP, values)]
    return leads.page(conn, after, limit)


LOOKED: Final = 50_000
"""Enrollments that a page of one sequence or status looks at: an index of these would cost every mail something."""


def of_enrollments(
    conn: Connection, after: int, lead_id: int | None, sequence: str | None, status: str | None, limit: int
) -> tuple[list[tuple[Enrollment, str]], int | None]:
    """Each with the lead's address; and, where not all were looked at, the id behind which there may be more."""
    query = select(*enrollments.COLUMNS, lead.c.email).join(lead, lead.c.id == enrollment.c.lead_id)
    query = query.where(enrollment.c.id > after).order_by(enrollment.c.id).limit(limit)
    end: int | None = None
    if lead_id is not None:
        query = query.where(enrollment.c.lead_id == lead_id)
    elif sequence is not None or status is not None:
        ids = select(enrollment.c.id).where(enrollment.c.id > after).order_by(enrollment.c.id)
        end = conn.execute(ids.offset(LOOKED - 1).limit(1)).scalar()
        query = query.where(enrollment.c.id <= end) if end is not None else query
    if sequence is not None:
        query = query.where(enrollment.c.sequence == sequence)
    if status is not None:
        query = query.where(enrollment.c.status == status)
    return [(enrollments.of(row), row.email) for row in conn.execute(query)], end


def of_events(conn: Connection, lead_id: int, before: tuple[datetime, str] | None, limit: int) -> list[Event]:
    """Of one lead, the newest first."""
    e = event.c
    query = select(*events.COLUMNS).where(e.lead_id == lead_id).order_by(e.at.desc(), e.key.desc()).limit(limit)
    if before is not None:
        query = query.where(tuple_(e.at, e.key) < before)
    return [Event(*row) for row in conn.execute(query)]


def of_suppressions(conn: Connection, after: tuple[str, str, str] | None, limit: int) -> list[Any]:
    row = suppression.c
    key = tuple_(row.email, row.topic, row.reason)
    query = select(suppression).order_by(row.email, row.topic, row.reason).limit(limit)
    return list(conn.execute(query.where(key > after) if after is not None else query))

"""Leads who would be handed to sales if nothing were missing: since when, by which reasons, and what is missing."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, exists, func, or_, select, text

from sequencer.core.handoff import State
from sequencer.core.workspace import Workspace
from sequencer.store import leads
from sequencer.store.arrays import array
from sequencer.store.tables import company, handoff, lead, unmet


class Unmet(NamedTuple):
    reasons: tuple[str, ...]
    lacks: tuple[str, ...]


# A literal within a literal: the lists of several leads differ in length.
_WRITE = text(
    """
    WITH met AS (
        DELETE FROM unmet
        WHERE lead_id = ANY(CAST(:looked AS bigint[])) AND lead_id <> ALL(CAST(:lead_ids AS bigint[]))
    )
    INSERT INTO unmet AS u (lead_id, since, reasons, lacks)
    SELECT v.lead_id, :now, CAST(v.reasons AS text[]), CAST(v.lacks AS text[])
    FROM unnest(CAST(:lead_ids AS bigint[]), CAST(:reasons AS text[]), CAST(:lacks AS text[]))
         v(lead_id, reasons, lacks)
    ON CONFLICT (lead_id) DO UPDATE SET reasons = excluded.reasons, lacks = excluded.lacks
    WHERE (u.reasons, u.lacks) IS DISTINCT FROM (excluded.reasons, excluded.lacks)
    """
)


def write(conn: Connection, looked: Collection[int], found: Mapping[int, Unmet], now: datetime) -> None:
    """What was found of leads whose locks the caller holds; whoever of them is not among it waits no more."""
    if looked:
        values = {
            "looked": array(looked),
            "lead_ids": array(found),
            "reasons": array(array(one.reasons) for one in found.values()),
            "lacks": array(array(one.lacks) for one in found.values()),
        }
        conn.execute(_WRITE, values | {"now": now})


def _shown(workspace: Workspace) -> Any:
    """Not who must not be mailed or is in no sequence, which is no news to reps; nor whom a rep is asked about."""
    waiting = exists().where(handoff.c.lead_id == lead.c.id, handoff.c.state == State.WAITING)
    stopped = [lead.c.status.is_(None) | lead.c.status.not_in(sorted(workspace.stopping))] if workspace.stopping else []
    return and_(~lead.c.suppressed, ~waiting, *stopped)


def listed(conn: Connection, workspace: Workspace, rep: str | None, limit: int) -> list[Any]:
    """Rows with their lead's name and company, the newest first; nobody where nothing makes ready any more.

    `rep`: whose leads, by their company too.
    """
    if not _asked(workspace):
        return []
    query = (
        select(unmet, lead.c.email, leads.NAME, company.c.name.label("company_name"), company.c.domain)
        .join(lead, lead.c.id == unmet.c.lead_id)
        .outerjoin(company, company.c.id == lead.c.company_id)
        .where(_shown(workspace))
        .order_by(unmet.c.since.desc(), unmet.c.lead_id.desc())
        .limit(limit)
    )
    if rep is not None:
        inherits = lead.c.owner.is_(None) | lead.c.owner.not_in(sorted(workspace.reps))
        shared = [and_(inherits, leads.COMPANY_OWNER == rep)] if workspace.owner.of == "company" else []
        query = query.where(or_(lead.c.owner == rep, *shared))
    return list(conn.execute(query))


def counts(conn: Connection, workspace: Workspace) -> dict[str, int]:
    """How many of those who are listed lack what, the most first; whoever lacks several things counts for each."""
    if not _asked(workspace):
        return {}
    one, people = func.unnest(unmet.c.lacks).label("one"), func.count().label("people")
    query = select(one, people).join(lead, lead.c.id == unmet.c.lead_id).where(_shown(workspace))
    rows = conn.execute(query.group_by(one).order_by(people.desc(), one))
    return {row.one: row.people for row in rows}


def since(conn: Connection, lead_id: int) -> datetime | None:
    """Since when the lead waits, as was noted when it was looked at last."""
    return conn.execute(select(unmet.c.since).where(unmet.c.lead_id == lead_id)).scalar()


def _asked(workspace: Workspace) -> bool:
    """Whether anybody becomes ready: nobody is looked at any more where nothing is declared."""
    return workspace.signals is not None and workspace.signals.sales_ready is not None

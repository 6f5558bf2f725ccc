"""Who owns leads, several at once; and what was to be told to an owner before there was one."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection

from sequencer.core.lead import Lead, Rep, channels
from sequencer.core.people import owner_of
from sequencer.core.snapshot import Snapshot
from sequencer.core.workspace import Workspace
from sequencer.services.context import Context
from sequencer.store import alerts, clock, leads

HELD: Final = timedelta(days=30)
"""An alert that found no owner for so long is news no longer."""


def owners(conn: Connection, workspace: Workspace, people: Iterable[Lead]) -> dict[int, Rep]:
    """By lead, its rep or its company's; whoever has none is not in it."""
    known = list(people)
    inherit = {lead.company_id for lead in known if lead.owner not in workspace.reps and lead.company_id is not None}
    companies = leads.companies(conn, inherit)
    found = {lead.id: owner_of(workspace, Snapshot(lead, companies.get(lead.company_id or 0), None)) for lead in known}
    return {lead_id: rep for lead_id, rep in found.items() if rep is not None}


def find(context: Context) -> bool:
    """What was held as nobody owned the lead goes to the owner there is now. True: there may be more."""
    with context.engine.begin() as conn:
        workspace = context.releases.current(conn).workspace
        now = clock.now(conn)
        reps = leads.reps_of(workspace, workspace.reps.keys())
        found = alerts.held(conn, reps, now - HELD, context.batch)
        told = owners(conn, workspace, leads.by_ids(conn, found))
        alerts.give(conn, {lead_id: (rep.email, channels(rep)) for lead_id, rep in told.items()}, now - HELD, now)
    if told:
        context.hint("alerts")
    return len(found) == context.batch

"""Who owns leads, several at once."""

from collections.abc import Iterable

from sqlalchemy import Connection

from sequencer.core.lead import Lead, Rep
from sequencer.core.people import owner_of
from sequencer.core.snapshot import Snapshot
from sequencer.core.workspace import Workspace
from sequencer.store import leads


def owners(conn: Connection, workspace: Workspace, people: Iterable[Lead]) -> dict[int, Rep]:
    """By lead, its rep or its company's; whoever has none is not in it."""
    known = list(people)
    inherit = {lead.company_id for lead in known if lead.owner not in workspace.reps and lead.company_id is not None}
    companies = leads.companies(conn, inherit)
    found = {lead.id: owner_of(workspace, Snapshot(lead, companies.get(lead.company_id or 0), None)) for lead in known}
    return {lead_id: rep for lead_id, rep in found.items() if rep is not None}

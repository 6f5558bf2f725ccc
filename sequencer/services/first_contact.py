"""Who first talked to a lead is its rep, from when that becomes known, whether or not it is handed off."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from sequencer.core import event as kinds
from sequencer.core.event import Event
from sequencer.core.halts import TOUCHES
from sequencer.core.lead import Lead
from sequencer.core.overtaken import OURS
from sequencer.core.release import Release
from sequencer.store import events, handoffs, leads


def own(
    conn: Connection, release: Release, locked: Mapping[int, Lead], new: Sequence[Event], now: datetime
) -> tuple[Mapping[int, Lead], list[Event]]:
    """Of leads with whom a rep was in touch: as they are then, and the changes of their owner.

    The earliest contact counts, in whatever order they become known. Only whoever has a rep by something else keeps
    that one: by the CRM, the API, a file, a handoff. The caller holds the locks of these leads.
    """
    reps = release.workspace.reps
    by = [(e.lead_id, e.data.get("rep")) for e in new if e.kind in TOUCHES]
    touched = {lead_id for lead_id, rep in by if rep in reps and rep != locked[lead_id].owner}
    if not touched:
        return locked, []
    owned = {lead_id: str(locked[lead_id].owner) for lead_id in touched if locked[lead_id].owner in reps}
    asked = touched - owned.keys() | handoffs.owned_by_contact(conn, owned)
    found: list[Event] = []
    after: dict[int, Lead] = {}
    for lead_id, first in handoffs.first_contacts(conn, asked, reps).items():
        lead = locked[lead_id]
        if lead.owner != first.rep:
            change = kinds.change(now, lead_id, f"{first.key}.owner", OURS, "owner", lead.owner, first.rep)
            found.append(change._replace(data={**change.data, kinds.CONTACT: TOUCHES[first.kind]}))
            after[lead_id] = lead._replace(owner=first.rep)
    leads.write(conn, [(lead_id, {"owner": lead.owner}) for lead_id, lead in after.items()], OURS, now)
    return {**locked, **after} if after else locked, events.insert(conn, found)

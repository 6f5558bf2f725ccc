"""A lead gets another rep: until it has heard from the new one, their mail waits, or begins with an introduction."""

from collections.abc import Iterable

from sequencer.core import event as kinds
from sequencer.core.event import Event
from sequencer.core.halts import TOUCHES
from sequencer.core.lead import Lead, Rep
from sequencer.core.workspace import Workspace


def owner_before(workspace: Workspace, lead: Lead, happened: Iterable[Event]) -> str | None:
    """The rep whom the owner followed, after what happened to the lead; None: it knows its owner.

    Who gets a lead back that they had before need not be introduced, nor who was in touch with it themselves.
    """
    if workspace.owner.changed == "silent":
        return None
    before = lead.owner_before
    for e in happened:
        if e.kind == kinds.CHANGED and e.data.get("field") == "owner" and e.data.get("before"):
            before = before or str(e.data["before"])
            if before == e.data.get("after"):
                before = None
        elif e.kind in TOUCHES and before not in (None, e.data.get("rep")):
            before = None
    return before


def predecessor(workspace: Workspace, email: str) -> Rep:
    """The rep of that address; of one who is not declared any more only that is known."""
    return workspace.reps.get(email) or Rep(email, "")

"""A lead gets another rep: until it has heard from the new one, their mail waits, or begins with an introduction."""

from collections.abc import Iterable
from typing import Final

from sequencer.core import event as kinds
from sequencer.core.content import Content
from sequencer.core.event import Event
from sequencer.core.halts import TOUCHES
from sequencer.core.lead import Company, Lead, Rep
from sequencer.core.people import owner_of, owner_of_company
from sequencer.core.snapshot import Snapshot
from sequencer.core.workspace import Workspace

SAYS_SO: Final = "previous_owner"
"""What a template names that introduces a new owner."""


def owner_before(
    workspace: Workspace, lead: Lead, happened: Iterable[Event], company: Company | None = None
) -> str | None:
    """The rep whom the owner followed, after what happened to the lead; None: it knows its owner.

    Who gets a lead back that they had before need not be introduced, nor who was in touch with it themselves.
    `company`: the lead's. Who has no rep of their own had its rep.
    """
    if workspace.owner.changed == "silent":
        return None
    shared = owner_of_company(workspace, company)

    def whose(said: object) -> str | None:
        named = str(said) if said else None
        return shared.email if shared is not None and named not in workspace.reps else named

    before = lead.owner_before
    for e in happened:
        if kinds.tells_of(e, "owner"):
            before = before or whose(e.data.get("before"))
            if before == whose(e.data.get("after")):
                before = None
        elif e.kind in TOUCHES and before not in (None, e.data.get("rep")):
            before = None
    return before


def owner_before_moving(workspace: Workspace, lead: Lead, gone: Company, into: Company) -> str | None:
    """The same after the lead's company was merged into another."""
    before, after = (owner_of(workspace, Snapshot(lead, company, None)) for company in (gone, into))
    if workspace.owner.changed == "silent" or before is None or after is None or before == after:
        return lead.owner_before
    followed = lead.owner_before or before.email
    return followed if followed != after.email else None


def announced(workspace: Workspace, lead: Lead) -> Rep | None:
    """Whom the owner follows, of a lead to whom they are still to be introduced."""
    if lead.owner_before is None or workspace.owner.changed != "introduce":
        return None
    return predecessor(workspace, lead.owner_before)


def predecessor(workspace: Workspace, email: str) -> Rep:
    """The rep of that address; of one who is not declared any more only that is known."""
    return workspace.reps.get(email) or Rep(email, "")


def introduces(content: Content) -> bool:
    """Whether the mail says whom the new owner follows, in every language that it is written in."""
    said = SAYS_SO in content.html or SAYS_SO in content.text
    return said and all(map(introduces, (content.variants or {}).values()))

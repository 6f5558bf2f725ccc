"""What is to be known of a lead because of their status."""

from sequencer.core.lead import Lead
from sequencer.core.lead_input import LeadInput
from sequencer.core.people import changed
from sequencer.core.spoken.en import EN
from sequencer.core.spoken.words import Spoken
from sequencer.core.workspace import Workspace


def lacks(workspace: Workspace, lead: Lead) -> tuple[str, ...]:
    """The fields that the lead's status needs, and of which nothing is known."""
    status = workspace.statuses.get(lead.status or "")
    return tuple(name for name in status.needs if lead.get(name) in (None, [])) if status is not None else ()


def refused(workspace: Workspace, before: Lead | None, given: LeadInput) -> list[str]:
    """What is missing where somebody gives a lead another status; empty when nothing is. `before`: None is new."""
    if "status" not in given.own or (before is not None and before.status == given.own["status"]):
        return []
    after = changed(before or Lead(0, given.email), {**given.own, **given.fields})
    return [f"{name}: {says(workspace, after)}" for name in lacks(workspace, after)]


def says(workspace: Workspace, lead: Lead, spoken: Spoken = EN) -> str:
    """That something is missing, in words."""
    missing = spoken.both.join(name.replace("_", " ") for name in lacks(workspace, lead))
    return spoken.needs.format(status=workspace.statuses[lead.status or ""].label, fields=missing)

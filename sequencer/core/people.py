"""Who owns a lead, by whose clock it lives, and whether the owner is there."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sequencer.core.decision import Send
from sequencer.core.lead import BUILT_IN, Company, Lead, Rep, Sender
from sequencer.core.quiet import Quiet, quiet
from sequencer.core.sequence import Sequence
from sequencer.core.snapshot import Snapshot
from sequencer.core.workspace import Workspace


def owner_of(workspace: Workspace, snapshot: Snapshot) -> Rep | None:
    """The rep who owns the lead, else, if they are shared, the one who owns the company; None: nobody known does."""
    named, company = snapshot.lead.owner, snapshot.company
    if named and (rep := workspace.reps.get(named)) is not None:
        return rep
    return owner_of_company(workspace, company) if company is not None and company.owner else None


def owner_of_company(workspace: Workspace, company: Company | None) -> Rep | None:
    """The rep who owns the company, where leads are shared; None: they are not, or nobody known does."""
    if company is None or not company.owner or workspace.owner.of != "company":
        return None
    return workspace.reps.get(company.owner)


def zone_of_rep(workspace: Workspace, rep: Rep | None) -> ZoneInfo:
    """By whose clock a rep is told things: their own, else the workspace's."""
    return ZoneInfo((rep.zone if rep is not None else None) or workspace.zone)


def zone_of(workspace: Workspace, sequence: Sequence, lead: Lead, owner: Rep | None) -> ZoneInfo:
    """The lead's zone; unknown: the rep's for mail from the owner, else the workspace's."""
    if lead.zone:
        return ZoneInfo(lead.zone)
    if sequence.sender == "owner" and workspace.zone_of_owner and owner and owner.zone:
        return ZoneInfo(owner.zone)
    return ZoneInfo(workspace.zone)


def sender_of(workspace: Workspace, sequence: Sequence, send: Send) -> Sender | Rep:
    """Whose name is in From."""
    if send.sender is not None:
        return send.sender
    # A `from: owner` mail of a lead without an owner: workspace.yaml names who mails instead.
    return workspace.senders[workspace.owner.missing if sequence.sender == "owner" else sequence.sender]


def quiet_of(workspace: Workspace, lead: Lead) -> Quiet:
    """The days that are quiet for this lead."""
    if not workspace.holidays:
        return quiet(workspace.quiet_days, None, None)
    return quiet(workspace.quiet_days, lead.country, workspace.holidays_unknown)


def back_from(rep: Rep, now: datetime) -> datetime | None:
    """The start of the day on which a rep who is away now is back; None when the rep is there."""
    zone = ZoneInfo(rep.zone or "UTC")
    today = now.astimezone(zone).date()
    for away in rep.away:
        if away.first <= today <= away.last:
            back = away.last + timedelta(days=1)
            return datetime(back.year, back.month, back.day, tzinfo=zone)
    return None


def changed(lead: Lead, values: Mapping[str, Any]) -> Lead:
    """The lead with these fields set."""
    own = {("zone" if name == "time_zone" else name): value for name, value in values.items() if name in BUILT_IN}
    declared = {name: value for name, value in values.items() if name not in BUILT_IN}
    return lead._replace(**own, fields={**lead.fields, **declared})

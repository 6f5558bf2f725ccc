"""Who gets a lead: the rep who spoke to them first, else the company's, else whom the declared rules find."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from sequencer.core.country import code_of
from sequencer.core.halts import TOUCHES
from sequencer.core.lead import Company, Lead, Rep
from sequencer.core.people import back_from, owner_of, owner_of_company
from sequencer.core.snapshot import Snapshot
from sequencer.core.workspace import Workspace

TERRITORY: Final = "territory "
COMPANY_OWNER: Final = "company_owner"
CONTACTS: Final = tuple(TOUCHES)
"""Events that tell of a person who spoke to the lead; `rep` in their data says who."""

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Load(NamedTuple):
    """What a rep has been given lately."""

    handoffs: int = 0
    last: datetime | None = None


class Found(NamedTuple):
    """Who takes the lead on, and who owns it: somebody else while the owner is away."""

    rep: Rep
    owner: Rep


def rep_for(
    workspace: Workspace,
    lead: Lead,
    company: Company | None,
    spoke_first: str | None,
    loads: Mapping[str, Load],
    now: datetime,
    barred: Collection[str] = (),
) -> Found | None:
    """The rep to whom a lead goes; None when nothing finds one.

    `spoke_first`: the rep of the first human contact, as events name them. `barred`: who had their chance.
    A rep who is away is stood in for by their deputy, and drawn by no rule.
    """
    free = {email for email, rep in workspace.reps.items() if email not in barred and back_from(rep, now) is None}
    owned = owner_of(workspace, Snapshot(lead, None, None)) or workspace.reps.get(spoke_first or "")
    if owned is not None and (found := _theirs(workspace, owned, now, barred)) is not None:
        return found
    for rule in workspace.owner.assign:
        if rule == COMPANY_OWNER:
            owner = owner_of_company(workspace, company)
            if owner is not None and (found := _theirs(workspace, owner, now, barred)) is not None:
                return found
            continue
        among = {email for email in free if rule == "round_robin" or _covers(workspace.reps[email], rule, lead)}
        if among:
            drawn = workspace.reps[min(among, key=lambda email: _turn(email, loads))]
            return Found(drawn, drawn)
    deputy = workspace.reps.get(owned.deputy or "") if owned is not None else None
    return Found(deputy, deputy) if deputy is not None and deputy.email in free else None


def _theirs(workspace: Workspace, owner: Rep, now: datetime, barred: Collection[str]) -> Found | None:
    """The owner, or the deputy who stands in for them; None when either of the two had their chance."""
    rep = present(workspace, owner, now)
    return Found(rep, owner) if not {owner.email, rep.email} & set(barred) else None


def present(workspace: Workspace, owner: Rep, now: datetime) -> Rep:
    """The rep, or the deputy who is there while the rep is away."""
    deputy = workspace.reps.get(owner.deputy or "")
    if back_from(owner, now) is None or deputy is None or back_from(deputy, now) is not None:
        return owner
    return deputy


def _covers(rep: Rep, rule: str, lead: Lead) -> bool:
    name = rule.removeprefix(TERRITORY)
    value = lead.get(name)
    said = _country if name == "country" else str.casefold
    return value is not None and said(str(value)) in map(said, rep.territory)


def _country(text: str) -> str:
    """However it is written on either side."""
    return code_of(text) or text.casefold()


def _turn(email: str, loads: Mapping[str, Load]) -> tuple[int, datetime, str]:
    """Whoever was given least, and of those whose last is longest ago; the same whoever asks."""
    load = loads.get(email, Load())
    return load.handoffs, load.last or _NEVER, email

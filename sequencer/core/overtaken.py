"""What becomes of a handoff that nobody has answered, by what happened since the rep was asked.

Whoever of those who were asked, or owns the lead, was in touch with it has taken it on. A lead that became a customer,
or was lost, needs nobody any more. Whom somebody else made the lead's owner is asked in place of the rep.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from sequencer.core import event as kinds
from sequencer.core.event import Event
from sequencer.core.halts import TOUCHES
from sequencer.core.handoff import Handoff, Looked, State, closed, given
from sequencer.core.lead import Lead
from sequencer.core.owner import present
from sequencer.core.people import back_from
from sequencer.core.workspace import Workspace

OURS: Final = "sales"
"""The source of what handoffs and first contacts themselves do to leads."""
_ENDS: Final = {"customer": "the lead became a customer", "lost": "the lead was lost"}
"""By the stage, why nobody need accept it any more."""
_DEALS: Final = {"deal_won": "customer", "deal_lost": "lost"}
HEARD: Final = frozenset({*TOUCHES, *_DEALS, kinds.CHANGED})


def hears(e: Event) -> bool:
    """Whether an event may decide what becomes of a handoff."""
    if e.kind == kinds.CHANGED:
        return e.source != OURS and kinds.tells_of(e, "owner", "stage")
    return e.kind in HEARD


def overtaken(
    workspace: Workspace, one: Handoff, lead: Lead, happened: Iterable[Event], now: datetime
) -> Looked | None:
    """What became of a waiting handoff; None: nothing. `happened`: the lead's events of these kinds, oldest first."""
    since = [e for e in happened if e.at > one.at]
    if (end := next(filter(None, map(_end, since)), None)) is not None:
        return Looked(closed(one, State.CLOSED, now, _ENDS[end]))
    owner = workspace.reps.get(lead.owner or "")
    if owner is not None and owner.email not in one.asked:
        if (touch := _touch(since, (owner.email,))) is not None:
            return Looked(_accepted(one, touch, now))
        if one.asked and not _stood_in_for(workspace, one, owner.email):
            rep = present(workspace, owner, now)
            if rep.email not in one.asked:
                return given(workspace, one._replace(turns=0), rep, now, "reassigned")
    touch = _touch(since, one.asked)
    return Looked(_accepted(one, touch, now)) if touch is not None else None


def _end(e: Event) -> str | None:
    """The stage by which it is over, if by this."""
    if kinds.tells_of(e, "stage"):
        after = str(e.data.get("after"))
        return after if after in _ENDS else None
    return _DEALS.get(e.kind)


def _touch(since: Sequence[Event], reps: Iterable[str]) -> Event | None:
    """The first event by which one of these was in touch."""
    wanted = set(reps)
    return next((e for e in since if e.kind in TOUCHES and e.data.get("rep") in wanted), None)


def _accepted(one: Handoff, touch: Event, now: datetime) -> Handoff:
    """Taken on by whoever was in touch."""
    rep = str(touch.data["rep"])
    asked = one.asked if rep in one.asked else (*one.asked, rep)
    return closed(one._replace(rep=rep, asked=asked), State.ACCEPTED, now, f"was in touch: {TOUCHES[touch.kind]}")


def _stood_in_for(workspace: Workspace, one: Handoff, owner: str) -> bool:
    """Whether the owner was away when the rep was asked, who is the deputy: nobody else was named since."""
    rep = workspace.reps[owner]
    return rep.deputy in one.asked and any(back_from(rep, at) is not None for at in (one.at, one.told_at) if at)

"""The call list: whom a rep calls first, and why."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from sequencer.core.facts import LeadFacts
from sequencer.core.handoff import Handoff, State
from sequencer.core.lead import Lead
from sequencer.core.snapshot import Snapshot
from sequencer.core.workspace import Workspace

IDLE: Final = timedelta(days=60)
"""So long nobody called: then a lead that sales knows comes up again."""
KNOWN: Final = ("mql", "sql", "opportunity")
"""Stages in which a lead comes up again; before them marketing goes on, and after them there is nothing to sell."""
ENDED: Final = ("customer", "lost")
"""Stages in which there is nothing to sell any more."""
NEXT_ATTEMPT: Final = "next_attempt"
"""The field that says when to call again."""

ORDER: Final = (
    "Handoffs that wait for an answer come first, then those that were accepted and whose lead nobody called yet, by "
    "their day. Then calls that a sequence asks for, by the day on which they are due, leads whose next attempt has "
    "come, and those whom nobody called for 60 days. On the same day, or for the same reason, leads of the campaigns "
    "whose handoffs reps accept most often come first, then the higher score, then whoever was active last."
)


class Asked(NamedTuple):
    """What a `task` step asks for."""

    due_at: datetime
    note: str


class Campaign(NamedTuple):
    """What became of the handoffs of leads whom a campaign brought first."""

    accepted: int = 0
    answered: int = 0

    @property
    def worth(self) -> float:
        """The share that reps accepted, cautious of small numbers: none is a half."""
        return (self.accepted + 1) / (self.answered + 2)


class Call(NamedTuple):
    """One lead on the list."""

    lead: Lead
    rep: str | None
    asked: Asked | None = None
    next_attempt: date | None = None
    """One that has come."""
    score: int | None = None
    active_on: date | None = None
    """When the lead last did something that counts."""
    handoff: Handoff | None = None
    """That waits for an answer, or for the first call."""


def may_be_called(workspace: Workspace, snapshot: Snapshot, now: datetime) -> bool:
    """Whether `never` leaves the lead to be approached by anybody."""
    facts = LeadFacts(workspace, snapshot, now)
    return not any(forbidden.test(facts) for forbidden in workspace.never)


def ordered(calls: Iterable[Call], campaigns: Mapping[str, Campaign]) -> list[Call]:
    """As ORDER says; among equals by the lead's id."""

    def place(call: Call) -> tuple[int, date, float, int, int, int]:
        if call.handoff is not None:
            waits = call.handoff.state is State.WAITING
            group, day = (0 if waits else 1), call.handoff.at.date()
        elif call.asked is not None:
            group, day = 2, call.asked.due_at.date()
        else:
            group, day = (3 if call.next_attempt is not None else 4), date.min
        worth = campaigns.get(call.lead.campaign or "", Campaign()).worth
        active = call.active_on.toordinal() if call.active_on is not None else 0
        return group, day, -worth, -(call.score or 0), -active, call.lead.id

    return sorted(calls, key=place)


def because(call: Call, campaigns: Mapping[str, Campaign], today: date) -> list[str]:
    """Why the lead stands where it does, in a few words each."""
    said = []
    if call.handoff is not None:
        said.append("accept or decline" if call.handoff.state is State.WAITING else "accepted, not called yet")
        said += [reason.replace("-", " ") for reason in call.handoff.reasons]
    elif call.asked is None:
        if call.next_attempt is not None:
            said.append(f"next attempt {call.next_attempt:%-d %b}")
        else:
            said.append("nobody called for 60 days")
    campaign = campaigns.get(call.lead.campaign or "")
    if campaign is not None and campaign.answered:
        said.append(f"{call.lead.campaign}: {campaign.accepted} of {campaign.answered} handoffs accepted")
    if call.score is not None:
        said.append(f"score {call.score}")
    if call.active_on is not None:
        days = (today - call.active_on).days
        said.append("active today" if days <= 0 else f"active {days} day{'' if days == 1 else 's'} ago")
    return said

"""The handoff: the moment when sales is told, and what happens until a rep has said that they take the lead on."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from sequencer.core.explain import moment
from sequencer.core.handoff_policy import PLAIN, HandoffPolicy, Within
from sequencer.core.lead import Rep
from sequencer.core.people import zone_of_rep
from sequencer.core.quiet import quiet
from sequencer.core.schedule import OFFICE, business_time, shift
from sequencer.core.workspace import Workspace

NOBODY: Final = timedelta(days=1)
"""A handoff that no rep can be found for is looked at so often."""
SHOWN: Final = timedelta(days=30)
"""So long whoever accepted a lead sees by the link who it is; after that, on the dashboard."""
UNANSWERED: Final = "nobody accepted it in time"


class State(StrEnum):
    WAITING = "waiting"
    """For a rep to accept or decline it."""
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    """Nobody accepted it in time: the lead is marketing's again."""
    CLOSED = "closed"
    """Nobody need accept it any more: the lead became a customer, or was lost."""


def policy_of(workspace: Workspace) -> HandoffPolicy:
    declared = workspace.signals.handoff if workspace.signals is not None else None
    return declared or PLAIN


class Handoff(NamedTuple):
    """One lead handed to sales, and how it stands. They count from 1 for each lead."""

    lead_id: int
    number: int
    at: datetime
    reasons: tuple[str, ...] = ()
    """Names of reasons in signals.yaml; none where a `handoff` step began it."""
    rep: str | None = None
    asked: tuple[str, ...] = ()
    """Every rep who was asked to take it, the present one last."""
    turns: int = 0
    """How many of the policy's turns have happened."""
    state: State = State.WAITING
    due_at: datetime | None = None
    told_at: datetime | None = None
    """When the present rep was asked."""
    note: str = ""
    enrollment_id: int | None = None
    step: str | None = None
    """Of the sequence that began it."""
    answered_at: datetime | None = None
    answer: str = ""
    """The reason for which it was declined, went back or was closed, or how whoever accepted it was in touch."""
    until: date | None = None
    """When the lead wants to be asked again, as the rep said."""


class Looked(NamedTuple):
    """What a look at a waiting handoff comes to."""

    handoff: Handoff
    told: Literal["", "handoff", "reminder", "reassigned"] = ""
    """What its rep is told now."""


def given(
    workspace: Workspace, handoff: Handoff, rep: Rep, now: datetime, told: Literal["handoff", "reassigned"]
) -> Looked:
    """The handoff with this rep, whose time begins."""
    within = policy_of(workspace).accept_within
    return Looked(
        handoff._replace(
            rep=rep.email,
            asked=(*handoff.asked, rep.email),
            told_at=now,
            due_at=deadline(workspace, rep, within, now) if within is not None else None,
        ),
        told,
    )


def nobody(handoff: Handoff, now: datetime) -> Looked:
    """No rep can be found for it yet."""
    return Looked(handoff._replace(due_at=now + NOBODY))


def overdue(workspace: Workspace, handoff: Handoff, other: Rep | None, now: datetime) -> Looked:
    """The rep's time is over: what comes next. `other`: who would have it, were it given to somebody else."""
    policy = policy_of(workspace)
    rep = workspace.reps.get(handoff.rep or "")
    while handoff.turns < len(policy.then):
        turn = policy.then[handoff.turns]
        handoff = handoff._replace(turns=handoff.turns + 1)
        if turn == "remind" and rep is not None and policy.accept_within is not None:
            return Looked(handoff._replace(due_at=deadline(workspace, rep, policy.accept_within, now)), "reminder")
        if turn == "reassign" and other is not None:
            return given(workspace, handoff, other, now, "reassigned")
        if turn == "return_to_nurture":
            return Looked(handoff._replace(state=State.EXPIRED, due_at=None, answered_at=now, answer=UNANSWERED))
    return Looked(handoff._replace(due_at=None))


def over_at(workspace: Workspace, handoff: Handoff, reminded: datetime | None) -> datetime | None:
    """When the present rep's time is over, as counted from when they were reminded, else asked; None: nobody presses.

    Of a rep who left it is over.
    """
    policy = policy_of(workspace)
    rep = workspace.reps.get(handoff.rep or "")
    at = reminded or handoff.told_at
    if policy.accept_within is None or at is None or rep is None:
        return at if policy.accept_within is not None else None
    return deadline(workspace, rep, policy.accept_within, at)


def deadline(workspace: Workspace, rep: Rep, within: Within, now: datetime) -> datetime:
    """When a rep's time is over that begins now: by their own hours, zone and holidays."""
    zone = zone_of_rep(workspace, rep)
    days = quiet(workspace.quiet_days, rep.country, workspace.holidays_unknown) if workspace.holidays else None
    days = days or quiet(workspace.quiet_days, None, None)
    if within.working:
        return business_time(now, within.span.elapsed, rep.hours or OFFICE, zone, days)
    return shift(now, within.span, zone, days)


def stands(one: Handoff, zone: ZoneInfo) -> str:
    """How a handoff stands, in a sentence."""
    rep = one.rep or "nobody"
    if one.state is State.WAITING and one.rep is None:
        return "is to be handed to sales, and no rep was found yet"
    if one.state is State.WAITING:
        until = f", until {moment(one.due_at, zone)}" if one.due_at is not None else ""
        return f"was handed to {rep}, who is to accept or decline{until}"
    at = moment(one.answered_at, zone) if one.answered_at is not None else ""
    if one.state is State.ACCEPTED:
        return f"{rep} accepted the handoff on {at}{f' ({one.answer})' if one.answer else ''}"
    again = f"; to be asked again on {one.until:%-d %b %Y}" if one.until is not None else ""
    if one.state is State.DECLINED:
        return f"{rep} declined the handoff on {at}: {one.answer or 'no reason was given'}{again}"
    if one.state is State.CLOSED:
        return f"the handoff ended on {at}: {one.answer}"
    return f"went back to nurture on {at}: {one.answer}"


def shows(one: Handoff, rep: str, reps: Collection[str], now: datetime) -> bool:
    """Whether a rep's link shows who the lead is: they are to answer, or accepted lately. Mails are forwarded."""
    if one.rep != rep or rep not in reps:
        return False
    if one.state is State.WAITING:
        return True
    return one.state is State.ACCEPTED and one.answered_at is not None and now < one.answered_at + SHOWN


def closed(handoff: Handoff, state: State, now: datetime, answer: str = "", until: date | None = None) -> Handoff:
    """The handoff as the rep's answer leaves it."""
    return handoff._replace(state=state, due_at=None, answered_at=now, answer=answer, until=until)


def begins(waiting: bool, handed: Collection[int], readiness: int | None) -> bool:
    """Whether a lead is handed off now: once for each readiness, and never while sales has yet to answer.

    `handed`: the readinesses of the lead that were.
    """
    return not waiting and (readiness is None or readiness not in handed)

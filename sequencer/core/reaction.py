"""What follows for running enrollments from what their lead did: an end, a pause, a look at once, or nothing."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sequencer.core import event as kinds
from sequencer.core.decision import Change, Reason
from sequencer.core.engine import departure
from sequencer.core.enrollment import RUNNING, Enrollment, Status
from sequencer.core.event import Event
from sequencer.core.halts import after_colleague, after_out_of_office, after_reply, after_touch
from sequencer.core.interest import Interest
from sequencer.core.lead import Lead
from sequencer.core.operate import is_held, resume
from sequencer.core.people import owner_of, zone_of
from sequencer.core.sequence import Sequence as Series
from sequencer.core.snapshot import Snapshot
from sequencer.core.workspace import Workspace

SUPPRESSES: Final = {kinds.UNSUBSCRIBED: "unsubscribed", kinds.COMPLAINED: "complained", kinds.BOUNCED: "bounced"}
_PROVIDER_SUPPRESSED: Final = {
    "bounced address": "bounced",
    "spam reporting address": "complained",
    "unsubscribed address": "unsubscribed",
}
"""SendGrid's reasons for `dropped` that tell of an address it will never mail (documentation: Event Webhook)."""


def suppresses(kind: str, data: Mapping[str, Any]) -> str | None:
    """The reason for which such an event forbids all mail to the address, or all of a topic; None: it does not."""
    if kind == kinds.DROPPED:
        return _PROVIDER_SUPPRESSED.get(str(data.get("reason", "")).lower())
    return SUPPRESSES.get(kind)


def concerns(waited_for: Interest, kind: str, step: str | None, data: Mapping[str, Any]) -> bool:
    """Whether an event that a person caused can end, pause or wake anybody's passage, or begin one: then its lead is
    to be locked. Most only change the row of their message.
    """
    if kind in kinds.DELIVERY:
        return suppresses(kind, data) is not None
    if kind == kinds.CHANGED and "field" in data and not waited_for.depends_on(str(data["field"])):
        return False
    return waited_for.has(kind, step)


class Settled(NamedTuple):
    """How an enrollment stands after what its lead did."""

    enrollment: Enrollment
    awake: bool = False
    """Whether it is due at once."""
    reasons: tuple[Reason, ...] = ()
    """Why it ended or is paused; empty when it goes on."""


def settled(
    workspace: Workspace, sequence: Series, snapshot: Snapshot, told: Sequence[Event], now: datetime
) -> Settled:
    """`told`: what the lead did just now, all of it known to the snapshot. The snapshot holds a running enrollment."""
    before = snapshot.enrollment
    assert before is not None
    gone = departure(workspace, sequence, snapshot, now)
    if gone is not None:
        return Settled(gone.enrollment, reasons=gone.reasons)
    zone = zone_of(workspace, sequence, snapshot.lead, owner_of(workspace, snapshot))
    after = before
    for e in told:
        if after.status in RUNNING:
            after = _after(workspace, sequence, after, snapshot.lead, e, zone, now, now)
    wakes_up = wakes(sequence, told) if after.status is Status.ACTIVE else _may_go_on(after, told)
    if not wakes_up:
        return Settled(after, reasons=_why(sequence, before, after))
    if after.due_at is None or after.due_at > now:
        after = after._replace(due_at=now)
    return Settled(after, True)


def without_colleagues(
    workspace: Workspace, sequence: Series, snapshot: Snapshot, own: Sequence[Event], now: datetime
) -> Enrollment:
    """A passage that rests for what a colleague did, once that was no colleague: it rests for what its own lead did, or
    goes on.

    `own`: what the lead did since the pause began, and what reps did with them.
    """
    before = snapshot.enrollment
    assert before is not None
    goes_on = resume(before, now)
    zone = zone_of(workspace, sequence, snapshot.lead, owner_of(workspace, snapshot))
    after = goes_on
    for e in own:
        after = _after(workspace, sequence, after, snapshot.lead, e, zone, e.at, now)
    return after if after.resume_at is not None and after.resume_at > now else goes_on


def _after(
    workspace: Workspace,
    sequence: Series,
    enrollment: Enrollment,
    lead: Lead,
    e: Event,
    zone: ZoneInfo,
    at: datetime,
    now: datetime,
) -> Enrollment:
    """The enrollment after one event; `at`: from when what it begins counts. A touch says that itself."""
    if e.kind == kinds.REPLIED:
        return after_reply(workspace, sequence, enrollment, lead, zone, at)
    if e.kind == kinds.AUTO_REPLIED:
        return after_out_of_office(workspace, sequence, enrollment, lead, _back(e.data), zone, at)
    if e.kind in kinds.OF_COLLEAGUES:
        return after_colleague(workspace, sequence, enrollment, lead, e.kind, zone, at)
    return after_touch(workspace, sequence, enrollment, lead, e, zone, now)


def _may_go_on(paused: Enrollment, told: Sequence[Event]) -> bool:
    """Whether this pause, which is until no moment, may be over: the lead has another status."""
    if paused.status is not Status.PAUSED or paused.resume_at is not None or is_held(paused):
        return False
    return any(kinds.tells_of(e, "status") for e in told)


def _why(sequence: Series, before: Enrollment, after: Enrollment) -> tuple[Reason, ...]:
    if after == before:
        return ()
    if after.status is Status.PAUSED:
        return (Reason("paused", sequence.mark, until=after.resume_at, detail=after.reason),)
    return (Reason(f"ended-{after.reason}", sequence.mark),)


def wakes(sequence: Series, told: Sequence[Event]) -> bool:
    """Whether what happened can matter to where somebody stands in this sequence; waking in vain is harmless."""
    asked = sequence.asks.events | sequence.asks.awaits
    return any(
        e.kind in asked
        or e.kind == kinds.CHANGED
        or (e.kind in (kinds.OPENED, kinds.CLICKED) and e.step in sequence.asks.steps)
        or (e.kind in (kinds.UNSUBSCRIBED, kinds.RESUBSCRIBED) and sequence.asks.topics)
        for e in told
    )


def written(effect: Change, enrollment: Enrollment, lead: Lead, now: datetime) -> list[Event]:
    """What a sequence does by writing fields: an event for each that gets another value. `lead`: as it was before."""
    return [
        kinds.change(
            now, lead.id, f"{enrollment.id}.{effect.step.id}.{name}", "sequence", name, lead.get(name), value
        )._replace(enrollment_id=enrollment.id, step=effect.step.id)
        for name, value in effect.values.items()
        if lead.get(name) != value
    ]


def _back(data: Mapping[str, Any]) -> date | None:
    back = data.get("back")
    return date.fromisoformat(back) if isinstance(back, str) else None

"""Triggers that no event fires but time alone: a silence, a date of the lead, one moment for all.

Each lead is looked at when the trigger may have come true; looking too early is harmless. Whoever does not fit the
trigger's `if` then is looked at again when something changes on which it depends.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from sequencer.core import event as kinds
from sequencer.core.condition import Asks
from sequencer.core.condition_run import day
from sequencer.core.enrollment import RUNNING, Enrollment
from sequencer.core.event import Event
from sequencer.core.lead import Lead, Rep
from sequencer.core.people import quiet_of, zone_of
from sequencer.core.schedule import instant, local_day, shift
from sequencer.core.sequence import Sequence as Series
from sequencer.core.sequence import Trigger
from sequencer.core.workspace import Workspace

WATCHED: Final = frozenset({"silent", "before", "at"})
"""Kinds of triggers that time fires."""

SLACK: Final = timedelta(days=1)
"""How long before its first deployment the moment of an `at` may lie: zones differ, and a deploy takes its time."""

_CALENDAR: Final = frozenset({"time_zone", "country"})
"""Fields that say when a day begins, and which of them are holidays."""


def name_of(trigger: Trigger) -> str:
    """What a trigger is known by in its sequence: as long as it stays, it is the same one."""
    return " ".join(filter(None, (trigger.kind, trigger.name, trigger.value)))


def opens_at(
    workspace: Workspace, sequence: Series, trigger: Trigger, lead: Lead, owner: Rep | None, last: datetime | None
) -> datetime | None:
    """When the trigger came or comes true for this lead as far as is known now; None: not before something changes.

    `last`: when the lead last had the event of a `silent`.
    """
    zone, quiet = zone_of(workspace, sequence, lead, owner), quiet_of(workspace, lead)
    if trigger.kind == "at":
        return instant(trigger.moment, zone) if trigger.moment is not None else None
    assert trigger.span is not None
    if trigger.kind == "silent":
        since = last or lead.created_at
        return shift(since, trigger.span, zone, quiet) if since is not None else None
    date = day(lead.get(trigger.name))
    if date is None or date.toordinal() <= trigger.span.elapsed.days:
        return None
    return instant(datetime.combine(date - trigger.span.elapsed, datetime.min.time()), zone)


class Next(NamedTuple):
    """When a lead is to be looked at again. `at` None: when something changes; `never`: not any more."""

    at: datetime | None = None
    never: bool = False


def waits(
    workspace: Workspace,
    sequence: Series,
    trigger: Trigger,
    lead: Lead,
    owner: Rep | None,
    last: datetime | None,
    before: Sequence[Enrollment],
    now: datetime,
) -> Next | None:
    """What a look comes to when the trigger is not true now; None: it is, and lets the lead in who fits.

    `before`: the lead's enrollments in the sequence.
    """
    opens = opens_at(workspace, sequence, trigger, lead, owner, last)
    if opens is None or opens > now:
        return Next(opens)
    if trigger.kind == "at":
        return Next(never=True) if lead.created_at is not None and lead.created_at > opens else None
    if trigger.kind == "silent":
        return None
    date = day(lead.get(trigger.name))
    over = date is None or local_day(now, zone_of(workspace, sequence, lead, owner)) >= date
    # Once for each date: whoever entered for this one waits for another.
    return Next() if over or any(enrollment.entered_at >= opens for enrollment in before) else None


def after(
    workspace: Workspace, sequence: Series, trigger: Trigger, lead: Lead, before: Sequence[Enrollment], now: datetime
) -> Next:
    """What follows a look at which the trigger was true. `before`: as there, with the one that the look began."""
    if trigger.kind == "at":
        return Next(never=True)
    if not before:
        return Next()
    if sequence.again is None:
        return Next(never=True)
    if trigger.kind == "before":
        return Next()
    # Nobody may enter again sooner than that after the end, which is still to come for whoever is in it.
    running = any(enrollment.status in RUNNING for enrollment in before)
    ended = now if running else max(enrollment.ended_at or enrollment.entered_at for enrollment in before)
    again = shift(ended, sequence.again, ZoneInfo("UTC"), quiet_of(workspace, lead))
    return Next(again if again > now else None)


def touches(trigger: Trigger, asks: Asks, e: Event) -> bool:
    """Whether what happened may change when the trigger comes true, or whether its lead fits.

    `asks`: what that depends on, see `asks_of`.
    """
    if e.kind != kinds.CHANGED:
        return e.kind in asks.events or e.kind in asks.awaits or e.kind == kinds.RESUBSCRIBED
    changed = e.data.get("field")
    if changed in asks.fields or changed == "status":
        return True
    return trigger.kind in ("before", "at") and (changed == trigger.name or changed in _CALENDAR)


def widened(old: Workspace, new: Workspace) -> set[tuple[str, str]]:
    """Triggers (sequence, name) that stay and have another `if`: whoever fits it now is to be looked at."""
    before = {(sequence.id, name_of(trigger)): trigger for sequence, trigger in watched(old)}
    now = {(sequence.id, name_of(trigger)): trigger for sequence, trigger in watched(new)}
    return {key for key in before.keys() & now.keys() if _asked(before[key]) != _asked(now[key])}


def _asked(trigger: Trigger) -> str | None:
    return trigger.condition.source if trigger.condition is not None else None


def watched(workspace: Workspace) -> list[tuple[Series, Trigger]]:
    """Every trigger of the sequences that somebody may enter, that time fires."""
    return [
        (sequence, trigger)
        for sequence in workspace.sequences.values()
        if sequence.takes_in
        for trigger in sequence.enroll
        if trigger.kind in WATCHED
    ]

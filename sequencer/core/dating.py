"""When a place in a sequence falls due: the waits before it, and for mails the hours and quiet days."""

from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from sequencer.core.condition_run import day
from sequencer.core.enrollment import Enrollment, Passage
from sequencer.core.lead import Lead, Rep
from sequencer.core.people import quiet_of, zone_of
from sequencer.core.quiet import NEVER_QUIET, Quiet
from sequencer.core.schedule import Every, UntilDate, next_open, shift
from sequencer.core.sequence import Email, Place, Rounds, Sequence, Wait
from sequencer.core.workspace import Workspace

_NOBODY: Final = Lead(0, "")

_MAILING: Final = (Email, Rounds)
"""As a union these would be put together for each mail anew."""


def first_due(workspace: Workspace, sequence: Sequence, lead: Lead, owner: Rep | None, now: datetime) -> datetime:
    """When someone who enters now falls due."""
    zone, quiet = zone_of(workspace, sequence, lead, owner), quiet_of(workspace, lead)
    return due_at(sequence, sequence.places[sequence.start], now, zone, quiet, lead)


def due_at(sequence: Sequence, place: Place, since: datetime, zone: ZoneInfo, quiet: Quiet, lead: Lead) -> datetime:
    """When whoever came to a place at `since` falls due there: after the waits, and for a mail in the hours."""
    due = after_waits(place.waits, since, zone, quiet, lead)
    if isinstance(place.step, _MAILING):
        due = next_open(due, sequence.hours, zone, NEVER_QUIET if sequence.exempt else quiet)
    return due


# Who is mailed in one batch stood at one place, and comes to one place, since one moment; and most of them live by one
# of few clocks.
@lru_cache(maxsize=1_000)
def coming_to(
    sequence: Sequence, position: str, now: datetime, zone: ZoneInfo, quiet: Quiet
) -> tuple[Place, datetime | None]:
    """Where whoever comes to a position now gets at once, and when they fall due there; None: it depends on the lead.

    Where arms only join there is nothing to ask: going on at once saves every mail in an arm a second look.
    """
    place = sequence.onward(position)
    return place, None if place.personal else due_at(sequence, place, now, zone, quiet, _NOBODY)


@lru_cache(maxsize=1_000)
def shared_after_waits(sequence: Sequence, position: str, since: datetime, zone: ZoneInfo, quiet: Quiet) -> datetime:
    """When the waits before a place are over that is not personal."""
    return after_waits(sequence.places[position].waits, since, zone, quiet, _NOBODY)


def rounds_done(step: Rounds, enrollment: Enrollment | Passage) -> int:
    """How many mails of a series came, or were skipped."""
    done = 0
    while enrollment.passed(step.round(done + 1)) is not None:
        done += 1
    return done


def next_round(place: Place, step: Rounds, enrollment: Enrollment | Passage) -> Place:
    """The place of a series with the waits before its next round."""
    at = (step.every.at,) if step.every.at is not None else ()
    return replace(place, waits=(step.every,) if rounds_done(step, enrollment) else (*place.waits, *at))


def after_waits(waits: tuple[Wait, ...], since: datetime, zone: ZoneInfo, quiet: Quiet, lead: Lead) -> datetime:
    """When the last of the waits is over; when what follows is skipped, the moment at which that turns out."""
    for wait in waits:
        over = wait_over(wait, since, zone, quiet, lead)
        if over is None:
            return since
        since = over
    return since


def wait_over(wait: Wait, since: datetime, zone: ZoneInfo, quiet: Quiet, lead: Lead) -> datetime | None:
    """When one wait is over; None: the date that it waits for is not known or was past, and what follows is skipped."""
    if isinstance(wait, UntilDate):
        return wait.over(since, day(lead.get(wait.field)), zone, quiet)
    return wait.over(since, zone, quiet) if isinstance(wait, Every) else shift(since, wait, zone, quiet)

"""When those inside a sequence are looked at next after it was edited.

Looking too early does no harm, so a date stays where it can: only those are dated anew who may have to act sooner than
they were to, or are to be asked something else. Everybody is, where what ends a passage changed.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from sequencer.core.condition import Condition
from sequencer.core.dating import due_at, next_round, rounds_done
from sequencer.core.edit import plain
from sequencer.core.engine import GIVEN_UP
from sequencer.core.enrollment import Enrollment, Status
from sequencer.core.people import owner_of, quiet_of, zone_of
from sequencer.core.sequence import Branch, Email, Rounds, Sequence, SequenceState, Step, Task
from sequencer.core.snapshot import Snapshot
from sequencer.core.workspace import Workspace

MAILING = frozenset({SequenceState.LIVE, SequenceState.CLOSED})
"""States in which those inside go on."""


class Version(NamedTuple):
    """A sequence in one of its deployments."""

    workspace: Workspace
    sequence: Sequence


@dataclass(frozen=True, slots=True)
class Redating:
    """What an edit of one sequence means for dates."""

    old: Version | None
    """The version by which people were dated; None: there was none."""
    new: Version
    untouched: bool
    """Neither place nor date of anybody can be another."""
    everybody: bool
    """All are to be looked at: what ends a passage, or holds all of them, is another."""
    freed: bool
    """Who goes before whom, or which statuses pause it, is another: those who wait for that are to be looked at."""
    same_dates: bool
    """The same waits end at the same time."""
    mails_otherwise: bool
    """What held a mail up, whose waits are over, may not any more."""
    audiences: bool
    """What a named audience is, a list that conditions look into, or what behaviour counts, is another."""

    def due(self, before: Enrollment, after: Enrollment, known: Snapshot, now: datetime) -> datetime | None:
        """When to look at somebody whom the edit took from one place to the other; None: as they are dated.

        What is not in the future is to be soon: whoever was not due and is now.
        """
        if before.due_at is not None and before.due_at <= now:
            return None
        if self.everybody or self.old is None:
            return now
        if before.status is Status.PAUSED:
            return now if self.freed and before.resume_at is None else None
        if before.expected_at is not None:
            return None  # due already, and put off after a downtime
        if self._resends_otherwise(self.old, before, now):
            return now
        wanted = self._wanted(self.old, before, after, known)
        return None if wanted is None or (before.due_at is not None and wanted >= before.due_at) else wanted

    def _wanted(self, old: Version, before: Enrollment, after: Enrollment, known: Snapshot) -> datetime | None:
        stood = old.sequence.places.get(before.position)
        stands = self.new.sequence.places[after.position]
        if stood is None or before.position != after.position:
            return _date(self.new, after, known)
        asked = self._asks_otherwise(stood.step, stands.step)
        if self.same_dates and stood.waits == stands.waits and _rounds(stood.step) == _rounds(stands.step):
            return _date(self.new, after, known) if asked else None
        wanted = _date(self.new, after, known)
        return wanted if asked or wanted < _date(old, before, known) else None

    def _resends_otherwise(self, old: Version, before: Enrollment, now: datetime) -> bool:
        """Whether the mail before may go again at another time when nobody knows if it went."""
        last = before.outcomes[-1] if before.outcomes else None
        if last is None or last.outcome != "sent" or before.since + GIVEN_UP <= now:
            return False
        one, other = old.sequence.steps.get(last.step), self.new.sequence.steps.get(last.step)
        return isinstance(one, Email) and isinstance(other, Email) and one.resend_after != other.resend_after

    def _asks_otherwise(self, one: Step | None, other: Step | None) -> bool:
        if type(one) is not type(other):
            return True
        if isinstance(other, Email | Rounds):
            return self.mails_otherwise
        if isinstance(one, Task) and isinstance(other, Task):
            return (one.due, one.hold) != (other.due, other.hold)
        if not isinstance(one, Branch) or not isinstance(other, Branch):
            return False  # it looks once, when it is due
        said = (one.condition.source, one.within) != (other.condition.source, other.within)
        return said or (self.audiences and _names_people(other.condition))


def redating(old: Version | None, new: Version) -> Redating:
    """Compares the version by which people were dated with the one that counts now."""
    if old is None:
        return Redating(None, new, False, True, True, False, True, True)
    (before, one), (after, other) = old, new
    audiences = _known(before) != _known(after)
    ends = _ends(before, one) != _ends(after, other)
    ends = ends or (audiences and any(map(_names_people, _ending(other))))
    begins = one.state not in MAILING and other.state in MAILING
    freed = _ahead(before, one) != _ahead(after, other)
    same_dates = _calendar(before, one) == _calendar(after, other)
    mails_otherwise = not same_dates or _mailing(before, one) != _mailing(after, other)
    same = plain(one) == plain(other) and not (ends or freed or audiences or mails_otherwise)
    return Redating(old, new, same, ends or begins, freed, same_dates, mails_otherwise, audiences)


def _ending(sequence: Sequence) -> tuple[Condition, ...]:
    goal = (sequence.goal,) if sequence.goal is not None else ()
    return (*goal, *sequence.exit_on, *sequence.never)


def _ends(workspace: Workspace, sequence: Sequence) -> object:
    """What `decide` ends a passage by, beside what other sequences do."""
    topic = workspace.topics.get(sequence.topic)
    goal = sequence.goal.source if sequence.goal is not None else None
    sources = ([c.source for c in sequence.exit_on], [c.source for c in sequence.never])
    return goal, sources, sequence.topic, topic.default if topic is not None else None, workspace.stopping


def _ahead(workspace: Workspace, sequence: Sequence) -> object:
    """What a passage waits for until no moment that is known: other sequences, or another status."""
    statuses = {status.id for status in workspace.statuses.values() if sequence.id in status.pauses}
    return sequence.lane, workspace.held_by.get(sequence.id), statuses


def _known(workspace: Workspace) -> object:
    """What conditions ask about by a name."""
    return plain((workspace.audiences, workspace.lists, workspace.signals))


def _names_people(condition: Condition) -> bool:
    return any(
        name in condition.source
        for name in ("in_audience(", "list(", "score", "fit", "sales_ready(", "engaged_people(")
    )


def _calendar(workspace: Workspace, sequence: Sequence) -> object:
    """What a date depends on beside the lead and the waits."""
    reps = {rep.email: rep.zone for rep in workspace.reps.values()} if sequence.sender == "owner" else {}
    days = (workspace.quiet_days, workspace.holidays, workspace.holidays_unknown)
    owned = sequence.sender == "owner" and workspace.zone_of_owner
    return workspace.zone, owned, reps, days, sequence.hours, sequence.exempt


def _mailing(workspace: Workspace, sequence: Sequence) -> object:
    """What may hold a mail up whose waits are over, beside its hours."""
    pressure = replace(workspace.pressure, catch_up=None)
    owned = (workspace.owner, workspace.reps) if sequence.sender == "owner" else None
    return sequence.exempt, sequence.sender, pressure, owned


def _rounds(step: Step | None) -> object:
    return (step.every, step.up_to) if isinstance(step, Rounds) else None


def _date(version: Version, enrollment: Enrollment, known: Snapshot) -> datetime:
    workspace, sequence = version
    place = sequence.places[enrollment.position]
    if isinstance(place.step, Rounds):
        if rounds_done(place.step, enrollment) >= place.step.up_to:
            return enrollment.since  # it was made shorter: there is no round to wait for
        place = next_round(place, place.step, enrollment)
    zone = zone_of(workspace, sequence, known.lead, owner_of(workspace, known))
    return due_at(sequence, place, enrollment.since, zone, quiet_of(workspace, known.lead), known.lead)

"""Who makes way for whom: of a lane one sequence at a time mails a lead, and some pause others by name.

Nothing is written down about it: whether an enrollment is held follows from the lead's other enrollments, each time it
is looked at.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from sequencer.core.enrollment import RUNNING, Enrollment, Status
from sequencer.core.sequence import Sequence


class Other(NamedTuple):
    """Another enrollment of the same lead."""

    id: int
    sequence: str
    status: Status
    entered_at: datetime
    ended_at: datetime | None = None
    held_out: bool = False
    """It gets nothing, so nobody makes way for it."""


def in_lane(one: Sequence, other: Sequence) -> bool:
    """Whether both are in one lane."""
    return one.lane is not None and other.lane is not None and one.lane.name == other.lane.name


def may_hold(one: Sequence, other: Sequence) -> bool:
    """Whether those inside `one` can ever hold up those inside `other`."""
    if other.id in one.pauses:
        return True
    if one.id == other.id or one.id in other.pauses or not in_lane(one, other):
        return False
    assert one.lane is not None and other.lane is not None
    return one.lane.priority >= other.lane.priority


def holders(sequences: Mapping[str, Sequence]) -> Mapping[str, frozenset[str]]:
    """By sequence, those that can hold it up; a sequence that none can is not among them."""
    found: dict[str, set[str]] = {}
    for name, those in held_up(sequences).items():
        for other in those:
            found.setdefault(other, set()).add(name)
    return {name: frozenset(found[name]) for name in sequences if name in found}


def held_up(sequences: Mapping[str, Sequence]) -> Mapping[str, frozenset[str]]:
    """By sequence, those that it may hold up: `may_hold` of all pairs, of which a large workspace has a million."""
    paused_by: dict[str, set[str]] = {}
    for one in sequences.values():
        for name in one.pauses:
            paused_by.setdefault(name, set()).add(one.id)
    found = {name: frozenset(one.pauses.keys() & sequences.keys()) for name, one in sequences.items()}
    for mates in lanes(sequences).values():
        below: dict[int, frozenset[str]] = {}
        for one in mates:
            assert one.lane is not None
            priority = one.lane.priority
            if priority not in below:
                below[priority] = frozenset(o.id for o in mates if o.lane is not None and o.lane.priority <= priority)
            found[one.id] |= below[priority] - paused_by.get(one.id, set()) - {one.id}
    return found


def lanes(sequences: Mapping[str, Sequence]) -> Mapping[str, list[Sequence]]:
    """The sequences of each lane."""
    found: dict[str, list[Sequence]] = {}
    for one in sequences.values():
        if one.lane is not None:
            found.setdefault(one.lane.name, []).append(one)
    return found


def holder(sequences: Mapping[str, Sequence], held: Sequence, since: Enrollment, others: Iterable[Other]) -> str | None:
    """The sequence for which this enrollment has to wait now; None: for none.

    Also one that is paused, or held itself, or whose sequence is stopped: it keeps its place. Of equals in a lane
    whoever came first goes first.
    """
    for other in others:
        rival = sequences.get(other.sequence)
        if rival is None or other.held_out or other.status not in RUNNING or not may_hold(rival, held):
            continue
        came_first = (other.entered_at, other.id) < (since.entered_at, since.id)
        if came_first or held.id in rival.pauses or not may_hold(held, rival):
            return rival.id
    return None


def converted(
    sequences: Mapping[str, Sequence], held: Sequence, since: Enrollment, others: Iterable[Other]
) -> str | None:
    """A sequence that paused this one by name and has reached its goal since this enrollment began."""
    for other in others:
        rival = sequences.get(other.sequence)
        if rival is None or other.held_out or held.id not in rival.pauses or other.status is not Status.CONVERTED:
            continue
        if other.ended_at is not None and other.ended_at >= since.entered_at:
            return rival.id
    return None


def concerned(
    held_by: Mapping[str, frozenset[str]], running: Iterable[Enrollment], moved: Iterable[tuple[int, str]]
) -> list[Enrollment]:
    """Those of some leads' running enrollments that have to be looked at again.

    `moved`: lead and sequence of whoever entered or left one.
    """
    there = list(running)
    sequences_of: dict[int, set[str]] = {}
    for e in there:
        sequences_of.setdefault(e.lead_id, set()).add(e.sequence)
    nobody: frozenset[str] = frozenset()
    came_or_went: dict[int, set[str]] = {}
    for lead_id, sequence in moved:
        came_or_went.setdefault(lead_id, set()).add(sequence)
    return [
        e
        for e in there
        if (by := held_by.get(e.sequence, nobody)) and (touched := came_or_went.get(e.lead_id))
        if by & touched or (e.sequence in touched and by & sequences_of[e.lead_id])
    ]

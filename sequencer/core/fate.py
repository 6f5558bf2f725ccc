"""What becomes of people inside a sequence when it is edited: where they go on, and what never comes any more.

It asks `migrate`, as the workers do; so what is told beforehand is what happens.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, NamedTuple

from sequencer.core.enrollment import HOLDOUT, RUNNING, Enrollment, Outcome, Status
from sequencer.core.migrate import migrate
from sequencer.core.sequence import Exit, Fork, Sequence, Step

_SOME_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Where somebody stands does not depend on when."""


class Standing(NamedTuple):
    """People of whom the same can be said: at one place, with one past."""

    sequence: str
    deployment: int
    position: str
    status: str
    passed: tuple[tuple[str, str], ...]
    """Step and outcome, in the order in which they came."""
    people: int
    pinned: int | None = None
    """The older deployment whose steps they keep."""

    def enrollment(self) -> Enrollment:
        """One of them, as far as it matters where they stand."""
        outcomes = tuple(Outcome(step, outcome, _SOME_TIME) for step, outcome in self.passed)
        status = Status(self.status)
        assert status in RUNNING
        return Enrollment(
            id=0,
            lead_id=0,
            sequence=self.sequence,
            deployment=self.deployment,
            entered_at=_SOME_TIME,
            position=self.position,
            since=_SOME_TIME,
            due_at=None,
            status=status,
            outcomes=outcomes,
            pinned=self.pinned,
        )

    @property
    def held_out(self) -> bool:
        """They get nothing anyway."""
        return bool(self.passed) and self.passed[0][0] == HOLDOUT


@dataclass(frozen=True, slots=True)
class Fate:
    """What an edit makes of people who stand at one place with one past."""

    position: str
    """Where they go on."""
    removed: tuple[str, ...] = ()
    """Steps that were to come and are gone from the file."""
    passed_by: tuple[str, ...] = ()
    """Steps that were to come, are still in the file, and never come: they lie behind them now, or in another arm."""
    new: tuple[str, ...] = ()
    """New steps that may come."""
    missed: tuple[str, ...] = ()
    """New steps that never come: they stand behind their place, or in another arm."""
    finishes: bool = False
    """Something was to come, and nothing is any more: they come to the end."""

    @property
    def gets_less(self) -> bool:
        """Whether nothing new comes in place of what is gone."""
        return bool(self.passed_by) or len(self.removed) > len(self.new)


def fate(old: Sequence | None, new: Sequence, enrollment: Enrollment, between: Iterable[Sequence | None] = ()) -> Fate:
    """What becomes of a running enrollment of the old version; None: its file was gone.

    `between`: the versions that came after the old one, through which it is taken.
    """
    moved, versions = enrollment, [old, *between, new]
    for one, other in pairwise(versions):
        if other is not None:
            moved = migrate(one, other, moved, enrollment.deployment + 1)
    passed = {o.step: o.outcome for o in reversed(enrollment.outcomes)}
    before = (
        tuple(ahead(old, enrollment.position, passed)) if old is not None and enrollment.position in old.places else ()
    )
    after = tuple(ahead(new, moved.position, passed))
    coming = set(after)
    there = old.steps if old is not None else new.steps
    appeared = [step for step, one in new.steps.items() if step not in there and _is_felt(one)]
    return Fate(
        position=moved.position,
        removed=tuple(step for step in before if step not in new.steps),
        passed_by=tuple(step for step in before if step in new.steps and step not in coming),
        new=tuple(step for step in appeared if step in coming),
        missed=tuple(step for step in appeared if step not in coming and step not in passed),
        finishes=bool(before) and not after,
    )


def ahead(sequence: Sequence, position: str, passed: Mapping[str, str]) -> Iterable[str]:
    """Steps (forks are none by themselves) that may still come for whoever stands there, in the order of the file.

    `passed`: what became of the steps behind them. An undecided fork may take any of its arms.
    """
    found: list[str] = []
    place = sequence.places[position]
    goes_on = _run(place.arm.steps[place.index :], passed, found)
    while goes_on and place.fork is not None:
        place = sequence.places[place.fork.id]
        goes_on = _run(place.arm.steps[place.index + 1 :], passed, found)
    return found


def _run(steps: Iterable[Step], passed: Mapping[str, str], found: list[str]) -> bool:
    """Adds what may come of these steps; False when nothing can come after them."""
    for step in steps:
        taken = passed.get(step.id)
        if isinstance(step, Fork):
            arms = [arm for arm in step.arms if taken in (None, arm.name)]
            if arms and not any([_run(arm.steps, passed, found) for arm in arms]):
                return False
        elif taken is None:
            if _is_felt(step):
                found.append(step.id)
            if isinstance(step, Exit) and step.unless is None:
                return False
    return True


def _is_felt(step: Step) -> bool:
    """Whether somebody could miss it."""
    return not isinstance(step, Fork | Exit)

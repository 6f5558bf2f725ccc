"""How much mail sequences come to in the worst week, and which of them together come to more than a lead may get."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Final

from sequencer.core.duration import Duration
from sequencer.core.lanes import held_up
from sequencer.core.mark import Problem
from sequencer.core.schedule import Every
from sequencer.core.sequence import Arm, Branch, Email, Exit, Fork, Rounds, Sequence, SequenceState, Wait
from sequencer.core.workspace import Workspace
from sequencer.workspace.nodes import listed

WEEK: Final = timedelta(days=7)
AT_ONCE: Final = timedelta()
NAMED: Final = 3
"""Other sequences that a message names."""

Ages = tuple[timedelta, ...]
"""How long ago each mail of the last seven days went on some way to a point, the youngest first."""


def check_frequency(workspace: Workspace, sequences: Mapping[str, Sequence]) -> Iterator[Problem]:
    """A warning for each sequence that shares its leads with others, and then goes over the cap of a week."""
    cap = workspace.pressure.week
    if cap is None:
        return
    worst = {
        name: busiest_week(workspace, sequence)
        for name, sequence in sorted(sequences.items())
        # A single mail waits a few days at most; and by itself a sequence is never too fast, it only becomes slower.
        if workspace.counts(sequence) and sequence.state is not SequenceState.STOPPED and _is_series(sequence.body)
    }
    names, behind = list(worst), held_up(sequences)
    for number, name in enumerate(names):
        sequence = sequences[name]
        over = (
            other
            for other in names[number + 1 :]
            if worst[name] + worst[other] > cap
            if other not in behind[name] and name not in behind[other]
        )
        if not (found := list(islice(over, NAMED + 1))):
            continue
        most = max(worst[other] for other in found)
        more = " and others" if len(found) > NAMED else ""
        message = (
            f"with {listed(found[:NAMED])}{more} a lead may fall due for {worst[name]} + {most} mails in a week, and "
            f"gets {cap} at most: what waits too long is skipped; put both into one `lane`, or let one pause the other"
        )
        yield Problem(sequence.mark, "over-cap", message, "warning")


def busiest_week(workspace: Workspace, sequence: Sequence) -> int:
    """The most mails that any seven days can hold, whatever a lead does, when no other sequence mails them."""
    walk = _Walk(workspace.pressure.gap, 7 - len(workspace.quiet_days))
    walk.arm(sequence.body, [()])
    return walk.most


def _is_series(arm: Arm) -> bool:
    """Whether there is a way through it with more than one mail."""
    return _mails(arm) > 1


def _mails(arm: Arm) -> int:
    found = 0
    for step in arm.steps:
        if isinstance(step, Email):
            found += 1
        elif isinstance(step, Rounds):
            found += step.up_to
        elif isinstance(step, Fork):
            found += max(map(_mails, step.arms), default=0)
    return found


@dataclass
class _Walk:
    """Along all ways at once. Of two ways the one is left that can only come to more mails."""

    gap: timedelta
    business: int
    """Days of a week that are business days."""
    most: int = 0

    def arm(self, arm: Arm, ways: list[Ages]) -> list[Ages]:
        for step in arm.steps:
            ways = self.later(ways, step.waits)
            match step:
                case Email():
                    ways = self.mail(ways)
                case Rounds():
                    # After a week of them, one more is like the one before.
                    for number in range(min(step.up_to, 10)):
                        ways = self.mail(self.later(ways, (step.every,) if number else ()))
                case Exit():
                    return []
                case Branch(within=within) if within is not None:
                    then, otherwise = step.arms
                    ways = _kept([*self.arm(then, ways), *self.arm(otherwise, self.later(ways, (within,)))])
                case _ if isinstance(step, Fork):
                    ways = _kept([way for inner in step.arms for way in self.arm(inner, ways)])
        return self.later(ways, arm.waits)

    def mail(self, ways: list[Ages]) -> list[Ages]:
        sent = []
        for way in ways:
            rest = self.gap - way[0] if way else AT_ONCE
            [way] = _aged([way], rest) if rest > AT_ONCE else [way]
            sent.append((AT_ONCE, *way))
            self.most = max(self.most, len(way) + 1)
        return _kept(sent)

    def later(self, ways: list[Ages], waits: Iterable[Wait]) -> list[Ages]:
        return _kept(_aged(ways, sum(map(self.least, waits), AT_ONCE)))

    def least(self, wait: Wait) -> timedelta:
        """How long it lasts at least. A time of day or a date may just be there."""
        span = wait.span if isinstance(wait, Every) else wait
        if not isinstance(span, Duration):
            return AT_ONCE
        if span.unit != "business day":
            return span.elapsed
        weeks, days = divmod(span.amount, self.business) if self.business else (span.amount, 0)
        return timedelta(weeks=weeks, days=days)


def _aged(ways: list[Ages], by: timedelta) -> list[Ages]:
    return [tuple(age + by for age in way if age + by < WEEK) for way in ways]


def _kept(ways: list[Ages]) -> list[Ages]:
    """Without those that have no more mails than another, and none of them younger."""
    kept: list[Ages] = []
    for way in sorted(set(ways), key=lambda way: (-len(way), way)):
        if not any(all(mine >= other for mine, other in zip(way, better, strict=False)) for better in kept):
            kept.append(way)
    return kept

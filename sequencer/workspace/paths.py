"""Checks along the ways through a sequence: what comes after what, whichever branches a lead takes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Final

from sequencer.core.condition import Condition
from sequencer.core.mark import Problem
from sequencer.core.sequence import Arm, Branch, Choose, Email, Exit, Fork, Rounds, Sequence, Task

OPENED: Final = re.compile(r"\bopened\s*\(")

STRINGS: Final = re.compile(r"\"[^\"]*\"|'[^']*'")


@dataclass(frozen=True, slots=True)
class Way:
    """What all ways to a point have in common or may have behind them."""

    just_sent: frozenset[str] = frozenset()
    """Mails after which there may have been no wait yet."""
    sent: frozenset[str] = frozenset()
    """Mails that some way has behind it."""

    def waited(self) -> "Way":
        return Way(frozenset(), self.sent)

    def joined(self, other: "Way") -> "Way":
        return Way(self.just_sent | other.just_sent, self.sent | other.sent)


def check_paths(sequence: Sequence) -> tuple[Problem, ...]:
    """Warnings about mails that follow at once, guesses, questions that come too early, steps that nobody gets to."""
    return tuple(_walk(sequence, sequence.body, Way(), []))


def _walk(sequence: Sequence, arm: Arm, way: Way, ends: list[Way]) -> Iterator[Problem]:
    """The arm's problems; the way at its end is added to `ends`, unless every way leaves before."""
    mails, shown = frozenset(step.id for step in sequence.emails()), sequence.shown
    for number, step in enumerate(arm.steps):
        if step.waits or (isinstance(step, Rounds) and step.every.at is not None):
            way = way.waited()
        if isinstance(step, Exit):
            yield from _unreachable(sequence, arm, number)
            return
        if isinstance(step, Email | Rounds):
            if way.just_sent:
                before = " or ".join(f"`{mail}`" for mail in sorted(map(shown, way.just_sent)))
                message = (
                    f"`{shown(step.id)}` follows {before} without a wait between them: put `- wait: 3 days` before it"
                )
                yield Problem(step.mark, "no-wait", message, "warning")
            if isinstance(step, Email) and step.thread and step.thread in mails - way.sent:
                message = (
                    f"`{shown(step.thread)}` is not sent before this step, so there is nothing to answer: "
                    "move it up, or take `thread` out"
                )
                yield Problem(step.mark, "asked-too-early", message, "warning")
            way = Way(frozenset({step.id}), way.sent | {step.id})
        elif isinstance(step, Task) and step.hold:
            way = way.waited()
        elif isinstance(step, Fork):
            for condition in _conditions(step):
                yield from _asked(sequence, condition, way.sent, mails)
            # With `within` the lead waits, or did something: what follows is an answer to it.
            inside = way.waited() if isinstance(step, Branch) and step.within else way
            inner: list[Way] = []
            for inner_arm in step.arms:
                yield from _walk(sequence, inner_arm, inside, inner)
            if not inner:
                yield from _unreachable(sequence, arm, number)
                return
            way = reduce(Way.joined, inner)
    ends.append(way.waited() if arm.waits else way)


def _unreachable(sequence: Sequence, arm: Arm, last: int) -> Iterator[Problem]:
    """What follows in the arm after the step at which everybody leaves."""
    for step in arm.steps[last + 1 : last + 2]:
        here, there = sequence.shown(step.id), sequence.shown(arm.steps[last].id)
        message = f"nobody gets to `{here}`: everybody leaves at `{there}`; move it up, or take it out"
        yield Problem(step.mark, "unreachable", message, "warning")


def _conditions(fork: Fork) -> tuple[Condition, ...]:
    match fork:
        case Branch():
            return (fork.condition,)
        case Choose():
            return fork.conditions
    return ()


def _asked(sequence: Sequence, condition: Condition, sent: frozenset[str], mails: frozenset[str]) -> Iterator[Problem]:
    if OPENED.search(STRINGS.sub("", condition.source)):
        message = "opening is a guess (mail programs open by themselves, or hide it): ask for a click or a reply"
        yield Problem(condition.mark, "opens-are-guesses", message, "warning")
    for step in sorted((condition.asks.steps & mails) - sent):
        name = sequence.shown(step)
        message = f"`{name}` is not sent before this step, so this is never true here: move it up, or ask for another"
        yield Problem(condition.mark, "asked-too-early", message, "warning")

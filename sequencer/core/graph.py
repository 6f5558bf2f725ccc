"""A sequence as a Mermaid flowchart, which GitHub and editors draw from text."""

from collections.abc import Iterator
from typing import NamedTuple

from sequencer.core.duration import Duration
from sequencer.core.sequence import (
    Arm,
    Branch,
    Choose,
    Email,
    Exit,
    Fork,
    Rounds,
    Sequence,
    Split,
    Start,
    Step,
    Trigger,
    Wait,
)

LONGEST = 60
"""Characters of one line in a box."""


class _Tail(NamedTuple):
    """Where an arrow begins that has no end yet, and what stands on it."""

    node: str
    label: tuple[str, ...]


def mermaid(sequence: Sequence) -> str:
    """The lines of a flowchart."""
    return "\n".join(_Chart(sequence).lines())


class _Chart:
    def __init__(self, sequence: Sequence) -> None:
        self.sequence = sequence
        self.count = 0

    def lines(self) -> Iterator[str]:
        yield "flowchart TD"
        words = [_trigger(trigger) for trigger in self.sequence.enroll] or ["nobody enters"]
        yield f"  in([{_text(*words)}])"
        tails = [_Tail("in", ())]
        yield from self.arm(self.sequence.body, tails)
        if tails:
            yield f"  out([{_text('finished')}])"
            yield from self.arrows(tails, "out")

    def arm(self, arm: Arm, tails: list[_Tail]) -> Iterator[str]:
        """Draws a run of steps behind the tails, which are those of its end afterwards."""
        for step in arm.steps:
            yield from self.step(step, tails)
        waits = tuple(map(_wait, arm.waits))
        tails[:] = [_Tail(node, (*label, *waits)) for node, label in tails]

    def step(self, step: Step, tails: list[_Tail]) -> Iterator[str]:
        self.count += 1
        name = f"s{self.count}"
        # A hexagon takes a third of the room that a diamond takes around a condition.
        before, after = (
            ("{{", "}}") if isinstance(step, Fork) else ("([", "])") if isinstance(step, Exit) else ("[", "]")
        )
        yield f"  {name}{before}{_text(*_words(step, self.sequence.shown(step.id)))}{after}"
        waits = tuple(map(_wait, step.waits))
        yield from self.arrows([_Tail(node, (*label, *waits)) for node, label in tails], name)
        if isinstance(step, Exit):
            # Whoever its `unless` is true of goes on.
            tails[:] = [_Tail(name, ("unless",))] if step.unless is not None else []
        elif isinstance(step, Fork):
            ends: list[_Tail] = []
            for number, arm in enumerate(step.arms):
                inner = [_Tail(name, (_arm(step, number),))]
                yield from self.arm(arm, inner)
                ends += inner
            tails[:] = ends
        else:
            tails[:] = [_Tail(name, ())]

    def arrows(self, tails: list[_Tail], to: str) -> Iterator[str]:
        for node, label in tails:
            yield f"  {node} -->{f'|{_text(*label)}|' if label else ''} {to}"


def _words(step: Step, name: str) -> list[str]:
    """What stands in a box: its name, the kind, and what matters most."""
    match step:
        case Email():
            looked_at = [f"review within {step.review.within}"] if step.review is not None else []
            return [name, step.content if step.pick is None else f"pick: {step.pick.kind}", *looked_at]
        case Rounds():
            return [name, f"series: {step.pick.kind}", f"every {step.every}, up to {step.up_to}"]
        case Branch():
            within = [f"within {step.within}"] if step.within is not None else []
            return [name, step.condition.source, *within]
        case Start():
            return [name, f"start: {step.sequence}"]
        case Exit():
            return [f"exit: {step.reason}"]
    return [name, {"split": "test"}.get(kind := type(step).__name__.lower(), kind)]


def _arm(step: Fork, number: int) -> str:
    arm = step.arms[number].name
    if isinstance(step, Split):
        return f"{arm}, {step.shares[number]} %"
    if isinstance(step, Choose) and number < len(step.conditions):
        return f"{arm}: {step.conditions[number].source}"
    return arm


def _trigger(trigger: Trigger) -> str:
    said = f'"{trigger.name}"' if trigger.name else ""
    said += f', "{trigger.value}"' if trigger.value else ""
    return f"{trigger.kind}({said})" if said else trigger.kind


def _wait(wait: Wait) -> str:
    return str(wait) if isinstance(wait, Duration) else f"until {wait}"


def _text(*lines: str) -> str:
    """Mermaid's quoted text: whatever could end it or be taken for markup is an entity."""
    return f'"{"<br>".join(_escaped(line) for line in lines)}"'


def _escaped(line: str) -> str:
    short = line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
    return "".join(c if c.isalnum() or c in " .,:;/()=-_!?%+*'…" else f"#{ord(c)};" for c in " ".join(short.split()))

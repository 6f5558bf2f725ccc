"""A sequence as a tree that a page can draw: its steps in the order of the file, and who stands where."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sequencer.core.content import Content
from sequencer.core.duration import Duration
from sequencer.core.enrollment import END, end_of
from sequencer.core.message import State
from sequencer.core.sequence import (
    Arm,
    Branch,
    Choose,
    Email,
    Exit,
    Fork,
    Handoff,
    Rounds,
    Set,
    Split,
    Start,
    Step,
    Task,
    Tell,
    Wait,
)
from sequencer.core.sequence import Sequence as Series

GROUPS: Mapping[str, frozenset[State]] = {
    "delivered": frozenset({State.DELIVERED}),
    "accepted": frozenset({State.ACCEPTED}),
    "on its way": frozenset({State.SENDING, State.RETRY}),
    "held": frozenset({State.UNKNOWN}),
    "failed": frozenset({State.BOUNCED, State.DROPPED, State.REFUSED, State.CANCELLED}),
}
"""The states of messages, as few as a bar can show."""

_TEMPLATE = re.compile(r"\{[{%#].*?[}%#]\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of a bar, in per cent of its width."""

    name: str
    count: int
    start: float
    width: float

    @property
    def css(self) -> str:
        return self.name.replace(" ", "-")


@dataclass(frozen=True, slots=True)
class Node:
    """One step, or the end of an arm (no kind) where somebody stands or a wait goes on."""

    kind: str
    name: str
    text: str
    code: str
    waits: str
    standing: int
    share: float
    """Of the place where most stand, in per cent."""
    mails: tuple[Slice, ...] = ()
    mailed: int = 0
    arms: tuple[tuple[str, "tuple[Node, ...]"], ...] = ()
    where: str = ""


def flow(
    series: Series, contents: Mapping[str, Content], rows: Sequence[Mapping[str, Any]], at: Mapping[str, int]
) -> tuple[Node, ...]:
    """The steps of a sequence. `rows`: what `inspect.steps` says of it; `at`: who stands at each position."""
    drawing = _Drawing(
        series, contents, {row["step"]: row["messages"] for row in rows}, at, max(at.values(), default=0)
    )
    return drawing.arm(series.body, END)


def slices(counts: Mapping[str, int]) -> tuple[Slice, ...]:
    """A bar of messages by state."""
    total, start, found = sum(counts.values()), 0.0, []
    for name, states in GROUPS.items():
        count = sum(counts.get(state, 0) for state in states)
        if count:
            width = 100 * count / total
            found.append(Slice(name, count, round(start, 2), round(width, 2)))
            start += width
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Drawing:
    series: Series
    contents: Mapping[str, Content]
    messages: Mapping[str, Mapping[str, int]]
    at: Mapping[str, int]
    most: int

    def arm(self, arm: Arm, end: str) -> tuple[Node, ...]:
        end = self.series.shown(end)
        nodes = [self.step(step) for step in arm.steps]
        if arm.waits or self.at.get(end):
            nodes.append(self.node("", end, "", "", arm.waits))
        return tuple(nodes)

    def step(self, step: Step) -> Node:
        text, code = self.said(step)
        arms: tuple[tuple[str, tuple[Node, ...]], ...] = ()
        if isinstance(step, Fork):
            drawn = ((arm.name, self.arm(arm, end_of(step.id, arm.name))) for arm in step.arms)
            arms = tuple((called, nodes) for called, nodes in drawn if nodes)
        name = self.series.shown(step.id)
        counts = self.messages.get(name, {})
        return self.node(
            type(step).__name__.lower(),
            name,
            text,
            code,
            step.waits,
            mails=slices(counts),
            mailed=sum(counts.values()),
            arms=arms,
            where=f"{step.mark.file}:{step.mark.line}",
        )

    def node(self, kind: str, name: str, text: str, code: str, waits: tuple[Wait, ...], **more: Any) -> Node:
        standing = self.at.get(name, 0)
        share = round(100 * standing / self.most, 2) if self.most else 0.0
        return Node(kind, name, text, code, ", then ".join(map(_wait, waits)), standing, share, **more)

    def said(self, step: Step) -> tuple[str, str]:
        """What the step does: in words, and as it is written in the file."""
        match step:
            case Email():
                content = self.contents.get(step.content)
                subject = _TEMPLATE.sub("…", content.subject) if content is not None else ""
                if step.review is not None:
                    subject = ", ".join(filter(None, (subject, f"the rep looks at it within {step.review.within}")))
                return (subject, step.content if step.pick is None else f"pick: {step.pick.kind}")
            case Rounds():
                return (f"every {step.every}, up to {step.up_to}", f"pick: {step.pick.kind}")
            case Branch():
                return (f"within {step.within}" if step.within is not None else "", step.condition.source)
            case Choose():
                asked = zip(step.arms, step.conditions, strict=False)
                return ("", ", ".join(f"{arm.name}: {condition.source}" for arm, condition in asked))
            case Split():
                dealt = zip(step.arms, step.shares, strict=True)
                return (", ".join(f"{share} % {arm.name}" for arm, share in dealt), "")
            case Task():
                return (step.note, f"{step.kind} within {step.due}")
            case Tell() | Handoff():
                return (step.note, "")
            case Set():
                return ("", ", ".join(f"{name}: {_value(value)}" for name, value in step.values.items()))
            case Start():
                return ("", step.sequence)
            case Exit():
                return (step.reason, "")


def _wait(wait: Wait) -> str:
    return f"{wait} later" if isinstance(wait, Duration) else f"until {wait}"


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)

"""Tests of sequences: a lead, what happens, what must follow; and which steps and arms no test came to. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal, TypeAlias

from sequencer.core.enrollment import END, RUNNING
from sequencer.core.mark import Mark
from sequencer.core.schedule import WEEKDAYS
from sequencer.core.sequence import Fork, Sequence
from sequencer.core.simulate import Case, Simulation
from sequencer.core.timeline import Entry

Kind: TypeAlias = Literal["received", "not_received", "told", "entered", "not_entered", "ended", "none_on", "lead"]

ALERTS: Final = frozenset({"tell", "handoff", "task", "review"})
"""Codes of entries by which the owner is told."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that must follow. `names` are steps, contents, sequences, days or values, as `kind` says."""

    kind: Kind
    mark: Mark
    names: tuple[str, ...]
    at: datetime | None = None
    """For one `received`: what the lead's clock shows."""
    value: Any = None
    """For `lead`: what the field of that name holds."""

    def __str__(self) -> str:
        if self.kind == "lead":
            return f"lead: {{{self.names[0]}: {self.value}}}"
        listed = self.names[0] if len(self.names) == 1 else f"[{', '.join(self.names)}]"
        return f"{self.kind}: {listed}" + (f", at {self.at:%a %-d %b %Y %H:%M}" if self.at is not None else "")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One test."""

    name: str
    mark: Mark
    sequence: str
    case: Case
    expects: tuple[Expectation, ...]


@dataclass(frozen=True, slots=True)
class Miss:
    """An expectation that was not met. `before`: the number of the entry in front of which it belongs."""

    expectation: Expectation
    why: str
    before: int


def misses(scenario: Scenario, came: Simulation) -> list[Miss]:
    """Everything that did not come as expected; empty when the scenario holds."""
    entries = came.timeline.entries
    found: list[Miss] = []
    place = 0  # mails are received in this order
    for one in scenario.expects:
        if one.kind == "received":
            for name in one.names:
                number = next((n for n in range(place, len(entries)) if _is_mail(scenario, entries[n], name)), None)
                if number is None:
                    found.append(Miss(one, _why_not(scenario, entries, name, place), place))
                    break
                place = number + 1
                local = entries[number].at.astimezone(came.zone).replace(tzinfo=None, second=0, microsecond=0)
                if one.at is not None and local != one.at:
                    found.append(Miss(one, f"{name} came {local:%a %-d %b %Y %H:%M}", number))
        elif (why := _unmet(scenario, came, one)) is not None:
            found.append(Miss(one, why[0], why[1]))
    return found


def _unmet(scenario: Scenario, came: Simulation, one: Expectation) -> tuple[str, int] | None:
    """Why an expectation that has no order is not met, and where it shows."""
    entries = came.timeline.entries
    last = len(entries)
    match one.kind:
        case "not_received":
            for number, entry in enumerate(entries):
                for name in one.names:
                    if _is_mail(scenario, entry, name):
                        return f"{name} came", number
        case "none_on":
            for number, entry in enumerate(entries):
                day = entry.at.astimezone(came.zone).date()
                if entry.code == "sent" and _names_day(one.names, day):
                    return f"{entry.step} came {day:%a} {day.isoformat()}", number
        case "told":
            told = {"owner" for e in entries if e.code in ALERTS} | {e.step for e in entries if e.code in ALERTS}
            missing = [name for name in one.names if name not in told]
            if missing:
                return f"the owner was not told{'' if missing == ['owner'] else f' by {missing[0]}'}", last
        case "entered":
            missing = [name for name in one.names if name not in {e.sequence for e in came.enrollments}]
            if missing:
                return f"did not enter {missing[0]}", last
        case "not_entered":
            inside = [e.sequence for e in came.enrollments if e.sequence in one.names]
            if inside:
                number = next(n for n, e in enumerate(entries) if (e.sequence, e.code) == (inside[0], "entered"))
                return f"entered {inside[0]}", number
        case "ended":
            return _not_ended(scenario, came, one.names[0], last)
        case "lead":
            is_now = came.lead.get(one.names[0])
            if is_now != one.value:
                return f"{one.names[0]} is {'unknown' if is_now is None else is_now}", last
    return None


def _not_ended(scenario: Scenario, came: Simulation, how: str, last: int) -> tuple[str, int] | None:
    """How the last passage through the sequence ended, by its status or its reason."""
    passage = next((e for e in reversed(came.enrollments) if e.sequence == scenario.sequence), None)
    if passage is None:
        return f"never entered {scenario.sequence}", last
    if passage.status in RUNNING:
        at = came.shown(scenario.sequence, passage.position)
        return f"is still in it, {'at the end' if at == END else f'at {at}'}", last
    kind, _, detail = passage.reason.partition(": ")
    if how in (passage.status.value, passage.reason, kind, detail, detail.removesuffix("()")):
        return None
    return f"{passage.status.value} ({passage.reason})", last


def _is_mail(scenario: Scenario, entry: Entry, name: str) -> bool:
    """Whether an entry tells of this mail: a step of the scenario's sequence, or a content of whichever one."""
    if entry.code != "sent":
        return False
    if "/" in name:
        return bool(entry.data.get("content") == name)
    return entry.sequence == scenario.sequence and name in (entry.step, entry.step.partition(":")[0])


def _why_not(scenario: Scenario, entries: list[Entry], name: str, place: int) -> str:
    """A mail came too early for the order, was skipped, or never came."""
    if any(_is_mail(scenario, entry, name) for entry in entries[:place]):
        return f"{name} came before"
    skipped = next((e.says for e in entries if e.step == name and e.code.startswith("skipped-")), None)
    return skipped or f"{name} did not come"


def _names_day(names: Iterable[str], day: date) -> bool:
    return any(name in (WEEKDAYS[day.weekday()], day.isoformat()) for name in names)


@dataclass(frozen=True, slots=True)
class Unreached:
    """A step, or an arm of it, that no scenario came to."""

    mark: Mark
    step: str
    arm: str = ""


def reached(sequence: Sequence, came: Iterable[Simulation]) -> set[tuple[str, str]]:
    """(step, arm) that passages went through; the arm is empty for the step as such."""
    found: set[tuple[str, str]] = set()
    for one in came:
        for e in one.enrollments:
            if e.sequence != sequence.id:
                continue
            for passed in e.outcomes:
                step = sequence.step_of(passed.step)
                if step is not None and passed.outcome != "skipped":
                    found |= {(step.id, ""), (step.id, passed.outcome if isinstance(step, Fork) else "")}
    return found


def places(sequence: Sequence) -> Iterator[tuple[str, str]]:
    """All that there is to reach."""
    for step in sequence.steps.values():
        yield step.id, ""
        if isinstance(step, Fork):
            yield from ((step.id, arm.name) for arm in step.arms)


def unreached(sequence: Sequence, came: Iterable[Simulation]) -> list[Unreached]:
    """In the order of the file."""
    known = reached(sequence, came)
    return [
        Unreached(sequence.steps[step].mark, sequence.shown(step), arm)
        for step, arm in places(sequence)
        # An arm of a fork that nobody came to says nothing new.
        if (step, arm) not in known and (not arm or (step, "") in known)
    ]


def by_sequence(scenarios: Iterable[Scenario], ran: Iterable[Simulation]) -> Mapping[str, list[Simulation]]:
    found: dict[str, list[Simulation]] = {}
    for scenario, came in zip(scenarios, ran, strict=True):
        found.setdefault(scenario.sequence, []).append(came)
    return found

"""Checks across the files: sequences that start one another in a circle or mail the same item, content nobody mails."""

from collections.abc import Iterator, Mapping

from sequencer.core.condition_calls import calls
from sequencer.core.content import Content
from sequencer.core.mark import Mark, Problem
from sequencer.core.sequence import Handoff, Sequence, SequenceState, Set, Start, contents_of
from sequencer.core.workspace import Workspace
from sequencer.workspace.ahead import check_ahead
from sequencer.workspace.happens import check_happens
from sequencer.workspace.nodes import listed


def check_across(
    workspace: Workspace, sequences: Mapping[str, Sequence], contents: Mapping[str, Content], whole: bool
) -> tuple[Problem, ...]:
    """Mostly warnings. `whole`: every sequence was read without a mistake, so that what is named nowhere is missing."""
    found = [*_circles(sequences), *_mailed_twice(sequences), *check_ahead(sequences), *_unmet(workspace, sequences)]
    found += check_happens(workspace)
    if whole:
        found += _unused(sequences, contents)
    return tuple(found)


def _circles(sequences: Mapping[str, Sequence]) -> Iterator[Problem]:
    """Ways from a sequence that a lead may enter again back into it. Each circle is reported once."""
    becoming = _becoming(sequences)
    starts = {name: dict(_starts(sequence, sequences, becoming)) for name, sequence in sorted(sequences.items())}
    seen: set[frozenset[str]] = set()
    going_on = _going_on(starts)
    for name, sequence in sorted(sequences.items()):
        circular = name in going_on and sequence.again is not None and _enters(sequence)
        way = _way_back(name, starts) if circular else None
        if way is None or frozenset(way) in seen:
            continue
        seen.add(frozenset(way))
        circle = " → ".join(f"`{step}`" for step in (*way, name))
        message = (
            f"a lead can go round in a circle here: {circle}: take one of these starts out, or write `again: never` "
            f"in {sequence.mark.file}"
        )
        yield Problem(starts[name][(*way, name)[1]], "circle", message, "warning")


def _enters(sequence: Sequence) -> bool:
    return sequence.state in (SequenceState.LIVE, SequenceState.DRAFT)


def _becoming(sequences: Mapping[str, Sequence]) -> Mapping[tuple[str, object], list[str]]:
    """The sequences that a lead enters by becoming something, by the field and its value."""
    found: dict[tuple[str, object], list[str]] = {}
    for name, sequence in sequences.items():
        for trigger in sequence.enroll if _enters(sequence) else ():
            if trigger.kind == "became":
                found.setdefault((trigger.name, trigger.value), []).append(name)
    return found


def _starts(
    sequence: Sequence, sequences: Mapping[str, Sequence], becoming: Mapping[tuple[str, object], list[str]]
) -> Iterator[tuple[str, Mark]]:
    """The sequences that this one starts, and by which step: by name, or by what it makes of the lead."""
    for step in reversed(list(sequence.steps.values())):
        became: set[tuple[str, object]] = set()
        match step:
            case Start(sequence=name) if name in sequences:
                yield name, step.mark
            case Set(values=values):
                for field, value in values.items():
                    became |= {(field, one) for one in (value if isinstance(value, list) else [value])}
            case Handoff(stage=stage):
                became = {("stage", stage)}
        for name in sorted({name for one in became for name in becoming.get(one, ())}):
            yield name, step.mark


def _going_on(starts: Mapping[str, Mapping[str, Mark]]) -> frozenset[str]:
    """Those from which one can go on for ever: not what starts nothing, or only what starts nothing, and so on."""
    left = {name: targets.keys() for name, targets in starts.items()}
    while ends := [name for name, targets in left.items() if left.keys().isdisjoint(targets)]:
        for name in ends:
            del left[name]
    return frozenset(left)


def _way_back(name: str, starts: Mapping[str, Mapping[str, Mark]]) -> tuple[str, ...] | None:
    """The shortest way by which a sequence starts itself, without its end; None if there is none."""
    ways: list[tuple[str, ...]] = [(name,)]
    seen: set[str] = set()
    for way in ways:
        for target in starts[way[-1]]:
            if target == name:
                return way
            if target not in seen:
                seen.add(target)
                ways.append((*way, target))
    return None


def _unmet(workspace: Workspace, sequences: Mapping[str, Sequence]) -> Iterator[Problem]:
    """Steps that give a status without what it needs, where no step of the sequence gives that either."""
    for _, sequence in sorted(sequences.items()):
        steps = [step for step in sequence.steps.values() if isinstance(step, Set)]
        written = {name for step in steps for name in step.values}
        for step in steps:
            status = workspace.statuses.get(str(step.values.get("status")))
            missing = [name for name in status.needs if name not in written] if status is not None else []
            if status is not None and missing:
                message = (
                    f"the status `{status.id}` needs {listed(missing)}: set it here too, or every owner of a lead who "
                    "comes here is asked for it"
                )
                yield Problem(step.mark, "status-needs", message, "warning")


def _mailed_twice(sequences: Mapping[str, Sequence]) -> Iterator[Problem]:
    first: dict[str, tuple[str, Mark]] = {}
    for name, sequence in sorted(sequences.items()):
        if sequence.state is SequenceState.STOPPED:
            continue
        for email in sequence.emails():
            if email.pick is not None or (email.unless is not None and email.content in email.unless.asks.contents):
                continue
            other, mark = first.setdefault(email.content, (name, email.mark))
            if other != name:
                message = (
                    f"`{email.content}` is mailed by `{other}` too ({mark}): a lead of both would get it twice; "
                    "mail something else in one of them"
                )
                yield Problem(email.mark, "mailed-twice", message, "warning")


def _unused(sequences: Mapping[str, Sequence], contents: Mapping[str, Content]) -> Iterator[Problem]:
    """Conditions may still ask about what was mailed once, and its links must then exist."""
    used = {email.content for sequence in sequences.values() for email in sequence.emails()}
    used |= {one for sequence in sequences.values() for pick in sequence.picks() for one in contents_of(pick)}
    for sequence in sequences.values():
        asked = [*sequence.conditions(), *(trigger.condition for trigger in sequence.enroll)]
        for condition in asked:
            if condition is not None:
                used |= {given.text for call in calls(condition) for given in call.given}
    for name, content in contents.items():
        if name not in used:
            message = (
                f"no sequence mails `{name}`: mail it in a step, or put `_` before the file's name to keep it aside"
            )
            yield Problem(Mark(content.file, 1, 1), "unused-content", message, "warning")

"""What an edit changes: two versions of a workspace, compared as those read them who write them."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, fields, is_dataclass
from difflib import SequenceMatcher
from enum import Enum
from typing import Any, Literal, NamedTuple

from sequencer.core.condition import Condition
from sequencer.core.content import Content
from sequencer.core.mark import Mark
from sequencer.core.sequence import (
    Branch,
    Choose,
    Email,
    Exit,
    Fork,
    Handoff,
    Pick,
    Rounds,
    Sequence,
    Split,
    Start,
    Step,
    Task,
    Tell,
    Trigger,
    Wait,
    contents_of,
)
from sequencer.core.sequence import (
    Set as SetStep,
)
from sequencer.core.wording import Piece, difference
from sequencer.core.workspace import Workspace

StepKind = Literal["added", "removed", "renamed", "moved", "waits", "changed", "copy"]
Kind = Literal["added", "removed", "changed"]


class Detail(NamedTuple):
    """One thing that says something else now; empty: it said nothing."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class StepChange:
    """`step` is a position as the file calls it: the end of an arm may have a wait too."""

    step: str
    says: str
    """What the step does, now or, when it is gone, before."""
    kinds: tuple[StepKind, ...]
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True, slots=True)
class SequenceChange:
    id: str
    kind: Kind
    settings: tuple[Detail, ...]
    steps: tuple[StepChange, ...]
    """In the order of the file, those that are gone where they were."""

    @property
    def worded(self) -> tuple[str, ...]:
        """Steps that do what they did, and whose mail says something else."""
        return tuple(step.step for step in self.steps if step.kinds == ("copy",))


@dataclass(frozen=True, slots=True)
class CopyChange:
    """What a mail says: by part (`subject`, `preheader`, `text`) what changed in it."""

    content: str
    language: str
    """Of a variant; empty for the item itself."""
    kind: Kind
    parts: Mapping[str, tuple[Piece, ...]]
    looks: bool
    """It looks different: layout, pictures, links' targets."""
    used_by: tuple[str, ...]
    """`SEQUENCE: STEP` of the steps that mail it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Everything that differs; empty when nothing does."""

    sequences: tuple[SequenceChange, ...]
    copies: tuple[CopyChange, ...]
    workspace: tuple[str, ...]
    """What else of workspace.yaml says something else, by the name of what holds it."""

    def __bool__(self) -> bool:
        return bool(self.sequences or self.copies or self.workspace)

    def alike(self) -> list[list[CopyChange]]:
        """Copies, those together in which the same words change, as in all whose layout does."""
        found: dict[object, list[CopyChange]] = {}
        for change in self.copies:
            words = [(part, [p for p in pieces if p.kind in ("gone", "new")]) for part, pieces in change.parts.items()]
            found.setdefault((change.kind, change.looks, repr(words)), []).append(change)
        return list(found.values())


def compare(
    old: Workspace, new: Workspace, old_contents: Mapping[str, Content], new_contents: Mapping[str, Content]
) -> Edit:
    """What the new version changes."""
    copies = tuple(_copies(new, old_contents, new_contents))
    said_anew = {change.content for change in copies if change.kind == "changed" and change.parts}
    names = dict.fromkeys((*new.sequences, *old.sequences))
    changes = (_sequence(name, old.sequences.get(name), new.sequences.get(name), said_anew) for name in names)
    return Edit(tuple(change for change in changes if change is not None), copies, declarations(old, new))


def declarations(old: Workspace, new: Workspace) -> tuple[str, ...]:
    """What of the declarations differs, by name; never what it says, as webhooks of reps are secret."""
    return tuple(
        one.name
        for one in fields(Workspace)
        if one.name != "sequences" and plain(getattr(old, one.name)) != plain(getattr(new, one.name))
    )


def plain(value: Any) -> Any:
    """A definition without its places in files, and conditions as they are written: equal if they mean the same."""
    if isinstance(value, Condition):
        return value.source
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        held = {one.name: getattr(value, one.name) for one in fields(value)}
        return type(value).__name__, {n: plain(v) for n, v in held.items() if not isinstance(v, Mark)}
    if isinstance(value, Mapping):
        return {name: None if isinstance(one, Mark) else plain(one) for name, one in value.items()}
    if isinstance(value, Set):
        return frozenset(value)
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


# --- sequences


def _sequence(name: str, old: Sequence | None, new: Sequence | None, said_anew: Set[str]) -> SequenceChange | None:
    if old is None or new is None:
        there = new or old
        assert there is not None
        kind: StepKind = "removed" if new is None else "added"
        steps = tuple(StepChange(called, says(step), (kind,)) for called, step in there.names.items())
        return SequenceChange(name, "removed" if new is None else "added", (), steps)
    settings, steps = tuple(_settings(old, new)), tuple(_steps(old, new, said_anew))
    return SequenceChange(name, "changed", settings, steps) if settings or steps else None


def _settings(old: Sequence, new: Sequence) -> Iterable[Detail]:
    before, after = settings(old), settings(new)
    for name in after:
        if before[name] != after[name]:
            yield Detail(name, before[name], after[name])


def settings(sequence: Sequence) -> dict[str, str]:
    """All that a sequence says beside its steps, by its key in the file; empty for what it leaves out."""
    lane = sequence.lane
    return {
        "title": sequence.title,
        "state": sequence.state.value,
        "topic": sequence.topic,
        "goal": _text(sequence.goal),
        "enroll": "; ".join(map(_trigger, sequence.enroll)),
        "again": f"after {sequence.again}" if sequence.again is not None else "",
        "from": sequence.sender,
        "hours": _text(sequence.hours),
        "pressure": "exempt" if sequence.exempt else "",
        "max_lateness": _text(sequence.max_lateness),
        "holdout": f"{sequence.holdout} %" if sequence.holdout else "",
        "lane": f"{lane.name}, priority {lane.priority}" if lane is not None else "",
        "pauses": ", ".join(sorted(sequence.pauses)),
        "edits": "pin" if sequence.pins else "",
        "exit_on": "; ".join(map(str, sequence.exit_on)),
    }


def _trigger(trigger: Trigger) -> str:
    said = " ".join(filter(None, (trigger.kind, trigger.name, trigger.value)))
    return f"{said} if {trigger.condition}" if trigger.condition is not None else said


def _steps(old: Sequence, new: Sequence, said_anew: Set[str]) -> Iterable[StepChange]:
    moved = _moved(old, new)
    for position in _merged(list(old.places), list(new.places)):
        before, after = old.places.get(position), new.places.get(position)
        one, other = before.step if before else None, after.step if after else None
        details: list[Detail] = []
        kinds: list[StepKind] = []
        if one is None and other is None:
            waits = before.waits if before else (), after.waits if after else ()
            if before and after and waits[0] != waits[1]:
                yield StepChange(new.shown(position), "the end of the arm", ("waits",), (_waits(*waits),))
            continue
        if one is None or other is None:
            there = other or one
            assert there is not None
            details += [_waits((), other.waits)] if other is not None and other.waits else []
            if other is not None and (alike := _alike(old, new, other)) is not None:
                details.append(Detail("was", "", f"{alike}, if it is that step with another name"))
            called = (new if other is not None else old).shown(position)
            yield StepChange(called, says(there), ("added" if one is None else "removed",), tuple(details))
            continue
        name = new.shown(position)
        if name != old.shown(position):
            kinds.append("renamed")
            details.append(Detail("name", old.shown(position), name))
        if position in moved:
            kinds.append("moved")
            details.append(Detail("place", _where(old, position), _where(new, position)))
        if one.waits != other.waits:
            kinds.append("waits")
            details.append(_waits(one.waits, other.waits))
        if differing := list(_differing(one, other)):
            kinds.append("changed")
            details += differing
        if said_anew & set(mailed_by(other)):
            kinds.append("copy")
        if kinds:
            yield StepChange(name, says(other), tuple(kinds), tuple(details))


def _alike(old: Sequence, new: Sequence, added: Step) -> str | None:
    """The step that is gone and did the same, as after a new name without `was`."""
    gone = ((name, step) for name, step in old.names.items() if step.id not in new.steps)
    return next((name for name, step in gone if type(step) is type(added) and parts(step) == parts(added)), None)


def _merged(old: list[str], new: list[str]) -> Iterable[str]:
    """Every position once, in the order of the new file; those that are gone after what they stood behind."""
    behind: dict[str | None, list[str]] = {}
    last: str | None = None
    there = set(new)
    for position in old:
        if position in there:
            last = position
        else:
            behind.setdefault(last, []).append(position)
    yield from behind.get(None, ())
    for position in new:
        yield position
        yield from behind.get(position, ())


def _moved(old: Sequence, new: Sequence) -> Set[str]:
    """Steps that stand elsewhere: in another arm, or in another order among those that stayed."""
    common = [step for step in old.steps if step in new.steps]
    there = [step for step in new.steps if step in old.steps]
    kept = SequenceMatcher(None, common, there, autojunk=False).get_matching_blocks()
    stayed = {step for block in kept for step in common[block.a : block.a + block.size]}
    return {step for step in common if step not in stayed or _arm(old, step) != _arm(new, step)}


def _arm(sequence: Sequence, position: str) -> tuple[str, str]:
    place = sequence.places[position]
    return (place.fork.id if place.fork is not None else "", place.arm.name)


def _where(sequence: Sequence, position: str) -> str:
    place = sequence.places[position]
    fork, arm = _arm(sequence, position)
    behind = f"after {sequence.shown(place.arm.steps[place.index - 1].id)}" if place.index else "first"
    return f"{behind} in {sequence.shown(fork)}:{arm}" if fork else behind


def _waits(before: tuple[Wait, ...], after: tuple[Wait, ...]) -> Detail:
    return Detail("wait", waited(before), waited(after))


def waited(waits: tuple[Wait, ...]) -> str:
    """As they are written, one after another."""
    return ", then ".join(str(wait) for wait in waits)


def _differing(one: Step, other: Step) -> Iterable[Detail]:
    before, after = parts(one), parts(other)
    for name in dict.fromkeys((*before, *after)):
        if before.get(name, "") != after.get(name, ""):
            yield Detail(name, before.get(name, ""), after.get(name, ""))


def says(step: Step) -> str:
    """What a step does, on one line: its first key as in the file."""
    name, said = next(iter(parts(step).items()))
    return f"{name}: {said}"


def parts(step: Step) -> dict[str, str]:
    """What a step says, by its keys in the file; its arms by their names, without their steps."""
    found: dict[str, str]
    match step:
        case Email():
            found = {"email": _pick(step.pick) if step.pick is not None else step.content, "thread": step.thread}
            found["on_unknown"] = f"resend after {step.resend_after}" if step.resend_after is not None else ""
        case Rounds():
            found = {"series": _pick(step.pick), "every": str(step.every), "up_to": str(step.up_to)}
            found["until"] = _text(step.until)
        case Branch():
            found = {"if": step.condition.source, "within": _text(step.within)}
        case Choose():
            asked = [f"{arm.name} if {c.source}" for arm, c in zip(step.arms, step.conditions, strict=False)]
            found = {"choose": "; ".join([*asked, step.arms[-1].name])}
        case Split():
            found = {"test": "; ".join(f"{arm.name} {s} %" for arm, s in zip(step.arms, step.shares, strict=True))}
        case Tell():
            found = {"tell": "owner", "note": step.note}
        case Task():
            found = {"task": step.kind, "due": f"in {step.due}", "hold": "true" if step.hold else "", "note": step.note}
        case SetStep():
            found = {"set": ", ".join(f"{name}: {_value(value)}" for name, value in step.values.items())}
        case Handoff():
            found = {"handoff": step.stage, "note": step.note}
        case Start():
            found = {"start": step.sequence}
        case Exit():
            found = {"exit": step.reason}
    if not isinstance(step, Fork | Rounds):
        found["unless"] = _text(step.unless)
    return found


def mailed_by(step: Step) -> tuple[str, ...]:
    """The contents that a step may mail."""
    if not isinstance(step, Email | Rounds):
        return ()
    if step.pick is not None:
        return contents_of(step.pick)
    return (step.content,) if isinstance(step, Email) else ()


def _pick(pick: Pick) -> str:
    match = f", match {', '.join(pick.match)}" if pick.match else ""
    published = f", published {pick.published}" if pick.published is not None else ""
    return f"pick {pick.kind}{match}{published}" + (f", else {pick.fallback}" if pick.fallback is not None else "")


def _value(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _text(value: object) -> str:
    return "" if value is None else str(value)


# --- copy


def _copies(workspace: Workspace, old: Mapping[str, Content], new: Mapping[str, Content]) -> Iterable[CopyChange]:
    using: dict[str, list[str]] = {}
    for sequence in workspace.sequences.values():
        for name, step in sequence.names.items():
            for content in mailed_by(step):
                using.setdefault(content, []).append(f"{sequence.id}: {name}")
    before, after = _variants(old), _variants(new)
    for key in sorted({*before, *after}):
        content, language = key
        one, other = before.get(key), after.get(key)
        kind: Kind = "added" if one is None else "removed" if other is None else "changed"
        parts: dict[str, tuple[Piece, ...]] = {}
        looks = False
        if one is not None and other is not None:
            for name in ("subject", "preheader", "text"):
                if found := difference(getattr(one, name), getattr(other, name)):
                    parts[name] = found
            looks = (one.html != other.html and "text" not in parts) or one.links != other.links
            if not parts and not looks:
                continue
        yield CopyChange(content, language, kind, parts, looks, tuple(using.get(content, ())))


def _variants(contents: Mapping[str, Content]) -> dict[tuple[str, str], Content]:
    found = {(name, ""): content for name, content in contents.items()}
    for name, content in contents.items():
        found |= {(name, language): variant for language, variant in (content.variants or {}).items()}
    return found

"""What a deployment would change, for how many people, and what of it somebody has to confirm."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from sequencer.core.content import Content
from sequencer.core.edit import Edit, compare
from sequencer.core.fate import Standing, fate
from sequencer.core.pin import same_steps
from sequencer.core.redate import MAILING
from sequencer.core.sequence import Sequence as Series
from sequencer.core.workspace import Workspace

MANY: Final = 1_000
"""People who fall due at once without a rate (`catch_up: none`), from which on that has to be confirmed."""

DIGITS: Final = 8
"""Of a code. It guards against mistakes, not against anybody."""


class Version(NamedTuple):
    """A workspace, deployed or to be."""

    workspace: Workspace
    contents: Mapping[str, Content]
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Looks:
    """People of one sequence who are looked at because of the edit."""

    soon: int = 0
    """They were not due, and are now."""
    leaving: int = 0
    """They end at that look: the goal, `exit_on` or `never` as it is now is true of them."""
    untold: tuple[str, ...] = ()
    """What also may let them leave or fall due, and could not be asked: a file of positions does not hold it."""


class Move(NamedTuple):
    before: str
    after: str
    people: int


class Lost(NamedTuple):
    """People who never get a step that was to come."""

    step: str
    people: int
    why: Literal["removed", "passed by"]
    replaced: int
    """Of those people, how many get as many new ones."""


class Kept(NamedTuple):
    """People whom `edits: pin` leaves the steps of a deployment that is older than this."""

    deployment: int
    people: int


class Example(NamedTuple):
    """Somebody who becomes sales-ready: the score as it is and as it will be, the fit then, and why."""

    before: int
    after: int
    fit: int
    reasons: tuple[str, ...]


class Named(NamedTuple):
    """One of those who become sales-ready, for somebody who asked who they are."""

    email: str
    before: int
    after: int
    fit: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Readying:
    """What becomes of leads because signals.yaml says something else. All counted as of now."""

    counted: int
    """They are counted anew."""
    ready: int = 0
    """Sales is to talk to them then, and was not before."""
    following: int = 0
    """Besides these: they get an owner by a colleague's handoff, and become ready by that."""
    waiting: int = 0
    """They would be ready, but something that `needs` names is missing, and no colleague's handoff gives it to them."""
    resting: int = 0
    """They would be ready, but the day has not come that a rep named."""
    over: int = 0
    """Whose readiness is over by it."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    stages: Mapping[str, int] = field(default_factory=dict)
    """Who moves forward, by stage."""
    learned: Mapping[str, int] = field(default_factory=dict)
    """Of whom something is learned, or unlearned, by field."""
    entering: Mapping[str, int] = field(default_factory=dict)
    """Whom all that lets in, by sequence."""
    examples: tuple[Example, ...] = ()
    """Some of those who become ready, those whose score changes most first."""
    named: tuple[Named, ...] = ()
    """Those who become ready or follow, as many of them as were asked for."""
    told_again: int = 0
    """Of those who become ready or follow, whose last handoff has no answer yet: its rep is told again."""


class Shared(NamedTuple):
    """A company that is none by an edit of `companies`, and how many people are in it."""

    domain: str
    people: int


class Gained(NamedTuple):
    """A new step: how many inside it may reach, and for how many it comes too late."""

    step: str
    people: int
    missed: int


@dataclass(frozen=True, slots=True)
class Inside:
    """Those inside one sequence, and what becomes of them."""

    sequence: str
    people: int
    held_out: int
    """Of them, those in the holdout: they move along and get nothing anyway."""
    moves: tuple[Move, ...] = ()
    never: tuple[Lost, ...] = ()
    new: tuple[Gained, ...] = ()
    kept: tuple[Kept, ...] = ()
    """Of these people, those for whom nothing changes but copy and what concerns many."""
    finish: int = 0
    """Something was to come for them, and nothing is."""
    looks: Looks | None = None
    """None: not counted."""
    places: Mapping[str, int] = field(default_factory=dict)
    """Where they stand afterwards."""


class Newcomers(NamedTuple):
    """Leads known now, outside of a sequence whose `enroll` is another."""

    sequence: str
    enter: int = 0
    """Time lets them in at once."""
    later: int = 0
    """They enter at the moment of an `at`, if they still fit then."""
    outside: int = 0
    """They fit, and stay outside until something happens: the edit alone lets nobody in."""
    leads: int = 0
    looked_at: int = 0
    """Of these leads; when not of all, the counts are of those looked at."""

    def of_all(self, count: int) -> int:
        """What a count of those looked at means for all."""
        return round(count * self.leads / self.looked_at) if self.looked_at else 0


DangerKind = Literal["deleted", "stopped", "finish", "leaving", "passed-by", "removed", "due"]


class Danger(NamedTuple):
    """Something that cannot be taken back for people inside."""

    kind: DangerKind
    sequence: str
    step: str
    people: int

    def __str__(self) -> str:
        people = f"{self.people:,} {'person' if self.people == 1 else 'people'}"
        one = self.people == 1
        match self.kind:
            case "deleted":
                return f"{self.sequence}: its file is gone; {people} inside get nothing more"
            case "stopped":
                return f"{self.sequence}: {people} inside get{'s' * one} nothing until it is live again"
            case "finish":
                return f"{self.sequence}: {people} come{'s' * one} to the end, as nothing is left for them"
            case "leaving":
                return f"{self.sequence}: {people} leave{'s' * one} at once, by what ends it now"
            case "passed-by":
                return f"{self.sequence}: {people} never get{'s' * one} `{self.step}`, which is behind them now"
            case "removed":
                return f"{self.sequence}: {people} never get{'s' * one} `{self.step}`, and nothing in its place"
            case "due":
                return f"{self.sequence}: {people} fall{'s' * one} due at once"


@dataclass(frozen=True, slots=True)
class Plan:
    """`deployment` is the one that runs; None: nothing is deployed yet, and nobody is concerned."""

    deployment: int | None
    edit: Edit
    inside: tuple[Inside, ...]
    """Of the sequences that change; those in which nobody is are left out."""
    dangers: tuple[Danger, ...]
    newcomers: tuple[Newcomers, ...] | None
    """Of the sequences that somebody may enter otherwise than before; None: not counted."""
    rate: int | None
    """People an hour who are looked at of those who fall due at once; None: no limit."""
    code: str
    """What confirms the dangers: of this edit of this deployment, and no other. Empty: nothing is to be confirmed."""
    readying: Readying | None = None
    """None: signals.yaml says what it said, or nobody was counted."""
    as_of: datetime | None = None
    """When a file of positions counted people, to the hour; None: they are counted now."""
    shared: tuple[Shared, ...] = ()
    """As far as people were counted now."""

    @property
    def people(self) -> int:
        return sum(one.people for one in self.inside)


def plan(
    deployment: int,
    old: Version,
    new: Version,
    standing: Iterable[Standing],
    looks: Mapping[str, Looks] | None,
    older: Mapping[tuple[str, int], Sequence[Series | None]] = MappingProxyType({}),
    newcomers: tuple[Newcomers, ...] | None = None,
    readying: Readying | None = None,
    as_of: datetime | None = None,
) -> Plan:
    """`standing`: who is inside, as they stand in the old version. `looks` by sequence, `newcomers`; None: not counted.

    `older`: by sequence and deployment whose steps some of them keep, the sequence as it was then and after, up to the
    old version.
    """
    edit = compare(old.workspace, new.workspace, old.contents, new.contents)
    by_sequence: dict[str, list[Standing]] = {}
    for one in standing:
        by_sequence.setdefault(one.sequence, []).append(one)
    changed = {change.id for change in edit.sequences}
    changed |= {name for name, one in (looks or {}).items() if one.soon or one.leaving or one.untold}
    inside: list[Inside] = []
    dangers: list[Danger] = []
    rate = new.workspace.pressure.catch_up
    for name in sorted(changed & by_sequence.keys()):
        before, after = old.workspace.sequences.get(name), new.workspace.sequences.get(name)
        seen = looks.get(name, Looks()) if looks is not None else None
        since = {number: versions for (of, number), versions in older.items() if of == name}
        found = _inside(name, deployment, before, after, by_sequence[name], seen, since)
        inside.append(found)
        dangers += _dangers(found, before, after, rate)
    code = confirmation(old.files, new.files, dangers) if dangers else ""
    return Plan(deployment, edit, tuple(inside), tuple(dangers), newcomers, rate, code, readying, as_of)


def confirmation(old: Mapping[str, str], new: Mapping[str, str], dangers: Iterable[Danger]) -> str:
    """Of these files in place of those, with these dangers.

    How many people are concerned is no part of it: they go on while somebody reads the plan.
    """
    digest = hashlib.sha256()
    for files in (old, new):
        for name in sorted(files):
            for said in (name, files[name]):
                raw = said.encode("utf-8", "surrogatepass")
                digest.update(b"%d " % len(raw) + raw)
        digest.update(b"; ")
    for danger in sorted(dangers):
        digest.update(" ".join(danger[:3]).encode() + b"\n")
    return digest.hexdigest()[:DIGITS]


def _inside(
    name: str,
    deployment: int | None,
    old: Series | None,
    new: Series | None,
    standing: Sequence[Standing],
    looks: Looks | None,
    older: Mapping[int, Sequence[Series | None]],
) -> Inside:
    people = sum(one.people for one in standing)
    held_out = sum(one.people for one in standing if one.held_out)
    if new is None:
        return Inside(name, people, held_out, looks=looks)
    moves: Counter[tuple[str, str]] = Counter()
    places: Counter[str] = Counter()
    lost: Counter[tuple[str, Literal["removed", "passed by"]]] = Counter()
    replaced: Counter[str] = Counter()
    gained: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    kept: Counter[int] = Counter()
    finish = 0
    was, now = old.shown if old is not None else str, new.shown
    keeps = deployment if new.pins and old is not None and not same_steps(old, new) else None
    for one in standing:
        number = one.pinned if one.pinned is not None else keeps
        if new.pins and number is not None:
            kept[number] += one.people
            places[one.position] += one.people
            continue
        versions = older.get(one.pinned, (None,)) if one.pinned is not None else (old,)
        found = fate(versions[0], new, one.enrollment(), versions[1:])
        places[found.position] += one.people
        if found.position != one.position:
            moves[one.position, found.position] += one.people
        if one.held_out:
            continue
        finish += one.people * found.finishes
        for step in found.removed:
            lost[step, "removed"] += one.people
            replaced[step] += one.people * (not found.gets_less)
        for step in found.passed_by:
            lost[step, "passed by"] += one.people
        for step in found.new:
            gained[step] += one.people
        for step in found.missed:
            missed[step] += one.people
    return Inside(
        sequence=name,
        people=people,
        held_out=held_out,
        moves=tuple(Move(was(before), now(after), count) for (before, after), count in sorted(moves.items())),
        never=tuple(Lost(was(step), count, why, replaced[step]) for (step, why), count in _in_order(old, lost)),
        new=tuple(Gained(now(step), gained[step], missed[step]) for step in new.steps if gained[step] or missed[step]),
        kept=tuple(Kept(number, count) for number, count in sorted(kept.items())),
        finish=finish,
        looks=looks,
        places={now(place): count for place, count in places.items()},
    )


def _in_order(
    old: Series | None, lost: Counter[tuple[str, Literal["removed", "passed by"]]]
) -> list[tuple[tuple[str, Literal["removed", "passed by"]], int]]:
    """As in the file; those of older files after them."""
    order = {step: number for number, step in enumerate(old.steps if old is not None else ())}
    return sorted(lost.items(), key=lambda one: (order.get(one[0][0], len(order)), one[0]))


def _dangers(found: Inside, old: Series | None, new: Series | None, rate: int | None) -> Iterable[Danger]:
    name = found.sequence
    if new is None:
        yield Danger("deleted", name, "", found.people)
        return
    if new.state not in MAILING and (old is None or old.state in MAILING):
        yield Danger("stopped", name, "", found.people)
    if found.finish:
        yield Danger("finish", name, "", found.finish)
    for lost in found.never:
        if lost.why == "passed by":
            yield Danger("passed-by", name, lost.step, lost.people)
        elif lost.people > lost.replaced:
            yield Danger("removed", name, lost.step, lost.people - lost.replaced)
    if found.looks is not None:
        if found.looks.leaving:
            yield Danger("leaving", name, "", found.looks.leaving)
        if found.looks.soon > (rate if rate is not None else MANY):
            yield Danger("due", name, "", found.looks.soon)

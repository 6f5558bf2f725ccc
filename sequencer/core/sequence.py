"""A declared series, as the workspace's loader hands it over: a tree that reads from top to bottom and always ends."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias

from sequencer.core.condition import Asks, Condition, merged
from sequencer.core.duration import Duration
from sequencer.core.enrollment import END, end_of
from sequencer.core.mark import Mark
from sequencer.core.schedule import Every, Hours, Until, UntilDate

Wait: TypeAlias = Duration | Until | UntilDate | Every


MIDDLE: Final = 50
"""The priority of a sequence that names none."""


INTRODUCED: Final = ":introduced"
"""What follows a mail's id in the key under which the lead's history says that it introduces a new owner."""


@dataclass(frozen=True, slots=True)
class Lane:
    """Of the sequences of a lane one at a time mails a lead: the one of the highest priority."""

    name: str
    priority: int
    mark: Mark


class SequenceState(StrEnum):
    DRAFT = "draft"
    """Nobody enters, nobody is mailed."""
    LIVE = "live"
    CLOSED = "closed"
    """Nobody enters; those inside go on."""
    STOPPED = "stopped"
    """Nobody enters, nobody is mailed; those inside keep their places until it is live again."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A content that may be picked, and whom it is for."""

    id: str
    tags: Mapping[str, frozenset[str]]
    """By field of the lead; one that is not among them is for everybody."""
    published: date | None = None


@dataclass(frozen=True, slots=True)
class Pick:
    """A content is chosen for the lead when the mail goes."""

    kind: str
    match: tuple[str, ...]
    """Fields of the lead that tags are compared with."""
    candidates: tuple[Candidate, ...]
    published: Duration | None = None
    """Only what was published at most so long ago."""
    fallback: str | None = None
    """The content to mail when none is left; None: the mail is skipped."""


@dataclass(frozen=True, slots=True)
class Review:
    """The owner sees the mail before it goes, and may change or skip it."""

    within: Duration
    """How long the mail waits for that."""
    then: Literal["send", "skip"]
    """What happens to it when nobody looked in time."""


@dataclass(frozen=True, slots=True)
class Email:
    id: str
    mark: Mark
    waits: tuple[Wait, ...]
    content: str
    """The content's id, as `sales/pricing`; empty while it is still to be picked."""
    resend_after: Duration | None = None
    """When nobody knows whether the mail went: how long to wait for proof before it goes again; None: it never does."""
    unless: Condition | None = None
    """When this is true, the step is skipped."""
    pick: Pick | None = None
    thread: str = ""
    """The step whose mail this one answers, as in one conversation; empty: it begins one."""
    review: Review | None = None

    __hash__ = object.__hash__
    """As of sequences: each mail looks up by it what is remembered."""

    @property
    def asked(self) -> str:
        """The key in the lead's history of when the owner was asked to look at it."""
        return f"{self.id}:asked"

    @property
    def introduced(self) -> str:
        """The key in the lead's history of when it introduced the lead's new owner."""
        return f"{self.id}{INTRODUCED}"

    @property
    def reviewed(self) -> str:
        """The key in the lead's history of what the owner said."""
        return f"{self.id}:reviewed"


@dataclass(frozen=True, slots=True)
class Rounds:
    """`series`: mails of picked content, one after another. Round 2 of the step `tips` is the mail `tips:2`."""

    id: str
    mark: Mark
    waits: tuple[Wait, ...]
    """Before the first."""
    pick: Pick
    every: Every
    up_to: int
    until: Condition | None = None
    """Once this is true after the first round, there are no more."""

    def round(self, number: int) -> str:
        """The key of that round, from 1, in ledger and history."""
        return f"{self.id}:{number}"


@dataclass(frozen=True, slots=True)
class Branch:
    """`if` with its two arms. Without `within` it looks once; with it, it waits for the condition at most so long."""

    id: str
    mark: Mark
    waits: tuple[Wait, ...]
    condition: Condition
    within: Duration | None
    arms: tuple["Arm", ...]
    """`then` and `else`; one that is not written is empty."""


@dataclass(frozen=True, slots=True)
class Tell:
    """An alert to the lead's owner. `note` is a text template over the lead."""

    id: str
    mark: Mark
    waits: tuple[Wait, ...]
    note: str
    unless: Condition | None = None


DONE_BY: Final[Mapping[str, str]] = {"call": "call_logged"}
"""The event by which a task of each kind is done."""


@dataclass(frozen=True, slots=True)
class Task:
    """A row of the owner's call list, and an alert about it."""

    id: str
    mark: Mark
    waits: tuple[Wait, ...]
    kind: str
    """One of DONE_BY."""
    note: str
    due: Duration
    hold: bool = False
    """The sequence waits until it is done, or until it is due."""
    unless: Condition | None = None

    @property
    def given(self) -> str:
        """The key in the lead's history of when it was given, for one that holds the sequence."""
        return f"{self.id}:given"


@dataclass(frozen=True, slots=True)
class Set:
    """Writes fields of the lead; a value may be a `Duration` from now for a date field (`in 60 days`)."""

    id: str
    mark: Mark
    waits: tuple[Wait, ...]
    values: Mapping[str, Any]
    unless: Condition | None = None


@dataclass(frozen=True, slots=True)
class Handoff:
    """The lead is sales-qualified: stage moves to the handoff stage, the owner is told why."""

    id: str
    mark: Mark
    waits: tuple[Wait, ...]
    stage: str
    note: str
    unless: Condition | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Enrols the lead in another sequence."""

    id: str
    mark: Mark
    waits: tuple[Wait, ...]
    sequence: str
    unless: Condition | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """Leaves the sequence here."""

    id: str
    mark: Mark
    waits: tuple[Wait, ...]
    reason: str
    unless: Condition | None = None


@dataclass(frozen=True, slots=True)
class Choose:
    """Several arms, each but the last with a condition: looks once, and the first that is true is taken."""

    id: str
    mark: Mark
    waits: tuple[Wait, ...]
    conditions: tuple[Condition, ...]
    arms: tuple["Arm", ...]
    """One more than conditions: the last is `otherwise`; empty when it is not written."""


@dataclass(frozen=True, slots=True)
class Split:
    """`test`: arms that leads are dealt out to, each lead always to the same one."""

    id: str
    mark: Mark
    waits: tuple[Wait, ...]
    shares: tuple[int, ...]
    """Per cent, one for each arm; they sum to 100."""
    arms: tuple["Arm", ...]


Fork: TypeAlias = Branch | Choose | Split
"""What has arms, which join again after it."""

Step: TypeAlias = Email | Rounds | Fork | Tell | Task | Set | Handoff | Start | Exit


@dataclass(frozen=True, slots=True)
class Arm:
    """A run of steps. `waits` are those after its last step."""

    name: str
    """`then`, `else`, `otherwise`, or as the file names it; empty for the sequence's own steps."""
    steps: tuple[Step, ...]
    waits: tuple[Wait, ...] = ()
    named: Mapping[str, int] = field(default_factory=dict)
    """By the name of a wait, the number of the step that follows it."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """What makes a lead enter. `name` is its form, field or event; of `at` the moment as it is written."""

    kind: Literal["manual", "submitted", "sales_ready", "became", "did", "silent", "before", "at"]
    mark: Mark
    name: str = ""
    value: str = ""
    """For `became`: the value; for `silent` and `before`: `span` as it is written."""
    condition: Condition | None = None
    span: Duration | None = None
    """Of `silent` and `before`; for `before` in days or weeks."""
    moment: datetime | None = None
    """Of `at`: what the clock on the wall shows where the lead is."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a position is: in which arm, before which of its steps (None: at the arm's end)."""

    position: str
    arm: Arm
    index: int
    fork: "Fork | None"
    """What the arm belongs to; None for the sequence's own steps."""
    step: Step | None
    """None at the arm's end."""
    waits: tuple[Wait, ...]
    """Before that step, or after the arm's last; between the rounds of a series, those from one to the next."""
    following: str
    """The next position: of the next step, at the end of the arm, or from there what follows the fork. The end of the
    sequence follows itself."""
    personal: bool
    """Whether it depends on the lead when whoever comes there now falls due."""


@dataclass(frozen=True)
class Sequence:
    """One file of `sequences/`, of one release. Its steps are `body`."""

    id: str
    mark: Mark
    title: str
    state: SequenceState
    topic: str
    sender: str
    """`owner` or a sender's id."""
    body: Arm
    enroll: tuple[Trigger, ...]
    again: Duration | None = None
    """How long after its end a lead may enter again; None for never."""
    goal: Condition | None = None
    exit_on: tuple[Condition, ...] = ()
    never: tuple[Condition, ...] = ()
    """The workspace's: whom no sequence enrols or mails."""
    hours: Hours | None = None
    exempt: bool = False
    """`pressure: exempt`: transactional or personal; no gap, no caps, quiet days do not matter."""
    max_lateness: Duration | None = None
    """A mail later than this (after downtime) is skipped; None: it goes in the next window."""
    holdout: int = 0
    """Per cent of those who enter that go through it without getting anything, for comparison."""
    lane: Lane | None = None
    pins: bool = False
    """`edits: pin`: an edit leaves the steps of those inside as they are; see `kept`."""
    pauses: Mapping[str, Mark] = field(default_factory=dict)
    """Sequences that wait as long as a lead is in this one, and end when it reaches its goal; where they are named."""
    was: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By the name that a step has in the file now: those that it had before, the oldest first.

    A step's `id` is the first of them, for good: positions, ledger and outcomes hold it, and a new name changes nothing
    for the people inside. Only what people read and write goes through `shown` and `key`.
    """

    __hash__ = object.__hash__
    """What is remembered by sequence is found by this very one, of its release, at once; an equal one says it again."""

    @property
    def takes_in(self) -> bool:
        """Whether anybody may enter."""
        return self.state is SequenceState.LIVE

    @cached_property
    def goes_on(self) -> bool:
        """Whether those inside do."""
        return self.state in (SequenceState.LIVE, SequenceState.CLOSED)

    @cached_property
    def places(self) -> Mapping[str, Place]:
        """Every position of this sequence."""
        found: dict[str, Place] = {}

        def visit(arm: Arm, fork: Fork | None, after: str) -> None:
            """`after`: what follows the fork, or the sequence's own steps."""
            end = end_of(fork.id, arm.name) if fork else END
            following = [*(step.id for step in arm.steps[1:]), end]
            for index, (step, next_) in enumerate(zip(arm.steps, following, strict=False)):
                personal = _is_personal(step, step.waits)
                found[step.id] = Place(step.id, arm, index, fork, step, step.waits, next_, personal)
                if isinstance(step, Fork):
                    for inner in step.arms:
                        visit(inner, step, next_)
            personal = _is_personal(None, arm.waits)
            found[end] = Place(end, arm, len(arm.steps), fork, None, arm.waits, after, personal)

        visit(self.body, None, END)
        return found

    @cached_property
    def steps(self) -> Mapping[str, Step]:
        """Every step by its id, in the order of the file."""
        return {p: place.step for p, place in self.places.items() if place.step is not None}

    @cached_property
    def ends_by_mailing(self) -> bool:
        """Whether what ends an enrollment may become true by a mail of its own, for which nothing else need happen."""
        ends = [*self.exit_on, *self.never, *([self.goal] if self.goal is not None else [])]
        return any(condition.asks.contents for condition in ends)

    @cached_property
    def waits(self) -> Mapping[str, str]:
        """By the name of a wait, the position that follows it."""
        found: dict[str, str] = {}
        for position, place in self.places.items():
            found |= {name: position for name, number in place.arm.named.items() if number == place.index}
        return found

    @property
    def start(self) -> str:
        """The position of someone who has just entered."""
        return next(iter(self.places)) if self.body.steps else END

    def onward(self, position: str) -> Place:
        """Where whoever comes to this position gets at once: at the end of an arm on which nothing is waited for, arms
        only join.
        """
        place = self.places[position]
        while place.step is None and place.fork is not None and not place.waits:
            place = self.places[place.following]
        return place

    def enters(self, fork: Fork, name: str) -> str | None:
        """The first position inside the arm of that name; None when there is no such arm (any more)."""
        for arm in fork.arms:
            if arm.name == name:
                return arm.steps[0].id if arm.steps else end_of(fork.id, name)
        return None

    def conditions(self) -> Iterator[Condition]:
        """Every condition that a running enrollment may be asked."""
        if self.goal is not None:
            yield self.goal
        yield from self.exit_on
        yield from self.never
        for step in self.steps.values():
            if isinstance(step, Branch):
                yield step.condition
            elif isinstance(step, Choose):
                yield from step.conditions
            elif isinstance(step, Rounds):
                yield from (step.until,) if step.until is not None else ()
            elif not isinstance(step, Split) and step.unless is not None:
                yield step.unless

    @cached_property
    def asks(self) -> Asks:
        """What all of them depend on together."""
        picked = Asks(contents=frozenset(content for pick in self.picks() for content in contents_of(pick)))
        done = Asks(events=frozenset(DONE_BY[step.kind] for step in self.tasks()))
        return merged([picked, done, *(condition.asks for condition in self.conditions())])

    def key(self, name: str) -> str:
        """The step's id, of what it is called in the file now; a round of a series and a position likewise."""
        step, colon, rest = name.partition(":")
        return f"{self.was[step][0]}{colon}{rest}" if step in self.was else name

    def shown(self, key: str) -> str:
        """What people read in place of a step's id, a round's key or a position."""
        step, colon, rest = key.partition(":")
        return f"{self._now[step]}{colon}{rest}" if step in self._now else key

    @cached_property
    def _now(self) -> Mapping[str, str]:
        return {names[0]: name for name, names in self.was.items()}

    @cached_property
    def names(self) -> Mapping[str, Step]:
        """Every step by what the file calls it now, in the order of the file."""
        return {self.shown(key): step for key, step in self.steps.items()}

    def named(self, name: str) -> Step | None:
        """The step that the file calls so now; rounds of a series belong to the series."""
        return self.names.get(name) or self.names.get(name.partition(":")[0])

    def renamed(self, name: str) -> str | None:
        """What a step is called now that had this name before."""
        return next((now for now, names in self.was.items() if name in names), None)

    def step_of(self, key: str) -> Step | None:
        """The step of a ledger row or an outcome: rounds of a series belong to the series."""
        return self.steps.get(key) or self.steps.get(key.partition(":")[0])

    def conversation(self, step: Email) -> Iterator[str]:
        """The steps whose mails come before this one in its conversation, the last of them first."""
        seen = {step.id}
        while step.thread and step.thread not in seen:
            seen.add(step.thread)
            yield step.thread
            before = self.steps.get(step.thread)
            if not isinstance(before, Email):
                return
            step = before

    def picks(self) -> Iterator[Pick]:
        for step in self.steps.values():
            if isinstance(step, Email | Rounds) and step.pick is not None:
                yield step.pick

    def tasks(self) -> Iterator[Task]:
        return (step for step in self.steps.values() if isinstance(step, Task))

    @cached_property
    def reviews(self) -> bool:
        """Whether any of its mails waits for the owner to look at it."""
        return any(step.review is not None for step in self.emails())

    def emails(self) -> Iterator[Email]:
        return (step for step in self.steps.values() if isinstance(step, Email))


def _is_personal(step: Step | None, waits: tuple[Wait, ...]) -> bool:
    awaits = isinstance(step, Branch) and step.within is not None
    return awaits or isinstance(step, Rounds) or any(isinstance(wait, UntilDate) for wait in waits)


def contents_of(pick: Pick) -> tuple[str, ...]:
    fallback = (pick.fallback,) if pick.fallback is not None else ()
    return (*(candidate.id for candidate in pick.candidates), *fallback)

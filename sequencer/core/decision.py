"""What `decide` says: how the enrollment stands afterwards, what is to be done, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

from sequencer.core.enrollment import Enrollment
from sequencer.core.lead import Rep
from sequencer.core.made import maker
from sequencer.core.mark import Mark
from sequencer.core.sequence import Email, Handoff, Set, Start, Task, Tell


class Send(NamedTuple):
    """Email this step's content now. `sender` is the rep in whose name, None for the sequence's shared sender."""

    step: Email
    attempt: int
    sender: Rep | None
    standing_in_for: Rep | None = None
    """The owner who is away, when `sender` is the deputy."""
    introduces: Rep | None = None
    """The owner before, when it is the first mail of the one who follows."""
    resend: bool = False
    """Nobody knows whether the attempt before went, and the step asks for another all the same."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Tell the owner. `kind` is `tell` or `handoff`."""

    step: Tell | Handoff
    kind: str


@dataclass(frozen=True, slots=True)
class Assign:
    """Put a task on the owner's list, and tell them."""

    step: Task
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Ask:
    """Have the rep look at this mail before it goes, and tell them what it would say."""

    step: Email
    """With its content, also when that was picked."""
    due_at: datetime
    sender: Rep | None
    """As of the mail."""
    rep: Rep | None
    """Who is asked: in whose name it goes, else the owner; None: nobody owns the lead."""


@dataclass(frozen=True, slots=True)
class Change:
    """Write fields of the lead."""

    step: Set | Handoff
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Enter:
    """Enrol the lead in another sequence."""

    step: Start


@dataclass(frozen=True, slots=True)
class Cancel:
    """A mail that was to go again will not."""

    step: str


Effect: TypeAlias = Send | Alert | Assign | Ask | Change | Enter | Cancel


class Reason(NamedTuple):
    """Why something happened or did not. `explain` turns it into a sentence."""

    code: str
    mark: Mark
    step: str = ""
    until: datetime | None = None
    detail: str = ""


class Decision(NamedTuple):
    """The enrollment as it stands afterwards, what is to be done, and why; the last reason says what it waits for."""

    enrollment: Enrollment
    effects: tuple[Effect, ...] = ()
    reasons: tuple[Reason, ...] = ()


made: Final = maker(Decision)

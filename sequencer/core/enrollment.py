"""One lead's passage through one sequence."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from sequencer.core.made import maker


class Status(StrEnum):
    """Whether the passage goes on, and if not, how it ended. Drawn in docs/lifecycle.md."""

    __hash__ = str.__hash__  # an Enum's own is written in Python, and asked for several times a mail
    ACTIVE = "active"
    PAUSED = "paused"
    CONVERTED = "converted"
    """The goal was reached."""
    LEFT = "left"
    """An `exit_on` condition or an `exit` step, or the topic was unsubscribed."""
    STOPPED = "stopped"
    """Halted everywhere: suppression or operator."""
    FINISHED = "finished"
    """The steps ended."""


RUNNING: Final = frozenset({Status.ACTIVE, Status.PAUSED})

OUTCOMES: Final = frozenset(
    "sent skipped told assigned went_on asked_rep rep_approved rep_declined introduced unintroduced set handed_off "
    "started exit done held_out".split()
)
"""What becomes of steps that have no arms. No arm has such a name."""

END: Final = ":end"
"""The position after the last step."""


HOLDOUT: Final = ":holdout"
"""Stands in place of a step, first of all, in the history of whoever was drawn for the holdout."""


def end_of(branch: str, arm: str) -> str:
    """The position at the end of an arm, before the branch's arms join again."""
    return f"{branch}:{arm}"


class Outcome(NamedTuple):
    """What became of a passed step: one of OUTCOMES, or of a fork the name of the arm that was taken."""

    step: str
    outcome: str
    at: datetime
    detail: str = ""


became: Final = lru_cache(maxsize=1_000)(Outcome)
"""An outcome, at a moment in UTC: elsewhere the two comings of an hour are equal. Of a batch most are the same."""


class Enrollment(NamedTuple):
    """`position` is a step's id (standing before it), `BRANCH:ARM` (at the end of that arm) or `:end`."""

    id: int
    lead_id: int
    sequence: str
    deployment: int
    entered_at: datetime
    position: str
    since: datetime
    """When the position was reached; after an email, when its attempt began."""
    due_at: datetime | None
    """When to look again; None while only an event (or an operator) can move it."""
    status: Status = Status.ACTIVE
    reason: str = ""
    """Why it ended or is paused: a short word, `replied`, `unsubscribed`, `goal`."""
    outcomes: tuple[Outcome, ...] = ()
    paused_at: datetime | None = None
    resume_at: datetime | None = None
    """When the pause is over; None: none is on, or it lasts as long as another sequence goes first or the lead has its
    status."""
    ended_at: datetime | None = None
    expected_at: datetime | None = None
    """When it was due before catching up after a downtime put it off; None: it was not put off."""
    pinned: int | None = None
    """The older deployment whose steps it keeps; None: it goes by those of `deployment`."""

    @property
    def counts_from(self) -> datetime:
        """From when on what the lead does counts here. Providers tell times in whole seconds, cut off."""
        return self.entered_at.replace(microsecond=0)

    @property
    def held_out(self) -> bool:
        """Whether this lead goes through the sequence without getting anything of it, for comparison."""
        return bool(self.outcomes) and self.outcomes[0].step == HOLDOUT

    def passed(self, step: str) -> Outcome | None:
        """How this enrollment passed a step, or None."""
        return passed(self.outcomes, step)

    def ended(self, status: Status, reason: str, now: datetime) -> "Enrollment":
        """The enrollment as it ends now."""
        return made((*self[:7], None, status, reason, self.outcomes, None, None, now, *self[14:]))

    def reopened(self) -> "Enrollment":
        """The enrollment as it stood before it finished with its last mail, while it is open what becomes of that."""
        return self._replace(status=Status.ACTIVE, reason="", due_at=self.since, ended_at=None)


made: Final = maker(Enrollment)


class Passage:
    """An enrollment as it moves; `enrollment` is what it has come to, and no downtime puts that off any more.

    A mail moves it twice, and each time a new Enrollment would take as long as all conditions.
    """

    __slots__ = ("before", "due_at", "outcomes", "paused_at", "position", "reason", "resume_at", "since", "status")

    def __init__(self, before: Enrollment) -> None:
        self.before = before
        self.position = before.position
        self.since = before.since
        self.due_at = before.due_at
        self.status = before.status
        self.reason = before.reason
        self.outcomes = before.outcomes
        self.paused_at = before.paused_at
        self.resume_at = before.resume_at

    def enrollment(self) -> Enrollment:
        before = self.before
        return made(
            (
                before.id,
                before.lead_id,
                before.sequence,
                before.deployment,
                before.entered_at,
                self.position,
                self.since,
                self.due_at,
                self.status,
                self.reason,
                self.outcomes,
                self.paused_at,
                self.resume_at,
                before.ended_at,
                None,  # expected_at
                before.pinned,
            )
        )

    def passed(self, step: str) -> Outcome | None:
        """How it passed a step, or None."""
        return passed(self.outcomes, step)


def passed(outcomes: Iterable[Outcome], step: str) -> Outcome | None:
    """How a step was passed, or None."""
    for outcome in outcomes:
        if outcome.step == step:
            return outcome
    return None

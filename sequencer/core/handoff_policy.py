"""What signals.yaml declares about handoffs: how long a rep has, what follows, and why one may say no."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final, Literal, TypeAlias

from sequencer.core.duration import Duration
from sequencer.core.target_call import HandoffTarget

Turn: TypeAlias = Literal["remind", "reassign", "return_to_nurture"]
TURNS: Final[tuple[Turn, ...]] = ("remind", "reassign", "return_to_nurture")


@dataclass(frozen=True, slots=True)
class Within:
    """How long a rep has: of their working hours, or of the calendar."""

    span: Duration
    working: bool = False
    """Hours and minutes count while the rep works."""

    @classmethod
    def parse(cls, text: str) -> "Within":
        """Read `4 business hours` or `1 business day`. Raises ValueError."""
        words = text.lower().split()
        if len(words) == 3 and words[1] == "business" and words[2].rstrip("s") in ("hour", "minute"):
            return cls(Duration.parse(f"{words[0]} {words[2]}"), True)
        try:
            return cls(Duration.parse(text))
        except ValueError:
            close = get_close_matches(
                " ".join(words[1:]).removesuffix("s"), ("business hour", "business minute"), 1, 0.8
            )
            if not close:
                raise
            expected = "expected a duration such as `4 business hours`, `1 business day` or `2 days`"
            raise ValueError(f"{expected}, got `{text[:60]}`, did you mean `{words[0][:9]} {close[0]}s`?") from None

    def __str__(self) -> str:
        amount, _, unit = str(self.span).partition(" ")
        return f"{amount} business {unit}" if self.working else str(self.span)


@dataclass(frozen=True, slots=True)
class Decline:
    """A reason for which a rep may decline."""

    id: str
    label: str
    status: str | None = None
    """Which the lead gets then; None: the one for all who go back to nurture."""


DECLINES: Final = tuple(
    Decline(*one)
    for one in (
        ("not-now", "Not now"),
        ("no-budget", "No budget"),
        ("wrong-person", "Wrong person"),
        ("bad-fit", "Bad fit"),
    )
)
"""Reasons to decline where none are declared."""


@dataclass(frozen=True, slots=True)
class HandoffPolicy:
    """What signals.yaml declares about handoffs."""

    stage: str | None = None
    """To which a lead moves that is handed off, forward only."""
    accept_within: Within | None = None
    """How long each rep has; None: as long as it takes."""
    then: tuple[Turn, ...] = TURNS
    """What happens each time that this is over, one after the other."""
    declines: Mapping[str, Decline] = field(default_factory=lambda: {one.id: one for one in DECLINES})
    accept_status: str | None = None
    """The status of leads whom a rep takes on; None: it stays."""
    return_status: str | None = None
    """The status of leads that go back to nurture; None: it stays."""
    targets: Mapping[str, HandoffTarget] = field(default_factory=dict)
    """Other systems that are told of handoffs, by name."""
    say: Mapping[str, str] = field(default_factory=dict)
    """By reason of readiness: what the rep may begin with."""


PLAIN: Final = HandoffPolicy()
"""Where signals.yaml declares none: `handoff` steps tell the rep, and nobody presses for an answer."""

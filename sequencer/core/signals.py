"""What signals.yaml declares: behaviour that counts, what a lead is worth by itself, when sales is to know, and what
behaviour teaches.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from sequencer.core.condition import Asks, Condition, merged
from sequencer.core.event import CHANGED, HANDOFF, OF_COLLEAGUES, RESUBSCRIBED, SALES_READY, UNSUBSCRIBED, Event
from sequencer.core.handoff_policy import HandoffPolicy
from sequencer.core.inquiry import Inquiry, in_event
from sequencer.core.mark import Mark

OWNER: Final = "owner"
"""What stands for a rep among what a lead needs besides."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A behaviour that counts."""

    name: str
    """What it is known by, whatever its points: the behaviour as it is written, in one form."""
    mark: Mark
    behaviour: Condition
    """True of who did nothing but this. An event is the signal if this is true of a lead with that event alone."""
    points: int
    half_life: int | None = None
    """Days after which half of the points are left; None: they stay."""
    at_most: int | None = None
    """No more points than so many at a time come of it, or, of negative ones, no fewer."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A behaviour that tells something about who does it."""

    name: str
    """What the behaviour is known by, as that of a Signal."""
    mark: Mark
    behaviour: Condition
    field: str
    """Of the lead."""
    value: object
    """What it is then; of a field of several values, one of them."""
    at_least: int = 1
    within: int | None = None
    """Days in which it was done so often; None: ever."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Points for what a lead is, not for what they do."""

    condition: Condition
    points: int


@dataclass(frozen=True, slots=True)
class SalesReady:
    """The rule that tells when sales is to talk to a lead."""

    reasons: Mapping[str, Condition]
    """By name; any of them is enough."""
    again_below: Condition | None = None
    """What must have been true since, before a lead becomes ready again; None: that no reason was."""
    needs_owner: bool = False
    needs: tuple[Condition, ...] = ()
    """What must be true besides: as long as it is not, a lead with a reason waits."""

    @property
    def asks_besides(self) -> bool:
        """Whether a lead with a reason may wait for something."""
        return self.needs_owner or bool(self.needs)


@dataclass(frozen=True)
class Signals:
    points: tuple[Signal, ...] = ()
    fit: tuple[Fit, ...] = ()
    stages: Mapping[str, Condition] = field(default_factory=dict)
    """What moves a lead forward to a stage, in the order of the stages."""
    sales_ready: SalesReady | None = None
    learn: tuple[Lesson, ...] = ()
    inquiries: Mapping[str, Inquiry] = field(default_factory=dict)
    """What people ask about in their own words, by name."""
    handoff: HandoffPolicy | None = None
    """How leads that become ready are handed to sales; None: they only enter sequences that wait for it."""
    digest: str = ""
    """Of all that decides how somebody stands. When it is another, everybody is counted and looked at again."""

    @cached_property
    def behaviours(self) -> Mapping[str, Condition]:
        """All that is counted, by name: what is worth points, and what teaches."""
        taught = {one.name: one.behaviour for one in self.learn}
        return taught | {one.name: one.behaviour for one in self.points}

    @cached_property
    def by_kind(self) -> Mapping[str, tuple[str, ...]]:
        """The behaviours that an event of a kind may be."""
        found: dict[str, tuple[str, ...]] = {}
        for name, behaviour in self.behaviours.items():
            for kind in behaviour.asks.events:
                found[kind] = (*found.get(kind, ()), name)
        return found

    @cached_property
    def asks(self) -> Asks:
        """What has to be known of a lead to say how they stand: always the score, for the day on which it changes.

        Its `windows`: within which times it is asked how many people of a company are engaged; none: nobody depends on
        others.
        """
        wanted = [condition.asks for condition in (*self.conditions(), *(one.condition for one in self.fit))]
        return merged([*wanted, Asks(standing=frozenset({"score"}))])

    @cached_property
    def stirred_by(self) -> frozenset[str]:
        """Kinds of events after which a lead may stand otherwise."""
        return frozenset({CHANGED, RESUBSCRIBED, UNSUBSCRIBED, *self.by_kind}) | self.asks.events

    @cached_property
    def worthy(self) -> frozenset[str]:
        """The behaviours that are worth points."""
        return frozenset(one.name for one in self.points if one.points > 0)

    @cached_property
    def deeds(self) -> frozenset[str]:
        """Kinds of events for which a reason asks, and that are the lead's own doing."""
        ready = self.sales_ready
        asked = [reason.asks.events for reason in ready.reasons.values()] if ready is not None else []
        return frozenset().union(*asked) - {CHANGED, SALES_READY} - HANDOFF - OF_COLLEAGUES

    def asked(self, e: Event) -> dict[str, str]:
        """By inquiry, the sentence in which an event asks about it."""
        found = {name: in_event(inquiry, e) for name, inquiry in self.inquiries.items()}
        return {name: sentence for name, sentence in found.items() if sentence is not None}

    def conditions(self) -> tuple[Condition, ...]:
        """Every expression over how a lead stands."""
        ready = self.sales_ready
        if ready is None:
            return tuple(self.stages.values())
        again = (ready.again_below,) if ready.again_below is not None else ()
        return (*self.stages.values(), *ready.reasons.values(), *again, *ready.needs)

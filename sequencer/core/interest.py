"""Which events can matter to those who are, or may come to be, in a sequence. Most that arrive matter to nobody."""

from collections.abc import Iterable
from dataclasses import dataclass

from sequencer.core import event as kinds
from sequencer.core.condition import merged
from sequencer.core.entry import asks_of
from sequencer.core.halts import TOUCHES
from sequencer.core.lead import BUILT_IN
from sequencer.core.sequence import Sequence
from sequencer.core.signals import Signals
from sequencer.core.watch import WATCHED
from sequencer.core.workspace import Workspace

ALWAYS = kinds.OF_COLLEAGUES | {
    kinds.UNSUBSCRIBED,
    kinds.COMPLAINED,
    kinds.BOUNCED,
    kinds.REPLIED,
    kinds.AUTO_REPLIED,
    kinds.CHANGED,
}
"""What ends or pauses enrollments whatever their sequences ask; of a lead's fields, see `Interest.fields`."""


@dataclass(frozen=True, slots=True)
class Interest:
    """What sequences wait for, together."""

    kinds: frozenset[str]
    """Of events that conditions count or triggers name."""
    steps: frozenset[str]
    """Whose mails conditions ask about: opened, clicked?"""
    topics: bool
    """Whether consent is asked for."""
    fields: frozenset[str] = frozenset()
    """Declared fields of which conditions, triggers or waits depend on the value. Built-in ones always matter."""
    counted: frozenset[str] = frozenset()
    """Kinds of events after which a lead may stand otherwise, by signals.yaml."""

    def has(self, kind: str, step: str | None) -> bool:
        """Whether something may come of such an event, about a mail of this step if about any.

        False: nothing that these sequences declare depends on it.
        """
        return (
            kind in ALWAYS
            or kind in self.kinds
            or (step in self.steps and kind in (kinds.OPENED, kinds.CLICKED))
            or (self.topics and kind == kinds.RESUBSCRIBED)
        )

    def depends_on(self, field: str) -> bool:
        """Whether something may come of another value of a lead's field."""
        return field in BUILT_IN or field in self.fields or kinds.CHANGED in self.kinds


def interest(workspace: Workspace, sequences: Iterable[Sequence], signals: Signals | None = None) -> Interest:
    """Of some sequences: in what happens to those inside, in what lets others in; and in what counts."""
    found = list(sequences)
    nothing: frozenset[str] = frozenset()
    names = {"submitted": kinds.SUBMITTED, "sales_ready": kinds.SALES_READY}
    at_events = [t for s in found for t in s.enroll if t.kind not in WATCHED]
    triggers = {names.get(t.kind, t.name) for t in at_events if t.kind != "became"}
    became = {t.name for t in at_events if t.kind == "became"}
    # Waits and triggers count from them.
    dates = {name for name, field in workspace.fields.items() if field.type == "date"}
    # Whoever does not fit where time lets leads in is looked at again when that changes.
    fitting = [asks_of(s, t.condition) for s in found for t in s.enroll if t.kind in WATCHED]
    waits = workspace.owner.changed != "silent"
    silences = {kind for kind, touch in TOUCHES.items() if waits or touch in workspace.silences}
    asked = merged([*(s.asks for s in found), *fitting])
    # What a lead is worth by itself is made of any fields.
    any_field = {kinds.CHANGED} if "fit" in asked.standing else nothing
    return Interest(
        nothing.union(triggers, silences, any_field, asked.events, asked.awaits),
        nothing.union(*(s.asks.steps for s in found)),
        bool(fitting) or any(s.asks.topics for s in found),
        nothing.union(became, dates, asked.fields),
        signals.stirred_by if signals is not None else nothing,
    )

"""Which events can matter to those who are, or may come to be, in a sequence. Most that arrive matter to nobody."""

from collections.abc import Iterable
from dataclasses import dataclass

from sequencer.core import event as kinds
from sequencer.core.entry import asks_of
from sequencer.core.halts import TOUCHES
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
"""What ends or pauses enrollments whatever their sequences ask, and any field of a lead that changes."""


@dataclass(frozen=True, slots=True)
class Interest:
    """What sequences wait for, together."""

    kinds: frozenset[str]
    """Of events that conditions count or triggers name."""
    steps: frozenset[str]
    """Whose mails conditions ask about: opened, clicked?"""
    topics: bool
    """Whether consent is asked for."""
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


def interest(workspace: Workspace, sequences: Iterable[Sequence], signals: Signals | None = None) -> Interest:
    """Of some sequences: in what happens to those inside, in what lets others in; and in what counts."""
    found = list(sequences)
    nothing: frozenset[str] = frozenset()
    names = {"submitted": kinds.SUBMITTED, "became": kinds.CHANGED, "sales_ready": kinds.SALES_READY}
    triggers = {names.get(t.kind, t.name) for s in found for t in s.enroll if t.kind not in WATCHED}
    # Whoever does not fit where time lets leads in is looked at again when that changes.
    fitting = [asks_of(s, t.condition) for s in found for t in s.enroll if t.kind in WATCHED]
    silences = {kind for kind, touch in TOUCHES.items() if touch in workspace.silences}
    return Interest(
        nothing.union(
            triggers, silences, *(s.asks.events | s.asks.awaits for s in found), *(a.events | a.awaits for a in fitting)
        ),
        nothing.union(*(s.asks.steps for s in found)),
        bool(fitting) or any(s.asks.topics for s in found),
        signals.stirred_by if signals is not None else nothing,
    )

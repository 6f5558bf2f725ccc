"""What a lead asks for by a single act: a demo, a price, a call. Browsing asks nothing, and mails are forwarded."""

from typing import Final

from sequencer.core import event as kinds
from sequencer.core.condition import Condition
from sequencer.core.event import Event
from sequencer.core.facts import LeadFacts
from sequencer.core.halts import TOUCHES
from sequencer.core.lead import Lead
from sequencer.core.one_line import one_line
from sequencer.core.snapshot import Snapshot
from sequencer.core.workspace import Workspace

WROTE: Final = "wrote"
LONGEST: Final = 1000
"""Characters of somebody's own words that a rep is shown."""
_NO_REQUESTS: Final = frozenset({*(kinds.BUILT_IN - {kinds.SUBMITTED}), *TOUCHES})
_NOBODY: Final = Snapshot(Lead(0, ""), None, None)


def is_request(e: Event) -> bool:
    """Whether such an event is something that the lead asked for: a form, or what the API or a CRM tells by name."""
    return not e.machine and e.kind not in _NO_REQUESTS


def decides(workspace: Workspace, condition: Condition, e: Event) -> bool:
    """Whether the condition is true of who did nothing but this."""
    return e.kind in condition.asks.events and condition.test(LeadFacts(workspace, _NOBODY._replace(events=(e,)), e.at))


def inquired(workspace: Workspace, e: Event) -> dict[str, str]:
    """By inquiry that signals.yaml declares, the sentence in which an event asks about it."""
    return workspace.signals.asked(e) if workspace.signals is not None else {}


def requests(workspace: Workspace, e: Event) -> tuple[str, ...]:
    """What a lead asks for by an event: reasons to talk to them, inquiries, or `wrote`, by words into a form alone."""
    signals = workspace.signals
    if signals is None or not is_request(e):
        return ()
    reasons = signals.sales_ready.reasons if signals.sales_ready is not None else {}
    found = [name for name, reason in reasons.items() if decides(workspace, reason, e)]
    found += [name for name in signals.asked(e) if name not in found]
    return tuple(found) or ((WROTE,) if e.kind == kinds.SUBMITTED and own_words(e) else ())


def tells(workspace: Workspace, e: Event) -> bool:
    """Whether a form was sent of which forms.yaml says that the owner is told."""
    form = workspace.forms.get(str(e.data.get("form"))) if e.kind == kinds.SUBMITTED and not e.machine else None
    return form is not None and form.tells


def own_words(e: Event) -> str:
    """What a person wrote into a form or a mail, in one line; empty when nothing."""
    words = e.data.get("text") if e.kind in (kinds.SUBMITTED, kinds.REPLIED) else None
    return one_line(words, LONGEST) if isinstance(words, str) else ""

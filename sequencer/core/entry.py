"""Who may enter a sequence, and what lets leads in."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sequencer.core import event as kinds
from sequencer.core.condition import Asks, Condition, merged
from sequencer.core.enrollment import HOLDOUT, RUNNING, Enrollment
from sequencer.core.event import Event
from sequencer.core.facts import LeadFacts
from sequencer.core.fork import drawn_percent
from sequencer.core.lead import Lead
from sequencer.core.people import quiet_of
from sequencer.core.schedule import shift
from sequencer.core.sequence import Sequence as Series
from sequencer.core.sequence import Trigger
from sequencer.core.snapshot import Snapshot
from sequencer.core.workspace import Workspace


def manual(sequence: Series) -> Trigger | None:
    """The trigger whose `if` counts when somebody enrols by hand."""
    return next((t for t in sequence.enroll if t.kind == "manual"), next(iter(sequence.enroll), None))


def asks_of(sequence: Series, condition: Condition | None) -> Asks:
    """What has to be known of a lead to tell whether it may enter."""
    return merged(one.asks for one in (*sequence.never, condition) if one is not None)


def refuses(
    workspace: Workspace,
    sequence: Series,
    snapshot: Snapshot,
    before: Sequence[Enrollment],
    condition: Condition | None,
    now: datetime,
) -> str | None:
    """Why this lead may not enter now; None when nothing stands in the way."""
    lead = snapshot.lead
    if lead.suppressed:
        return "must not be mailed"
    if sequence.topic in snapshot.consent.refused:
        return f"unsubscribed from {sequence.topic}"
    topic = workspace.topics.get(sequence.topic)
    if topic is not None and not topic.default and sequence.topic not in snapshot.consent.given:
        return f"never asked for {sequence.topic}"
    status = workspace.statuses.get(lead.status or "")
    if status is not None and status.stops:
        return f"status is {status.label}"
    for forbidden in sequence.never:
        if forbidden.test(LeadFacts(workspace, snapshot, now)):
            return f"nobody is mailed of whom `{forbidden.source}` is true"
    if any(enrollment.status in RUNNING for enrollment in before):
        return "is in it already"
    if before:
        ended = max(enrollment.ended_at or enrollment.entered_at for enrollment in before)
        if sequence.again is None:
            return "was in it before"
        if shift(ended, sequence.again, ZoneInfo("UTC"), quiet_of(workspace, lead)) > now:
            return f"was in it less than {sequence.again} ago"
    if condition is not None and not condition.test(LeadFacts(workspace, snapshot, now)):
        return f"does not fit `{condition.source}`"
    return None


def holds_out(sequence: Series, lead: Lead) -> bool:
    """Whether this lead is drawn for the holdout: the same whenever they enter, until the share changes."""
    return bool(sequence.holdout) and drawn_percent(sequence.id, HOLDOUT, lead.email) < sequence.holdout


def entrances(workspace: Workspace, happened: Iterable[Event]) -> list[tuple[Series, Trigger, list[int]]]:
    """Each trigger that fits something that happened, with the leads (ids, ascending) that it would let in."""
    told = list(happened)
    return [
        (sequence, trigger, fitting)
        for sequence in workspace.sequences.values()
        for trigger in sequence.enroll
        if (fitting := sorted({e.lead_id for e in told if fits(trigger, e)}))
    ]


def fits(trigger: Trigger, e: Event) -> bool:
    """Whether this event is what the trigger waits for."""
    if trigger.kind == "submitted":
        return e.kind == kinds.SUBMITTED and e.data.get("form") == trigger.name
    if trigger.kind == "sales_ready":
        return e.kind == kinds.SALES_READY
    if trigger.kind == "became":
        if e.kind != kinds.CHANGED or e.data.get("field") != trigger.name:
            return False
        return trigger.value in _values(e.data.get("after")) - _values(e.data.get("before"))
    return trigger.kind == "did" and e.kind == trigger.name


def is_so(trigger: Trigger, lead: Lead) -> bool:
    """Whether what a `became` waits for is so already, and so does not become so."""
    return trigger.value in _values(lead.get(trigger.name))


def _values(value: Any) -> set[str]:
    """A field's value or values as they are written in sequence files."""
    if isinstance(value, bool):
        return {"true" if value else "false", "yes" if value else "no"}
    return {str(one) for one in value} if isinstance(value, list) else {str(value)}

"""Lets leads into sequences."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from sequencer.core.condition import Asks, Condition, merged
from sequencer.core.engine import first_due
from sequencer.core.enrollment import RUNNING, Enrollment
from sequencer.core.facts import LeadFacts
from sequencer.core.lead import Lead
from sequencer.core.people import owner_of, quiet_of
from sequencer.core.release import Release
from sequencer.core.schedule import shift
from sequencer.core.sequence import Sequence as Series
from sequencer.core.sequence import SequenceState, Trigger
from sequencer.core.snapshot import Snapshot
from sequencer.core.workspace import Workspace
from sequencer.errors import NotFound
from sequencer.services import snapshots
from sequencer.store import enrollments


@dataclass(slots=True)
class Entered:
    """Who entered, and why the others did not (reason → how many)."""

    leads: set[int] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)

    def __iadd__(self, other: "Entered") -> "Entered":
        self.leads |= other.leads
        self.refused += other.refused
        return self


def named(release: Release, name: str) -> Series:
    """The sequence of this name. Raises NotFound, with what is deployed."""
    found = release.workspace.sequences.get(name)
    if found is None:
        known = ", ".join(sorted(release.workspace.sequences))
        raise NotFound(f"there is no sequence `{name}`; deployed are: {known}")
    return found


def enroll(
    conn: Connection,
    release: Release,
    sequence: Series,
    leads: Iterable[Lead],
    origin: str,
    now: datetime,
    trigger: Trigger | None = None,
) -> Entered:
    """Enrols leads whose locks the caller holds. Who may not enter is counted with the reason, never an error."""
    result = Entered()
    wanted = list(leads)
    if sequence.state is not SequenceState.LIVE:
        result.refused[f"the sequence is {sequence.state.value}"] += len(wanted)
        return result
    condition = trigger.condition if trigger is not None else None
    known = snapshots.load(
        conn, release.workspace, asks_of(sequence, condition), [(None, lead) for lead in wanted], now
    )
    before: dict[int, list[Enrollment]] = {}
    for enrollment in enrollments.of_sequence(conn, [lead.id for lead in wanted], sequence.id):
        before.setdefault(enrollment.lead_id, []).append(enrollment)
    entries: list[tuple[int, datetime]] = []
    for snapshot in known:
        lead = snapshot.lead
        refusal = refuses(release.workspace, sequence, snapshot, before.get(lead.id, ()), condition, now)
        if refusal is not None:
            result.refused[refusal] += 1
            continue
        owner = owner_of(release.workspace, snapshot)
        entries.append((lead.id, first_due(release.workspace, sequence, lead, owner, now)))
    result.leads = enrollments.insert(conn, sequence.id, release.number, sequence.start, entries, origin, now)
    result.refused["is in it already"] += len(entries) - len(result.leads)
    result.refused += Counter()
    return result


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

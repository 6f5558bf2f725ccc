"""Lets leads into sequences."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from sequencer.core.condition import Condition
from sequencer.core.dating import first_due
from sequencer.core.enrollment import Enrollment
from sequencer.core.entry import asks_of, holds_out, refuses
from sequencer.core.lead import Lead
from sequencer.core.people import owner_of
from sequencer.core.release import Release
from sequencer.core.sequence import Sequence as Series
from sequencer.core.sequence import Trigger
from sequencer.core.snapshot import Snapshot
from sequencer.errors import NotFound
from sequencer.services import lanes, snapshots
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
    if not sequence.takes_in:
        result.refused[f"the sequence is {sequence.state.value}"] += len(wanted)
        return result
    condition = trigger.condition if trigger is not None else None
    entries: list[tuple[int, datetime]] = []
    held_out: set[int] = set()
    for snapshot, before in known_of(conn, release, sequence, wanted, condition, now):
        lead = snapshot.lead
        refusal = refuses(release.workspace, sequence, snapshot, before, condition, now)
        if refusal is not None:
            result.refused[refusal] += 1
            continue
        if holds_out(sequence, lead):
            held_out.add(lead.id)
        owner = owner_of(release.workspace, snapshot)
        entries.append((lead.id, first_due(release.workspace, sequence, lead, owner, now)))
    result.leads = enrollments.insert(conn, sequence.id, release.number, sequence.start, entries, origin, now, held_out)
    lanes.moved(conn, release.workspace, ((lead_id, sequence.id) for lead_id in result.leads), now)
    result.refused["is in it already"] += len(entries) - len(result.leads)
    result.refused += Counter()
    return result


def known_of(
    conn: Connection,
    release: Release,
    sequence: Series,
    wanted: Sequence[Lead],
    condition: Condition | None,
    now: datetime,
) -> list[tuple[Snapshot, list[Enrollment]]]:
    """What decides whether each of these may enter, and what there was and is of them in the sequence."""
    asks = asks_of(sequence, condition)
    known = snapshots.load(conn, release.workspace, asks, [(None, lead) for lead in wanted], now)
    before: dict[int, list[Enrollment]] = {}
    for enrollment in enrollments.of_sequence(conn, [lead.id for lead in wanted], sequence.id):
        before.setdefault(enrollment.lead_id, []).append(enrollment)
    return [(snapshot, before.get(snapshot.lead.id, [])) for snapshot in known]

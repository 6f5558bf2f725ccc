"""Simulates the coming days of the people inside, or of some of them, from where they really stand."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from sequencer.core import watch
from sequencer.core.condition import Asks, merged
from sequencer.core.enrollment import RUNNING, Enrollment
from sequencer.core.message import Message, State
from sequencer.core.people import quiet_of
from sequencer.core.release import Release
from sequencer.core.simulate import Arrival, Case, Past, Simulation, simulate
from sequencer.core.snapshot import Snapshot
from sequencer.core.turn import before
from sequencer.core.week import Week
from sequencer.services import snapshots
from sequencer.services.context import Context
from sequencer.services.migrate import Edits
from sequencer.store import clock, enrollments, leads, messages, watches

BATCH = 250
"""Leads that are read at a time."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """`week` counts `looked_at` of `people`: all of them, or as many as were asked for, drawn by their ids."""

    week: Week
    people: int

    @property
    def looked_at(self) -> int:
        return self.week.people

    def scaled(self, count: int) -> int:
        """What a count of those looked at means for all."""
        return round(count * self.people / self.looked_at) if self.looked_at else 0


def foresee(context: Context, days: int, most: int, progress: Callable[[int], None]) -> Foreseen:
    """`most`: people looked at. What leads do in these days, and who becomes known in them, nobody knows."""
    with context.engine.begin() as conn:
        now = clock.now(conn)
        release = context.releases.current(conn)
        zone = ZoneInfo(release.workspace.zone)
        week = Week(zone, now, days)
        # To the end of the last day, which may have 25 hours.
        until = now + timedelta(days=days, hours=1)
        people = enrollments.coming(conn, until)
        ids = enrollments.coming_of(conn, until, every=-(-people // most) if people else 1)
        for start in range(0, len(ids), BATCH):
            piece = ids[start : start + BATCH]
            _look(context, conn, release, week, piece, now, until)
            progress(len(piece))
    return Foreseen(week, people)


def _look(
    context: Context, conn: Connection, release: Release, week: Week, ids: list[int], now: datetime, until: datetime
) -> None:
    workspace = release.workspace
    known: dict[int, list[Enrollment]] = defaultdict(list)
    edits = Edits(partial(context.releases.at, conn), release)
    for e in enrollments.all_of(conn, ids):
        if e.sequence not in workspace.sequences:
            continue
        moved = edits.migrated(e) if e.status in RUNNING else e
        if e.status not in RUNNING or moved.position in release.steps_of(moved).sequence.places:
            known[e.lead_id].append(moved)
    found = {lead.id: lead for lead in leads.by_ids(conn, ids)}
    subjects: list[snapshots.Subject] = []
    for lead in found.values():
        subjects += [(e, lead) for e in known[lead.id] if e.status in RUNNING] or [(None, lead)]
    loaded: dict[int, list[Snapshot]] = defaultdict(list)
    for snapshot in snapshots.load(conn, workspace, _asks(release), subjects, now, mails=False):
        loaded[snapshot.lead.id].append(snapshot)
    mailed = messages.mailed_at(conn, ids, snapshots.lately(workspace, now))
    together = snapshots.turns(conn, workspace, found.values(), now)
    arrivals = _arrivals(conn, release, ids, now, until)
    for lead in found.values():
        past = Past(
            enrollments=tuple(known[lead.id]),
            messages={s.enrollment.id: _sent(s.messages) for s in loaded[lead.id] if s.enrollment is not None},
            events=loaded[lead.id][0].events,
            mailed_at=tuple(mailed.get(lead.id, ())),
            company_mailed_at=before(together.get(lead.company_id or 0, ()), {e.id for e in known[lead.id]}),
            arrivals=tuple(arrivals[lead.id]),
            standing=loaded[lead.id][0].standing,
        )
        week.add(_simulated(release, loaded[lead.id][0], past, now, until), quiet_of(workspace, lead))


def _asks(release: Release) -> Asks:
    """Everything that may be asked in these days, by whatever sequence."""
    sequences = [*release.workspace.sequences.values(), *(steps.sequence for steps in release.kept.values())]
    entering = [t.condition.asks for s in sequences for t in s.enroll if t.condition is not None]
    return merged([*(s.asks for s in sequences), *entering])


def _arrivals(
    conn: Connection, release: Release, ids: list[int], now: datetime, until: datetime
) -> Mapping[int, list[Arrival]]:
    """By lead: when time may let it in, as far as that is known now."""
    triggers = {(s.id, watch.name_of(t)): t for s, t in watch.watched(release.workspace)}
    found: dict[int, list[Arrival]] = defaultdict(list)
    for lead_id, sequence, name, due in watches.due_of(conn, ids, until):
        if (trigger := triggers.get((sequence, name))) is not None:
            found[lead_id].append(Arrival(max(due, now), sequence, trigger))
    return found


def _sent(rows: Mapping[str, Message]) -> Mapping[str, Message]:
    """What is on its way is taken to arrive."""
    return {
        step: row._replace(state=State.ACCEPTED, accepted_at=row.sent_at) if row.state is State.SENDING else row
        for step, row in rows.items()
    }


def _simulated(release: Release, known: Snapshot, past: Past, now: datetime, until: datetime) -> Simulation | None:
    """None: the lead is in nothing that is deployed."""
    inside = [e.sequence for e in past.enrollments if e.status in RUNNING] + [a.sequence for a in past.arrivals]
    if not inside:
        return None
    case = Case(
        lead=known.lead,
        start=now,
        company=known.company,
        consent=known.consent,
        received=known.received,
        enrolled=False,
        span=until - now,
        told=False,
        past=past,
    )
    workspace, contents = release.workspace, release.contents
    older = {e.sequence: release.steps_of(e) for e in past.enrollments if e.status in RUNNING and e.pinned is not None}
    if older:
        sequences = {name: steps.sequence for name, steps in older.items()}
        workspace = replace(workspace, sequences={**workspace.sequences, **sequences})
        for steps in older.values():
            contents = {**contents, **{name: steps.release.contents[name] for name in steps.release.older}}
    return simulate(workspace, workspace.sequences[inside[0]], contents, case)

"""Moves due enrollments on: claim and decide in one transaction, then send, then record (DESIGN §6)."""

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import DBAPIError

from sequencer.core import operate
from sequencer.core.decision import Decision
from sequencer.core.engine import decide
from sequencer.core.release import Release
from sequencer.core.sequence import Sequence as Series
from sequencer.core.snapshot import Snapshot
from sequencer.services import heartbeat, snapshots
from sequencer.services.carry_out import carry_out
from sequencer.services.compose import Outgoing
from sequencer.services.context import Context
from sequencer.services.deliver import deliver, release
from sequencer.services.migrate import migrated
from sequencer.store import clock, enrollments, messages, pauses
from sequencer.store import heartbeat as beats
from sequencer.store.pauses import Gate

log = logging.getLogger(__name__)

LONGEST = 5.0
"""Seconds of operating time after which a drain hands on to another: with one request more, it ends within the grace
that a dyno has to go."""
FAILED = timedelta(hours=1)
"""How soon an enrollment that failed to be decided is looked at again."""
GONE = timedelta(days=1)
"""How often people in a sequence whose file is gone are looked at."""


@dataclass(frozen=True, slots=True)
class _Claimed:
    outgoing: list[Outgoing]
    fence: int
    first_due: datetime
    full: bool
    awake: set[tuple[str, str]]
    trial: bool
    """Sending is paused, and this is the one mail that finds out whether it still must be."""


def drain(context: Context, sequence: str, position: str) -> bool:
    """Works off what is due at one place. True: time ran out and more may be due."""
    began = time.monotonic()
    if not heartbeat.ready(context):
        return False
    place, floor = (sequence, position), None
    while (start := time.monotonic()) < began + LONGEST and not context.stopping.is_set():
        if context.respite.lasts:
            return False  # the clock will find it again
        size = context.pace.size(place, context.batch)
        size = min(size, context.probe.limit or size)
        claimed = _claim(context, sequence, position, floor, size)
        if claimed is None:
            return False
        if claimed.full:
            context.pace.took(place, size, time.monotonic() - start)
        deliver(context, claimed.outgoing, claimed.fence, start, claimed.trial)
        _note(context)
        for awake in sorted(claimed.awake - {place}):
            context.hint("drain", *awake)
        if not claimed.full and place not in claimed.awake:
            return False
        floor = claimed.first_due if claimed.full else None
    return True


def _claim(context: Context, sequence: str, position: str, floor: datetime | None, size: int) -> _Claimed | None:
    """One batch: claimed, decided, rendered and written as `sending`, all in one transaction. None: nothing was due."""
    outgoing: list[Outgoing] = []
    try:
        with context.engine.begin() as conn:
            now = clock.now(conn)
            gate = pauses.gate(conn, sequence)
            if gate is Gate.SHUT:
                return None
            trial = gate is Gate.TRIAL
            current = context.releases.current(conn)
            rows = enrollments.claim(conn, sequence, position, now, floor, 1 if trial else size)
            if not rows:
                if trial:
                    pauses.give_back(conn)
                return None
            first_due = rows[0][0].due_at or now
            if gate is Gate.HELD:
                enrollments.update(conn, [operate.set_aside(e, now) for e, _ in rows])
                return _Claimed([], 0, first_due, len(rows) == size, set(), trial)
            fence = messages.next_fence(conn)
            series = current.workspace.sequences.get(sequence)
            if series is None:
                enrollments.update(conn, [e._replace(due_at=now + GONE) for e, _ in rows])
                return _Claimed([], fence, first_due, len(rows) == size, set(), trial)
            subjects: list[snapshots.Subject] = [
                (migrated(conn, context.releases, current, e), lead) for e, lead in rows
            ]
            known = snapshots.load(conn, current.workspace, series.asks, subjects, now)
            decisions = [decided(current, series, snapshot, now) for snapshot in known]
            outgoing, awake, late = carry_out(context, conn, current, series, known, decisions, fence, now)
            if trial and not outgoing:
                pauses.give_back(conn)
    except DBAPIError:
        # The commit may or may not have happened; nothing of it was sent, so what it wrote goes again.
        release(context, outgoing)
        raise
    return _Claimed(outgoing, fence, first_due, trial or late or len(rows) == size, awake, trial)


def _note(context: Context) -> None:
    """Tells from time to time that overdue work is being done, and no downtime goes on."""
    if context.noted.due():
        with context.engine.begin() as conn:
            beats.worked(conn)


def decided(current: Release, series: Series, snapshot: Snapshot, now: datetime) -> Decision:
    """The decision; a failure concerns this lead only, who is looked at again later."""
    enrollment = snapshot.enrollment
    assert enrollment is not None
    try:
        return decide(current.workspace, series, snapshot, now)
    except Exception:
        log.exception("enrollment %d in %s cannot be decided; looking again %s", enrollment.id, series.id, FAILED)
        return Decision(enrollment._replace(due_at=now + FAILED))

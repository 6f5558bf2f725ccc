"""Moves due enrollments on: claim and decide in one transaction, then send, then record (DESIGN §6)."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.exc import DBAPIError

from sequencer.core import operate
from sequencer.core.condition import merged
from sequencer.core.decision import Decision
from sequencer.core.engine import decide, departure
from sequencer.core.enrollment import Enrollment
from sequencer.core.lead import Lead
from sequencer.core.release import Release, Steps
from sequencer.core.snapshot import Snapshot
from sequencer.services import heartbeat, snapshots
from sequencer.services.carry_out import carry_out
from sequencer.services.compose import RENDERING, Outgoing
from sequencer.services.context import Awake, Context
from sequencer.services.deliver import deliver, release
from sequencer.services.migrate import Edits
from sequencer.services.turns import Turns
from sequencer.store import enrollments, opening, pauses
from sequencer.store import heartbeat as beats
from sequencer.store.messages import BegunBefore
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
    locked_at: float
    """Monotonic time at which the leads' locks were asked for; before it, a connection or a new release may be waited
    for."""
    awake: Awake
    trial: bool
    """Sending is paused, and this is the one mail that finds out whether it still must be."""


class _Downtime(Exception):
    """Overdue work was left behind by a downtime."""


def drain(context: Context, sequence: str, position: str) -> bool:
    """Works off what is due at one place. True: time ran out and more may be due."""
    began = time.monotonic()
    if context.vouched.due() and not heartbeat.check(context):
        return False
    place, floor, held, look = (sequence, position), None, set[int](), False
    while (start := time.monotonic()) < began + LONGEST and not context.stopping.is_set():
        if context.respite.lasts or context.probe.waits:
            return False  # the clock will find it again
        size = context.pace.size(place, context.mails)
        # What hangs holds up the rest of its batch, and keeps it in memory.
        size = min(size, context.probe.limit or size, context.mails // (1 + context.provider.hanging))
        try:
            claimed = _claim(context, sequence, position, floor, size, held, look)
        except BegunBefore:
            look = True  # cannot happen while leads are locked; the others of the batch begin without whom it concerns
            continue
        except _Downtime:
            if not heartbeat.catch_up(context):
                return False
            continue
        if claimed is None:
            return False
        if claimed.full:
            context.pace.took(place, size, time.monotonic() - claimed.locked_at)
        deliver(context, claimed.outgoing, claimed.fence, start, claimed.trial)
        _note(context)
        context.wake(claimed.awake - {place})
        if not claimed.full and place not in claimed.awake:
            return False
        floor = claimed.first_due if claimed.full else None
    return True


def _claim(
    context: Context,
    sequence: str,
    position: str,
    floor: datetime | None,
    size: int,
    held: set[int],
    look: bool,
) -> _Claimed | None:
    """One batch: claimed, decided, rendered and written as `sending`, all in one transaction. None: nothing was due.

    `held`: companies that somebody else deals with, whose people are left to the next drain; those found are added.
    `look`: for mails that were begun before. Raises _Downtime where nobody is to be claimed before that is dealt with,
    and BegunBefore unless it looks.
    """
    outgoing: list[Outgoing] = []
    try:
        with context.engine.begin() as conn:
            now, fence, newest, gate, idle = opening.ask(conn, sequence)
            if idle is not None and idle >= heartbeat.DOWNTIME:
                raise _Downtime
            if gate is Gate.SHUT:
                return None
            trial = gate is Gate.TRIAL
            current = context.releases.running(conn, newest)
            locked_at = time.monotonic()
            rows = enrollments.claim(conn, sequence, position, now, floor, 1 if trial else size, held)
            if not rows:
                if trial:
                    pauses.give_back(conn)
                return None
            first_due, full = rows[0][0].due_at or now, len(rows) == size
            if gate is Gate.HELD:
                enrollments.update(conn, [operate.set_aside(e, now) for e, _ in rows])
                return _Claimed([], 0, first_due, full, locked_at, set(), trial)
            if sequence not in current.workspace.sequences:
                enrollments.update(conn, [e._replace(due_at=now + GONE) for e, _ in rows])
                return _Claimed([], fence, first_due, full, locked_at, set(), trial)
            edits = Edits(partial(context.releases.at, conn), current)
            turns = Turns.take(conn, current.workspace, sequence, [lead for _, lead in rows], now)
            if turns is not None:
                held |= {lead.company_id for _, lead in rows if lead.company_id is not None and not turns.has(lead)}
                rows = [one for one in rows if turns.has(one[1])]
            parts = _by_steps(current, [(edits.migrated(e), lead) for e, lead in rows])
            asks = merged(steps.sequence.asks for steps, _ in parts)
            subjects = [one for _, part in parts for one in part]
            known = snapshots.load(conn, current.workspace, asks, subjects, now, colleagues=False)
            awake: Awake = set()
            late, began, first = False, time.monotonic(), 0
            for steps, part in parts:
                if late := late or (first > 0 and time.monotonic() > began + RENDERING):
                    break
                some, first = known[first : first + len(part)], first + len(part)
                decisions = _decided(steps, some, now, turns)
                out, woken, late = carry_out(context, conn, steps, some, decisions, fence, now, look)
                outgoing += out
                awake |= woken
            if turns is not None:
                begun = {(attempt.enrollment_id, attempt.step) for out in outgoing for attempt in out.attempts}
                if turns.write(conn, begun):
                    awake.add((sequence, position))
            if trial and not outgoing:
                pauses.give_back(conn)
    except DBAPIError:
        # The commit may or may not have happened; nothing of it was sent, so what it wrote goes again.
        release(context, outgoing)
        raise
    return _Claimed(outgoing, fence, first_due, trial or late or full, locked_at, awake, trial)


def _by_steps(
    current: Release, subjects: Sequence[tuple[Enrollment, Lead]]
) -> Sequence[tuple[Steps, Sequence[snapshots.Subject]]]:
    """Those who go by the same steps together: one part, unless some keep older ones."""
    if len({enrollment.pinned for enrollment, _ in subjects}) == 1:
        return [(current.steps_of(subjects[0][0]), subjects)]
    parts: dict[int | None, tuple[Steps, list[snapshots.Subject]]] = {}
    for enrollment, lead in subjects:
        number = enrollment.pinned
        if number not in parts:
            parts[number] = (current.steps_of(enrollment), [])
        parts[number][1].append((enrollment, lead))
    return list(parts.values())


def _note(context: Context) -> None:
    """Tells from time to time that overdue work is being done, and no downtime goes on."""
    if context.noted.due():
        with context.engine.begin() as conn:
            beats.worked(conn)


def _decided(steps: Steps, known: Sequence[Snapshot], now: datetime, turns: Turns | None) -> list[Decision]:
    if turns is None:
        return [decided(steps, snapshot, now) for snapshot in known]
    decisions = []
    for snapshot in known:
        decisions.append(decided(steps, seen := turns.seen(snapshot), now))
        turns.note(seen, decisions[-1])
    return decisions


def decided(steps: Steps, snapshot: Snapshot, now: datetime) -> Decision:
    """The decision; a failure concerns this lead only, who is looked at again later."""
    enrollment = snapshot.enrollment
    assert enrollment is not None
    workspace, series = steps.release.workspace, steps.sequence
    try:
        if not steps.lost:
            return decide(workspace, series, snapshot, now)
        log.error("%s: deployment %s cannot be run, whose steps are kept; looking again", series.id, enrollment.pinned)
        if (gone := departure(workspace, series, snapshot, now)) is not None:
            return gone
    except Exception:
        log.exception("enrollment %d in %s cannot be decided; looking again %s", enrollment.id, series.id, FAILED)
    return Decision(enrollment._replace(due_at=now + FAILED))

"""Tells whether this database is the one that was last at work, and spreads what a downtime left behind."""

import logging
from datetime import datetime, timedelta

from sqlalchemy import Connection

from sequencer.core.workspace import Pressure
from sequencer.services.context import Context
from sequencer.store import clock, enrollments, heartbeat, pauses
from sequencer.store.pauses import Reason

log = logging.getLogger(__name__)

UNVOUCHED = timedelta(hours=1)
"""After such a silence somebody must vouch that this is the newest copy: the witness, or an operator."""
DOWNTIME = timedelta(minutes=15)
"""Overdue work that nobody touched for so long was left behind by a downtime, and is caught up with slowly."""
AT_ONCE = timedelta(minutes=5)
"""What the rate lets through in so short a time is not worth spreading."""
REMEMBERED = timedelta(days=30)
"""For so long after an operator let a restored database go on, events about mails it has forgotten are no news."""
PIECE = 2_000
"""Enrollments dated anew in one transaction."""


def check(context: Context) -> bool:
    """Pauses sending when the database seems to be an older copy of itself. False: the witness cannot be asked.

    What was sent after a backup was taken is not in a ledger restored from it, and would be sent again.
    """
    with context.engine.begin() as conn:
        known = heartbeat.last(conn)
    if known is None:
        return True
    try:
        # Asked before the number is read again: another process may beat at any time, and notes it afterwards.
        noted = context.witness.recall(known.ledger)
    except OSError as error:
        if known.silent < UNVOUCHED:
            return True
        log.error("nothing goes on before the heartbeat's witness can be asked: %s", error)
        return False
    with context.engine.begin() as conn:
        beat = heartbeat.last(conn)
        assert beat is not None
        doubt = _doubt(beat, noted)
        if doubt is None:
            return True
        pause(conn, Reason.RESTORED, doubt)
        # This is dealt with: the next look finds nothing strange, and the pause stays until an operator ends it.
        heartbeat.beat(conn, at_rest=False, after=noted or 0)
    return True


def _doubt(beat: heartbeat.Beat, noted: int | None) -> str | None:
    """Why this may not be the newest copy of the database."""
    if noted is not None and noted > beat.number:
        return (
            f"the database knows {beat.number} heartbeats, Redis remembers {noted}: it was restored from a backup, and"
            " what was sent since is not in its ledger"
        )
    if noted is None and beat.silent >= UNVOUCHED:
        hours = beat.silent / timedelta(hours=1)
        return (
            f"nothing was at work for {hours:.1f} hours, and Redis remembers nothing: nobody can tell whether this"
            " database is the newest copy or was restored from a backup"
        )
    return None


def resume(context: Context) -> list[pauses.Pause]:
    """Ends every pause, on an operator's word; returns what it ended."""
    with context.engine.begin() as conn:
        ended = pauses.end(conn)
        if any(p.reason is Reason.RESTORED for p in ended):
            heartbeat.vouch(conn)
    return ended


def witnessed(conn: Connection, unknown: int) -> None:
    """Events came about messages that only this installation can have sent, and that its ledger does not know."""
    if not heartbeat.vouched(conn, REMEMBERED):
        detail = f"{unknown} events came about messages that this ledger does not know: was it restored from a backup?"
        pause(conn, Reason.RESTORED, detail)


def start_fresh(conn: Connection) -> None:
    """On a laptop, where nobody restores backups and a night is no downtime: all is as it should be."""
    heartbeat.beat(conn, at_rest=True)


def beat(context: Context, overdue: bool) -> None:
    """Notes that the clock is at work, and whether anything waits for the workers."""
    with context.engine.begin() as conn:
        at_rest = not overdue and not pauses.current(conn)
        done = heartbeat.beat(conn, at_rest)
    context.witness.note(done.ledger, done.number)


def left_alone(context: Context, seconds: float) -> bool:
    """Whether a clock was at work once, none was for so many seconds of operating time, and work may go on without.

    What is asked of this database before a clock lets work begin is asked here too.
    """
    with context.engine.begin() as conn:
        known = heartbeat.last(conn)
    return known is not None and known.silent > timedelta(seconds=seconds) and check(context)


def looked(context: Context, overdue: bool) -> None:
    """Notes from time to time that a worker looked, as the clock would, and nothing waited: no downtime goes on."""
    if not overdue and context.noted.due():
        with context.engine.begin() as conn:
            if not pauses.current(conn):
                heartbeat.worked(conn)


def pause(conn: Connection, reason: Reason, detail: str, retry_after: float | None = None) -> None:
    """Pauses all sending, loudly."""
    if pauses.begin(conn, reason, detail, retry_after):
        log.error("ALL SENDING IS PAUSED (%s): %s", reason.value, detail)


def catch_up(context: Context) -> bool:
    """After a downtime: spreads those who fell due meanwhile over the coming hours, at the workspace's rate.

    False: another process is at it, and nobody should be claimed before it is done. What would have been late stays
    late: `max_lateness` counts from the date that was expected.
    """
    window: timedelta | None = None
    moved = last = 0
    while True:
        with context.engine.begin() as conn:
            known = heartbeat.lock(conn)
            if known is None:
                return False
            if known.idle < DOWNTIME:
                return True
            now = clock.now(conn)
            if window is None:
                window = _window(context, conn, now)
            piece = enrollments.put_off(conn, now, window, last, PIECE) if window else []
            if len(piece) < PIECE:
                heartbeat.worked(conn)
        moved += len(piece)
        if len(piece) < PIECE:
            break
        last = piece[-1]
    if moved:
        log.warning("after a downtime %d enrollments are overdue: they follow within %s", moved, window)
    return True


def _window(context: Context, conn: Connection, now: datetime) -> timedelta:
    """Over how long the overdue are spread; nothing for what fits into a few minutes anyway."""
    return spread(context.releases.current(conn).workspace.pressure, enrollments.overdue(conn, now))


def spread(pressure: Pressure, people: int) -> timedelta:
    """Over how long so many follow who all could go at once."""
    window = timedelta(hours=people / pressure.catch_up) if pressure.catch_up is not None else timedelta()
    return window if window > AT_ONCE else timedelta()

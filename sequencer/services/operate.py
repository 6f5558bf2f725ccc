"""An operator's hand on one lead: each under the lead's lock, on the enrollment as the current deployment has it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from sequencer.core import operate
from sequencer.core.engine import open_message
from sequencer.core.enrollment import Enrollment
from sequencer.core.message import Message, State
from sequencer.core.operate import Impossible
from sequencer.core.release import Release
from sequencer.core.sequence import Sequence
from sequencer.errors import NotFound
from sequencer.services import heartbeat
from sequencer.services.context import Context
from sequencer.services.enroll import named
from sequencer.services.inspect import lead_by_email
from sequencer.services.migrate import migrated
from sequencer.store import clock, enrollments, leads, messages, pauses


@dataclass(frozen=True, slots=True)
class Operated:
    """What was done."""

    sequence: str
    skipped: str = ""
    """What was skipped, in words."""
    cancelled: str = ""
    """The step whose mail was to go again, and will not."""
    passed: bool = False
    """Whether the step that the lead stands before was passed already: then it is not done again."""


def skip(context: Context, conn: Connection, email: str, sequence: str | None) -> Operated:
    """Past the mail that was to go again, else past the step that the lead stands before.

    Raises NotFound, and Impossible.
    """
    now, release, found = _running(context, conn, email, sequence)
    series, enrollment = _one(release, email, found)
    retried = _settled(conn, series, enrollment, now)
    if retried is not None:
        messages.cancel(conn, [(enrollment.id, retried.step)])
        enrollments.update(conn, [enrollment._replace(due_at=now)])
        return Operated(series.id, cancelled=series.shown(retried.step))
    after, skipped = operate.skip(series, enrollment, now)
    enrollments.update(conn, [after])
    return Operated(series.id, skipped=skipped)


def move(context: Context, conn: Connection, email: str, step: str, sequence: str | None) -> Operated:
    """Before that step, or before the wait of that name. Raises NotFound, and Impossible."""
    now, release, found = _running(context, conn, email, sequence)
    with_step = [e for e in found if step in _names(release.steps_of(e).sequence)]
    if not with_step:
        inside = ", ".join(e.sequence for e in found)
        raise NotFound(f"{email} is in {inside}, which has no step `{step}`")
    series, enrollment = _one(release, email, with_step)
    key = series.waits.get(step) or series.key(step)
    retried = _settled(conn, series, enrollment, now)
    if retried is not None:
        messages.cancel(conn, [(enrollment.id, retried.step)])
    enrollments.update(conn, [operate.move(series, enrollment, key, now)])
    passed = enrollment.passed(key) is not None
    return Operated(series.id, cancelled=series.shown(retried.step) if retried is not None else "", passed=passed)


def _names(series: Sequence) -> set[str]:
    return series.names.keys() | series.waits.keys()


def pause(context: Context, conn: Connection, email: str, until: datetime | None) -> list[Operated]:
    """Every sequence that the lead is in. Raises NotFound."""
    now, _, found = _running(context, conn, email, None)
    enrollments.update(conn, [operate.pause(e, until, now) for e in found])
    return [Operated(e.sequence) for e in found]


def resume(context: Context, conn: Connection, email: str) -> list[Operated]:
    """Every sequence in which the lead is paused, whoever paused it, or held as its owner is new. Raises NotFound."""
    now, release, found = _running(context, conn, email, None)
    held = _held_for_owner(conn, release, found)
    waiting = [e for e in found if e.paused_at is not None or e in held]
    enrollments.update(conn, [operate.resume(e, now) if e.paused_at else e._replace(due_at=now) for e in waiting])
    return [Operated(e.sequence) for e in waiting]


def _held_for_owner(conn: Connection, release: Release, found: list[Enrollment]) -> list[Enrollment]:
    """Those whose mail waits because the lead's owner is new, which it does no more."""
    ids = {e.lead_id for e in found}
    new = {lead.id for lead in leads.by_ids(conn, sorted(ids)) if lead.owner_before is not None}
    if release.workspace.owner.changed != "hold" or not new:
        return []
    leads.succeed(conn, dict.fromkeys(new))
    return [e for e in found if e.lead_id in new and release.workspace.sequences[e.sequence].sender == "owner"]


def pause_sequence(conn: Connection, release: Release, sequence: str, detail: str, now: datetime) -> bool:
    """Nobody in it is mailed any more from the commit on. False: it was paused already. Raises NotFound."""
    named(release, sequence)
    return pauses.begin_sequence(conn, sequence, detail, now)


def resume_sequence(context: Context, sequence: str, progress: Callable[[int], None]) -> tuple[bool, int, timedelta]:
    """Whoever fell due meanwhile follows, spread as after a downtime; can be run again after it was cut short.

    Whether it was paused, how many follow, and within how long.
    """
    with context.engine.begin() as conn:
        ended = pauses.end_sequence(conn, sequence)
        people = enrollments.held(conn, sequence, operate.SEQUENCE)
        window = heartbeat.spread(context.releases.current(conn).workspace.pressure, people)
    last = 0
    while True:
        with context.engine.begin() as conn:
            now = clock.now(conn)
            piece = enrollments.let_go(conn, sequence, operate.SEQUENCE, now, window, last, heartbeat.PIECE)
        progress(len(piece))
        if len(piece) < heartbeat.PIECE:
            return ended, people, window
        last = piece[-1]


def _running(
    context: Context, conn: Connection, email: str, sequence: str | None
) -> tuple[datetime, Release, list[Enrollment]]:
    lead_id = lead_by_email(conn, email).id
    leads.lock(conn, [lead_id])
    release = context.releases.current(conn)
    known = release.workspace.sequences
    running = [migrated(conn, context.releases, release, e) for e in enrollments.running_of(conn, [lead_id])]
    found = [e for e in running if e.sequence in known and sequence in (None, e.sequence)]
    if not found:
        raise NotFound(f"{email} is in no sequence now" if sequence is None else f"{email} is not in {sequence} now")
    return clock.now(conn), release, found


def _one(release: Release, email: str, found: list[Enrollment]) -> tuple[Sequence, Enrollment]:
    if len(found) > 1:
        names = ", ".join(sorted(e.sequence for e in found))
        raise Impossible(f"{email} is in several sequences ({names}): say which with --sequence")
    steps = release.steps_of(found[0])
    if steps.lost:
        raise Impossible(f"deployment {found[0].pinned}, whose steps this lead keeps, cannot be run by this version")
    return steps.sequence, found[0]


def _settled(conn: Connection, series: Sequence, enrollment: Enrollment, now: datetime) -> Message | None:
    """The mail that is to go again, if there is one. Raises Impossible while it is open what becomes of the last."""
    message = open_message(messages.of_enrollments(conn, [enrollment.id]).get(enrollment.id, {}), now)
    if message is None or message.state is State.RETRY:
        return message
    step = series.shown(message.step)
    if message.state is State.SENDING:
        raise Impossible(f"`{step}` is on its way to the provider: try again in a moment")
    raise Impossible(f"nobody knows whether `{step}` went: `sequencer messages resolve` comes first")

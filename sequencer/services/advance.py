"""Moves due enrollments on: claim and decide in one transaction, then send, then record (DESIGN §6)."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from sequencer.core import event as kinds
from sequencer.core.engine import Alert, Cancel, Change, Decision, Enter, Send, decide, owner_of
from sequencer.core.enrollment import Enrollment
from sequencer.core.event import Event
from sequencer.core.explain import engaged
from sequencer.core.lead import Lead
from sequencer.core.migrate import migrate
from sequencer.core.release import Release
from sequencer.core.sequence import Sequence as Series
from sequencer.core.snapshot import Snapshot
from sequencer.rendering.notes import render_text
from sequencer.rendering.view import View
from sequencer.services import snapshots
from sequencer.services.compose import Order, Outgoing, compose
from sequencer.services.context import Context
from sequencer.services.deliver import deliver
from sequencer.services.enroll import enroll
from sequencer.services.react import react
from sequencer.store import alerts, clock, enrollments, leads, messages
from sequencer.store.alerts import NewAlert

log = logging.getLogger(__name__)

LONGEST = 5.0
"""Seconds of operating time after which a drain hands on to another: with one request more, it ends within the grace
that a dyno has to go."""
HOLD = 0.25
"""Seconds that leads may stay locked; batches shrink when they take longer."""
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


def drain(context: Context, sequence: str, position: str) -> bool:
    """Works off what is due at one place. True: time ran out and more may be due."""
    began = time.monotonic()
    size, floor = context.batch, None
    while time.monotonic() - began < LONGEST:
        start = time.monotonic()
        claimed = _claim(context, sequence, position, floor, size)
        if claimed is None:
            return False
        held = time.monotonic() - start
        deliver(context, claimed.outgoing, claimed.fence)
        for place in sorted(claimed.awake - {(sequence, position)}):
            context.hint("drain", *place)
        if not claimed.full and (sequence, position) not in claimed.awake:
            return False
        floor = claimed.first_due if claimed.full else None
        if held > HOLD:
            size = max(20, size // 2)
    return True


def _claim(context: Context, sequence: str, position: str, floor: datetime | None, size: int) -> _Claimed | None:
    """One batch: claimed, decided, rendered and written as `sending`, all in one transaction. None: nothing was due."""
    outgoing: list[Outgoing] = []
    try:
        with context.engine.begin() as conn:
            now = clock.now(conn)
            release = context.releases.current(conn)
            rows = enrollments.claim(conn, sequence, position, now, floor, size)
            if not rows:
                return None
            first_due = rows[0][0].due_at or now
            fence = messages.next_fence(conn)
            series = release.workspace.sequences.get(sequence)
            if series is None:
                enrollments.update(conn, [replace(e, due_at=now + GONE) for e, _ in rows])
                return _Claimed([], fence, first_due, len(rows) == size, set())
            subjects: list[snapshots.Subject] = [(migrated(conn, context, release, e), lead) for e, lead in rows]
            known = snapshots.load(conn, release.workspace, series.asks, subjects, now)
            decisions = [decided(release, series, snapshot, now) for snapshot in known]
            outgoing, awake = apply(context, conn, release, series, known, decisions, fence, now)
    except DBAPIError:
        _release(context, outgoing)
        raise
    return _Claimed(outgoing, fence, first_due, len(rows) == size, awake)


def migrated(conn: Connection, context: Context, release: Release, enrollment: Enrollment) -> Enrollment:
    """The enrollment at its place in the current deployment, taken through each one in between."""
    for number in range(enrollment.deployment, release.number):
        old, new = context.releases.at(conn, number), context.releases.at(conn, number + 1)
        if new is None or (after := new.workspace.sequences.get(enrollment.sequence)) is None:
            continue
        before = old.workspace.sequences.get(enrollment.sequence) if old is not None else None
        enrollment = migrate(before, after, enrollment, number + 1)
    return replace(enrollment, deployment=release.number)


def decided(release: Release, series: Series, snapshot: Snapshot, now: datetime) -> Decision:
    """The decision; a failure concerns this lead only, who is looked at again later."""
    enrollment = snapshot.enrollment
    assert enrollment is not None
    try:
        return decide(release.workspace, series, snapshot, now)
    except Exception:
        log.exception("enrollment %d in %s cannot be decided; looking again %s", enrollment.id, series.id, FAILED)
        return Decision(replace(enrollment, due_at=now + FAILED))


def _only(out: Outgoing, begun: set[tuple[int, str]]) -> Outgoing | None:
    """The request without recipients whose ledger row is not ours."""
    kept = [n for n, attempt in enumerate(out.attempts) if (attempt.enrollment_id, attempt.step) in begun]
    if not kept:
        return None
    batch = replace(out.batch, recipients=tuple(out.batch.recipients[n] for n in kept))
    return Outgoing(batch, tuple(out.attempts[n] for n in kept))


def apply(
    context: Context,
    conn: Connection,
    release: Release,
    series: Series,
    known: Sequence[Snapshot],
    decisions: Sequence[Decision],
    fence: int,
    now: datetime,
) -> tuple[list[Outgoing], set[tuple[str, str]]]:
    """Writes decisions in set-based statements. Returns what may be sent after the commit, and who fell due."""
    pairs = list(zip(known, decisions, strict=True))
    orders = [
        Order(effect, decision.enrollment, snapshot)
        for snapshot, decision in pairs
        for effect in decision.effects
        if isinstance(effect, Send)
    ]
    outgoing, failed = compose(context, release, series, orders)
    attempts = [attempt for out in outgoing for attempt in out.attempts]
    begun = messages.begin(conn, [*attempts, *failed], fence, context.lease, now)
    if lost := [a for a in attempts if (a.enrollment_id, a.step) not in begun]:
        # Cannot happen while the leads' locks are kept; the key is there for the day when it does.
        log.error("step %s of %d enrollments was begun before and is not sent again", lost[0].step, len(lost))
        outgoing = [kept for out in outgoing if (kept := _only(out, begun)) is not None]
    messages.cancel(
        conn,
        [
            (decision.enrollment.id, effect.step)
            for decision in decisions
            for effect in decision.effects
            if isinstance(effect, Cancel)
        ],
    )
    alerts.insert(
        conn,
        [
            _alert(release, snapshot, effect)
            for snapshot, decision in pairs
            for effect in decision.effects
            if isinstance(effect, Alert)
        ],
        now,
    )
    enrollments.update(conn, [decision.enrollment for decision in decisions])
    awake = {
        (series.id, decision.enrollment.position)
        for decision in decisions
        if decision.enrollment.due_at is not None and decision.enrollment.due_at <= now
    }
    awake |= _start(conn, release, pairs, now)
    awake |= _change(conn, release, pairs, now)
    return outgoing, awake


def _alert(release: Release, snapshot: Snapshot, effect: Alert) -> NewAlert:
    enrollment = snapshot.enrollment
    assert enrollment is not None
    owner = owner_of(release.workspace, snapshot)
    view = View(
        lead=snapshot.lead,
        company=snapshot.company,
        owner=owner,
        sender=next(iter(release.workspace.senders.values())),
        brand=release.workspace.brand,
        link_token="",
        unsubscribe_url="",
        preferences_url="",
    )
    return NewAlert(
        enrollment_id=enrollment.id,
        step=effect.step.id,
        kind=effect.kind,
        lead_id=snapshot.lead.id,
        rep=owner.email if owner is not None else None,
        note=render_text(effect.step.note, view),
        reasons=tuple(engaged(snapshot)),
    )


def _start(
    conn: Connection, release: Release, pairs: Sequence[tuple[Snapshot, Decision]], now: datetime
) -> set[tuple[str, str]]:
    """`start` steps: lets leads into the other sequence; who may not enter simply does not."""
    wanted: dict[str, list[Lead]] = {}
    for snapshot, decision in pairs:
        for effect in decision.effects:
            if isinstance(effect, Enter):
                wanted.setdefault(effect.step.sequence, []).append(snapshot.lead)
    awake = set()
    for name, entering in wanted.items():
        target = release.workspace.sequences[name]
        if enroll(conn, release, target, entering, "start", now).leads:
            awake.add((name, target.start))
    return awake


def _change(
    conn: Connection, release: Release, pairs: Sequence[tuple[Snapshot, Decision]], now: datetime
) -> set[tuple[str, str]]:
    """`set` and `handoff` steps: writes fields, and everything that follows from their change."""
    happened: list[Event] = []
    for snapshot, decision in pairs:
        for effect in decision.effects:
            if isinstance(effect, Change):
                leads.write(conn, snapshot.lead.id, effect.values, now)
                happened += [
                    Event(
                        kind=kinds.CHANGED,
                        at=now,
                        lead_id=snapshot.lead.id,
                        key=f"{decision.enrollment.id}.{effect.step.id}.{name}",
                        source="sequence",
                        enrollment_id=decision.enrollment.id,
                        step=effect.step.id,
                        data={"field": name, "before": snapshot.lead.get(name), "after": value},
                    )
                    for name, value in effect.values.items()
                    if snapshot.lead.get(name) != value
                ]
    return react(conn, release, happened, now).awake if happened else set()


def _release(context: Context, outgoing: Sequence[Outgoing]) -> None:
    """The commit may or may not have happened: nothing of it was sent, so what it wrote goes again."""
    requests = [out.batch.request_id for out in outgoing]
    if not requests:
        return
    try:
        with context.engine.begin() as conn:
            now = clock.now(conn)
            enrollments.redate(conn, dict.fromkeys(messages.release(conn, requests, now), now))
    except DBAPIError:
        log.error("the database is away; %d requests are left to the reaper, none of them was sent", len(requests))

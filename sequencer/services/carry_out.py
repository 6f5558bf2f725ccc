"""Carries out decisions: everything they write, in set-based statements, in the transaction that claimed the leads."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from sequencer.core.decision import Alert, Ask, Assign, Cancel, Change, Decision, Enter, Send
from sequencer.core.engine import ends_after_mail
from sequencer.core.enrollment import END, RUNNING, Enrollment, Status
from sequencer.core.event import Event
from sequencer.core.explain import engaged
from sequencer.core.lead import Lead, channels
from sequencer.core.operate import EDITED
from sequencer.core.owner import present
from sequencer.core.people import owner_of, sender_of
from sequencer.core.reaction import written
from sequencer.core.release import Release, Steps
from sequencer.core.sequence import Email, Handoff, Task, Tell
from sequencer.core.sequence import Sequence as Series
from sequencer.core.snapshot import Snapshot
from sequencer.core.spoken import spoken
from sequencer.rendering.errors import RenderingFailed
from sequencer.rendering.notes import render_text
from sequencer.rendering.view import Letterhead, Pages, View
from sequencer.services import edited, lanes
from sequencer.services.compose import Order, Outgoing, compose, ordered
from sequencer.services.context import Awake, Context
from sequencer.services.conversation import steps as answered
from sequencer.services.enroll import enroll
from sequencer.services.react import react
from sequencer.store import alerts, enrollments, handoffs, leads, messages, readiness, reviews, tasks
from sequencer.store.alerts import NewAlert
from sequencer.store.handoffs import NewHandoff
from sequencer.store.messages import Head
from sequencer.store.reviews import Edit, NewReview
from sequencer.store.tasks import NewTask

log = logging.getLogger(__name__)

Kind = TypeVar("Kind", Send, Cancel, Alert, Assign, Ask, Enter, Change)


def carry_out(
    context: Context,
    conn: Connection,
    steps: Steps,
    known: Sequence[Snapshot],
    decisions: Sequence[Decision],
    fence: int,
    now: datetime,
    look: bool,
) -> tuple[list[Outgoing], Awake, bool]:
    """Writes decisions in set-based statements.

    Returns what may be sent after the commit, who fell due, and whether the time was too short for some: of their
    decisions nothing is written, and they stay due. Raises BegunBefore, unless it is to `look` for that.
    """
    release, series, _ = steps
    pairs = list(zip(known, decisions, strict=True))
    orders = [
        ordered((effect, decision.enrollment, snapshot))
        for snapshot, decision in pairs
        for effect in decision.effects
        if isinstance(effect, Send)
    ]
    outgoing, failed, late, unsaid = compose(
        context, release, series, orders, _heads(conn, series, orders), _edits(conn, orders)
    )
    if late:
        waiting = {order.enrollment.id for order in late}
        pairs = [(snapshot, decision) for snapshot, decision in pairs if decision.enrollment.id not in waiting]
        orders = orders[: -len(late)]
        decisions = [decision for _, decision in pairs]
    attempts = [attempt for out in outgoing for attempt in out.attempts]
    messages.reopen(conn, [(o.enrollment.id, o.send.step.id) for o in orders if o.send.resend])
    begun = messages.begin(conn, [*attempts, *failed], fence, context.lease, now, look)
    if lost := len(attempts) + len(failed) - len(begun):
        # Cannot happen while the leads' locks are kept; the key is there for the day when it does.
        log.error("%d mails of %s were begun before and are not sent again", lost, series.id)
        ours = {(attempt.enrollment_id, attempt.step) for attempt in begun}
        outgoing = [kept for out in outgoing if (kept := _only(out, ours)) is not None]
    if unsaid:
        log.warning("%d mails of %s do not introduce the new owner: that cannot be rendered", len(unsaid), series.id)
        decisions = [_unsaid(decision, unsaid) for decision in decisions]
    more: list[tuple[Snapshot, Decision]] = []
    if sum([len(decision.effects) for decision in decisions]) > len(orders):
        # Most decisions mail and do nothing else.
        more = [pair for pair in pairs if not all(isinstance(effect, Send) for effect in pair[1].effects)]
    messages.cancel(conn, [(decision.enrollment.id, effect.step) for _, decision, effect in _each(more, Cancel)])
    told = [
        _alert(steps, snapshot, effect.step, effect.kind, now)
        for snapshot, _, effect in _each(more, Alert)
        if isinstance(effect.step, Tell)
    ]
    told += _hand_off(conn, steps, more, now)
    told += _assign(conn, steps, more, now)
    told += _ask(conn, release, series, more, now)
    alerts.insert(conn, told, now)
    decided = [decision.enrollment for decision in decisions]
    changed = enrollments.alike(decided)
    if ends_after_mail(release.workspace, series):
        # At once, for one write in place of two; whoever hears that a mail was not sent reopens its enrollment.
        through = {attempt.enrollment_id for attempt in begun}
        changed = [part for one, ids in changed for part in _finished(one, ids, through, now)]
    enrollments.write(conn, changed)
    mailed = {order.enrollment.id for order in orders}
    # Whose mail is on its way has nothing to do before the answer; the clock finds them.
    awake = {
        (series.id, e.position) for e in decided if e.id not in mailed and e.due_at is not None and e.due_at <= now
    }
    over = [e for e in decided if e.status not in RUNNING]
    if any(series.tasks()):
        # Whoever came to the end is still to be called.
        tasks.drop(conn, [e.id for e in over if e.status is not Status.FINISHED], now)
    if series.reviews:
        reviews.close(conn, _passed(series, pairs), reviews.TIME, now)
        reviews.drop(conn, [e.id for e in over], now)
    lanes.moved(conn, release.workspace, ((e.lead_id, e.sequence) for e in over), now)
    awake |= _start(conn, release, more, now)
    awake |= _change(conn, release, more, now)
    return outgoing, awake, bool(late)


def _finished(one: Enrollment, ids: list[int], through: set[int], now: datetime) -> Iterator[enrollments.Alike]:
    """Of those who stand alike at the end, who finish with the mail that they are `through` with, and the others."""
    over = [number for number in ids if number in through] if one.position == END else []
    if over:
        yield one.ended(Status.FINISHED, "finished", now), over
    if len(over) < len(ids):
        yield one, [number for number in ids if number not in through] if over else ids


def _unsaid(decision: Decision, why: Mapping[int, str]) -> Decision:
    """The history tells that the mail does not introduce the new owner, and why."""
    enrollment = decision.enrollment
    if enrollment.id not in why:
        return decision
    steps = {effect.step.introduced for effect in decision.effects if isinstance(effect, Send)}
    outcomes = tuple(
        one._replace(outcome="unintroduced", detail=why[enrollment.id]) if one.step in steps else one
        for one in enrollment.outcomes
    )
    return decision._replace(enrollment=enrollment._replace(outcomes=outcomes))


def _heads(conn: Connection, series: Series, orders: Sequence[Order]) -> Mapping[tuple[int, str], Head]:
    """Of the mails that some of these answer."""
    ids = [o.enrollment.id for o in orders if o.send.step.thread]
    return messages.heads(conn, ids, answered(series)) if ids else {}


def _edits(conn: Connection, orders: Sequence[Order]) -> Mapping[tuple[int, str], Edit]:
    """What reps wrote into some of these, also into one that goes again after the file asks for no review any more."""
    edited = [
        (order.enrollment.id, order.send.step.id)
        for order in orders
        for passed in order.enrollment.outcomes
        if passed.detail == EDITED and passed.step == order.send.step.reviewed
    ]
    return reviews.edits(conn, edited)


def _each(pairs: Sequence[tuple[Snapshot, Decision]], kind: type[Kind]) -> Iterator[tuple[Snapshot, Decision, Kind]]:
    """The effects of one kind, each with what it was decided on."""
    for snapshot, decision in pairs:
        for effect in decision.effects:
            if isinstance(effect, kind):
                yield snapshot, decision, effect


def _hand_off(
    conn: Connection, steps: Steps, pairs: Sequence[tuple[Snapshot, Decision]], now: datetime
) -> list[NewAlert]:
    """`handoff` steps. Of those who are handed off the rep is told once it is known who that is.

    Returns what is told at once: of leads that were handed off for the same readiness before, or wait for an answer.
    """
    told = [
        _alert(steps, snapshot, effect.step, effect.kind, now)
        for snapshot, _, effect in _each(pairs, Alert)
        if isinstance(effect.step, Handoff)
    ]
    if not told:
        return []
    last = readiness.last(conn, [alert.lead_id for alert in told])
    ready = {lead_id: one for lead_id, one in last.items() if one.over_at is None}
    new = [
        NewHandoff(
            lead_id=alert.lead_id,
            readiness=ready[alert.lead_id].number if alert.lead_id in ready else None,
            reasons=ready[alert.lead_id].reasons if alert.lead_id in ready else (),
            note=alert.note,
            enrollment_id=alert.enrollment_id,
            step=alert.step,
        )
        for alert in told
    ]
    handed = handoffs.begin(conn, new, now)
    return [alert for alert in told if alert.lead_id not in handed]


def _assign(
    conn: Connection, steps: Steps, pairs: Sequence[tuple[Snapshot, Decision]], now: datetime
) -> list[NewAlert]:
    """`task` steps: rows of the call list. Returns the alerts that tell of them."""
    told, new = [], []
    for snapshot, _, effect in _each(pairs, Assign):
        alert = _alert(steps, snapshot, effect.step, "task", now)
        told.append(alert)
        new.append(
            NewTask(
                enrollment_id=alert.enrollment_id,
                step=alert.step,
                lead_id=alert.lead_id,
                kind=effect.step.kind,
                rep=alert.rep,
                note=alert.note,
                due_at=effect.due_at,
            )
        )
    tasks.insert(conn, new, now)
    return told


def _ask(
    conn: Connection, release: Release, series: Series, pairs: Sequence[tuple[Snapshot, Decision]], now: datetime
) -> list[NewAlert]:
    """Mails that wait for a rep to look at them. Returns the alerts that tell what they would say."""
    told, new = [], []
    for snapshot, decision, effect in _each(pairs, Ask):
        lead, rep = snapshot.lead, effect.rep.email if effect.rep is not None else None
        new.append(
            NewReview(
                enrollment_id=decision.enrollment.id,
                step=effect.step.id,
                lead_id=lead.id,
                content=effect.step.content,
                sender=effect.sender.email if effect.sender is not None else None,
                rep=rep,
                due_at=effect.due_at,
            )
        )
        told.append(
            NewAlert(
                enrollment_id=decision.enrollment.id,
                step=effect.step.id,
                kind="review",
                lead_id=lead.id,
                rep=rep,
                note=_mail_reads(release, series, snapshot, effect),
                reasons=tuple(engaged(series, snapshot, spoken(release.workspace, effect.rep))),
                channels=channels(effect.rep),
            )
        )
    reviews.insert(conn, new, now)
    return told


def _mail_reads(release: Release, series: Series, snapshot: Snapshot, ask: Ask) -> str:
    """What the mail would say; when it cannot be rendered for this lead, the alert still goes, and says why."""
    sender = sender_of(release.workspace, series, Send(ask.step, 1, ask.sender))
    seen = edited.view(release, snapshot.lead, snapshot.company, owner_of(release.workspace, snapshot), sender)
    try:
        item = release.contents[ask.step.content].read_in(snapshot.lead.get("language"))
        return "\n\n".join(edited.reads(item, seen))
    except RenderingFailed as error:
        return f"({ask.step.mark}: the mail could not be written: {error})"


def _passed(series: Series, pairs: Sequence[tuple[Snapshot, Decision]]) -> list[tuple[int, str]]:
    """Reviewed mails that these decisions came past; what is left open of their reviews nobody looked at in time."""
    return [
        (decision.enrollment.id, passed.step)
        for snapshot, decision in pairs
        if snapshot.enrollment is not None
        for passed in decision.enrollment.outcomes[len(snapshot.enrollment.outcomes) :]
        if isinstance(step := series.steps.get(passed.step), Email) and step.review is not None
    ]


def _alert(steps: Steps, snapshot: Snapshot, step: Tell | Handoff | Task, kind: str, now: datetime) -> NewAlert:
    release, enrollment = steps.release, snapshot.enrollment
    assert enrollment is not None
    owner = owner_of(release.workspace, snapshot)
    told = present(release.workspace, owner, now) if owner is not None and isinstance(step, Handoff) else owner
    view = View(
        lead=snapshot.lead,
        company=snapshot.company,
        owner=owner,
        sender=next(iter(release.workspace.senders.values())),
        letterhead=Letterhead(release.workspace.brand, Pages.all_at("")),
        link_token="",
    )
    return NewAlert(
        enrollment_id=enrollment.id,
        step=step.id,
        kind=kind,
        lead_id=snapshot.lead.id,
        rep=told.email if told is not None else None,
        note=_note(step, view),
        reasons=tuple(engaged(steps.sequence, snapshot, spoken(release.workspace, told))),
        channels=channels(told),
    )


def _note(step: Tell | Handoff | Task, view: View) -> str:
    """The note; when it cannot be rendered for this lead, the alert still goes, and says why."""
    try:
        return render_text(step.note, view)
    except RenderingFailed as error:
        return f"({step.mark}: the note could not be written: {error})"


def _start(conn: Connection, release: Release, pairs: Sequence[tuple[Snapshot, Decision]], now: datetime) -> Awake:
    """`start` steps: lets leads into the other sequence; who may not enter simply does not."""
    wanted: dict[str, list[Lead]] = {}
    for snapshot, _, effect in _each(pairs, Enter):
        wanted.setdefault(effect.step.sequence, []).append(snapshot.lead)
    awake = set()
    for name, entering in wanted.items():
        target = release.workspace.sequences.get(name)
        if target is None:
            log.warning("%d leads do not enter %s: its file is gone since they got their steps", len(entering), name)
        elif enroll(conn, release, target, entering, "start", now).leads:
            awake.add((name, target.start))
    return awake


def _change(conn: Connection, release: Release, pairs: Sequence[tuple[Snapshot, Decision]], now: datetime) -> Awake:
    """`set` and `handoff` steps: writes fields, and everything that follows from their change."""
    happened: list[Event] = []
    effects = list(_each(pairs, Change))
    leads.write(conn, ((snapshot.lead.id, effect.values) for snapshot, _, effect in effects), "sequence", now)
    for snapshot, decision, effect in effects:
        happened += written(effect, decision.enrollment, snapshot.lead, now)
    return react(conn, release, happened, now).awake if happened else set()


def _only(out: Outgoing, begun: set[tuple[int, str]]) -> Outgoing | None:
    """The request without recipients whose ledger row is not ours."""
    kept = [n for n, attempt in enumerate(out.attempts) if (attempt.enrollment_id, attempt.step) in begun]
    if not kept:
        return None
    batch = replace(out.batch, recipients=tuple(out.batch.recipients[n] for n in kept))
    return replace(out, batch=batch, attempts=tuple(out.attempts[n] for n in kept))

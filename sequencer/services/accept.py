"""A rep's answer to a handoff: by the link or the dashboard, by mail, or by the API. The first one counts."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection

from sequencer.core import event as kinds
from sequencer.core import handoff as rules
from sequencer.core import token
from sequencer.core.calls import NEXT_ATTEMPT
from sequencer.core.event import Event
from sequencer.core.handoff import Handoff, State
from sequencer.core.handoff_policy import Decline, HandoffPolicy
from sequencer.core.lead import Lead
from sequencer.core.needs import lacks
from sequencer.core.operate import Impossible
from sequencer.core.release import Release
from sequencer.core.rep_answer import Said, is_day, today_of, understood
from sequencer.core.spoken import language_of
from sequencer.errors import NotFound
from sequencer.services.context import Awake, Context
from sequencer.services.handoff import Written, accepted, back, write
from sequencer.store import alerts, clock, handoffs, leads
from sequencer.store.alerts import NewAlert

Lack = Literal["no_such_day", "date_needed"]
"""Of an answer: as what is said of it is called in `Spoken`."""


class Asked(NamedTuple):
    """A handoff, and the rep whose token names it."""

    handoff: Handoff
    rep: str


def by_token(conn: Connection, secret: bytes, given: str) -> Asked | None:
    """Which handoff a token names, and as whom its bearer speaks; None when it names none."""
    ref = token.read(secret, "handoff", given)
    if ref is None:
        return None
    for one in handoffs.of_leads(conn, [ref.enrollment_id]).get(ref.enrollment_id, []):
        for rep in one.asked:
            if ref.names(token.handoff_step(one.number, rep)):
                return Asked(one, rep)
    return None


def answer(context: Context, conn: Connection, key: tuple[int, int], rep: str, said: Said) -> Awake:
    """The rep accepts or declines. Raises NotFound, and Impossible when it is not theirs to answer any more."""
    locked = leads.lock(conn, [key[0]])
    now, release = clock.now(conn), context.releases.current(conn)
    one = handoffs.by_keys(conn, [key]).get(key)
    if one is None or not locked:
        raise NotFound("There is no such handoff.")
    return _answered(conn, release, locked, one, rep, said, now)


def hear(conn: Connection, release: Release, new: Iterable[Event], now: datetime) -> Awake:
    """Reps who answered the mail that told them; the caller holds the leads' locks. What is not clear is asked back."""
    awake: Awake = set()
    for e in new:
        if e.kind != kinds.REP_WROTE or e.machine:
            continue
        one = handoffs.by_keys(conn, [(e.lead_id, int(e.data["number"]))]).get((e.lead_id, int(e.data["number"])))
        rep = str(e.data["rep"])
        if one is None or rep not in release.workspace.reps:
            continue  # Whoever left is told nothing of leads any more.
        language = language_of(release.workspace, release.workspace.reps[rep])
        declines = rules.policy_of(release.workspace).declines
        said = understood(str(e.data["text"]), declines, today_of(release.workspace, rep, now), language)
        open_ = one.state is State.WAITING and one.rep == rep
        if said is not None and open_ and demands_date(conn, release, e.lead_id, said):
            _asked_back(conn, one, e, "undated", now)
            continue
        if said is not None:
            try:
                locked = {lead.id: lead for lead in leads.by_ids(conn, [e.lead_id])}
                awake |= _answered(conn, release, locked, one, rep, said, now)
                continue
            except Impossible:
                pass  # What the mail that is sent now says: how it stands.
        _asked_back(conn, one, e, "unclear", now)
    return awake


def _asked_back(conn: Connection, one: Handoff, e: Event, kind: str, now: datetime) -> None:
    """The rep is told that their answer changed nothing, and why."""
    rep = str(e.data["rep"])
    alert = NewAlert(
        enrollment_id=0,
        step=f"handoff:{one.lead_id}.{one.number}:{e.key[:16]}",
        kind=kind,
        lead_id=one.lead_id,
        rep=rep,
        note=str(e.data["text"])[:500],
        reasons=(),
        handoff=one.number,
    )
    alerts.insert(conn, [alert], now)


def demands_date(conn: Connection, release: Release, lead_id: int, said: Said) -> bool:
    """Whether a lead who goes back so would get a status that needs a next attempt, and nobody said when."""
    if said.accepts or said.until is not None:
        return False
    policy = rules.policy_of(release.workspace)
    status = _returns_with(policy, policy.declines.get(said.reason))
    if status is None:
        return False
    found = leads.by_ids(conn, [lead_id])
    return any(NEXT_ATTEMPT in lacks(release.workspace, lead._replace(status=status)) for lead in found)


def lacking(conn: Connection, release: Release, one: Handoff, rep: str, said: Said, now: datetime) -> Lack | None:
    """What a rep's answer that names no day, or one that cannot be, has yet to say; None: it says all that it must."""
    if not is_day(said.until, today_of(release.workspace, rep, now)):
        return "no_such_day"
    return "date_needed" if demands_date(conn, release, one.lead_id, said) else None


def _returns_with(policy: HandoffPolicy, declared: Decline | None) -> str | None:
    """The status that a lead gets who was declined for this reason."""
    return (declared.status if declared is not None else None) or policy.return_status


def _answered(
    conn: Connection,
    release: Release,
    locked: Mapping[int, Lead],
    one: Handoff,
    rep: str,
    said: Said,
    now: datetime,
) -> Awake:
    if one.state is not State.WAITING:
        raise Impossible(f"This handoff is {one.state} already.")
    if one.rep != rep:
        other = release.workspace.reps.get(one.rep or "")
        raise Impossible(f"This lead went to {other.name if other is not None else one.rep} meanwhile.")
    if rep not in release.workspace.reps:
        raise Impossible("Who was asked is no rep any more.")
    written, lead = Written(), locked[one.lead_id]
    if said.accepts:
        after = rules.closed(one, State.ACCEPTED, now)
        accepted(release, written, lead, after, now)
    else:
        policy = rules.policy_of(release.workspace)
        declared = policy.declines.get(said.reason)
        after = rules.closed(one, State.DECLINED, now, said.reason or said.words, said.until)
        status = _returns_with(policy, declared)
        values: dict[str, Any] = {"status": status} if status else {}
        field_ = release.workspace.fields.get(NEXT_ATTEMPT)
        if said.until is not None and field_ is not None and field_.type == "date":
            values[NEXT_ATTEMPT] = said.until.isoformat()
        reason = declared.label if declared is not None else said.words or "no reason was given"
        back(written, lead, after, kinds.HANDOFF_DECLINED, values, reason, now)
    written.handoffs.append(after)
    return write(conn, release, locked, written, now)

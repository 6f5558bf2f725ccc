"""Looks at how leads stand: what they taught by what they did, whether they move to a further stage, and sales is to
talk to them.

What leads do is counted with the events (`tally`). What follows is decided after that, in a transaction of its own that
locks companies before leads: how many people of a company are engaged crosses leads.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from sequencer.core import event as kinds
from sequencer.core import readiness as rules
from sequencer.core.condition import Asks, merged
from sequencer.core.event import Event
from sequencer.core.intent import counted
from sequencer.core.lead import Lead
from sequencer.core.learn import SOURCE, Taught, learnt, teaches
from sequencer.core.readiness import Readiness, Verdict
from sequencer.core.release import Release
from sequencer.core.score import Counts, thresholds
from sequencer.core.signals import Signals
from sequencer.core.snapshot import Snapshot
from sequencer.services import snapshots
from sequencer.services.context import Context
from sequencer.services.react import follow, interests
from sequencer.store import clock, events, handoffs, leads, readiness, watches
from sequencer.store.handoffs import NewHandoff
from sequencer.store.readiness import Place
from sequencer.store.watches import Rule

PAGE = 500
"""Leads that are counted anew in one transaction, with all that they ever did that counts."""


def look(context: Context, number: int) -> bool:
    """One batch of leads whose standing may have changed. True: there may be more."""
    with context.engine.begin() as conn:
        now = clock.now(conn)
        release = context.releases.current(conn)
        signals = _signals(conn, release, number)
        due = watches.due_of_rule(conn, number, now, context.batch) if signals is not None else []
        if signals is None or not due:
            return False
        free = readiness.lock_companies(conn, (company for _, company in due if company is not None))
        ids = [lead_id for lead_id, company in due if company is None or company in free]
        claimed = watches.claim_of(conn, number, now, ids)
        awake = _judge(conn, release, signals, number, claimed, now) if claimed else set()
    for sequence, position in awake:
        context.hint("drain", sequence, position)
    return len(due) == context.batch and bool(claimed)


def recount(context: Context, number: int) -> bool:
    """Counts some leads anew, and says when to look at them; or takes away the rows of a rule that is gone.

    True: there may be more at once.
    """
    with context.engine.begin() as conn:
        owned, more = watches.turn(conn, number, PAGE)
        if owned is None:
            return more
        now = clock.now(conn)
        release = context.releases.current(conn)
        signals = _signals(conn, release, number)
        if signals is None:
            return False
        page = [lead for lead in leads.page(conn, owned.planted_to, PAGE) if lead.id <= owned.seen]
        ids = [lead.id for lead in page]
        people = list(leads.lock(conn, ids).values())
        _count_anew(conn, release, signals, people)
        dues, spread_to = _dues(conn, release, signals, people, owned, now)
        watches.put(conn, number, dues)
        watches.planted(conn, owned, ids[-1] if len(ids) == PAGE else owned.seen, spread_to)
        return len(ids) == PAGE


def _signals(conn: Connection, release: Release, number: int) -> Signals | None:
    """What the rule stands for in this release; None when it does not any more."""
    rule = watches.rule(conn, number)
    signals = release.workspace.signals
    return signals if rule is not None and not rule.gone and signals and rule.trigger == signals.digest else None


def _count_anew(conn: Connection, release: Release, signals: Signals, people: Sequence[Lead]) -> None:
    ids = [lead.id for lead in people]
    happened = events.of_leads(conn, ids, signals.by_kind, None) if signals.by_kind and ids else {}
    found: dict[Place, int] = {}
    for lead_id, known in happened.items():
        for (name, day), times in counted(release.workspace, known).items():
            found[lead_id, name, day] = times
    readiness.recount(conn, ids, found)


def _dues(
    conn: Connection,
    release: Release,
    signals: Signals,
    people: Sequence[Lead],
    owned: Rule,
    now: datetime,
) -> tuple[dict[int, datetime | None], datetime | None]:
    """When to look at leads first. Those whom the deployment makes ready are spread, as after a downtime."""
    an_hour = release.workspace.pressure.catch_up
    step = timedelta(hours=1) / an_hour if an_hour else timedelta()
    spread_to = owned.spread_to
    dues: dict[int, datetime | None] = {}
    for one in _looked_at(conn, release, signals, people, now):
        lead, verdict = one.snapshot.lead, one.verdict
        known_before = lead.created_at is not None and lead.created_at < owned.since
        if verdict.reasons and known_before:
            dues[lead.id] = spread_to = max(spread_to or now, now) + step
        else:
            engaged = any(times > 0 for times in one.snapshot.standing.counts.values())
            at_once = verdict.stage or verdict.reasons or verdict.over or one.taught or engaged
            dues[lead.id] = now if at_once else one.following
    return dues, spread_to


class Looked(NamedTuple):
    """What came of looking at a lead."""

    before: Lead
    snapshot: Snapshot
    """With the lead as it is once what it taught is written."""
    taught: Taught | None
    verdict: Verdict
    following: datetime | None
    """When time alone may change the verdict."""


def _looked_at(
    conn: Connection, release: Release, signals: Signals, people: Sequence[Lead], now: datetime
) -> list[Looked]:
    """What each taught, and how they stand then."""
    asks = asks_of(signals)
    known = snapshots.load(conn, release.workspace, asks, [(None, lead) for lead in people], now, mails=False)
    last = readiness.last(conn, [lead.id for lead in people])
    marks = thresholds(signals.conditions())
    sources = leads.sources(conn, [lead.id for lead in people])
    found = []
    for snapshot in known:
        before = snapshot.lead
        taught = teaches(release.workspace, before, sources.get(before.id, {}), snapshot.standing.counts)
        if taught is not None:
            snapshot = snapshot._replace(lead=taught.applied(before))
        verdict = rules.judged(release.workspace, snapshot, last.get(before.id), now)
        following = rules.next_look(release.workspace, snapshot, marks, verdict, now)
        found.append(Looked(before, snapshot, taught, verdict, following))
    return found


def asks_of(signals: Signals) -> Asks:
    """What has to be known of a lead to say how they stand: always the score, for the day on which it changes."""
    wanted = [condition.asks for condition in signals.conditions()] + [one.condition.asks for one in signals.fit]
    return merged([*wanted, Asks(standing=frozenset({"score"}))])


def _judge(
    conn: Connection, release: Release, signals: Signals, number: int, claimed: Sequence[Lead], now: datetime
) -> set[tuple[str, str]]:
    """Writes what follows for leads that are locked, their companies before them."""
    _engage(conn, signals, number, claimed, now)
    last = readiness.last(conn, [lead.id for lead in claimed])
    looked = _looked_at(conn, release, signals, claimed, now)
    watches.date(conn, number, {one.before.id: one.following for one in looked})
    began: dict[int, Readiness] = {}
    told: list[Event] = []
    stages: dict[int, str] = {}
    for one in looked:
        lead, verdict = one.snapshot.lead, one.verdict
        told += learnt(one.before, one.taught, now) if one.taught is not None else ()
        if verdict.stage is not None:
            stages[lead.id] = verdict.stage
        if verdict.reasons:
            before = last.get(lead.id)
            again = Readiness(before.number + 1 if before else 1, now, None, verdict.reasons)
            began[lead.id] = again
            told.append(_event(kinds.SALES_READY, lead, now, number=again.number, reasons=list(again.reasons)))
    readiness.end(conn, [one.before.id for one in looked if one.verdict.over], now)
    readiness.begin(conn, began)
    stages |= _hand_off(conn, release, signals, claimed, stages, began, now)
    moved = [(lead, stages[lead.id]) for lead in claimed if lead.id in stages]
    told = [
        *(_event(kinds.CHANGED, lead, now, field="stage", before=lead.stage, after=to) for lead, to in moved),
        *told,
    ]
    leads.teach(conn, {one.before.id: one.taught for one in looked if one.taught is not None}, now)
    leads.write(conn, ((lead_id, {"stage": stage}) for lead_id, stage in stages.items()), SOURCE, now)
    if not told:
        return set()
    taught = [one.snapshot.lead for one in looked]
    locked = {lead.id: lead._replace(stage=stages.get(lead.id, lead.stage)) for lead in taught}
    return follow(conn, release, interests(release), locked, told, now).awake


def _hand_off(
    conn: Connection,
    release: Release,
    signals: Signals,
    claimed: Sequence[Lead],
    stages: Mapping[int, str],
    began: Mapping[int, Readiness],
    now: datetime,
) -> dict[int, str]:
    """Hands those off who become ready, where signals.yaml says so. Returns to which stage they move."""
    policy = signals.handoff
    if policy is None or not began:
        return {}
    new = [NewHandoff(lead_id, one.number, one.reasons) for lead_id, one in sorted(began.items())]
    handed = handoffs.begin(conn, new, now)
    rank = release.workspace.stage_rank
    stood = {lead.id: stages.get(lead.id, lead.stage) for lead in claimed if lead.id in handed}
    stage = policy.stage
    return {lead_id: stage for lead_id, at in stood.items() if stage is not None and rank(stage) > rank(at)}


def _event(kind: str, lead: Lead, now: datetime, **data: object) -> Event:
    return Event(kind, now, lead.id, f"{SOURCE}.{kind}.{now.isoformat()}", SOURCE, data=data)


def _engage(conn: Connection, signals: Signals, number: int, claimed: Sequence[Lead], now: datetime) -> None:
    """Notes for their companies who of these was engaged, and has colleagues looked at to whom that is new."""
    if not any("engaged_people" in condition.asks.standing for condition in signals.conditions()):
        return
    colleagues = {lead.id: lead.company_id for lead in claimed if lead.company_id is not None}
    if not colleagues:
        return
    counts = readiness.counts(conn, list(colleagues))
    noted = readiness.engaged_on(conn, list(colleagues))
    days = {lead_id: _last_day(signals, counts.get(lead_id, {})) for lead_id in colleagues}
    changed = {lead_id: day for lead_id, day in days.items() if day != noted.get(lead_id)}
    readiness.engage(conn, changed)
    newly = {lead_id for lead_id, day in changed.items() if day is not None and day > noted.get(lead_id, date.min)}
    watches.touch_companies(conn, number, {colleagues[lead_id] for lead_id in newly}, now)


def _last_day(signals: Signals, counts: Counts) -> date | None:
    """When the lead last did something that counts for them."""
    good = {signal.name for signal in signals.points if signal.points > 0}
    return max((day for (name, day), times in counts.items() if times > 0 and name in good), default=None)

"""Looks at how leads stand: what they taught by what they did, whether they move to a further stage, and sales is to
talk to them.

What leads do is counted with the events (`tally`). What follows is decided after that, in a transaction of its own that
locks companies before leads: how many people of a company are engaged crosses leads.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from sequencer.core import readiness as rules
from sequencer.core.event import Event
from sequencer.core.handoff import Handoff
from sequencer.core.intent import behaviours_of, counted, is_deed
from sequencer.core.lead import Lead
from sequencer.core.learn import SOURCE, Taught, learned, teaches
from sequencer.core.readiness import Readiness, Verdict
from sequencer.core.release import Release
from sequencer.core.score import Counts, changes_on, once, thresholds
from sequencer.core.signals import Signals
from sequencer.core.snapshot import Snapshot, Standing
from sequencer.services import snapshots
from sequencer.services.asking import LATELY
from sequencer.services.context import Awake, Context
from sequencer.services.handoff import alert_of
from sequencer.services.heartbeat import DOWNTIME
from sequencer.services.react import follow, interests
from sequencer.store import alerts, clock, companies, events, handoffs, leads, readiness, unmet, watches
from sequencer.store.alerts import NewAlert
from sequencer.store.handoffs import NewHandoff
from sequencer.store.readiness import Place
from sequencer.store.unmet import Unmet
from sequencer.store.watches import Rule

PAGE = 500
"""Leads that are counted anew in one transaction, with all that they ever did that counts."""

SOON = timedelta(seconds=1)
"""After which who got no turn is looked at again at the earliest: somebody else was giving some."""


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
        claimed, paced = watches.claim_of(conn, number, now, ids)
        awake, settled = _judge(conn, release, signals, number, claimed, paced, now) if claimed else (set(), False)
    context.wake(awake)
    return len(due) == context.batch and settled


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
        counts = counted_anew(conn, release, signals, ids)
        readiness.recount(conn, ids, _places(counts))
        known = [lead for lead in people if lead.id <= owned.known_to]
        before = [lead.id for lead in people if lead.id <= owned.known_to or _known_before(lead, owned)]
        active = _active(conn, release, signals, before, owned.since)
        _engage_known(conn, signals, number, known, counts, active, now)
        dues, turns, spread_to = _dues(conn, release, signals, people, counts, active, owned, now)
        watches.put(conn, number, dues)
        watches.pace(conn, number, turns)
        watches.planted(conn, owned, ids[-1] if len(ids) == PAGE else owned.seen, spread_to)
        return len(ids) == PAGE


def _signals(conn: Connection, release: Release, number: int) -> Signals | None:
    """What the rule stands for in this release; None when it does not any more."""
    rule = watches.rule(conn, number)
    signals = release.workspace.signals
    return signals if rule is not None and not rule.gone and signals and rule.trigger == signals.digest else None


def _known_before(lead: Lead, rule: Rule) -> bool:
    """Whether the lead was there when this was deployed."""
    return lead.created_at is not None and lead.created_at < rule.since


def _places(counts: Mapping[int, Counts]) -> dict[Place, int]:
    return {(lead_id, *place): times for lead_id, of in counts.items() for place, times in of.items()}


def counted_anew(conn: Connection, release: Release, signals: Signals, lead_ids: Sequence[int]) -> Mapping[int, Counts]:
    """By lead, from all that they ever did; who did nothing that counts may be left out."""
    happened = events.of_leads(conn, lead_ids, signals.by_kind, None) if signals.by_kind and lead_ids else {}
    return {lead_id: counted(release.workspace, known) for lead_id, known in happened.items()}


def _active(
    conn: Connection, release: Release, signals: Signals, lead_ids: Sequence[int], since: datetime
) -> frozenset[int]:
    """Who of these did something since the deployment by which they may become ready themselves."""
    kinds = signals.deeds | signals.by_kind.keys()
    happened = events.of_leads(conn, lead_ids, kinds, since) if kinds and lead_ids else {}
    workspace = release.workspace
    return frozenset(
        lead_id
        for lead_id, known in happened.items()
        if any(is_deed(signals, e, behaviours_of(workspace, e)) for e in known)
    )


def _engage_known(
    conn: Connection,
    signals: Signals,
    number: int,
    people: Sequence[Lead],
    counts: Mapping[int, Counts],
    active: Collection[int],
    now: datetime,
) -> None:
    """Notes for their companies who is engaged. These are counted before anybody is looked at: companies need no lock.

    What these did before the deployment is foreseen for colleagues who were counted sooner. What they did since is not.
    """
    if not signals.asks.windows:
        return
    days = {lead.id: last_day(signals, counts.get(lead.id, {})) for lead in people if lead.company_id is not None}
    readiness.engage(conn, days)
    _look_at_colleagues(conn, number, (lead for lead in people if lead.id in active), now)


def _look_at_colleagues(conn: Connection, number: int, of: Iterable[Lead], now: datetime) -> None:
    """Has those looked at who may stand otherwise by what these of their companies did."""
    around = companies.families(conn, {lead.company_id for lead in of if lead.company_id is not None}).values()
    watches.touch_companies(conn, number, {member for members in around for member in members}, now)


def _dues(
    conn: Connection,
    release: Release,
    signals: Signals,
    people: Sequence[Lead],
    counts: Mapping[int, Counts],
    active: Collection[int],
    owned: Rule,
    now: datetime,
) -> tuple[dict[int, datetime | None], dict[int, datetime | None], datetime | None]:
    """When to look at leads first, and the turns of those who are ready by the deployment alone.

    They are spread, as after a downtime; also those whom their colleagues make ready, who may not be counted yet. Who
    would be ready if nothing were missing has a turn to get, once nothing is.
    """
    engaged_in = _engaged_anew(conn, release, signals, people, counts, owned.planted_to)
    foreseen = Foreseen(conn, signals, people, counts, engaged_in, now)
    step = release.workspace.pressure.apart
    spread_to = owned.spread_to
    dues: dict[int, datetime | None] = {}
    turns: dict[int, datetime | None] = {}
    looked = looked_at(conn, release, signals, people, now, foreseen)
    _note_unmet(conn, looked, now)
    for one in looked:
        lead, verdict = one.snapshot.lead, one.verdict
        paced = _known_before(lead, owned) and lead.id not in active
        if verdict.reasons and paced:
            dues[lead.id] = turns[lead.id] = spread_to = max(spread_to or now, now) + step
            continue
        if verdict.waits and paced:
            turns[lead.id] = None
        # Whether who came since is engaged is noted at the look, with the company's lock.
        newly = (
            lead.id > owned.known_to and bool(signals.asks.windows) and last_day(signals, one.snapshot.standing.counts)
        )
        at_once = verdict.stage or verdict.reasons or verdict.over or verdict.fell_back or one.taught or newly
        dues[lead.id] = now if at_once else one.following
    return dues, turns, spread_to


def _engaged_anew(
    conn: Connection,
    release: Release,
    signals: Signals,
    people: Sequence[Lead],
    counts: Mapping[int, Counts],
    planted_to: int,
) -> dict[int, list[date]]:
    """By company of these people, when each of all its people last did something that counts for them."""
    found: dict[int, list[date]] = {}
    if not signals.asks.windows:
        return found

    def note(company_id: int, of: Counts) -> None:
        if (day := last_day(signals, of)) is not None:
            found.setdefault(company_id, []).append(day)

    mine = {lead.id: lead.company_id for lead in people if lead.company_id is not None}
    for lead_id, company_id in mine.items():
        note(company_id, counts.get(lead_id, {}))
    around = companies.families(conn, set(mine.values()))
    members = {member for family in around.values() for member in family}
    others = leads.of_companies(conn, members, {lead.id for lead in people})
    for start in range(0, len(others), PAGE):
        part = dict(others[start : start + PAGE])
        known = readiness.counts(conn, [lead_id for lead_id in part if lead_id <= planted_to])
        anew = counted_anew(conn, release, signals, [lead_id for lead_id in part if lead_id > planted_to])
        for lead_id, of in (*known.items(), *anew.items()):
            note(part[lead_id], of)
    return together(found, around)


def together(days: Mapping[int, list[date]], around: Mapping[int, Iterable[int]]) -> dict[int, list[date]]:
    """The same with what is of the others that count with each company. `around`: which these are, by company."""
    return {one: [day for member in family for day in days.get(member, ())] for one, family in around.items()}


class Foreseen:
    """How leads will stand, once all are counted anew."""

    def __init__(
        self,
        conn: Connection,
        signals: Signals,
        people: Sequence[Lead],
        counts: Mapping[int, Counts],
        engaged: Mapping[int, list[date]],
        now: datetime,
    ) -> None:
        """`engaged`: by company, when each of its people last did something that counts for them."""
        today = now.astimezone(UTC).date()
        self._counts = counts
        self._engaged = engaged
        self._since = {window: today - window.elapsed for window in signals.asks.windows}
        self._last = readiness.last(conn, [lead.id for lead in people])

    def __call__(self, lead: Lead) -> Standing:
        days = self._engaged.get(lead.company_id or 0, ())
        engaged = {window: sum(day >= first for day in days) for window, first in self._since.items()}
        last = self._last.get(lead.id)
        return Standing(self._counts.get(lead.id, {}), last is not None and last.over_at is None, engaged)


class Looked(NamedTuple):
    """What came of looking at a lead."""

    before: Lead
    snapshot: Snapshot
    """With the lead as it is once what it taught is written."""
    taught: Taught | None
    last: Readiness | None
    """As it was before."""
    verdict: Verdict
    following: datetime | None
    """When time alone may change the verdict."""

    def moved(self, stage: str | None) -> Lead:
        """The lead as it is once all is written, and it moved to that stage if to any."""
        lead = self.snapshot.lead
        return lead._replace(stage=stage) if stage is not None else lead


def looked_at(
    conn: Connection,
    release: Release,
    signals: Signals,
    people: Sequence[Lead],
    now: datetime,
    foreseen: Callable[[Lead], Standing] | None = None,
) -> list[Looked]:
    """What each taught, and how they stand then. `foreseen`: what takes the place of the counts that are stored."""
    known = snapshots.load(conn, release.workspace, signals.asks, [(None, lead) for lead in people], now, mails=False)
    last = readiness.last(conn, [lead.id for lead in people])
    marks, today = thresholds(signals.conditions()), now.astimezone(UTC).date()
    changes = once(lambda counts: changes_on(signals, counts, marks, today))
    infer = once(lambda counts: learned(release.workspace, counts))
    sources = leads.sources(conn, [lead.id for lead in people])
    found = []
    for snapshot in known:
        before = snapshot.lead
        if foreseen is not None:
            snapshot = snapshot._replace(standing=foreseen(before))
        taught = teaches(before, sources.get(before.id, {}), infer(snapshot.standing.counts))
        if taught is not None:
            snapshot = snapshot._replace(lead=taught.applied(before))
        latest = last.get(before.id)
        verdict = rules.judged(release.workspace, snapshot, latest, now)
        following = rules.next_look(release.workspace, snapshot, changes, latest, verdict, now)
        found.append(Looked(before, snapshot, taught, latest, verdict, following))
    return found


def _judge(
    conn: Connection,
    release: Release,
    signals: Signals,
    number: int,
    claimed: Sequence[Lead],
    paced: Mapping[int, datetime | None],
    now: datetime,
) -> tuple[Awake, bool]:
    """Writes what follows for leads that are locked, their companies before them. `paced`: as `claim_of` gives them.

    Returns which positions to look at, and whether anything was settled of anybody.
    """
    _engage(conn, signals, number, claimed, now)
    looked, settled = _in_turn(conn, release, number, looked_at(conn, release, signals, claimed, now), paced, now)
    if signals.sales_ready is not None and signals.sales_ready.asks_besides:
        _note_unmet(conn, looked, now)
    numbers = {one.before.id: one.last.number + 1 if one.last is not None else 1 for one in looked}
    began = {
        one.before.id: Readiness(numbers[one.before.id], now, None, one.verdict.reasons)
        for one in looked
        if one.verdict.reasons
    }
    readiness.end(conn, [one.before.id for one in looked if one.verdict.over], now)
    readiness.fall_back(conn, [one.before.id for one in looked if one.verdict.fell_back])
    readiness.begin(conn, began)
    stages = {one.before.id: one.verdict.stage for one in looked if one.verdict.stage is not None}
    stages |= _hand_off(conn, release, signals, claimed, stages, began, now)
    leads.teach(conn, {one.before.id: one.taught for one in looked if one.taught is not None}, now)
    leads.write(conn, ((lead_id, {"stage": stage}) for lead_id, stage in stages.items()), SOURCE, now)
    told = [e for one in looked for e in said_of(one, stages.get(one.before.id), numbers[one.before.id], now)]
    locked = {one.before.id: one.moved(stages.get(one.before.id)) for one in looked}
    awake = follow(conn, release, interests(release), locked, told, now).awake if told else set()
    # What was learned is in the verdict already; only whoever moved to a stage may stand otherwise by that.
    dues = {one.before.id: now if one.before.id in stages else one.following for one in looked}
    watches.date(conn, number, dues)
    return awake, settled


def _note_unmet(conn: Connection, looked: Sequence[Looked], now: datetime) -> None:
    """Remembers who of these would be ready if nothing were missing."""
    verdicts = {one.before.id: one.verdict for one in looked}
    found = {lead_id: Unmet(of.waits, of.lacks) for lead_id, of in verdicts.items() if of.lacks}
    unmet.write(conn, verdicts, found, now)


def _in_turn(
    conn: Connection,
    release: Release,
    number: int,
    looked: Sequence[Looked],
    paced: Mapping[int, datetime | None],
    now: datetime,
) -> tuple[list[Looked], bool]:
    """The same, but who is ready by a deployment alone becomes so in their turn only, whatever had them looked at.

    Who has none gets the next one; so does who was passed over for long, as by a pause or a downtime. False: nobody
    got any, nor was there anybody else.
    """
    if not paced:
        return list(looked), True
    step = release.workspace.pressure.apart
    wanting = [one.before.id for one in looked if one.verdict.reasons and one.before.id in paced]
    turns = {one: at for one in wanting if (at := paced[one]) is not None and at > now - DOWNTIME}
    without = [one for one in wanting if one not in turns]
    turns |= zip(without, watches.turns(conn, number, len(without), step, now), strict=False)
    begin = {one for one in wanting if one in turns and turns[one] <= now}
    watches.unpace(conn, number, begin)
    # Who is not ready at a look has no turn any more, also if it is to come: colleagues may have them looked at sooner.
    others = {one: turns.get(one) for one in paced if one not in begin}
    watches.pace(conn, number, {one: turn for one, turn in others.items() if turn != paced[one]})
    busy = {one for one in wanting if one not in turns}
    in_turn = [
        one._replace(
            verdict=one.verdict._replace(reasons=()), following=turns.get(one.before.id, now + max(step, SOON))
        )
        if one.before.id in wanting and one.before.id not in begin
        else one
        for one in looked
    ]
    return in_turn, len(busy) < len(looked)


def said_of(one: Looked, stage: str | None, number: int, now: datetime) -> list[Event]:
    """What follows from a look, as events. `stage`: to which the lead moves; `number`: of the readiness that begins."""
    return rules.told(one.before, one.taught, one.verdict, stage, number, now)


def _hand_off(
    conn: Connection,
    release: Release,
    signals: Signals,
    claimed: Sequence[Lead],
    stages: Mapping[int, str],
    began: Mapping[int, Readiness],
    now: datetime,
) -> dict[int, str]:
    """Hands those off who become ready, where signals.yaml says so. Returns to which stage they move.

    Where a rep has yet to answer, nobody is handed off a second time: the rep is told again, with what is new.
    """
    policy = signals.handoff
    if policy is None or not began:
        return {}
    new = [NewHandoff(lead_id, one.number, one.reasons) for lead_id, one in sorted(began.items())]
    handed = handoffs.begin(conn, new, now)
    waiting = handoffs.again(conn, [one for one in new if one.lead_id not in handed], now)
    alerts.insert(conn, [_told_again(release, one, began[one.lead_id]) for one in waiting if one.rep is not None], now)
    alerts.hand_over(conn, handed | {one.lead_id for one in waiting}, now - LATELY)
    stood = {lead.id: stages.get(lead.id, lead.stage) for lead in claimed if lead.id in handed}
    further = {lead_id: rules.handed_to(release.workspace, at) for lead_id, at in stood.items()}
    return {lead_id: stage for lead_id, stage in further.items() if stage is not None}


def _told_again(release: Release, one: Handoff, ready: Readiness) -> NewAlert:
    return alert_of(release, one, f"handoff:{one.lead_id}.{one.number}:again.{ready.number}", "handoff")


def _engage(conn: Connection, signals: Signals, number: int, claimed: Sequence[Lead], now: datetime) -> None:
    """Notes for their companies who of these was engaged, and has colleagues looked at to whom that is new."""
    if not signals.asks.windows:
        return
    colleagues = {lead.id: lead for lead in claimed if lead.company_id is not None}
    if not colleagues:
        return
    counts = readiness.counts(conn, list(colleagues))
    noted = readiness.engaged_on(conn, list(colleagues))
    days = {lead_id: last_day(signals, counts.get(lead_id, {})) for lead_id in colleagues}
    changed = {lead_id: day for lead_id, day in days.items() if day != noted.get(lead_id)}
    readiness.engage(conn, changed)
    newly = {lead_id for lead_id, day in changed.items() if day is not None and day > noted.get(lead_id, date.min)}
    _look_at_colleagues(conn, number, (colleagues[lead_id] for lead_id in newly), now)


def last_day(signals: Signals, counts: Counts) -> date | None:
    """When the lead last did something that counts for them."""
    return max((day for (name, day), times in counts.items() if times > 0 and name in signals.worthy), default=None)

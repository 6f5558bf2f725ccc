"""Foresees who becomes sales-ready by a changed signals.yaml: by the code by which the workers count and judge."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Final

from sqlalchemy import Connection

from sequencer.core.entry import entrances, refuses
from sequencer.core.event import Event
from sequencer.core.facts import LeadFacts
from sequencer.core.handoff import State
from sequencer.core.lead import Lead
from sequencer.core.people import owner_of
from sequencer.core.plan import Example, Named, Readying
from sequencer.core.readiness import handed_to, judged
from sequencer.core.release import Release
from sequencer.core.score import score
from sequencer.core.signals import Signals
from sequencer.services import weigh
from sequencer.services.enroll import known_of
from sequencer.services.weigh import Looked
from sequencer.store import companies, handoffs, leads, readiness

PAGE: Final = 1_000
"""Leads counted together, with all that they ever did that counts."""
EXAMPLES: Final = 5


def readying(conn: Connection, current: Release, to: Release, now: datetime, named: int = 0) -> Readying | None:
    """None: nobody is counted anew. So many of those who become ready are `named`."""
    signals, before = to.workspace.signals, current.workspace.signals
    if signals is None or (before is not None and before.digest == signals.digest):
        return None
    engaged = _engaged(conn, to, signals)
    found = _Sum()
    people = over = resting = 0
    learned = Counter[str]()
    examples: list[Example] = []
    names: list[Named] = []
    waiting: list[int] = []
    givers: dict[int, str] = {}
    for page in _pages(conn):
        looked = _looked_at(conn, to, signals, page, engaged, now)
        people += len(page)
        begin = [one for one in looked if one.verdict.reasons]
        again = _waiting_for_answer(conn, signals, begin)
        waiting += [one.before.id for one in looked if one.verdict.waits and one.verdict.rests_until is None]
        resting += sum(one.verdict.rests_until is not None for one in looked)
        over += sum(one.verdict.over for one in looked)
        learned.update(name for one in looked if one.taught for name in (*one.taught.fields, *one.taught.gone))
        for company_id, owner in _given(to, begin, again):
            givers.setdefault(company_id, owner)
        found.add(conn, to, looked, again, now)
        shown = _examples(conn, before, to, begin, now)
        examples = _most_telling(examples + shown)
        names += _named(begin, shown)[: named - len(names)]
    # As at the handoff: who had somebody of the company before keeps it.
    givers |= handoffs.first_owners(conn, givers, to.workspace.reps)
    ready = found.ready
    for looked in _followers(conn, to, signals, waiting, givers, engaged, now):
        found.add(conn, to, looked, _waiting_for_answer(conn, signals, looked), now)
        if len(names) < named:
            names += _named(looked, _examples(conn, before, to, looked, now))[: named - len(names)]
    return Readying(
        counted=people,
        ready=ready,
        following=found.ready - ready,
        waiting=len(waiting) - (found.ready - ready),
        resting=resting,
        over=over,
        reasons=found.reasons,
        stages=found.stages,
        learned=learned,
        entering=found.entering,
        examples=tuple(examples),
        named=tuple(names),
        told_again=found.told_again,
    )


@dataclass(slots=True)
class _Sum:
    """What becomes of leads who become ready, or move to a stage."""

    ready: int = 0
    told_again: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    entering: Counter[str] = field(default_factory=Counter)

    def add(self, conn: Connection, to: Release, looked: Sequence[Looked], again: Set[int], now: datetime) -> None:
        """`again`: of these, whose handoff has no answer yet."""
        self.ready += sum(bool(one.verdict.reasons) for one in looked)
        self.told_again += len(again)
        self.reasons.update(reason for one in looked for reason in one.verdict.reasons)
        self.stages.update(stage for one in looked if (stage := _stage(to, one)) is not None)
        self.entering += _entering(conn, to, looked, now)


def _looked_at(
    conn: Connection,
    to: Release,
    signals: Signals,
    people: Sequence[Lead],
    engaged: Mapping[int, list[date]],
    now: datetime,
) -> list[Looked]:
    counts = weigh.counted_anew(conn, to, signals, [lead.id for lead in people])
    return weigh.looked_at(conn, to, signals, people, now, weigh.Foreseen(conn, signals, people, counts, engaged, now))


def _waiting_for_answer(conn: Connection, signals: Signals, begin: Sequence[Looked]) -> Set[int]:
    """Who of these is handed off already, without an answer."""
    if signals.handoff is None or not begin:
        return set()
    known = handoffs.of_leads(conn, [one.before.id for one in begin])
    return {lead_id for lead_id, of in known.items() if any(one.state is State.WAITING for one in of)}


def _given(to: Release, begin: Sequence[Looked], again: Set[int]) -> Iterator[tuple[int, str]]:
    """Companies that get an owner by the handoff of one of these, each with the owner."""
    workspace, signals = to.workspace, to.workspace.signals
    if signals is None or signals.handoff is None or workspace.owner.of != "company":
        return
    for one in begin:
        company, owner = one.snapshot.company, owner_of(workspace, one.snapshot._replace(company=None))
        if company is not None and company.owner is None and owner is not None and one.before.id not in again:
            yield company.id, owner.email


def _followers(
    conn: Connection,
    to: Release,
    signals: Signals,
    waiting: Sequence[int],
    givers: Mapping[int, str],
    engaged: Mapping[int, list[date]],
    now: datetime,
) -> Iterator[list[Looked]]:
    """Those of whom wait who become ready once their company has the owner whom a colleague's handoff gives it."""
    around = companies.families(conn, givers.keys())
    owners: dict[int, str] = {}
    for company_id, owner in givers.items():
        for member in around[company_id]:
            owners.setdefault(member, owner)
    for start in range(0, len(waiting) if owners else 0, PAGE):
        people = [lead for lead in leads.by_ids(conn, waiting[start : start + PAGE]) if lead.company_id in owners]
        looked = []
        for one in _looked_at(conn, to, signals, people, engaged, now) if people else ():
            company = one.snapshot.company
            if company is None or company.owner is not None:
                continue
            owned = one.snapshot._replace(company=replace(company, owner=owners[company.id]))
            verdict = judged(to.workspace, owned, one.last, now)
            if verdict.reasons:
                # What they taught, and where their score moves them, does not wait for an owner, and is counted.
                before, after = one.moved(verdict.stage), verdict._replace(stage=None)
                looked.append(one._replace(before=before, snapshot=owned, taught=None, verdict=after))
        yield looked


def _pages(conn: Connection) -> Iterator[list[Lead]]:
    last = 0
    while page := leads.page(conn, last, PAGE):
        last = page[-1].id
        yield page


def _engaged(conn: Connection, to: Release, signals: Signals) -> Mapping[int, list[date]]:
    """By company, when each of its people last did something that will count for them; empty when nobody asks."""
    found: dict[int, list[date]] = {}
    beside: set[int] = set()
    if not signals.asks.windows:
        return found
    for page in _pages(conn):
        counts = weigh.counted_anew(conn, to, signals, [lead.id for lead in page])
        for lead in page:
            day = weigh.last_day(signals, counts.get(lead.id, {}))
            if lead.company_id is not None and day is not None:
                found.setdefault(lead.company_id, []).append(day)
        beside |= {lead.company_id for lead in page if lead.company_id is not None}
    return weigh.together(found, companies.families(conn, beside))


def _entering(conn: Connection, to: Release, looked: Sequence[Looked], now: datetime) -> Counter[str]:
    """Whom the sequences let in because of what is told of these."""
    told: list[Event] = [e for one in looked for e in weigh.said_of(one, _stage(to, one), 1, now)]
    by_id = {one.before.id: one for one in looked}
    found: dict[str, set[int]] = {}
    for sequence, trigger, fitting in entrances(to.workspace, told):
        if not sequence.takes_in:
            continue
        wanted = [by_id[lead_id].moved(_stage(to, by_id[lead_id])) for lead_id in fitting]
        for snapshot, before in known_of(conn, to, sequence, wanted, trigger.condition, now):
            standing = by_id[snapshot.lead.id].snapshot.standing
            then = snapshot._replace(standing=standing._replace(ready=True))
            if refuses(to.workspace, sequence, then, before, trigger.condition, now) is None:
                found.setdefault(sequence.id, set()).add(snapshot.lead.id)
    return Counter({name: len(people) for name, people in found.items()})


def _stage(to: Release, one: Looked) -> str | None:
    """To which the lead moves forward, by the score or as it is handed off."""
    stage = one.verdict.stage
    handed = handed_to(to.workspace, stage or one.before.stage) if one.verdict.reasons else None
    return handed or stage


def _examples(
    conn: Connection, before: Signals | None, to: Release, begin: Sequence[Looked], now: datetime
) -> list[Example]:
    today = now.astimezone(UTC).date()
    stored = readiness.counts(conn, [one.before.id for one in begin]) if before is not None and begin else {}
    found = []
    for one in begin:
        facts = LeadFacts(to.workspace, one.snapshot, now)
        was = score(before, stored.get(one.before.id, {}), today) if before is not None else 0
        found.append(Example(was, facts.score(), facts.fit(), one.verdict.reasons))
    return found


def _named(looked: Sequence[Looked], shown: Sequence[Example]) -> list[Named]:
    """`shown`: of each of them, in their order."""
    return [Named(one.before.email, *example) for one, example in zip(looked, shown, strict=True)]


def _most_telling(examples: Sequence[Example]) -> list[Example]:
    """Each once: of a thousand who stand alike, one says it."""
    return sorted(set(examples), key=lambda one: (-abs(one.after - one.before), one))[:EXAMPLES]

"""Foresees who becomes sales-ready by a changed signals.yaml: by the code by which the workers count and judge."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final

from sqlalchemy import Connection

from sequencer.core.entry import entrances, refuses
from sequencer.core.event import Event
from sequencer.core.facts import LeadFacts
from sequencer.core.handoff import State
from sequencer.core.lead import Lead
from sequencer.core.plan import Example, Readying
from sequencer.core.readiness import handed_to
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


def readying(conn: Connection, current: Release, to: Release, now: datetime) -> Readying | None:
    """None: nobody is counted anew."""
    signals, before = to.workspace.signals, current.workspace.signals
    if signals is None or (before is not None and before.digest == signals.digest):
        return None
    engaged = _engaged(conn, to, signals)
    people = ready = waiting = over = again = 0
    reasons, stages, learned, entering = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    examples: list[Example] = []
    for page in _pages(conn):
        counts = weigh.counted_anew(conn, to, signals, [lead.id for lead in page])
        looked = weigh.looked_at(
            conn, to, signals, page, now, weigh.Foreseen(conn, signals, page, counts, engaged, now)
        )
        people += len(page)
        begin = [one for one in looked if one.verdict.reasons]
        ready += len(begin)
        waiting += sum(bool(one.verdict.waits) for one in looked)
        over += sum(one.verdict.over for one in looked)
        again += _told_again(conn, signals, begin)
        reasons.update(reason for one in begin for reason in one.verdict.reasons)
        stages.update(stage for one in looked if (stage := _stage(to, one)) is not None)
        learned.update(name for one in looked if one.taught for name in (*one.taught.fields, *one.taught.gone))
        entering += _entering(conn, to, looked, now)
        examples = _most_telling(examples + _examples(conn, before, to, begin, now))
    return Readying(people, ready, waiting, over, reasons, stages, learned, entering, tuple(examples), again)


def _told_again(conn: Connection, signals: Signals, begin: Sequence[Looked]) -> int:
    """How many of them are handed off already, and wait for an answer."""
    if signals.handoff is None or not begin:
        return 0
    known = handoffs.of_leads(conn, [one.before.id for one in begin])
    return sum(any(one.state is State.WAITING for one in of) for of in known.values())


def _pages(conn: Connection) -> Iterator[list[Lead]]:
    last = 0
    while page := leads.page(conn, last, PAGE):
        last = page[-1].id
        yield page


def _engaged(conn: Connection, to: Release, signals: Signals) -> Mapping[int, list[date]]:
    """By company, when each of its people last did something that will count for them; empty when nobody asks."""
    found: dict[int, list[date]] = {}
    beside: set[int] = set()
    if not weigh.asks_of(signals).windows:
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


def _most_telling(examples: Sequence[Example]) -> list[Example]:
    """Each once: of a thousand who stand alike, one says it."""
    return sorted(set(examples), key=lambda one: (-abs(one.after - one.before), one))[:EXAMPLES]

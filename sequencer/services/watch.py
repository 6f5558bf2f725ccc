"""Looks at leads whom time may let into a sequence: a silence, a date, one moment for all."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from sequencer.core import watch
from sequencer.core.enrollment import Enrollment
from sequencer.core.entry import asks_of
from sequencer.core.event import Event
from sequencer.core.lead import Lead
from sequencer.core.people import owner_of
from sequencer.core.release import Release
from sequencer.core.sequence import Sequence as Series
from sequencer.core.sequence import Trigger
from sequencer.core.snapshot import Snapshot
from sequencer.core.watch import Next
from sequencer.services.context import Context
from sequencer.services.enroll import enroll
from sequencer.store import clock, enrollments, events, leads, watches

PLANTED = 2_000
"""Leads that get a row in one transaction."""
DAY = timedelta(days=1)
"""Days on the wall may be that much longer than 24 hours each, together."""


def look(context: Context, number: int) -> bool:
    """One batch of leads that are due by a rule. True: there may be more."""
    with context.engine.begin() as conn:
        now = clock.now(conn)
        release = context.releases.current(conn)
        found = _rule(conn, release, number)
        claimed = watches.claim(conn, number, now, context.batch) if found is not None else []
        if found is None or not claimed:
            return False
        sequence, trigger = found
        following = not_yet(conn, release, sequence, trigger, claimed, now)
        ready = [lead for lead in claimed if lead.id not in following]
        entered = enroll(conn, release, sequence, ready, watch.name_of(trigger), now, trigger)
        before = of_sequence(conn, sequence, ready)
        for lead in ready:
            following[lead.id] = watch.after(release.workspace, sequence, trigger, lead, before.get(lead.id, ()), now)
        watches.remove(conn, number, [lead_id for lead_id, then in following.items() if then.never])
        watches.date(conn, number, {lead_id: then.at for lead_id, then in following.items() if not then.never})
    if entered.leads:
        context.hint("drain", sequence.id, sequence.start)
    return len(claimed) == context.batch


def not_yet(
    conn: Connection, release: Release, sequence: Series, trigger: Trigger, of: Sequence[Lead], now: datetime
) -> dict[int, Next]:
    """Those for whom the trigger is not true after all, and when to look at them again."""
    last: Mapping[int, datetime] = {}
    if trigger.kind == "silent" and trigger.span is not None:
        last = events.last_of(conn, [lead.id for lead in of], trigger.name, now - trigger.span.elapsed - DAY)
    before = of_sequence(conn, sequence, of)
    waiting: dict[int, Next] = {}
    for one in _with_companies(conn, of):
        lead, owner = one.lead, owner_of(release.workspace, one)
        came, inside = last.get(lead.id), before.get(lead.id, ())
        then = watch.waits(release.workspace, sequence, trigger, lead, owner, came, inside, now)
        if then is not None:
            waiting[lead.id] = then
    return waiting


def of_sequence(conn: Connection, sequence: Series, of: Sequence[Lead]) -> dict[int, list[Enrollment]]:
    """By lead, what there was and is in the sequence."""
    found: dict[int, list[Enrollment]] = {}
    for enrollment in enrollments.of_sequence(conn, [lead.id for lead in of], sequence.id):
        found.setdefault(enrollment.lead_id, []).append(enrollment)
    return found


def plant(context: Context, number: int) -> bool:
    """Gives some leads their row, or takes away those of a rule that is gone. True: there may be more at once."""
    with context.engine.begin() as conn:
        owned, more = watches.turn(conn, number, PLANTED)
        if owned is None:
            return more
        now = clock.now(conn)
        release = context.releases.current(conn)
        found = _rule(conn, release, number)
        if found is None:
            return False
        page = [lead for lead in leads.page(conn, owned.planted_to, PLANTED) if lead.id <= owned.seen]
        dues, spread_to = _dues(conn, release, *found, page, owned.since, owned.spread_to, now)
        watches.put(conn, number, dues)
        watches.planted(conn, owned, page[-1].id if len(page) == PLANTED else owned.seen, spread_to)
        return len(page) == PLANTED


def touch(conn: Connection, release: Release, telling: Iterable[Event], now: datetime) -> None:
    """Has leads looked at for whom something changed; the caller holds their locks."""
    watched = [
        ((sequence.id, watch.name_of(trigger)), trigger, asks_of(sequence, trigger.condition))
        for sequence, trigger in watch.watched(release.workspace)
    ]
    if not watched:
        return
    concerned = [(key, e.lead_id) for e in telling for key, trigger, asks in watched if watch.touches(trigger, asks, e)]
    if concerned:
        numbers = watches.rules(conn)
        watches.touch(conn, ((numbers[key], lead_id) for key, lead_id in concerned if key in numbers), now)


def _rule(conn: Connection, release: Release, number: int) -> tuple[Series, Trigger] | None:
    """What a rule stands for in this release; None when it does not any more."""
    rule = watches.rule(conn, number)
    if rule is None or rule.gone:
        return None
    for sequence, trigger in watch.watched(release.workspace):
        if (sequence.id, watch.name_of(trigger)) == (rule.sequence, rule.trigger):
            return sequence, trigger
    return None


def _with_companies(conn: Connection, of: Sequence[Lead]) -> list[Snapshot]:
    companies = leads.companies(conn, (lead.company_id for lead in of if lead.company_id is not None))
    return [Snapshot(lead, companies.get(lead.company_id or 0), None) for lead in of]


def _dues(
    conn: Connection,
    release: Release,
    sequence: Series,
    trigger: Trigger,
    page: Sequence[Lead],
    since: datetime,
    spread_to: datetime | None,
    now: datetime,
) -> tuple[dict[int, datetime | None], datetime | None]:
    """When to look at leads first. Those for whom it is too late already are spread, as after a downtime."""
    step = release.workspace.pressure.apart
    dues: dict[int, datetime | None] = {}
    for one in _with_companies(conn, page):
        at = watch.opens_at(release.workspace, sequence, trigger, one.lead, owner_of(release.workspace, one), None)
        if trigger.kind == "at":
            if at is not None and at >= since - watch.SLACK:
                dues[one.lead.id] = at
            continue
        if at is not None and at <= now:
            at = spread_to = max(spread_to or now, now) + step
        dues[one.lead.id] = at
    return dues, spread_to

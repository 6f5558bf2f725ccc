"""Stores events and does, in the same transaction, all that follows from them: facts on the ledger, suppression,
ends and pauses, entering sequences, waking whoever waits for such an event.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import Connection

from sequencer.core import event as kinds
from sequencer.core.colleagues import news
from sequencer.core.condition import merged
from sequencer.core.enrollment import RUNNING, Enrollment
from sequencer.core.entry import entrances
from sequencer.core.event import Event
from sequencer.core.interest import Interest, interest
from sequencer.core.lead import Lead, channels
from sequencer.core.message import State
from sequencer.core.needs import lacks, says
from sequencer.core.overtaken import hears
from sequencer.core.reaction import SUPPRESSES, concerns, settled, suppresses
from sequencer.core.release import Release
from sequencer.core.sequence import DONE_BY
from sequencer.core.sequence import Sequence as Series
from sequencer.core.snapshot import Snapshot
from sequencer.core.spoken import spoken
from sequencer.core.succession import owner_before
from sequencer.services import asking, first_contact, inherit, lanes, snapshots, tally, watch
from sequencer.services.context import Awake
from sequencer.services.enroll import enroll
from sequencer.services.owners import owners
from sequencer.store import (
    alerts,
    colleague_news,
    enrollments,
    events,
    handoffs,
    leads,
    messages,
    reviews,
    suppressions,
    tasks,
)
from sequencer.store.alerts import NewAlert
from sequencer.store.messages import Engagement, Origin
from sequencer.store.partitions import event_span

NO_LEAD = "there is no such lead"

_ALWAYS_NEWS = frozenset({kinds.CLICKED, kinds.BOUNCED, kinds.BLOCKED, kinds.DROPPED})
"""What is said of a message whatever is known of it. Of clicks, because what is known was read before the lead was
locked, and they are the one fact that is taken back: where they turn out to be a machine's.
"""


@dataclass(slots=True)
class Reaction:
    """What came of a batch of events."""

    new: list[Event] = field(default_factory=list)
    strange: list[tuple[Event, str]] = field(default_factory=list)
    """Events that cannot be stored, and why."""
    awake: Awake = field(default_factory=set)
    """(sequence, position) where somebody fell due."""
    proven: set[int] = field(default_factory=set)
    """Enrollments that stood behind a mail of which it was not known that it went."""


def interests(release: Release) -> Interest:
    """What the release's sequences wait for, also for those inside who keep older steps."""
    older = (steps.sequence for steps in release.kept.values())
    workspace = release.workspace
    return interest(workspace, [*workspace.sequences.values(), *older], workspace.signals)


def react(conn: Connection, release: Release, happened: Iterable[Event], now: datetime) -> Reaction:
    """Idempotent: an event that is known already changes nothing. Locks the leads concerned."""
    arrived = list(happened)
    locked = leads.lock(conn, (e.lead_id for e in arrived))
    known = [e for e in arrived if e.lead_id in locked]
    reaction = follow(conn, release, interests(release), locked, known, now)
    reaction.strange += [(e, NO_LEAD) for e in arrived if e.lead_id not in locked]
    return reaction


def follow(
    conn: Connection,
    release: Release,
    waited_for: Interest,
    locked: Mapping[int, Lead],
    arrived: Sequence[Event],
    now: datetime,
    known: Mapping[tuple[int, str], Origin] = MappingProxyType({}),
    sought: bool = False,
    afterwards: Collection[tuple[int, str]] = (),
) -> Reaction:
    """The same where the caller has locked the leads of all events that are somebody's `concern`. What is told of
    somebody who was erased is kept nowhere: a rep may still answer, or a browser tell of them that was just recognised.

    `known`: what the ledger says already of messages (enrollment, step); of others all is news.
    `sought`: a moment ago none of the events was stored. `afterwards`: messages that the caller will write, too.
    """
    reaction = Reaction()
    first, after = event_span(now)
    storable: list[Event] = []
    late: list[Event] = []
    for e in arrived:
        if e.lead_id in locked and locked[e.lead_id].erased:
            continue
        if first <= e.at < after:
            storable.append(e)
        else:
            reaction.strange.append((e, f"{e.at.isoformat()} lies outside {first:%Y-%m} to {after:%Y-%m}"))
            if e.kind in SUPPRESSES:
                late.append(e)
    # Too old (or too new) to be stored, and still to be respected; once, although it gets another time.
    respected = events.stored_at_any_time(conn, {(e.lead_id, e.key) for e in late})
    storable += [
        e._replace(at=now, data={**e.data, "said_at": e.at.isoformat()})
        for e in late
        if (e.lead_id, e.key) not in respected
    ]
    reaction.new = events.insert(conn, storable, sought)
    if not reaction.new:
        return reaction
    locked, owned = first_contact.own(conn, release, locked, reaction.new, now)
    # Before the contacts themselves: whom the new owner was in touch with needs no introduction.
    reaction.new = [*owned, *reaction.new]
    reaction.proven = messages.apply(conn, engagement(reaction.new, known), afterwards)
    # Most events concern nobody, and their leads are not locked.
    heard = [e for e in reaction.new if e.lead_id in locked]
    for e in reaction.new:
        if e.kind in SUPPRESSES and e.lead_id not in locked and suppresses(e.kind, e.data) and not e.machine:
            raise LookupError(f"{e.kind} of lead {e.lead_id}, who is not locked: nobody would ever hear of it")
    tally.count(conn, release, heard, now)
    asked = waited_for.kinds | waited_for.counted
    colleague_news.add(conn, news(release.workspace.colleagues, asked, locked, heard))
    handoffs.touch(conn, {e.lead_id for e in heard if hears(e)}, now)
    asking.tell(conn, release, heard, now)
    telling = [e for e in heard if not e.machine and concerns(waited_for, e.kind, e.step, e.data)]
    if telling:
        locked = suppress(conn, locked, telling, now)
        locked = succeed(conn, release, locked, telling)
        settle(conn, release, locked, telling, now, reaction)
        enter(conn, release, locked, telling, now, reaction)
        ask_for(conn, release, locked, telling, now)
        named = {e.lead_id for e in telling if kinds.tells_of(e, "owner")}
        reaction.awake |= inherit.found(conn, release, (locked[i] for i in named), now)
        watch.touch(conn, release, telling, now)
        for kind, event in DONE_BY.items():
            if called := [e.lead_id for e in telling if e.kind == event]:
                tasks.done(conn, called, kind, now)
    return reaction


def engagement(new: Sequence[Event], known: Mapping[tuple[int, str], Origin]) -> dict[tuple[int, str], Engagement]:
    """What events say of the messages they name that is not known. Most repeat what is known by others."""
    said: dict[tuple[int, str], Engagement] = {}
    for e in new:
        if e.enrollment_id is None or e.step is None or e.source != "sendgrid":
            continue
        place = (e.enrollment_id, e.step)
        if place in known and not _is_news(e, known[place]):
            continue
        row = said.get(place)
        if row is None:
            row = said[place] = Engagement()
        row.accepted_at = min(row.accepted_at or e.at, e.at)
        if e.kind == kinds.DELIVERED:
            row.delivered_at = min(row.delivered_at or e.at, e.at)
        elif e.kind in (kinds.BOUNCED, kinds.BLOCKED):
            if row.state is not State.BOUNCED:
                row.state, row.failure = State.BOUNCED, str(e.data.get("reason", "bounced"))
        elif e.kind == kinds.DROPPED:
            if row.state is None:
                row.state, row.failure = State.DROPPED, str(e.data.get("reason", "dropped"))
        elif e.kind == kinds.OPENED and not e.machine:
            row.opened_at = min(row.opened_at or e.at, e.at)
        elif e.kind == kinds.CLICKED and not e.machine:
            row.clicked_at = min(row.clicked_at or e.at, e.at)
            if link := e.data.get("link"):
                row.clicked = (*row.clicked, str(link))
    return said


def _is_news(e: Event, known: Origin) -> bool:
    """Whether an event says anything of its message beyond what the ledger does."""
    if not known.sure:
        return True
    if e.machine:
        return False
    if e.kind == kinds.DELIVERED:
        return known.delivered_at is None or e.at < known.delivered_at
    if e.kind == kinds.OPENED:
        return known.opened_at is None or e.at < known.opened_at
    return e.kind in _ALWAYS_NEWS


def suppress(conn: Connection, locked: Mapping[int, Lead], new: Sequence[Event], now: datetime) -> Mapping[int, Lead]:
    """Writes suppressions and their mirror on the lead; returns the leads as they are then."""
    rows: list[tuple[str, str, str, datetime, str]] = []
    everywhere: set[int] = set()
    for e in new:
        reason = suppresses(e.kind, e.data)
        if reason is None or e.machine:
            continue
        topic = str(e.data.get("topic", suppressions.ALL))
        rows.append((locked[e.lead_id].email, topic, reason, now, e.key))
        if topic == suppressions.ALL:
            everywhere.add(e.lead_id)
        else:
            suppressions.withdraw(conn, locked[e.lead_id].email, topic)
    suppressions.add(conn, rows)
    if not everywhere:
        return locked
    leads.suppress(conn, sorted(everywhere))
    return {i: lead._replace(suppressed=True) if i in everywhere else lead for i, lead in locked.items()}


def succeed(
    conn: Connection, release: Release, locked: Mapping[int, Lead], telling: Sequence[Event]
) -> Mapping[int, Lead]:
    """Notes whose owner is another, and who has heard from theirs; returns the leads as they are then."""
    told: dict[int, list[Event]] = {}
    for e in telling:
        told.setdefault(e.lead_id, []).append(e)
    named = [locked[i] for i, events in told.items() if any(kinds.tells_of(e, "owner") for e in events)]
    companies = leads.companies(conn, (lead.company_id for lead in named if lead.company_id is not None))
    after = {
        i: owner_before(release.workspace, locked[i], events, companies.get(locked[i].company_id or 0))
        for i, events in told.items()
    }
    changed = {i: before for i, before in after.items() if before != locked[i].owner_before}
    leads.succeed(conn, changed)
    return {i: lead._replace(owner_before=changed[i]) if i in changed else lead for i, lead in locked.items()}


def settle(
    conn: Connection,
    release: Release,
    locked: Mapping[int, Lead],
    telling: Sequence[Event],
    now: datetime,
    reaction: Reaction,
) -> None:
    """Ends, pauses or wakes the running enrollments of the leads concerned."""
    told: dict[int, list[Event]] = {}
    for e in telling:
        told.setdefault(e.lead_id, []).append(e)
    known = release.workspace.sequences
    found = [e for e in enrollments.running_of(conn, sorted(told)) if e.sequence in known]
    inside = [(e, release.steps_of(e).sequence) for e in found]
    asked = {id(series): interest(release.workspace, [series]) for _, series in inside}
    running = [
        (e, series)
        for e, series in inside
        if any(concerns(asked[id(series)], said.kind, said.step, said.data) for said in told[e.lead_id])
    ]
    if not running:
        return
    changed: list[Enrollment] = []
    for before, series, snapshot in _looked_at(conn, release, locked, running, now):
        after, awake, _ = settled(release.workspace, series, snapshot, told[before.lead_id], now)
        if awake:
            reaction.awake.add((after.sequence, after.position))
        if after != before:
            changed.append(after)
    enrollments.update(conn, changed)
    over = [e for e in changed if e.status not in RUNNING]
    messages.cancel_rest(conn, [e.id for e in over])
    by = {e.id: series for e, series in running}
    tasks.drop(conn, [e.id for e in over if any(by[e.id].tasks())], now)
    reviews.drop(conn, [e.id for e in over if by[e.id].reviews], now)
    lanes.moved(conn, release.workspace, ((e.lead_id, e.sequence) for e in over), now)


def _looked_at(
    conn: Connection,
    release: Release,
    locked: Mapping[int, Lead],
    running: Sequence[tuple[Enrollment, Series]],
    now: datetime,
) -> list[tuple[Enrollment, Series, Snapshot]]:
    """What decides whether these go on. Of who may not be mailed any more nothing is read: that alone ends it."""
    gone = [(e, of, Snapshot(locked[e.lead_id], None, e)) for e, of in running if locked[e.lead_id].suppressed]
    going = [(e, of) for e, of in running if not locked[e.lead_id].suppressed]
    asks = merged(of.asks for of in {id(of): of for _, of in going}.values())
    subjects: list[snapshots.Subject] = [(e, locked[e.lead_id]) for e, _ in going]
    loaded = snapshots.load(conn, release.workspace, asks, subjects, now, mails=False)
    return gone + [(e, of, snapshot) for (e, of), snapshot in zip(going, loaded, strict=True)]


def enter(
    conn: Connection,
    release: Release,
    locked: Mapping[int, Lead],
    telling: Sequence[Event],
    now: datetime,
    reaction: Reaction,
) -> None:
    """Lets leads into the sequences whose triggers fit what happened."""
    for sequence, trigger, fitting in entrances(release.workspace, telling):
        origin = " ".join(filter(None, (trigger.kind, trigger.name, trigger.value)))
        entered = enroll(conn, release, sequence, [locked[i] for i in fitting], origin, now, trigger)
        if entered.leads:
            reaction.awake.add((sequence.id, sequence.start))


def ask_for(
    conn: Connection, release: Release, locked: Mapping[int, Lead], telling: Sequence[Event], now: datetime
) -> None:
    """Tells owners of leads who got a status that needs to be known what nobody knows; doors ask for it beforehand."""
    workspace = release.workspace
    got = [e for e in telling if kinds.tells_of(e, "status")]
    lacking = [(e, locked[e.lead_id]) for e in got if lacks(workspace, locked[e.lead_id])]
    if not lacking:
        return
    owned = owners(conn, workspace, (lead for _, lead in lacking))
    told = []
    for e, lead in lacking:
        rep = owned.get(lead.id)
        told.append(
            NewAlert(
                enrollment_id=0,
                step=f"status:{lead.id}:{e.key}",
                kind="needs",
                lead_id=lead.id,
                rep=rep.email if rep is not None else None,
                note=says(workspace, lead, spoken(workspace, rep)),
                reasons=(),
                channels=channels(rep),
            )
        )
    alerts.insert(conn, told, now)

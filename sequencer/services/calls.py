"""The reps' call list: what sequences ask for, leads who come up again, and what a rep says of a call."""

from collections.abc import Mapping, Set
from datetime import UTC, date, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from sequencer.core import event as kinds
from sequencer.core.calls import IDLE, NEXT_ATTEMPT, Asked, Call, Campaign, may_be_called, ordered
from sequencer.core.condition import merged
from sequencer.core.duration import Duration
from sequencer.core.event import Event
from sequencer.core.lead import Lead
from sequencer.core.people import quiet_of
from sequencer.core.release import Release
from sequencer.core.schedule import shift
from sequencer.core.score import score
from sequencer.core.sequence import DONE_BY
from sequencer.errors import NotFound
from sequencer.services import snapshots
from sequencer.services.context import Awake, Context
from sequencer.services.owners import owners
from sequencer.services.react import react
from sequencer.store import calls, clock, leads, readiness, tasks
from sequencer.store.calls import Idle

SOURCE: Final = "operator"
CALL: Final = "call"
TRIED: Final = "call_tried"
"""Nobody answered the phone: data = {note}."""
TOMORROW: Final = Duration(1, "business day")


class Listed(NamedTuple):
    """The list, best first, and what the campaigns are worth."""

    calls: list[Call]
    campaigns: Mapping[str, Campaign]


def listed(conn: Connection, release: Release, rep: str | None, now: datetime, limit: int) -> Listed:
    """Of one rep, or of all."""
    campaigns = calls.campaigns(conn)
    rows = [row for row in tasks.still_open(conn, rep, limit) if row.kind == CALL]
    handed = calls.handed(conn, release.workspace, rep, now.astimezone(UTC).date(), now - IDLE, limit)
    about = {row.lead_id for row in rows} | {one.lead_id for one in handed}
    known = {lead.id: lead for lead in leads.by_ids(conn, sorted(about))}
    again = _again(conn, release, rep, about, now, limit)
    owned = owners(conn, release.workspace, (one.lead for one in again))
    ids = sorted({*known, *(one.lead.id for one in again)})
    active = readiness.engaged_on(conn, ids)
    scores = _scores(conn, release, ids, now)
    asked = {(row.lead_id, row.rep): Asked(row.due_at, row.note) for row in reversed(rows)}
    doubled = {(one.lead_id, one.rep) for one in handed}
    found = [
        Call(
            known[one.lead_id],
            one.rep,
            asked.get((one.lead_id, one.rep)),
            None,
            scores.get(one.lead_id),
            active.get(one.lead_id),
            one,
        )
        for one in handed
        if one.lead_id in known
    ]
    found += [
        Call(
            known[row.lead_id],
            row.rep,
            Asked(row.due_at, row.note),
            None,
            scores.get(row.lead_id),
            active.get(row.lead_id),
        )
        for row in rows
        if row.lead_id in known and (row.lead_id, row.rep) not in doubled
    ]
    found += [
        Call(
            one.lead,
            owned[one.lead.id].email if one.lead.id in owned else one.lead.owner,
            None,
            one.next_attempt,
            scores.get(one.lead.id),
            one.active_on,
        )
        for one in again
    ]
    return Listed(ordered(found, campaigns)[:limit], campaigns)


def _again(
    conn: Connection, release: Release, rep: str | None, listed: Set[int], now: datetime, limit: int
) -> list[Idle]:
    """Who comes up again, but for those who are listed already, and whom `never` keeps everybody from."""
    workspace = release.workspace
    reps = [rep] if rep is not None else list(workspace.reps)
    asks = merged(condition.asks for condition in workspace.never)
    found: list[Idle] = []
    offset, size = 0, limit
    while len(found) < limit:
        page = calls.idle(conn, workspace, reps, now.astimezone(UTC).date(), now - IDLE, size, offset)
        people = [one for one in page if one.lead.id not in listed]
        known = snapshots.load(conn, workspace, asks, [(None, one.lead) for one in people], now, mails=False)
        found += [one for one, snapshot in zip(people, known, strict=True) if may_be_called(workspace, snapshot, now)]
        if len(page) < size:
            break
        offset, size = offset + size, size * 2
    return found[:limit]


def _scores(conn: Connection, release: Release, ids: list[int], now: datetime) -> dict[int, int]:
    signals = release.workspace.signals
    if signals is None:
        return {}
    today = now.astimezone(UTC).date()
    return {lead_id: score(signals, counts, today) for lead_id, counts in readiness.counts(conn, ids).items()}


def log(context: Context, conn: Connection, lead_id: int, answered: bool, note: str, again: date | None) -> Awake:
    """A rep called. Answered: whatever asked for a call is done, and sequences that waited go on.

    Else it is put off to `again`, by default the next business day. `again` becomes the lead's next attempt, where such
    a field is declared; whoever was reached without one has none any more. Raises NotFound.
    """
    locked = leads.lock(conn, [lead_id])
    if lead_id not in locked:
        raise NotFound("There is no such lead.")
    lead, now = locked[lead_id], clock.now(conn)
    release = context.releases.current(conn)
    key = f"{SOURCE}.{now.timestamp()}"
    rep = owners(conn, release.workspace, [lead]).get(lead_id)
    data = {name: value for name, value in (("rep", rep.email if rep else None), ("note", note)) if value}
    happened = [Event(DONE_BY[CALL] if answered else TRIED, now, lead_id, key, SOURCE, data=data)]
    if not answered:
        zone = ZoneInfo(release.workspace.zone)
        due = shift(now, TOMORROW, zone, quiet_of(release.workspace, lead))
        if again is not None:
            due = max(due, datetime(again.year, again.month, again.day, 9, tzinfo=zone).astimezone(UTC))
        calls.put_off(conn, lead_id, due)
        again = again or due.astimezone(zone).date()
    happened += _next_attempt(conn, release, lead, again, key, now)
    return react(conn, release, happened, now).awake


def _next_attempt(
    conn: Connection, release: Release, lead: Lead, day: date | None, key: str, now: datetime
) -> list[Event]:
    declared, before = release.workspace.fields.get(NEXT_ATTEMPT), lead.get(NEXT_ATTEMPT)
    after = day.isoformat() if day is not None else None
    if declared is None or declared.type != "date" or before == after:
        return []
    leads.write(conn, [(lead.id, {NEXT_ATTEMPT: after})], SOURCE, now)
    return [kinds.change(now, lead.id, f"{key}.{NEXT_ATTEMPT}", SOURCE, NEXT_ATTEMPT, before, after)]

"""Who of the leads known now a deployment would let in, or finds fitting: what an edit of `enroll` means for them.

Only time lets leads in who did nothing (`silent`, `before`, `at`). Whoever a new `became` or `sales_ready()` fits
already stays outside, as nothing happens to them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection

from sequencer.core import watch
from sequencer.core.condition import Asks, merged
from sequencer.core.edit import plain
from sequencer.core.enrollment import Enrollment
from sequencer.core.entry import asks_of, is_so, refuses
from sequencer.core.lead import Lead
from sequencer.core.people import owner_of
from sequencer.core.plan import Newcomers
from sequencer.core.release import Release
from sequencer.core.sequence import Sequence as Series
from sequencer.core.sequence import Trigger
from sequencer.core.snapshot import Snapshot
from sequencer.core.workspace import Workspace
from sequencer.services import snapshots
from sequencer.services.watch import not_yet, of_sequence
from sequencer.store import leads

MOST: Final = 20_000
"""Leads that are looked at; of more, as many are drawn by their ids, always the same ones."""
PAGE: Final = 2_000


class _Door(NamedTuple):
    """A trigger that is new or another, in a sequence that takes somebody in."""

    series: Series
    trigger: Trigger


def newcomers(conn: Connection, current: Release, to: Release, now: datetime) -> tuple[Newcomers, ...]:
    """By sequence whose `enroll` is another; empty when none is."""
    doors = _doors(current.workspace, to.workspace)
    if not doors:
        return ()
    known = leads.count(conn)
    every = max(1, -(-known // MOST))
    found: dict[str, Newcomers] = {}
    looked_at = last = 0
    while page := leads.some(conn, every, last, PAGE):
        last, looked_at = page[-1].id, looked_at + len(page)
        for name in dict.fromkeys(door.series.id for door in doors):
            sets = [_found(conn, to, door, page, now) for door in doors if door.series.id == name]
            enter, later, outside = (set[int]().union(*(one[kind] for one in sets)) for kind in range(3))
            so_far = found.get(name, Newcomers(name))
            found[name] = Newcomers(
                name,
                so_far.enter + len(enter),
                so_far.later + len(later - enter),
                so_far.outside + len(outside - later - enter),
            )
    return tuple(
        one._replace(leads=known, looked_at=looked_at)
        for one in found.values()
        if one.enter or one.later or one.outside
    )


def _doors(old: Workspace, new: Workspace) -> list[_Door]:
    found = []
    for series in new.sequences.values():
        before = old.sequences.get(series.id)
        same = [plain(one) for one in before.enroll] if before is not None and before.takes_in else []
        for trigger in series.enroll if series.takes_in else ():
            if plain(trigger) not in same and trigger.kind in {*watch.WATCHED, "became", "sales_ready"}:
                found.append(_Door(series, trigger))
    return found


def _found(
    conn: Connection, to: Release, door: _Door, page: Sequence[Lead], now: datetime
) -> tuple[set[int], set[int], set[int]]:
    """Whom it lets in at once, whom at its moment, and who fits and stays outside."""
    series, trigger = door
    at = dict[int, datetime]()
    if trigger.kind in watch.WATCHED:
        waiting = not_yet(conn, to, series, trigger, page, now)
        at = {number: one.at for number, one in waiting.items() if one.at is not None and trigger.kind == "at"}
        page = [lead for lead in page if lead.id not in waiting or lead.id in at]
    standing = Asks(standing=frozenset({"sales_ready"} if trigger.kind == "sales_ready" else ()))
    asks = merged([asks_of(series, trigger.condition), standing])
    seen = snapshots.load(conn, to.workspace, asks, [(None, lead) for lead in page], now, mails=False)
    before: Mapping[int, Sequence[Enrollment]] = of_sequence(conn, series, page)
    fitting = {one.lead.id for one in seen if _fits(to, door, one, before.get(one.lead.id, ()), now)}
    if trigger.kind not in watch.WATCHED:
        return set(), set(), fitting
    return fitting - at.keys(), fitting & at.keys(), set()


def _fits(to: Release, door: _Door, one: Snapshot, before: Sequence[Enrollment], now: datetime) -> bool:
    series, trigger = door
    if trigger.kind == "at":
        opens = watch.opens_at(to.workspace, series, trigger, one.lead, owner_of(to.workspace, one), None)
        if opens is None or opens < now - watch.SLACK:
            return False
    if trigger.kind == "became" and not is_so(trigger, one.lead):
        return False
    if trigger.kind == "sales_ready" and not one.standing.ready:
        return False
    return refuses(to.workspace, series, one, before, trigger.condition, now) is None

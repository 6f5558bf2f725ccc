"""Visits of our pages: stored raw by the web, worked off here, set by set.

Whose browser it is follows from a link that only they were sent (its token is signed), or from a form; never from what
a page says. Until then a visit is kept for a while, without anybody's name; then it becomes an event of theirs, at its
own time. Everything about one browser happens under its row's lock: a visit is never both, and never lost in between.
"""

import hashlib
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from sequencer.core import event as kinds
from sequencer.core import token
from sequencer.core.beacon import Beacon, read, read_ours
from sequencer.core.event import Event
from sequencer.core.lead import Lead
from sequencer.core.release import Release
from sequencer.core.site import Site
from sequencer.core.touch import Touch, campaign_of
from sequencer.services.bisect import bisect
from sequencer.services.context import Awake, Context
from sequencer.services.react import follow, interests
from sequencer.store import clock, leads, messages, visits
from sequencer.store.visits import Told, Visit, Visitor

log = logging.getLogger(__name__)

AT_ONCE: Final = 50
"""Rows of beacons in one transaction, a thousand beacons at most: leads stay locked for a tenth of a second."""
BROWSER: Final = timedelta(days=400)
"""A lead's browser that was not seen for so long is forgotten; no cookie lives longer (RFC 6265bis, 5.5)."""
FORGOTTEN: Final = 5000
"""Visits and visitors in one transaction."""
SOURCE: Final = "site"


def process(context: Context) -> bool:
    """Works off beacons, a batch of them. True: there may be more."""
    return context.visits.run(lambda: _process(context))


def _process(context: Context) -> bool:
    awake: Awake = set()
    with context.engine.begin() as conn:
        release = context.releases.deployed(conn)
        if release is None:
            return False
        told, more = visits.take(conn, AT_ONCE)
        done, failed = bisect(conn, told, lambda part: _count(conn, context.secret, release, part))
        for poison in failed:
            # A stranger wrote it, and may write it again: keeping it would fill the disk.
            log.error("%d beacons cannot be processed and are dropped", len(poison.items), exc_info=poison.error)
        for part in done:
            awake |= part
    context.wake(awake)
    return more


@dataclass(slots=True)
class _Batch:
    """What comes of some beacons."""

    owners: dict[str, Visitor]
    """As they are after the beacons that were looked at."""
    changed: set[str] = field(default_factory=set)
    joined: dict[str, int] = field(default_factory=dict)
    """Visitors who turned out to be a lead."""
    anonymous: dict[str, list[Visit]] = field(default_factory=dict)
    theirs: list[tuple[int, Visit]] = field(default_factory=list)

    def take(self, beacon: Beacon, sender: int | None, named: Mapping[str, int], at: datetime) -> None:
        """`sender`: the lead who sent a form with this browser; `named`: the leads that tokens name."""
        by_link = named.get(beacon.token) if beacon.token is not None else None
        if by_link is not None or sender is not None:
            self._bind(beacon, by_link, sender)
        owner = self.owners[beacon.visitor].lead_id
        seen = [Visit(beacon.visitor, _rounded(at - ago), page) for page, ago in beacon.pages]
        if owner is None:
            self.anonymous.setdefault(beacon.visitor, []).extend(seen)
        else:
            self.theirs += [(owner, visit) for visit in seen]

    def _bind(self, beacon: Beacon, by_link: int | None, sender: int | None) -> None:
        before = self.owners[beacon.visitor]
        lead_id = by_link if by_link is not None else sender
        same = before.lead_id == lead_id
        after = before._replace(
            lead_id=lead_id,
            proven=by_link is not None or (same and before.proven),
            answered=(before.answered if same else frozenset()) | set(beacon.answered),
        )
        if after == before:
            return
        assert lead_id is not None
        self.owners[beacon.visitor] = after
        self.changed.add(beacon.visitor)
        if before.lead_id is None:
            self.joined[beacon.visitor] = lead_id
            self.theirs += [(lead_id, visit) for visit in self.anonymous.pop(beacon.visitor, ())]


def _count(conn: Connection, secret: bytes, release: Release, part: Sequence[Told]) -> Awake:
    """Lets all of these take effect. Visitors are locked before leads, both in order."""
    now = clock.now(conn)
    ours = release.workspace.hosts
    opened = [(told, read(told.body, ours) if told.lead_id is None else read_ours(told.body)) for told in part]
    beacons = [(told, beacon) for told, beacon in opened if beacon is not None]
    touches = _touches(beacons)
    met = visits.meet(conn, {beacon.visitor for _, beacon in beacons}, touches, now.astimezone(UTC).date())
    named = _named(conn, secret, {beacon.token for _, beacon in beacons if beacon.token is not None})
    batch = _Batch(met)
    for told, beacon in beacons:
        batch.take(beacon, told.lead_id, named, told.at)
    visits.bind(conn, [batch.owners[one] for one in sorted(batch.changed)])
    visits.keep(conn, [visit for seen in batch.anonymous.values() for visit in seen])
    batch.theirs += [(batch.joined[visit.visitor], visit) for visit in visits.join(conn, list(batch.joined))]
    led = {one: owner for one in {*touches, *batch.joined} if (owner := batch.owners[one]).lead_id and owner.last_touch}
    locked = leads.lock(conn, {lead_id for lead_id, _ in batch.theirs} | {one.lead_id or 0 for one in led.values()})
    arrived = [_event(lead_id, visit) for lead_id, visit in batch.theirs if lead_id in locked]
    arrived += touch(conn, [one for one in led.values() if one.lead_id in locked], locked, now)
    reaction = follow(conn, release, interests(release), locked, arrived, now)
    return reaction.awake


def touch(conn: Connection, led: Collection[Visitor], locked: Mapping[int, Lead], now: datetime) -> list[Event]:
    """Writes what led these visitors' leads to us; gives an event for each lead who gets a campaign by it.

    The first campaign is the lead's. What a browser did before may become known only after its form, so a campaign
    that came from what led the lead here gives way to an earlier one; what somebody told us stays.
    """
    both: dict[int, tuple[Touch, Touch]] = {}
    for one in led:
        assert one.lead_id is not None and one.first_touch is not None and one.last_touch is not None
        first, last = both.get(one.lead_id, (one.first_touch, one.last_touch))
        earlier = min(first, one.first_touch, key=lambda t: t["at"])
        both[one.lead_id] = earlier, max(last, one.last_touch, key=lambda t: t["at"])
    named_before = [i for i, (first, _) in both.items() if locked[i].campaign and campaign_of(first) is not None]
    before = visits.first_touches(conn, named_before)
    visits.touched(conn, both)
    named = {
        lead_id: campaign
        for lead_id, (first, _) in both.items()
        if (campaign := campaign_of(first)) is not None
        and _gives_way(locked[lead_id].campaign, before.get(lead_id), first)
    }
    leads.write(conn, ((lead_id, {"campaign": campaign}) for lead_id, campaign in named.items()), SOURCE, now)
    return [
        kinds.change(
            now, lead_id, f"site.campaign.{now.isoformat()}", SOURCE, "campaign", locked[lead_id].campaign, campaign
        )
        for lead_id, campaign in named.items()
    ]


def _gives_way(campaign: str | None, before: Touch | None, first: Touch) -> bool:
    """Whether a lead's campaign, with what first led the lead here as far as known, gives way to an earlier one's."""
    if not campaign:
        return True
    return (
        before is not None
        and campaign == campaign_of(before)
        and campaign != campaign_of(first)
        and (first["at"] < before["at"])
    )


def _touches(beacons: Sequence[tuple[Told, Beacon]]) -> dict[str, tuple[Touch, Touch]]:
    found: dict[str, tuple[Touch, Touch]] = {}
    for told, beacon in beacons:
        if beacon.touch:
            this = {**beacon.touch, "at": _rounded(told.at).isoformat()}
            found[beacon.visitor] = (found.get(beacon.visitor, (this, this))[0], this)
    return found


def _named(conn: Connection, secret: bytes, tokens: Collection[str]) -> dict[str, int]:
    """The lead whose mail each token stands for; those are left out that we did not sign."""
    refs = {one: ref for one in sorted(tokens) if (ref := token.read(secret, "link", one)) is not None}
    if not refs:
        return {}
    of: dict[int, list[tuple[str, int]]] = {}
    for row in messages.described(conn, sorted({ref.enrollment_id for ref in refs.values()})):
        of.setdefault(row.enrollment_id, []).append((row.step, row.lead_id))
    return {
        one: lead_id for one, ref in refs.items() for step, lead_id in of.get(ref.enrollment_id, ()) if ref.names(step)
    }


def _event(lead_id: int, visit: Visit) -> Event:
    """The same for the same visit, so that it counts once."""
    digest = hashlib.blake2s(f"{visit.visitor} {visit.page}".encode(), digest_size=12).hexdigest()
    return Event(kinds.VISITED, visit.at, lead_id, f"site.{digest}", SOURCE, data={"page": visit.page})


def _rounded(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def forget(conn: Connection, release: Release, now: datetime) -> bool:
    """Removes a piece of what is old. True: there may be more."""
    keep = (release.workspace.site or Site(frozenset())).keep
    return visits.forget(conn, now - keep, (now - BROWSER).date(), FORGOTTEN) >= FORGOTTEN

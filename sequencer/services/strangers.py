"""Companies that are none: strangers share their domain, as it turned out after they were made."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import Connection

from sequencer.core import event as kinds
from sequencer.core.colleagues import SOURCE
from sequencer.core.enrollment import Enrollment, Status
from sequencer.core.halts import TOUCHES
from sequencer.core.handoff import State
from sequencer.core.lead import Lead
from sequencer.core.plan import Shared
from sequencer.core.reaction import without_colleagues
from sequencer.core.release import Release
from sequencer.core.shared_domain import is_shared
from sequencer.core.snapshot import Snapshot
from sequencer.core.workspace import Workspace
from sequencer.errors import InvalidInput
from sequencer.services.companies import as_kept, look_again
from sequencer.services.context import Awake, Context
from sequencer.services.migrate import Edits
from sequencer.services.owners import owners
from sequencer.store import clock, colleague_news, companies, enrollments, events, handoffs, leads, turns, watches
from sequencer.store.companies import Known

PAGE: Final = 5_000
"""Companies whose domains are looked at together."""
PAUSED_BY: Final = frozenset(kind.replace("_", " ") for kind in kinds.OF_COLLEAGUES)
"""The reasons of pauses that colleagues caused."""
OWN: Final = frozenset({kinds.REPLIED, kinds.AUTO_REPLIED, *TOUCHES})
"""What pauses a lead's own passages."""
LATE: Final = timedelta(days=1)
"""So long before a pause began may have happened what began it."""


@dataclass(slots=True)
class Detached:
    """What became of the people of one company."""

    domain: str
    people: int = 0
    resumed: int = 0
    """Passages that rested for what colleagues did, and go on, or rest for what their own lead did."""
    kept: int = 0
    """People who keep the company's rep as their own: they were handed to them."""


def newly(conn: Connection, before: Workspace, after: Workspace) -> tuple[Shared, ...]:
    """The companies that people are in whom an edit of workspace.yaml makes strangers, by domain."""
    if after.shared_domains <= before.shared_domains:
        return ()

    def strange(domain: str) -> bool:
        return is_shared(domain, after.shared_domains) and not is_shared(domain, before.shared_domains)

    return tuple(sorted(Shared(one.domain, people) for one, people in inhabited(conn, strange)))


def inhabited(conn: Connection, strange: Callable[[str], bool]) -> Iterator[tuple[Known, int]]:
    """The companies by whose domains people are strangers, with how many are in them, by id; those without are not."""
    last = 0
    while page := companies.page(conn, last, PAGE):
        last = page[-1].id
        found = [one for one in page if strange(one.domain)]
        people = companies.at_domains(conn, [one.id for one in found]) if found else {}
        yield from ((one, people[one.id]) for one in found if one.id in people)


def concerned(conn: Connection, release: Release, domain: str | None) -> list[Known]:
    """The companies with people that are none; of a domain, those by it and by what lies below it.

    Raises InvalidInput of a domain that strangers do not share: whoever comes next would be of the company again.
    """
    shared = partial(is_shared, declared=release.workspace.shared_domains)
    if domain is None:
        return [one for one, _ in inhabited(conn, shared)]
    domain = as_kept(domain)
    if not shared(domain):
        raise InvalidInput(
            f"{domain} is a company's: name it in `companies: {{shared: [...]}}` of workspace.yaml and deploy that"
        )
    return [one for one, _ in inhabited(conn, lambda name: f".{name}".endswith(f".{domain}"))]


def detach(context: Context, which: Known, progress: Callable[[int], None]) -> Detached:
    """Takes the people at a company's own domain out of it, in batches; can be run again after it was cut short."""
    done = Detached(which.domain)
    while True:
        people, busy = _some(context, which, done)
        done.people += people
        progress(people)
        if not people and busy is None:
            return done
        if not people and busy is not None:
            with context.engine.begin() as conn:
                leads.lock(conn, [busy])


def _some(context: Context, which: Known, done: Detached) -> tuple[int, int | None]:
    """How many left in one batch, and one of those whom somebody holds.

    Companies are locked before leads, and nobody who holds one is made to wait for a lead: whoever saves people holds
    these first.
    """
    with context.engine.begin() as conn:
        around = companies.families(conn, [which.merged_into or which.id])[which.merged_into or which.id]
        names = {one.domain for one in companies.by_ids(conn, around).values()}
        locked = companies.lock_domains(conn, {which.domain, *names})
        ids = {one.id for one in locked.values()}
        page = companies.at_domain(conn, which.id, context.batch)
        free = leads.lock(conn, page, wait=False)
        people = {lead_id: lead for lead_id, lead in free.items() if lead.company_id in ids}
        awake = _leave(context, conn, ids, people, done) if people else set()
        if not companies.at_domain(conn, which.id, 1):  # once, not for each batch: that would be everybody each time
            look_again(conn, ids, clock.now(conn))
    context.wake(awake)
    return len(people), next((lead_id for lead_id in page if lead_id not in free), None)


def _leave(
    context: Context, conn: Connection, ids: Collection[int], people: Mapping[int, Lead], done: Detached
) -> Awake:
    """Returns where somebody falls due."""
    now, release = clock.now(conn), context.releases.current(conn)
    kept = _kept(conn, release.workspace, people)
    leads.write(conn, ((lead_id, {"owner": rep}) for lead_id, rep in kept.items()), SOURCE, now)
    companies.leave(conn, people)
    colleague_news.forget(conn, people)
    running = enrollments.running_of(conn, list(people))
    waiting = turns.leave(conn, ids, people) & {e.id for e in running if e.status is Status.ACTIVE}
    enrollments.wake(conn, sorted(waiting), now)
    gone_on = _gone_on(context, conn, release, people, running, now)
    enrollments.update(conn, gone_on)
    watches.touch_signals(conn, people, now)
    done.resumed += len(gone_on)
    done.kept += len(kept)
    return {(e.sequence, e.position) for e in gone_on} | {(e.sequence, e.position) for e in running if e.id in waiting}


def _kept(conn: Connection, workspace: Workspace, people: Mapping[int, Lead]) -> dict[int, str]:
    """By lead who has their rep by the company and was handed to sales, which has not given them back: that rep."""
    owned, found = owners(conn, workspace, people.values()), {}
    for lead_id, given in handoffs.of_leads(conn, people).items():
        lead, last = people[lead_id], given[0]
        owner = owned.get(lead_id)
        with_sales = last.rep is not None and last.state not in (State.DECLINED, State.EXPIRED)
        if with_sales and owner is not None and lead.owner != owner.email:
            found[lead_id] = owner.email
    return found


def _gone_on(
    context: Context,
    conn: Connection,
    release: Release,
    people: Mapping[int, Lead],
    running: Collection[Enrollment],
    now: datetime,
) -> list[Enrollment]:
    """Those that colleagues paused, as they are without any."""
    edits = Edits(partial(context.releases.at, conn), release)
    known = release.workspace.sequences
    paused = [
        edits.migrated(e)
        for e in running
        if e.status is Status.PAUSED and e.reason in PAUSED_BY and e.sequence in known and e.paused_at is not None
    ]
    if not paused:
        return []
    since = min(e.paused_at for e in paused if e.paused_at is not None) - LATE
    own = events.of_leads(conn, [e.lead_id for e in paused], OWN, since)
    found = []
    for e in paused:
        mine = [one for one in own.get(e.lead_id, ()) if e.paused_at is not None and one.at >= e.paused_at - LATE]
        seen = Snapshot(people[e.lead_id], None, e)
        found.append(without_colleagues(release.workspace, release.steps_of(e).sequence, seen, mine, now))
    return found

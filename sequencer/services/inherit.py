"""A company is whose somebody of it is first, and people of it who have no rep of their own inherit that one."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection

from sequencer.core.enrollment import Status
from sequencer.core.lead import Lead
from sequencer.core.people import owner_of_company
from sequencer.core.release import Release
from sequencer.services.context import Awake
from sequencer.store import enrollments, handoffs, leads, readiness, watches


def found(conn: Connection, release: Release, owned: Iterable[Lead], now: datetime) -> Awake:
    """Companies that are nobody's get a rep by these people, if they have one; the caller holds these people's locks.

    Whoever holds a lead waits for no company: one that somebody holds is passed over, and has its owner by the next who
    gets one, or by its first handoff.
    """
    workspace = release.workspace
    if workspace.owner.of != "company":
        return set()
    ids = {lead.company_id for lead in owned if lead.company_id is not None and lead.owner in workspace.reps}
    known = leads.companies(conn, readiness.lock_companies(conn, ids))
    bare = {i for i, company in known.items() if owner_of_company(workspace, company) is None}
    if not bare:
        return set()
    # Else whose rep left would stay without one.
    handoffs.disown(conn, bare, workspace.reps)
    return give(conn, release, handoffs.first_owners(conn, bare, workspace.reps), now)


def give(conn: Connection, release: Release, owners: Mapping[int, str], now: datetime) -> Awake:
    """Companies that have no owner get these; the caller holds their locks, and those of the ones they count with.

    Colleagues who waited for a rep have one by it: their mail, and how they stand, is looked at now.
    """
    handoffs.own_company(conn, owners)
    return wake(conn, release, handoffs.heirs(conn, list(owners), release.workspace.reps), now)


def wake(conn: Connection, release: Release, heirs: Collection[int], now: datetime) -> Awake:
    """These have a rep by their company now.

    Whoever is locked is passed over, as a company's holder never waits for leads; they are looked at within a day.
    """
    free = leads.lock(conn, heirs, wait=False)
    signals = release.workspace.signals
    if signals is not None and signals.sales_ready is not None and signals.sales_ready.needs_owner:
        watches.touch_signals(conn, free, now)
    known = release.workspace.sequences
    waiting = [
        e
        for e in (enrollments.running_of(conn, sorted(free)) if free else ())
        if e.sequence in known and known[e.sequence].sender == "owner" and e.status is Status.ACTIVE
    ]
    woken = enrollments.redate(conn, {e.id: now for e in waiting}, wait=False)
    return {(e.sequence, e.position) for e in waiting if e.id in woken}

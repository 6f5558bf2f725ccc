"""Companies by hand: two that are one, and one that counts with another. And how a company stands."""

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from sequencer.core.enrollment import Enrollment, Status
from sequencer.core.event import OF_COLLEAGUES, Event
from sequencer.core.lead import OPERATOR, Company, Lead
from sequencer.core.lead_input import LONGEST, InvalidLead, is_text, normal_domain
from sequencer.core.people import owner_of_company
from sequencer.core.release import Release
from sequencer.core.score import score
from sequencer.core.shared_domain import is_shared
from sequencer.core.succession import owner_before_moving
from sequencer.errors import InvalidInput, NotFound
from sequencer.services import inherit
from sequencer.services.context import Awake, Context
from sequencer.services.inspect import handoff_view, sentence
from sequencer.services.owners import owners
from sequencer.store import clock, companies, enrollments, handoffs, leads, readiness, watches
from sequencer.store.companies import Known

PEOPLE: Final = 200
"""People of a company that are shown."""
HAPPENED: Final = 100
"""Events that are."""
ENGAGED: Final = timedelta(days=30)
"""Within which people count as engaged where signals.yaml asks for no time of its own."""


def named(conn: Connection, domain: str) -> Known:
    """The company whose domain it is. Raises NotFound and InvalidInput."""
    found = companies.by_domain(conn, as_kept(domain))
    if found is None:
        raise NotFound(f"there is no company with the domain {domain}")
    return found


def as_kept(domain: str) -> str:
    """The domain as companies have theirs. Raises InvalidInput."""
    try:
        return normal_domain(domain)
    except InvalidLead as error:
        raise InvalidInput(f"expected a company's domain as `harbor.example`, got `{domain[:100]}`") from error


def merge(
    conn: Connection, domain: str, into: str, now: datetime, shared: Set[str] = frozenset()
) -> tuple[Known, Known]:
    """Makes the domain another one's, now and for whoever comes; its people follow by the workers.

    `shared`: the domains that workspace.yaml says strangers share. Raises NotFound and InvalidInput.
    """
    domain, into = as_kept(domain), as_kept(into)
    if is_shared(domain, shared):
        raise InvalidInput(f"{domain} is anybody's: it belongs to no company")
    if domain == into:
        raise InvalidInput(f"expected two domains, got {domain} twice: after --into stands the company that it is")
    target = named(conn, into)
    if target.domain == domain:
        raise InvalidInput(
            f"{into} was merged into {domain} before, and that cannot be turned round: they are one company,"
            f" known by {domain}; `sequencer companies rename {domain} NAME` gives it another name"
        )
    concerned = {domain} | _concerned(conn, target, companies.by_domain(conn, domain) or target)
    leads.put_companies(conn, dict.fromkeys(concerned), OPERATOR)
    # All in one call, which locks in order: whoever names several of them locks them so as well.
    locked = companies.lock_domains(conn, concerned)
    gone, kept = locked[domain], locked[target.domain]
    if (kept.merged_into, kept.parent_id) != (None, target.parent_id):
        raise InvalidInput(f"{kept.domain} was merged, or counts with another, since just now: look again")
    if gone.id == kept.id or gone.merged_into == kept.id:
        raise InvalidInput(f"{domain} is {kept.domain} already")
    if gone.merged_into is not None:
        # It would take everybody of that company with it, for good, whom nobody named.
        [whole] = companies.by_ids(conn, [gone.merged_into]).values()
        raise InvalidInput(f"{domain} is {whole.domain}: if all of that is {kept.domain}, merge {whole.domain}")
    companies.merge(conn, gone.id, kept.id)
    look_again(conn, [kept.id], now)
    return gone, kept


def rename(conn: Connection, domain: str, name: str) -> Known:
    """Names the company whose domain it is: no form, API or import renames it from then on. Returns it as it was.

    Raises NotFound and InvalidInput.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST or not is_text(name):
        raise InvalidInput(f"expected a name of 1 to {LONGEST:,} characters in UTF-8")
    found = named(conn, domain)
    was = companies.lock_domains(conn, [found.domain])[found.domain]
    if was.merged_into is not None:
        raise InvalidInput(f"{was.domain} was merged just now: look again")
    companies.rename(conn, was.id, name)
    return was


def subsidiary(conn: Connection, domain: str, of: str | None, now: datetime) -> tuple[Known, Known | None]:
    """Has a company count with another for engaged people, owner and colleagues; None: it stands for itself.

    Raises NotFound and InvalidInput.
    """
    own, head = named(conn, domain), named(conn, of) if of is not None else None
    if head is not None and head.parent_id is not None:
        [head] = companies.by_ids(conn, [head.parent_id]).values()
    if head is not None and head.id == own.id:
        raise InvalidInput(f"{own.domain} cannot count with itself")
    locked = companies.lock_domains(conn, _concerned(conn, own, head or own))
    if locked[own.domain].merged_into is not None:
        raise InvalidInput(f"{own.domain} was merged just now: look again")
    if head is not None and (locked[head.domain].merged_into, locked[head.domain].parent_id) != (None, None):
        raise InvalidInput(f"{head.domain} was merged, or counts with another, since just now: look again")
    before = companies.families(conn, [own.id])[own.id]
    companies.subsidiary(conn, own.id, head.id if head is not None else None)
    look_again(conn, before | companies.families(conn, [own.id])[own.id], now)
    return own, head


def _concerned(conn: Connection, *changed: Known) -> set[str]:
    """Domains of companies that are to change, of those that would follow them, and of those that they count with."""
    heads = companies.by_ids(conn, [one.parent_id for one in changed if one.parent_id is not None]).values()
    return {one.domain for company in changed for one in (company, *heads, *companies.around(conn, company.id))}


def look_again(conn: Connection, company_ids: Iterable[int], now: datetime) -> None:
    """Has the people looked at: other colleagues count for them now."""
    for (sequence, _), number in watches.rules(conn).items():
        if sequence == watches.SIGNALS:
            watches.touch_companies(conn, number, set(company_ids), now)


def move(context: Context) -> bool:
    """Some people of a company that was merged become the other's. True: there may be more.

    Companies are locked before leads, and nobody is waited for.
    """
    with context.engine.begin() as conn:
        found = companies.stray(conn)
        if found is None:
            return False
        gone, into = found
        if readiness.lock_companies(conn, found).keys() != set(found):
            return False
        page = [lead.id for lead in companies.people(conn, [gone], context.batch)]
        free = leads.lock(conn, page, wait=False)
        companies.move(conn, free, into)
        now, release = clock.now(conn), context.releases.deployed(conn)
        awake = set()
        if release is not None:
            known = leads.companies(conn, found)
            after = {
                lead.id: owner_before_moving(release.workspace, lead, known[gone], known[into])
                for lead in free.values()
            }
            leads.succeed(conn, {i: before for i, before in after.items() if before != free[i].owner_before})
            awake = _join(conn, release, free.values(), known[gone], known[into], now)
        if companies.stray(conn) != found:  # once, not for each batch: that would be everybody each time
            look_again(conn, companies.families(conn, [into])[into], now)
    context.wake(awake)
    return bool(free)


def _join(
    conn: Connection, release: Release, moved: Iterable[Lead], gone: Company, into: Company, now: datetime
) -> Awake:
    """Who had no rep has the other company's; where that is nobody's, it is whose these are."""
    here = [lead._replace(company_id=into.id) for lead in moved]
    if owner_of_company(release.workspace, into) is None:
        return inherit.found(conn, release, here, now)
    if owner_of_company(release.workspace, gone) is not None:
        return set()
    return inherit.wake(conn, release, [one.id for one in here if one.owner not in release.workspace.reps], now)


def view(conn: Connection, release: Release | None, company_id: int, now: datetime) -> dict[str, Any]:
    """Everything about a company and those that count with it: plain data. Raises NotFound."""
    found = companies.by_ids(conn, [company_id]).get(company_id)
    if found is None:
        raise NotFound("there is no such company")
    members = companies.families(conn, [company_id])[company_id]
    family = companies.by_ids(conn, members)
    around = companies.around(conn, company_id)
    people = companies.people(conn, members, PEOPLE + 1)
    shown = {lead.id: lead for lead in people[:PEOPLE]}
    events = companies.happened(conn, shown, HAPPENED)
    entered = enrollments.all_of(conn, sorted(shown)) if shown else []
    inside = {e.id: e.sequence for e in entered}
    owner = found.owner or (family[found.parent_id].owner if found.parent_id is not None else None)
    return {
        "id": found.id,
        "domain": found.domain,
        "name": found.name,
        "named_by": found.named_by,
        "owner": owner,
        "domains": [found.domain, *(one.domain for one in around if one.merged_into == company_id)],
        "merged_into": _called(companies.by_ids(conn, [found.merged_into])) if found.merged_into else [],
        "counts_with": _called({i: one for i, one in family.items() if i != company_id}),
        "engaged": _engaged(conn, release, company_id, now),
        "people": _people(conn, release, shown, family, now),
        "more_people": len(people) > PEOPLE,
        "handoffs": [
            handoff_view(one) | {"lead_id": lead_id}
            for lead_id, of_lead in handoffs.of_leads(conn, list(shown)).items()
            for one in of_lead
        ],
        "paused": _paused(shown, entered, events),
        "events": [
            {
                "lead_id": e.lead_id,
                "who": who(shown, e.lead_id),
                "event": e.kind,
                "at": e.at.isoformat(),
                "sentence": sentence(release, inside, e),
            }
            for e in events
        ],
    }


def who(people: Mapping[int, Lead], lead_id: int) -> str:
    lead = people.get(lead_id)
    return (lead.name or lead.email) if lead is not None else "somebody"


def _called(found: Mapping[int, Known]) -> list[dict[str, Any]]:
    ordered = sorted(found.values(), key=lambda one: one.domain)
    return [{"id": one.id, "domain": one.domain, "name": one.name} for one in ordered]


def _engaged(conn: Connection, release: Release | None, company_id: int, now: datetime) -> list[dict[str, Any]]:
    """How many people did something that counts, by each time that signals.yaml asks for."""
    signals = release.workspace.signals if release is not None else None
    if signals is None:
        return []
    asked = {str(window): window.elapsed for window in signals.asks.windows} or {"30 days": ENGAGED}
    today = now.astimezone(UTC).date()
    days = readiness.engaged(conn, [company_id], today - max(asked.values())).get(company_id, [])
    return [{"within": name, "people": sum(day >= today - span for day in days)} for name, span in asked.items()]


def _people(
    conn: Connection, release: Release | None, shown: Mapping[int, Lead], family: Mapping[int, Known], now: datetime
) -> list[dict[str, Any]]:
    """The weightiest first."""
    signals = release.workspace.signals if release is not None else None
    owned = owners(conn, release.workspace, shown.values()) if release is not None else {}
    counts = readiness.counts(conn, sorted(shown)) if signals is not None else {}
    engaged = readiness.engaged_on(conn, sorted(shown))
    today = now.astimezone(UTC).date()
    rows = [
        {
            "id": lead.id,
            "email": lead.email,
            "name": lead.name,
            "title": lead.title,
            "stage": lead.stage,
            "status": lead.status,
            "owner": owned[lead.id].email if lead.id in owned else lead.owner,
            "company": next((one.domain for one in family.values() if one.id == lead.company_id), None),
            "score": score(signals, counts.get(lead.id, {}), today) if signals is not None else None,
            "engaged_on": engaged[lead.id].isoformat() if lead.id in engaged else None,
            "suppressed": lead.suppressed,
        }
        for lead in shown.values()
    ]
    return sorted(rows, key=lambda row: (-(row["score"] or 0), row["email"]))


def _paused(shown: Mapping[int, Lead], entered: Iterable[Enrollment], events: Sequence[Event]) -> list[dict[str, Any]]:
    """Whose sequences rest, until when, why, and by whom if it was a colleague."""
    by = {(e.lead_id, e.kind): e.data.get("colleague") for e in reversed(events) if e.kind in OF_COLLEAGUES}
    return [
        {
            "lead_id": e.lead_id,
            "who": who(shown, e.lead_id),
            "sequence": e.sequence,
            "why": e.reason,
            "until": e.resume_at.isoformat() if e.resume_at is not None else None,
            "by": {"lead_id": colleague, "who": who(shown, colleague)} if colleague is not None else None,
        }
        for e in entered
        if e.status is Status.PAUSED
        for colleague in (by.get((e.lead_id, e.reason.replace(" ", "_"))),)
    ]

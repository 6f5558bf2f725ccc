"""Companies: which of them are one, which count together, and who their people are."""

from collections.abc import Collection, Iterable
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, func, or_, select, text, update

from sequencer.core.event import DELIVERY, Event
from sequencer.core.lead import OPERATOR, Lead
from sequencer.store import events, leads
from sequencer.store.arrays import array
from sequencer.store.tables import company, event, lead

# A subsidiary's own index is asked for each company: as one join the planner may read all of them.
FAMILY: Final = """LATERAL (
    SELECT coalesce(c.parent_id, c.id) AS id
    UNION ALL SELECT s.id FROM company s WHERE s.parent_id = coalesce(c.parent_id, c.id)
) family"""
"""SQL: all companies that count together with a company `c`, itself among them."""


class Known(NamedTuple):
    """A company as people deal with it."""

    id: int
    domain: str
    name: str | None
    named_by: str | None
    """As `leads.renames` knows it."""
    owner: str | None
    merged_into: int | None
    parent_id: int | None


_KNOWN = tuple(getattr(company.c, name) for name in Known._fields)


def by_ids(conn: Connection, ids: Iterable[int]) -> dict[int, Known]:
    query = select(*_KNOWN).where(company.c.id == func.any(sorted(set(ids))))
    return {row.id: Known(*row) for row in conn.execute(query)}


def by_domain(conn: Connection, domain: str) -> Known | None:
    """The one whose domain it is, also by having been merged."""
    found = _row(conn, company.c.domain == domain)
    return _row(conn, company.c.id == found.merged_into) if found is not None and found.merged_into else found


def _row(conn: Connection, which: Any) -> Known | None:
    row = conn.execute(select(*_KNOWN).where(which)).first()
    return Known(*row) if row is not None else None


def lock_domains(conn: Connection, domains: Collection[str]) -> dict[str, Known]:
    """By domain, locked in the order in which whoever brings leads locks them, and waits for that."""
    query = select(*_KNOWN).where(company.c.domain == func.any(sorted(domains)))
    ordered = query.order_by(company.c.domain.collate("C")).with_for_update(key_share=True)
    return {row.domain: Known(*row) for row in conn.execute(ordered)}


_FAMILIES = text(f"SELECT c.id, family.id FROM company c CROSS JOIN {FAMILY} WHERE c.id = ANY(CAST(:ids AS bigint[]))")


def families(conn: Connection, ids: Collection[int]) -> dict[int, frozenset[int]]:
    """By company, all that count together with it, itself among them."""
    if not ids:
        return {}
    found: dict[int, set[int]] = {}
    for company_id, member in conn.execute(_FAMILIES, {"ids": array(sorted(ids))}):
        found.setdefault(company_id, set()).add(member)
    return {company_id: frozenset(members) for company_id, members in found.items()}


_MERGE = (
    # One level: what was merged into the one that goes is the other's, and so are its subsidiaries.
    text("UPDATE company SET merged_into = :into WHERE id = :id OR merged_into = :id"),
    text("UPDATE company SET parent_id = NULL WHERE id = :id OR (id = :into AND parent_id = :id)"),
    text(
        "UPDATE company s SET parent_id = coalesce(c.parent_id, c.id) FROM company c"
        " WHERE c.id = :into AND s.parent_id = :id"
    ),
    text(
        "UPDATE company c SET owner = coalesce(c.owner, gone.owner), name = coalesce(c.name, gone.name),"
        " named_by = CASE WHEN c.name IS NULL THEN gone.named_by ELSE c.named_by END"
        " FROM company gone WHERE c.id = :into AND gone.id = :id"
    ),
    text("UPDATE colleague_news SET company_id = :into WHERE company_id = :id"),
    text("UPDATE turn SET company_id = :into WHERE company_id = :id"),
)


def merge(conn: Connection, company_id: int, into: int) -> None:
    """Makes one company of two whose locks the caller holds; its people follow (`stray`)."""
    for statement in _MERGE:
        conn.execute(statement, {"id": company_id, "into": into})


def rename(conn: Connection, company_id: int, name: str) -> None:
    """Names the company for good, unless an operator does so again; the caller holds its lock."""
    conn.execute(update(company).where(company.c.id == company_id).values(name=name, named_by=OPERATOR))


_PARENT = (
    text("UPDATE company SET parent_id = :head WHERE id = :id"),
    text("UPDATE company SET parent_id = :head WHERE parent_id = :id AND CAST(:head AS bigint) IS NOT NULL"),
)


def subsidiary(conn: Connection, company_id: int, head: int | None) -> None:
    """Has a company, and with it its subsidiaries, count with another; None: it stands for itself."""
    for statement in _PARENT:
        conn.execute(statement, {"id": company_id, "head": head})


STRAYS: Final = (
    "SELECT c.id, c.merged_into FROM company c"
    " WHERE c.merged_into IS NOT NULL AND EXISTS (SELECT 1 FROM lead WHERE company_id = c.id)"
)
"""Companies that were merged, and still have people: also of an import that was on its way."""

_STRAY = text(f"{STRAYS} ORDER BY c.id LIMIT 1")
_MOVE = text("UPDATE lead SET company_id = :into WHERE id = ANY(CAST(:ids AS bigint[]))")


def stray(conn: Connection) -> tuple[int, int] | None:
    """A company that was merged and still has people, and the one to which they belong."""
    row = conn.execute(_STRAY).first()
    return (row[0], row[1]) if row is not None else None


def people(conn: Connection, company_ids: Collection[int], limit: int) -> list[Lead]:
    query = select(*leads.COLUMNS).where(lead.c.company_id == func.any(sorted(company_ids)))
    return [leads.of(row) for row in conn.execute(query.order_by(lead.c.id).limit(limit))]


def page(conn: Connection, after: int, limit: int) -> list[Known]:
    """Companies by id, for walking through all of them in bounded memory."""
    query = select(*_KNOWN).where(company.c.id > after).order_by(company.c.id).limit(limit)
    return [Known(*row) for row in conn.execute(query)]


# Of a company that was merged the people are the other's, among whose they are known by their addresses alone.
_AT_DOMAINS = """
    FROM company c JOIN lead l ON l.company_id IN (c.id, c.merged_into) AND split_part(l.email, '@', -1) = c.domain
    WHERE c.id = ANY(CAST(:ids AS bigint[]))
"""
_SOME = text(f"SELECT l.id {_AT_DOMAINS} ORDER BY l.id LIMIT :limit")
_HOW_MANY = text(f"SELECT c.id, count(*) {_AT_DOMAINS} GROUP BY c.id")


def at_domains(conn: Connection, ids: Collection[int]) -> dict[int, int]:
    """By company, how many people have their addresses at its own domain; those without any are left out."""
    return {row[0]: row[1] for row in conn.execute(_HOW_MANY, {"ids": array(sorted(ids))})}


def at_domain(conn: Connection, company_id: int, limit: int) -> list[int]:
    """The first of them of one company, ascending."""
    return list(conn.execute(_SOME, {"ids": array([company_id]), "limit": limit}).scalars())


# Who is of no company is engaged for none.
_LEAVE = text("UPDATE lead SET company_id = NULL, engaged_on = NULL WHERE id = ANY(CAST(:ids AS bigint[]))")


def leave(conn: Connection, lead_ids: Collection[int]) -> None:
    """Leads whose locks the caller holds, after their companies', become nobody's people."""
    conn.execute(_LEAVE, {"ids": array(sorted(lead_ids))})


def move(conn: Connection, lead_ids: Collection[int], into: int) -> None:
    """Leads whose locks the caller holds become people of that company."""
    conn.execute(_MOVE, {"ids": array(sorted(lead_ids)), "into": into})


_PEOPLE = (
    select(func.count()).select_from(lead).where(lead.c.company_id == company.c.id).correlate(company).scalar_subquery()
)


def listed(conn: Connection, words: str, limit: int) -> list[tuple[Known, int]]:
    """Each with the number of its people, by domain; those whose domain or name contains the words."""
    pattern = leads.containing(words)
    query = select(*_KNOWN, _PEOPLE).order_by(company.c.domain).limit(limit)
    if words:
        query = query.where(or_(company.c.domain.ilike(pattern), company.c.name.ilike(pattern)))
    return [(Known(*row[:-1]), row[-1]) for row in conn.execute(query)]


def around(conn: Connection, company_id: int) -> list[Known]:
    """Those merged into a company, and its subsidiaries, by domain."""
    query = select(*_KNOWN).where(or_(company.c.merged_into == company_id, company.c.parent_id == company_id))
    return [Known(*row) for row in conn.execute(query.order_by(company.c.domain))]


def happened(conn: Connection, lead_ids: Collection[int], limit: int) -> list[Event]:
    """What these people did and what was done by them, the newest first; not what mail servers and software said."""
    e = event.c
    query = select(*events.COLUMNS).where(
        e.lead_id == func.any(sorted(lead_ids)), ~e.machine, e.kind != func.all(sorted(DELIVERY))
    )
    return [Event(*row) for row in conn.execute(query.order_by(e.at.desc(), e.lead_id, e.key).limit(limit))]

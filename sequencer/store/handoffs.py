"""Handoffs: leads of whom sales was told, which rep was asked, and what became of it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, func, or_, select, text, tuple_

from sequencer.core.event import CHANGED, CONTACT
from sequencer.core.handoff import Handoff, State, begins
from sequencer.core.owner import CONTACTS, Load
from sequencer.store.arrays import array
from sequencer.store.companies import FAMILY
from sequencer.store.leads import NAME
from sequencer.store.tables import company, handoff, lead

Key = tuple[int, int]
"""A lead, and the number of the handoff."""


@dataclass(frozen=True, slots=True)
class NewHandoff:
    lead_id: int
    readiness: int | None
    reasons: tuple[str, ...] = ()
    note: str = ""
    enrollment_id: int | None = None
    step: str | None = None


_OF_LEADS = text(
    """
    SELECT lead_id, max(number) AS number, bool_or(state = 'waiting') AS waiting,
           array_remove(array_agg(readiness), NULL) AS handed
    FROM handoff WHERE lead_id = ANY(CAST(:ids AS bigint[])) GROUP BY lead_id
    """
)


def begin(conn: Connection, new: Sequence[NewHandoff], now: datetime) -> set[int]:
    """Hands leads off whose locks the caller holds: who is to be asked is found right after. Returns those who are.

    Not among them is who was for this readiness, and whose last one has no answer yet.
    """
    if not new:
        return set()
    known = {row.lead_id: row for row in conn.execute(_OF_LEADS, {"ids": array({one.lead_id for one in new})})}
    rows: dict[int, dict[str, Any]] = {}
    for one in new:
        before = known.get(one.lead_id)
        fresh = before is None or begins(before.waiting, before.handed, one.readiness)
        if fresh and one.lead_id not in rows:
            rows[one.lead_id] = {
                "lead_id": one.lead_id,
                "number": before.number + 1 if before is not None else 1,
                "readiness": one.readiness,
                "at": now,
                "reasons": list(one.reasons),
                "note": one.note,
                "enrollment_id": one.enrollment_id,
                "step": one.step,
                "state": State.WAITING,
                "due_at": now,
            }
    if rows:
        conn.execute(handoff.insert(), list(rows.values()))
    return set(rows)


_AGAIN = text(
    """
    UPDATE handoff SET readiness = :readiness, reasons = CAST(:reasons AS text[]), at = :at, due_at = :due_at
    WHERE lead_id = :lead_id AND number = :number
    """
)


def again(conn: Connection, new: Sequence[NewHandoff], now: datetime) -> list[Handoff]:
    """The handoffs of these that have no answer yet are for the present readiness, too, from now on. Returns them.

    The caller holds the leads' locks.
    """
    wanted = {one.lead_id: one for one in new}
    if not wanted:
        return []
    waiting = [one for of in of_leads(conn, wanted).values() for one in of if one.state is State.WAITING]
    changed = [
        one._replace(
            at=now,
            reasons=tuple(dict.fromkeys((*wanted[one.lead_id].reasons, *one.reasons))),
            # One that nobody looked at yet is still a new one.
            due_at=now if one.due_at == one.at else one.due_at,
        )
        for one in waiting
    ]
    rows = [
        {"lead_id": one.lead_id, "number": one.number, "at": one.at, "due_at": one.due_at}
        | {"readiness": wanted[one.lead_id].readiness, "reasons": array(one.reasons)}
        for one in changed
    ]
    if rows:
        conn.execute(_AGAIN, rows)
    return changed


def alone(conn: Connection) -> bool:
    """Whether nobody else looks at handoffs until this transaction ends: whoever is next in turn is drawn once."""
    # In a transaction, so that it also holds behind a pooler.
    return bool(conn.execute(text("SELECT pg_try_advisory_xact_lock(hashtext('handoffs'))")).scalar_one())


_DUE = text(
    """
    SELECT h.lead_id, h.number, l.company_id FROM handoff h JOIN lead l ON l.id = h.lead_id
    WHERE h.due_at <= :now ORDER BY h.due_at, h.lead_id LIMIT :limit
    """
)


def due(conn: Connection, now: datetime, limit: int) -> list[tuple[int, int, int | None]]:
    """Lead, number and company of those to be looked at, without any lock."""
    return [tuple(row) for row in conn.execute(_DUE, {"now": now, "limit": limit})]


_TOUCH = text(
    """
    UPDATE handoff SET due_at = greatest(:now, at + interval '1 microsecond')
    WHERE lead_id = ANY(CAST(:ids AS bigint[])) AND state = 'waiting' AND (due_at IS NULL OR due_at > :now)
    """
)


def touch(conn: Connection, lead_ids: Collection[int], now: datetime) -> None:
    """The waiting handoffs of these leads, whose locks the caller holds, are looked at next.

    One that nobody looked at yet is due anyhow: by `due_at = at` it is known as a new one.
    """
    if lead_ids:
        conn.execute(_TOUCH, {"ids": array(sorted(lead_ids)), "now": now})


NEXT = "SELECT min(due_at) FROM handoff"
"""When the first is to be looked at."""


def by_keys(conn: Connection, keys: Iterable[Key]) -> dict[Key, Handoff]:
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    rows = conn.execute(select(handoff).where(tuple_(handoff.c.lead_id, handoff.c.number).in_(wanted)))
    return {(row.lead_id, row.number): of(row) for row in rows}


def of_leads(conn: Connection, lead_ids: Collection[int]) -> dict[int, list[Handoff]]:
    """By lead, the newest first."""
    query = select(handoff).where(handoff.c.lead_id == func.any(sorted(lead_ids)))
    found: dict[int, list[Handoff]] = {}
    for row in conn.execute(query.order_by(handoff.c.lead_id, handoff.c.number.desc())):
        found.setdefault(row.lead_id, []).append(of(row))
    return found


def of(row: Any) -> Handoff:
    values = {name: getattr(row, name) for name in Handoff._fields}
    values |= {"reasons": tuple(row.reasons), "asked": tuple(row.asked), "state": State(row.state)}
    return Handoff(**values)


_WRITTEN = ("rep", "turns", "state", "due_at", "told_at", "answered_at", "answer", "until")
_WRITE = text(
    f"""
    UPDATE handoff SET {", ".join(f"{name} = :{name}" for name in _WRITTEN)}, asked = CAST(:asked AS text[])
    WHERE lead_id = :lead_id AND number = :number
    """
)


def write(conn: Connection, changed: Iterable[Handoff]) -> None:
    """As they stand now, of leads whose locks the caller holds."""
    rows = [
        {name: getattr(one, name) for name in ("lead_id", "number", *_WRITTEN)} | {"asked": array(one.asked)}
        for one in changed
    ]
    if rows:
        conn.execute(_WRITE, rows)


_LOADS = text(
    """
    SELECT rep, count(*) FILTER (WHERE state IN ('waiting', 'accepted')) AS handoffs, max(told_at) AS last
    FROM handoff WHERE at >= :since AND rep IS NOT NULL GROUP BY rep
    """
)


def loads(conn: Connection, since: datetime) -> dict[str, Load]:
    """By rep: what they were given since then and have not declined, and when last."""
    return {row.rep: Load(row.handoffs, row.last) for row in conn.execute(_LOADS, {"since": since})}


_SPOKE = text(
    f"""
    SELECT data ->> 'rep' FROM event
    WHERE lead_id = ANY(CAST(:ids AS bigint[])) AND kind IN ({", ".join(f"'{kind}'" for kind in CONTACTS)})
      AND data ->> 'rep' = ANY(CAST(:reps AS text[]))
    ORDER BY at, lead_id, key LIMIT 1
    """
)
_FIRST = text(
    f"""
    SELECT DISTINCT ON (lead_id) lead_id, kind, key, data ->> 'rep' AS rep FROM event
    WHERE lead_id = ANY(CAST(:ids AS bigint[])) AND kind IN ({", ".join(f"'{kind}'" for kind in CONTACTS)})
      AND data ->> 'rep' = ANY(CAST(:reps AS text[]))
    ORDER BY lead_id, at, key
    """
)
_BY_CONTACT = text(
    f"""
    SELECT v.id FROM unnest(CAST(:ids AS bigint[]), CAST(:owners AS text[])) v(id, owner)
    CROSS JOIN LATERAL (
        SELECT data FROM event
        WHERE lead_id = v.id AND kind = '{CHANGED}' AND data ->> 'field' = 'owner' AND data ->> 'after' = v.owner
        ORDER BY at DESC LIMIT 1
    ) changed
    WHERE jsonb_exists(changed.data, '{CONTACT}')
    """
)
_COLLEAGUES = text(
    f"""
    SELECT l.id FROM company c CROSS JOIN {FAMILY} JOIN lead l ON l.company_id = family.id
    WHERE c.id = :company LIMIT 1000
    """
)


def spoke_first(conn: Connection, lead_id: int, company_id: int | None, reps: Collection[str]) -> str | None:
    """The rep whom the first event of a human contact names: with the lead, or with anybody of the company given."""
    ids = {lead_id}
    if company_id is not None:
        ids |= set(conn.execute(_COLLEAGUES, {"company": company_id}).scalars())
    found = conn.execute(_SPOKE, {"ids": array(sorted(ids)), "reps": array(sorted(reps))}).scalar()
    return str(found) if found is not None else None


class Contact(NamedTuple):
    """A rep was in touch with a lead."""

    kind: str
    key: str
    rep: str


def first_contacts(conn: Connection, lead_ids: Collection[int], reps: Collection[str]) -> dict[int, Contact]:
    """By lead, the first event of a human contact that names one of these reps."""
    if not lead_ids:
        return {}
    rows = conn.execute(_FIRST, {"ids": array(sorted(lead_ids)), "reps": array(sorted(reps))})
    return {row.lead_id: Contact(row.kind, row.key, row.rep) for row in rows}


def owned_by_contact(conn: Connection, owners: Mapping[int, str]) -> set[int]:
    """Of these leads those whose owner, as given, is theirs by having been in touch, and by nothing since."""
    if not owners:
        return set()
    return set(conn.execute(_BY_CONTACT, {"ids": array(owners), "owners": array(owners.values())}).scalars())


_OWNERLESS = text(
    f"""
    SELECT DISTINCT l.id FROM company c CROSS JOIN {FAMILY} JOIN lead l ON l.company_id = family.id
    WHERE c.id = ANY(CAST(:ids AS bigint[])) AND (l.owner IS NULL OR l.owner <> ALL(CAST(:reps AS text[])))
    ORDER BY l.id
    """
)


def heirs(conn: Connection, company_ids: Collection[int], reps: Collection[str]) -> list[int]:
    """People of companies, and of those that count with them, who have none of these reps as their own."""
    if not company_ids:
        return []
    values = {"ids": array(sorted(company_ids)), "reps": array(sorted(reps))}
    return list(conn.execute(_OWNERLESS, values).scalars())


_OWN = text(
    """
    UPDATE company c SET owner = v.owner FROM (
        SELECT DISTINCT ON (1) coalesce(o.parent_id, o.id) AS id, u.owner
        FROM unnest(CAST(:ids AS bigint[]), CAST(:owners AS text[])) u(id, owner) JOIN company o ON o.id = u.id
        ORDER BY 1, o.id
    ) v
    WHERE c.id = v.id AND c.owner IS NULL
    """
)


_DISOWN = text(
    """
    UPDATE company SET owner = NULL
    WHERE owner <> ALL(CAST(:reps AS text[])) AND id IN (
        SELECT unnest(ARRAY[id, parent_id]) FROM company WHERE id = ANY(CAST(:ids AS bigint[]))
    )
    """
)


def disown(conn: Connection, company_ids: Collection[int], reps: Collection[str]) -> None:
    """Companies whose owner is none of these reps have none, nor do those that they count with.

    The caller holds their locks.
    """
    if company_ids:
        conn.execute(_DISOWN, {"ids": array(sorted(company_ids)), "reps": array(sorted(reps))})


_FIRST_OWNERS = text(
    f"""
    SELECT DISTINCT ON (c.id) c.id, l.owner
    FROM company c CROSS JOIN {FAMILY} JOIN lead l ON l.company_id = family.id
    LEFT JOIN LATERAL (
        SELECT at FROM event
        WHERE lead_id = l.id AND kind = '{CHANGED}' AND data ->> 'field' = 'owner' AND data ->> 'after' = l.owner
        ORDER BY at DESC LIMIT 1
    ) named ON true
    WHERE c.id = ANY(CAST(:ids AS bigint[])) AND l.owner = ANY(CAST(:reps AS text[]))
    ORDER BY c.id, coalesce(named.at, l.created_at), l.id
    """
)


def first_owners(conn: Connection, company_ids: Collection[int], reps: Collection[str]) -> dict[int, str]:
    """By company, which of these reps first became the owner of somebody of it, or of those that it counts with.

    Who still owns them counts; who came with their owner has had them since then.
    """
    if not company_ids:
        return {}
    values = {"ids": array(sorted(company_ids)), "reps": array(sorted(reps))}
    return {row.id: row.owner for row in conn.execute(_FIRST_OWNERS, values)}


def own_company(conn: Connection, owners: Mapping[int, str]) -> None:
    """Gives companies without an owner one, a subsidiary by that it counts with; the caller holds their locks."""
    if owners:
        conn.execute(_OWN, {"ids": array(owners), "owners": array(owners.values())})


def listed(
    conn: Connection, rep: str | None, state: str | None, before: tuple[datetime, int] | None, limit: int
) -> list[Any]:
    """Rows with their lead's name and company, the newest first; those before a moment and lead, for paging."""
    query = (
        select(handoff, lead.c.email, NAME, company.c.name.label("company_name"), company.c.domain, lead.c.company_id)
        .join(lead, lead.c.id == handoff.c.lead_id)
        .outerjoin(company, company.c.id == lead.c.company_id)
        .order_by(handoff.c.at.desc(), handoff.c.lead_id.desc())
        .limit(limit)
    )
    if rep is not None:
        query = query.where(handoff.c.rep == rep)
    if state is not None:
        query = query.where(handoff.c.state == state)
    if before is not None:
        at, lead_id = before
        query = query.where(or_(handoff.c.at < at, and_(handoff.c.at == at, handoff.c.lead_id < lead_id)))
    return list(conn.execute(query))


def counts(conn: Connection) -> dict[str, int]:
    """How many in each state."""
    rows = conn.execute(select(handoff.c.state, func.count()).group_by(handoff.c.state))
    return {state: number for state, number in rows}

"""Who leads are in the CRM, and when it last said something of each of their fields.

The lead's lock is theirs too: whoever writes them holds it, or waits for nobody (`look`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, text

from sequencer.store.arrays import array


class Word(NamedTuple):
    """A CRM's last word about a field."""

    at: datetime
    keys: tuple[str, ...]
    """Of what was said of it at that moment: several things may bear the same second."""


class Known(NamedTuple):
    """What a CRM said of a lead."""

    lead_id: int
    crm: str
    contact: str | None
    """Their id there, as far as this says it."""
    said: Mapping[str, Word]
    """By field."""


_PUT = text(
    """
    INSERT INTO crm_contact AS c (lead_id, crm, contact, said)
    SELECT v.lead_id, v.crm, v.contact, CAST(v.said AS jsonb)
    FROM unnest(CAST(:lead_id AS bigint[]), CAST(:crm AS text[]), CAST(:contact AS text[]), CAST(:said AS text[]))
         v(lead_id, crm, contact, said)
    ORDER BY v.lead_id, v.crm
    ON CONFLICT (lead_id, crm) DO UPDATE SET
        contact = coalesce(excluded.contact, c.contact), said = c.said || excluded.said
    """
)


def put(conn: Connection, known: Iterable[Known]) -> None:
    """Notes it, each lead and CRM once; the caller holds the leads' locks."""
    rows = list(known)
    if rows:
        columns: dict[str, Any] = {
            name: array([getattr(row, name) for row in rows]) for name in ("lead_id", "crm", "contact")
        }
        columns["said"] = array(orjson.dumps(dict(row.said), default=list).decode() for row in rows)
        conn.execute(_PUT, columns)


_BY_CONTACT = text(
    """
    SELECT DISTINCT ON (c.crm, c.contact) c.crm, c.contact, c.lead_id
    FROM unnest(CAST(:crm AS text[]), CAST(:contact AS text[])) v(crm, contact)
    JOIN crm_contact c ON c.crm = v.crm AND c.contact = v.contact
    ORDER BY c.crm, c.contact, c.lead_id DESC
    """
)


def lead_ids(conn: Connection, contacts: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Leads by CRM and id there."""
    if not contacts:
        return {}
    crm, contact = zip(*sorted(contacts), strict=True)
    rows = conn.execute(_BY_CONTACT, {"crm": array(crm), "contact": array(contact)})
    return {(row.crm, row.contact): row.lead_id for row in rows}


_SAID = text("SELECT lead_id, crm, said FROM crm_contact WHERE lead_id = ANY(CAST(:ids AS bigint[]))")


def said(conn: Connection, ids: Sequence[int]) -> dict[tuple[int, str], dict[str, Word]]:
    """By lead and CRM, its last word about each field."""
    return {
        (row.lead_id, row.crm): {
            name: Word(datetime.fromisoformat(at), tuple(keys)) for name, (at, keys) in row.said.items()
        }
        for row in conn.execute(_SAID, {"ids": array(ids)})
    }


DUE = "SELECT 1 FROM crm_contact WHERE contact IS NOT NULL AND next_at <= clock_timestamp()"
"""Whether there is a contact to look at, whatever is to be written back."""


class Contact(NamedTuple):
    lead_id: int
    contact: str
    written: str | None


# Leads that are one contact there are told of as the newest of them stands: else each would overwrite the other.
_TOLD = """contact IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM crm_contact newer WHERE newer.crm = c.crm AND newer.contact = c.contact AND newer.lead_id > c.lead_id
)"""

_LOOK = text(
    f"""
    WITH due AS MATERIALIZED (
        SELECT lead_id FROM crm_contact
        WHERE crm = :crm AND contact IS NOT NULL AND next_at <= clock_timestamp()
        ORDER BY next_at LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
    ), looked AS (
        UPDATE crm_contact c SET next_at = clock_timestamp() + make_interval(secs => CAST(:every AS float))
        FROM due WHERE c.crm = :crm AND c.lead_id = due.lead_id
        RETURNING c.lead_id, c.crm, c.contact, c.written
    )
    SELECT c.lead_id, c.contact, c.written, {_TOLD} FROM looked c
    """
)


def look(conn: Connection, crm: str, every: float, limit: int) -> tuple[list[Contact], bool]:
    """Takes contacts that are to be looked at; again in so many seconds of operating time. And whether more may be."""
    rows = conn.execute(_LOOK, {"crm": crm, "every": every, "limit": limit}).all()
    return sorted(Contact(*row[:-1]) for row in rows if row[-1]), len(rows) == limit


_OF = text(
    f"""
    SELECT lead_id, contact, written FROM crm_contact c
    WHERE crm = :crm AND lead_id = ANY(CAST(:ids AS bigint[])) AND {_TOLD} ORDER BY lead_id
    """
)


def of_leads(conn: Connection, crm: str, ids: Sequence[int]) -> list[Contact]:
    """Of these leads those whom the CRM is told of, each another contact."""
    return [Contact(*row) for row in conn.execute(_OF, {"crm": crm, "ids": array(ids)})]


_WROTE = text(
    """
    UPDATE crm_contact c SET written = v.written
    FROM unnest(CAST(:ids AS bigint[]), CAST(:written AS text[])) v(lead_id, written)
    WHERE c.crm = :crm AND c.lead_id = v.lead_id
    """
)


def wrote(conn: Connection, crm: str, digests: Mapping[int, str]) -> None:
    """What was written back of leads, as digests; the caller holds their locks."""
    if digests:
        ids = sorted(digests)
        conn.execute(_WROTE, {"crm": crm, "ids": array(ids), "written": array(digests[one] for one in ids)})

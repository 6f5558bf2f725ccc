"""How leads stand: counts of what they did by signal and day, engaged people of a company, and when they were ready."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, select, text
from sqlalchemy.dialects.postgresql import distinct_on

from sequencer.core.readiness import Readiness
from sequencer.core.score import Counts
from sequencer.store.arrays import any_in, array
from sequencer.store.companies import FAMILY
from sequencer.store.tables import readiness, signal_count

Place = tuple[int, str, date]
"""A lead, a signal, a UTC day."""

_COUNT = text(
    """
    INSERT INTO signal_count AS c (lead_id, signal, day, times)
    SELECT v.lead_id, v.signal, v.day, v.times
    FROM unnest(CAST(:lead_ids AS bigint[]), CAST(:signals AS text[]), CAST(:days AS date[]), CAST(:times AS int[]))
         v(lead_id, signal, day, times)
    ON CONFLICT (lead_id, signal, day) DO UPDATE SET times = c.times + excluded.times
    """
)


def count(conn: Connection, more: Mapping[Place, int]) -> None:
    """Adds to counts, or takes from them; the caller holds the leads' locks."""
    if more:
        _write(conn, sorted(more.items()))


def _write(conn: Connection, rows: Sequence[tuple[Place, int]]) -> None:
    lead_ids, signals, days = zip(*(place for place, _ in rows), strict=True)
    values = {"lead_ids": array(lead_ids), "signals": array(signals), "days": array(days)}
    conn.execute(_COUNT, values | {"times": array(times for _, times in rows)})


_CLEAR = text("DELETE FROM signal_count WHERE lead_id = ANY(CAST(:ids AS bigint[]))")


def recount(conn: Connection, lead_ids: Collection[int], counts: Mapping[Place, int]) -> None:
    """Puts these in place of all counts of these leads, whose locks the caller holds."""
    conn.execute(_CLEAR, {"ids": array(lead_ids)})
    count(conn, counts)


_c = signal_count.c
_COUNTS = select(_c.lead_id, _c.signal, _c.day, _c.times).where(_c.lead_id == any_in("ids"), _c.times != 0)


def counts(conn: Connection, lead_ids: Sequence[int]) -> dict[int, Counts]:
    """By lead; who did nothing that counts is not among them."""
    found: dict[int, dict[tuple[str, date], int]] = {}
    for row in conn.execute(_COUNTS, {"ids": array(lead_ids)}):
        found.setdefault(row.lead_id, {})[row.signal, row.day] = row.times
    return dict(found)


# Companies cross the leads' locks, so what is counted of them is written where their row is locked.
_ENGAGED = text(
    f"""
    SELECT c.id, array_agg(l.engaged_on) FROM company c CROSS JOIN {FAMILY}
    JOIN lead l ON l.company_id = family.id AND l.engaged_on >= :since
    WHERE c.id = ANY(CAST(:ids AS bigint[])) GROUP BY c.id
    """
)


def engaged(conn: Connection, company_ids: Collection[int], since: date) -> dict[int, list[date]]:
    """By company: when each of its people, and of those that count with it, last did something that counts for them.

    Not those for whom that was before.
    """
    if not company_ids:
        return {}
    rows = conn.execute(_ENGAGED, {"ids": array(sorted(company_ids)), "since": since})
    return {row[0]: row[1] for row in rows}


_ENGAGED_ON = text("SELECT id, engaged_on FROM lead WHERE id = ANY(CAST(:ids AS bigint[])) AND engaged_on IS NOT NULL")
_ENGAGE = text(
    """
    UPDATE lead SET engaged_on = v.day
    FROM unnest(CAST(:ids AS bigint[]), CAST(:days AS date[])) v(id, day)
    WHERE lead.id = v.id AND lead.engaged_on IS DISTINCT FROM v.day
    """
)


def engaged_on(conn: Connection, lead_ids: Sequence[int]) -> dict[int, date]:
    """When these last did something that counts for them, as it is noted for their company."""
    return {row[0]: row[1] for row in conn.execute(_ENGAGED_ON, {"ids": array(lead_ids)})}


def engage(conn: Connection, days: Mapping[int, date | None]) -> None:
    """Notes it; the caller holds the locks of the companies, and then of the leads."""
    if days:
        conn.execute(_ENGAGE, {"ids": array(days), "days": array(days.values())})


_COMPANIES = text(
    """
    SELECT c.id, head.id FROM company c JOIN company head ON head.id = coalesce(c.parent_id, c.id)
    WHERE c.id = ANY(CAST(:ids AS bigint[])) ORDER BY head.id, c.id FOR NO KEY UPDATE OF c, head SKIP LOCKED
    """
)


def lock_companies(conn: Connection, ids: Iterable[int]) -> dict[int, int]:
    """Locks companies and passes over those that somebody holds. By company, the one that it counts with, or itself.

    A subsidiary with the company that it counts with: of a family only one is dealt with at a time. Before any of their
    people, or of people whom the caller holds: it waits for nobody.
    """
    wanted = sorted(set(ids))
    return {row[0]: row[1] for row in conn.execute(_COMPANIES, {"ids": array(wanted)})} if wanted else {}


_r = readiness.c
_LAST = (
    select(readiness)
    .ext(distinct_on(_r.lead_id))
    .where(_r.lead_id == any_in("ids"))
    .order_by(_r.lead_id, _r.number.desc())
)


def last(conn: Connection, lead_ids: Sequence[int]) -> dict[int, Readiness]:
    """By lead, the last readiness; who never was ready is not among them."""
    rows = conn.execute(_LAST, {"ids": array(lead_ids)})
    return {row.lead_id: _of(row) for row in rows}


def of_lead(conn: Connection, lead_id: int) -> list[Readiness]:
    """All of them, in their order."""
    rows = conn.execute(select(readiness).where(_r.lead_id == lead_id).order_by(_r.number))
    return [_of(row) for row in rows]


def _of(row: Any) -> Readiness:
    return Readiness(row.number, row.at, row.over_at, tuple(row.reasons), row.refused, row.until)


def begin(conn: Connection, new: Mapping[int, Readiness]) -> None:
    """Leads become ready; a number that a lead has had fails, and the caller's locks keep it from coming up."""
    rows = [
        {"lead_id": lead_id, "number": one.number, "at": one.at, "reasons": list(one.reasons)}
        for lead_id, one in sorted(new.items())
    ]
    if rows:
        conn.execute(readiness.insert(), rows)


_OVER = text("UPDATE readiness SET over_at = :now WHERE lead_id = ANY(CAST(:ids AS bigint[])) AND over_at IS NULL")


def end(conn: Connection, lead_ids: Sequence[int], now: datetime) -> None:
    """The readiness that these are in is over."""
    if lead_ids:
        conn.execute(_OVER, {"ids": array(lead_ids), "now": now})


_REFUSED = text(
    """
    UPDATE readiness r
    SET over_at = coalesce(r.over_at, :now), refused = r.refused OR r.over_at IS NULL, until = v.until
    FROM unnest(CAST(:ids AS bigint[]), CAST(:untils AS date[])) v(lead_id, until)
    WHERE r.lead_id = v.lead_id AND r.number = (SELECT max(number) FROM readiness WHERE lead_id = v.lead_id)
    """
)
_FELL = text("UPDATE readiness SET refused = false WHERE lead_id = ANY(CAST(:ids AS bigint[])) AND refused")


def refuse(conn: Connection, leads: Mapping[int, date | None], now: datetime) -> None:
    """Sales says no to these, whose locks the caller holds: the readiness that they are in, if in any, is over.

    By lead, before which day they do not become ready again.
    """
    if leads:
        conn.execute(_REFUSED, {"ids": array(leads), "untils": array(leads.values()), "now": now})


def fall_back(conn: Connection, lead_ids: Sequence[int]) -> None:
    """These have fallen back, who were refused before."""
    if lead_ids:
        conn.execute(_FELL, {"ids": array(lead_ids)})

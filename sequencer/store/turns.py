"""Who of a company was mailed lately, and who waits until others of it were: written where its row is locked.

The ledger knows what became of a mail; for which of a company's mails to ask it is kept here, so that what a batch
reads depends on the cap and not on how many people a company has.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, text

from sequencer.core.message import MAYBE_SENT
from sequencer.core.turn import Turn
from sequencer.store.arrays import array
from sequencer.store.companies import FAMILY

# One probe of an index for each row, whatever the planner hopes. Whoever was dated anew or went since waits no more.
_OF = text(
    f"""
    SELECT c.id, t.company_id, t.enrollment_id, t.step, found.at
    FROM company c CROSS JOIN {FAMILY} JOIN turn t ON t.company_id = family.id AND t.at > :since
    CROSS JOIN LATERAL (
        (SELECT m.sent_at AS at FROM message m
         WHERE t.step <> '' AND m.enrollment_id = t.enrollment_id AND m.step = t.step
           AND m.sent_at > :since AND m.state = ANY(CAST(:counted AS text[])) LIMIT 1)
        UNION ALL
        (SELECT t.at FROM enrollment e
         WHERE t.step = '' AND e.id = t.enrollment_id AND e.status = 'active'
           AND coalesce(e.expected_at, e.due_at) = t.at LIMIT 1)
    ) found
    WHERE c.id = ANY(CAST(:ids AS bigint[])) ORDER BY c.id, found.at, t.enrollment_id
    """
)


def of(conn: Connection, company_ids: Collection[int], since: datetime) -> dict[int, list[Turn]]:
    """By company: what went to its people, and to those of companies that count with it, after `since`, and who waits.

    As far as it counts for gap and caps: what surely did not go does not.
    """
    found: dict[int, list[Turn]] = {}
    if not company_ids:
        return found
    values = {"ids": array(sorted(company_ids)), "since": since, "counted": sorted(MAYBE_SENT)}
    for row in conn.execute(_OF, values):
        found.setdefault(row[0], []).append(Turn._make(row[1:]))
    return found


_OVER = text(
    """
    DELETE FROM turn WHERE company_id = ANY(CAST(:ids AS bigint[]))
      AND (at <= :since OR (step = '' AND enrollment_id = ANY(CAST(:decided AS bigint[]))))
    """
)
_PUT = text(
    """
    INSERT INTO turn (company_id, enrollment_id, step, at)
    SELECT * FROM unnest(CAST(:companies AS bigint[]), CAST(:enrollments AS bigint[]), CAST(:steps AS text[]),
                         CAST(:ats AS timestamptz[]))
    ON CONFLICT (company_id, enrollment_id, step) DO UPDATE SET at = excluded.at
    """
)


def write(
    conn: Connection, company_ids: Collection[int], decided: Collection[int], new: Collection[Turn], since: datetime
) -> None:
    """What came of the decisions about these enrollments of companies whose locks the caller holds.

    What went until `since`, and the waits of those who were decided, are over.
    """
    ids = {"ids": array(sorted(company_ids)), "decided": array(sorted(decided)), "since": since}
    conn.execute(_OVER, ids)
    if new:
        companies, enrollments, steps, ats = zip(*new, strict=True)
        values = {"companies": array(companies), "enrollments": array(enrollments), "steps": array(steps)}
        conn.execute(_PUT, values | {"ats": array(ats)})


_OLD = text("SELECT EXISTS (SELECT FROM turn WHERE at <= :since)")
# Whoever holds one is writing what comes of a batch, which removes what is over of its companies.
_FORGET = text(
    """
    WITH old AS MATERIALIZED (
        SELECT company_id, enrollment_id, step FROM turn WHERE at <= :since LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    DELETE FROM turn t USING old
    WHERE t.company_id = old.company_id AND t.enrollment_id = old.enrollment_id AND t.step = old.step
    """
)


def has_old(conn: Connection, since: datetime) -> bool:
    """Whether something is left that went, or was to go, until then: of companies that nobody mailed after that."""
    return bool(conn.execute(_OLD, {"since": since}).scalar_one())


def delete_old(conn: Connection, since: datetime, limit: int) -> int:
    """Removes these, at most so many; says how many."""
    return int(conn.execute(_FORGET, {"since": since, "limit": limit}).rowcount)


_LEAVE = text(
    """
    DELETE FROM turn t USING enrollment e
    WHERE t.company_id = ANY(CAST(:companies AS bigint[])) AND e.id = t.enrollment_id
      AND e.lead_id = ANY(CAST(:leads AS bigint[]))
    RETURNING t.enrollment_id, t.step
    """
)


def leave(conn: Connection, company_ids: Collection[int], lead_ids: Collection[int]) -> set[int]:
    """Takes people out of the turns of companies whose locks the caller holds; returns the enrollments that waited."""
    values = {"companies": array(sorted(company_ids)), "leads": array(sorted(lead_ids))}
    return {row.enrollment_id for row in conn.execute(_LEAVE, values) if not row.step}

"""Where the rows of a file stand for a moment on their way to `lead`: set-based, so many statements a batch.

A batch is copied into a temporary table of its transaction: nothing is left behind, and a pooler between us and the
server does no harm. What has to last from batch to batch, the addresses that a file had so far, has a table of its own.
"""

import csv
import io
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Column, Connection, Engine, Integer, MetaData, Table, Text, delete, func, select, text
from sqlalchemy.dialects.postgresql import JSONB, insert

from sequencer.core.lead_input import OWN, Row
from sequencer.store.leads import answered, renames

staged = Table(
    "staged",
    MetaData(),
    Column("line", Integer),
    *(Column(name, Text) for name in ("email", "domain", "company", *OWN)),
    Column("fields", JSONB),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)


@contextmanager
def addresses(engine: Engine) -> Iterator[Table]:
    """A table for the addresses of one file. What crashed imports left behind is removed on the next day."""
    with engine.begin() as conn:
        today: str = conn.execute(text('SELECT to_char(clock_timestamp(), \'"import_"YYYYMMDD"_"\')')).scalar_one()
        for left in conn.execute(_LEFT, {"today": today}).scalars():
            Table(left, MetaData()).drop(conn, checkfirst=True)
        seen = Table(
            today + secrets.token_hex(8),
            MetaData(),
            Column("email", Text, primary_key=True),
            Column("line", Integer, nullable=False),
            prefixes=["UNLOGGED"],
        )
        seen.create(conn, checkfirst=False)
    try:
        yield seen
    finally:
        with engine.begin() as conn:
            seen.drop(conn, checkfirst=True)


_LEFT = text(
    "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
    " AND relname ~ '^import_[0-9]{8}_[0-9a-f]{16}$' AND relname < :today"
)


def put(conn: Connection, rows: Mapping[int, Row]) -> None:
    """Copies rows, by line, for this transaction."""
    written = io.StringIO(newline="")
    # None and the empty text are both written as nothing, which is NULL; a row holds no empty texts.
    csv.writer(written).writerows(
        (line, row.email, row.domain, row.company, *row.own, row.fields) for line, row in rows.items()
    )
    staged.create(conn, checkfirst=False)
    driver = conn.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor, cursor.copy("COPY pg_temp.staged FROM STDIN (FORMAT csv)") as copy:
        copy.write(written.getvalue())


def repeated(conn: Connection, seen: Table) -> list[tuple[int, str, int]]:
    """Takes out rows whose address stands in an earlier row of the file: (line, address, line of the first)."""
    firsts = (
        insert(seen)
        .from_select(
            ["email", "line"],
            select(staged.c.email, func.min(staged.c.line)).group_by(staged.c.email),
        )
        .on_conflict_do_nothing()
        .returning(seen.c.line)
        .cte()
    )
    query = select(staged.c.line, staged.c.email).where(staged.c.line.not_in(select(firsts.c.line)))
    again = conn.execute(query.order_by(staged.c.line)).all()
    if not again:
        return []
    emails = sorted({row.email for row in again})
    first = {row.email: row.line for row in conn.execute(select(seen).where(seen.c.email == func.any(emails)))}
    conn.execute(delete(staged).where(staged.c.line == func.any([row.line for row in again])))
    return [(row.line, row.email, first[row.email]) for row in again]


# LATERAL with LIMIT, here and below: one probe of an index for each row. As joins the planner, who knows nothing of a
# temporary table, would read the whole of `lead` or `company` for every batch.
_COMPANIES = text(
    """
    INSERT INTO company (domain, name, named_by)
    SELECT d.domain, d.company, CASE WHEN d.company IS NOT NULL THEN :source END
    FROM (SELECT DISTINCT ON (domain) domain, company FROM staged WHERE domain IS NOT NULL
          ORDER BY domain, company IS NULL, line DESC) d
    LEFT JOIN LATERAL (SELECT true AS known FROM company c WHERE c.domain = d.domain LIMIT 1) c ON true
    WHERE c.known IS NULL
    ORDER BY d.domain COLLATE "C"
    ON CONFLICT (domain) DO NOTHING
    """
)
_COMPANY_NAMES = text(
    f"""
    WITH named AS MATERIALIZED (
        SELECT k.id, d.company
        FROM (SELECT DISTINCT ON (domain) domain, company FROM staged WHERE domain IS NOT NULL AND company IS NOT NULL
              ORDER BY domain, line DESC) d
        CROSS JOIN LATERAL (SELECT id FROM company c WHERE c.domain = d.domain AND {renames("d.company")} LIMIT 1) k
    ), locked AS MATERIALIZED (
        SELECT c.id FROM company c WHERE c.id = ANY(ARRAY(SELECT id FROM named))
        ORDER BY c.domain COLLATE "C" FOR NO KEY UPDATE
    )
    UPDATE company c SET name = named.company, named_by = :source FROM named
    WHERE c.id = named.id AND c.id = ANY(ARRAY(SELECT id FROM locked)) AND {renames("named.company")}
    """
)


def put_companies(conn: Connection, source: str) -> bool:
    """Companies by domain, made where they are missing, and named as `leads.renames` has it, by their last rows.

    Locked in the order in which whoever brings leads by other ways locks them. Whether one that was there got another
    name: until that is committed, nobody else sees that the one before has to be written again.
    """
    conn.execute(_COMPANIES, {"source": source})
    return conn.execute(_COMPANY_NAMES, {"source": source}).rowcount > 0


_BARRED = "EXISTS (SELECT FROM suppression b WHERE b.email = s.email AND b.topic = '')"
"""An address stays suppressed whoever brings it back."""
_COMPANY = "(SELECT coalesce(c.merged_into, c.id) FROM company c WHERE c.domain = s.domain)"


class Known(NamedTuple):
    line: int
    id: int
    differs: bool
    """Whether the row says anything that is not known of the lead."""


_DIFFERS = " OR ".join(
    (
        *(f"(s.{name} IS NOT NULL AND s.{name} IS DISTINCT FROM l.{name})" for name in OWN if name != "campaign"),
        "(s.campaign IS NOT NULL AND l.campaign IS NULL)",
        "(s.domain IS NOT NULL AND l.company_id IS DISTINCT FROM " + _COMPANY + ")",
        "l.fields || s.fields <> l.fields",
        # What was only inferred until now is an answer, also if it says the same.
        "(l.sources <> '{}' AND (EXISTS"
        " (SELECT FROM jsonb_object_keys(s.fields) k WHERE jsonb_exists(l.sources -> k, 'confidence'))"
        " OR (s.zone IS NOT NULL AND jsonb_exists(l.sources -> 'time_zone', 'confidence'))))",
        "(NOT l.suppressed AND " + _BARRED + ")",
    )
)
_KNOWN = text(
    f"""
    SELECT s.line, k.id, k.differs FROM staged s
    CROSS JOIN LATERAL (SELECT l.id, ({_DIFFERS}) AS differs FROM lead l WHERE l.email = s.email LIMIT 1) k
    """
)


def known(conn: Connection) -> list[Known]:
    """Rows whose addresses are those of leads."""
    return [Known._make(row) for row in conn.execute(_KNOWN).all()]


_UPDATE = text(
    f"""
    UPDATE lead l SET
        {", ".join(f"{name} = coalesce(s.{name}, l.{name})" for name in OWN if name != "campaign")},
        -- First touch stays first touch.
        campaign = coalesce(l.campaign, s.campaign),
        company_id = coalesce({_COMPANY}, l.company_id),
        suppressed = l.suppressed OR {_BARRED},
        fields = l.fields || s.fields,
        sources = {answered("s.fields", "s.zone")},
        updated_at = :now
    FROM staged s WHERE l.id = ANY(:ids) AND s.email = l.email
    """
)


def update(conn: Connection, ids: Collection[int], source: str, now: datetime) -> None:
    """Writes what the rows say of leads that the caller has locked; what a row does not say stays as it was."""
    if ids:
        conn.execute(_UPDATE, {"ids": list(ids), "source": source, "now": now})


_INSERT = text(
    f"""
    WITH fresh AS (
        INSERT INTO lead
            (email, {", ".join(OWN)}, company_id, suppressed, fields, source, bucket, created_at, updated_at)
        SELECT s.email, {", ".join(f"s.{name}" for name in OWN)}, {_COMPANY}, {_BARRED}, s.fields, :source,
               hashtext(s.email) & 255, :now, :now
        FROM staged s WHERE s.line NOT IN (SELECT unnest(CAST(:known AS int[])))
        ORDER BY s.email
        ON CONFLICT (email) DO NOTHING
        RETURNING id, email
    )
    SELECT coalesce(array_agg(f.id) FILTER (WHERE f.id IS NOT NULL), '{{}}'),
           coalesce(array_agg(s.line) FILTER (WHERE f.id IS NULL), '{{}}')
    FROM staged s LEFT JOIN fresh f ON f.email = s.email
    WHERE s.line NOT IN (SELECT unnest(CAST(:known AS int[])))
    """
)


def insert_leads(conn: Connection, known: Collection[int], source: str, now: datetime) -> tuple[list[int], list[int]]:
    """Inserts leads of all rows but these lines: their ids, and the lines whose lead somebody else has just made."""
    ids, late = conn.execute(_INSERT, {"known": list(known), "source": source, "now": now}).one()
    return ids, late

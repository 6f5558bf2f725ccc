"""Months are made as business time goes on, in nobody's way, and the tables that change most are vacuumed soon."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from sequencer.store import partitions
from sequencer.store.partitions import Months

NOW = datetime(2031, 1, 31, 12, tzinfo=UTC)
MADE = [
    f"{parent}_{month}"
    for month in ("2030_10", "2030_11", "2030_12", "2031_01", "2031_02", "2031_03")
    for parent in ("event", "message")
]


def made(conn: Connection) -> list[str]:
    return [p.name for p in partitions.of(conn) if p.first >= datetime(2030, 1, 1, tzinfo=UTC)]


@contextmanager
def holding(engine: Engine, table: str, mode: str) -> Iterator[None]:
    with engine.connect() as conn:
        conn.execute(text(f"LOCK TABLE {table} IN {mode} MODE"))
        yield


@pytest.mark.parametrize("table", ["event", "message"])
def test_months_are_made_while_somebody_reads_as_a_dump_does(engine: Engine, table: str) -> None:
    with holding(engine, table, "ACCESS SHARE"), engine.begin() as conn:
        Months().keep(conn, NOW)
    with engine.connect() as conn:
        assert MADE == made(conn)


def test_months_that_cannot_be_made_now_are_made_by_a_later_look(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "_PATIENCE", "1ms")
    months = Months()
    with holding(engine, "message", "SHARE UPDATE EXCLUSIVE"), engine.begin() as conn:
        months.keep(conn, NOW)
        assert (1, []) == (conn.execute(text("SELECT 1")).scalar(), made(conn))
    with engine.begin() as conn:
        months.keep(conn, NOW)
        assert MADE == made(conn)


def test_months_that_somebody_else_makes_meanwhile_are_not_made_again(engine: Engine) -> None:
    """They are looked for once more under the lock. Of how that look may read what is stale it says nothing."""
    other = Months()

    def meanwhile(*call: Any) -> None:
        if "pg_advisory_xact_lock" in call[2]:
            with engine.begin() as theirs:
                other.keep(theirs, NOW)

    with engine.connect() as conn:
        event.listen(conn, "before_cursor_execute", meanwhile)
        Months().keep(conn, NOW)
        assert MADE == made(conn)


def test_a_schema_named_like_the_role_hides_no_months_and_gets_none(engine: Engine) -> None:
    with engine.connect() as conn:
        Months().keep(conn, datetime(2030, 12, 31, tzinfo=UTC))
        conn.execute(text("CREATE SCHEMA AUTHORIZATION CURRENT_USER"))
        Months().keep(conn, NOW)
        assert {"event_2030_09", "message_2030_09", *MADE} == set(made(conn))
        where = text("SELECT DISTINCT relnamespace::regnamespace::text FROM pg_class WHERE relname = ANY(:names)")
        assert ["public"] == conn.execute(where, {"names": MADE}).scalars().all()


def test_what_was_rolled_back_is_made_again(engine: Engine) -> None:
    months = Months()
    with engine.connect() as conn:
        months.keep(conn, NOW)
        conn.rollback()
        assert [] == made(conn)
        months.keep(conn, NOW)
        assert MADE == made(conn)


def test_a_month_for_which_all_is_there_is_not_asked_for_again(engine: Engine) -> None:
    months, statements = Months(), []
    with engine.begin() as conn:
        months.keep(conn, NOW)
    with engine.begin() as conn:
        event.listen(conn, "before_cursor_execute", lambda *call: statements.append(call[2]))
        months.keep(conn, NOW)
        statements.clear()
        months.keep(conn, NOW)
        assert [] == statements
        months.keep(conn, datetime(2031, 2, 1, tzinfo=UTC))
        assert statements


def test_a_month_has_every_index_of_its_parent(engine: Engine) -> None:
    query = text(
        """
        SELECT p.relname, (SELECT count(*) FROM pg_index x WHERE x.indrelid = p.oid),
               array_agg(DISTINCT (SELECT count(*) FROM pg_index x JOIN pg_inherits a ON a.inhrelid = x.indexrelid
                                   WHERE x.indrelid = i.inhrelid))
        FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent WHERE p.relname IN ('event', 'message')
        GROUP BY p.oid, p.relname ORDER BY p.relname
        """
    )
    with engine.begin() as conn:
        Months().keep(conn, NOW)
        assert [("event", 2, [2]), ("message", 2, [2])] == [tuple(row) for row in conn.execute(query)]


def test_what_changes_most_is_vacuumed_after_a_fiftieth_of_it(engine: Engine) -> None:
    query = text(
        """
        SELECT c.relname FROM pg_class c
        WHERE c.relkind = 'r' AND (c.relname = 'enrollment' OR c.relname LIKE 'message\\_%')
              AND NOT 'autovacuum_vacuum_scale_factor=0.02' = ANY(coalesce(c.reloptions, '{}'))
        """
    )
    with engine.begin() as conn:
        Months().keep(conn, NOW)
        assert [] == conn.execute(query).scalars().all()


def test_a_month_that_was_taken_off_stays_off(engine: Engine) -> None:
    with engine.begin() as conn:
        Months().keep(conn, NOW)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        partitions.detach(conn, next(p for p in partitions.of(conn) if p.name == "message_2030_10"))
    with engine.begin() as conn:
        Months().keep(conn, NOW)
        assert [name for name in MADE if name != "message_2030_10"] == made(conn)
        assert 0 == conn.execute(text("SELECT count(*) FROM message_2030_10")).scalar()

"""Connections: who holds them, how many, and how soon a dead server is noticed."""

from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import TimeoutError as NoneLeft

from sequencer.store import messages, opening, requests
from sequencer.store.engine import connect


def test_postgresql_lists_who_holds_a_connection(database_url: str) -> None:
    engine = connect(database_url, 1, "worker")
    with engine.connect() as conn:
        assert "sequencer worker" == conn.execute(text("SHOW application_name")).scalar_one()
    engine.dispose()


def test_nothing_is_opened_before_it_is_needed_and_no_more_than_allowed(database_url: str) -> None:
    engine = connect(database_url, 2)
    assert 0 == engine.pool.checkedin()  # type: ignore[attr-defined]
    engine.pool._timeout = 0  # type: ignore[attr-defined]
    with engine.connect(), engine.connect(), pytest.raises(NoneLeft):
        engine.connect()
    engine.dispose()


def test_a_connection_that_the_server_ended_is_replaced(engine: Engine, database_url: str) -> None:
    other = connect(database_url, 1)
    with other.connect() as conn:
        pid = conn.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with engine.begin() as conn:
        # Milliseconds until the process is gone, at most.
        assert conn.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": pid}).scalar_one()
    with other.connect() as conn:
        assert pid != conn.execute(text("SELECT pg_backend_pid()")).scalar_one()
    other.dispose()


def test_a_server_that_vanished_is_noticed_within_half_a_lease(database_url: str) -> None:
    engine = connect(database_url, 1)
    with engine.connect() as conn:
        found = conn.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]
    engine.dispose()
    assert int(found["connect_timeout"]) <= 5
    idle, interval, count = (int(found[f"keepalives_{name}"]) for name in ("idle", "interval", "count"))
    assert idle + interval * count <= 30
    assert int(found["tcp_user_timeout"]) <= 30_000


def prepared(engine: Engine) -> int:
    """How many statements the server keeps after one was executed ten times."""
    with engine.connect() as conn:
        for number in range(10):
            conn.execute(text("SELECT :number + 1"), {"number": number})
        kept: int = conn.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar_one()
    engine.dispose()
    return kept


def test_what_is_executed_often_is_prepared(database_url: str) -> None:
    assert 1 == prepared(connect(database_url, 1))


def test_nothing_is_prepared_where_a_pooler_gives_numbers_of_its_own(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psycopg.ConnectionInfo, "backend_pid", property(lambda _: 4711))
    assert 0 == prepared(connect(database_url, 1))


def test_who_looks_up_by_index_goes_through_no_young_table(database_url: str) -> None:
    engine = connect(database_url, 1, by_index=True)
    with engine.connect() as conn:
        plan = conn.execute(text("EXPLAIN SELECT email FROM lead WHERE id = ANY(ARRAY[1, 2]::bigint[])")).scalars()
        assert "Seq Scan" not in "".join(plan)
    engine.dispose()


@pytest.mark.parametrize(
    "begin",
    [lambda conn: opening.ask(conn, "tour"), lambda conn: requests.begun(conn, "none")],
    ids=["a claim", "a record"],
)
def test_what_a_batch_asks_is_planned_once(engine: Engine, begin: Callable[[Connection], object]) -> None:
    plans = text(
        "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE starts_with(statement, 'SELECT message.')"
    )
    with engine.connect() as conn:
        driver = conn.connection.driver_connection
        assert driver is not None
        driver.prepare_threshold = 0
        for number in range(3):
            begin(conn)
            messages.of_enrollments(conn, [number])
            conn.commit()
        assert [(3, 0)] == conn.execute(plans).all()
        assert "auto" == conn.execute(text("SHOW plan_cache_mode")).scalar_one(), "others choose for themselves"
        conn.invalidate()

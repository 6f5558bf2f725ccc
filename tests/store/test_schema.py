"""The migrations make what the tables say, and the partitions there are follow business time."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from sequencer.store import clock, migrate, partitions
from sequencer.store.migrate import upgrade
from sequencer.store.tables import metadata

WAITED_FOR = text("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = to_regclass(:table))")
PARTITION = re.compile(r"(event|message)_\d{4}_\d\d")


def no_partition(name: str | None, kind: str, parents: Any) -> bool:
    return kind != "table" or not PARTITION.fullmatch(name or "")


def test_migrations_and_tables_are_the_same(engine: Engine) -> None:
    with engine.connect() as conn:
        context = MigrationContext.configure(
            conn, opts={"compare_type": True, "compare_server_default": False, "include_name": no_partition}
        )
        assert compare_metadata(context, metadata) == []


def test_upgrading_again_changes_nothing(database_url: str, engine: Engine) -> None:
    before = inspect(engine).get_table_names()
    upgrade(database_url)
    assert inspect(engine).get_table_names() == before


@pytest.mark.parametrize(
    ("since", "held", "wanted"),
    [("0020", "lead", "event, beacon, company"), ("0050", "watch", "watch_rule"), ("0044b", "watch", "watch")],
)
def test_a_migration_that_waits_for_a_table_keeps_no_other_from_who_holds_it(
    database_url: str, engine: Engine, since: str, held: str, wanted: str
) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    with engine.connect() as conn:
        conn.execute(text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
        conn.commit()
        config.attributes["connection"] = conn
        command.upgrade(config, since)
    with engine.connect() as worker, engine.connect() as looking, ThreadPoolExecutor(1) as pool:
        worker.execute(text(f"LOCK TABLE {held} IN ROW SHARE MODE"))
        done = pool.submit(upgrade, database_url)
        while not looking.execute(WAITED_FOR, {"table": held}).scalar_one():
            looking.rollback()
            assert not done.done(), done.result()
        worker.execute(text("SET LOCAL lock_timeout = '10s'"))
        worker.execute(text(f"LOCK TABLE {wanted} IN ROW EXCLUSIVE MODE"))
        worker.commit()
        done.result()
        at = looking.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        assert at == ScriptDirectory.from_config(config).get_current_head()


def test_partitions_follow_business_time(engine: Engine) -> None:
    with engine.begin() as conn:
        clock.start_virtual(conn, datetime(2031, 1, 31, 12, tzinfo=UTC))
        partitions.ensure(conn)
        partitions.ensure(conn)
        found = {name for name in inspect(conn).get_table_names() if name.startswith("event_203")}
        assert partitions.event_span(clock.now(conn)) == (
            datetime(2030, 10, 1, tzinfo=UTC),
            datetime(2031, 4, 1, tzinfo=UTC),
        )
    months = ("2030_10", "2030_11", "2030_12", "2031_01", "2031_02", "2031_03")
    assert found == {f"event_{month}" for month in months}


def test_only_one_of_two_conductors_moves_the_clock(engine: Engine) -> None:
    start, later = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 6, tzinfo=UTC)
    with engine.begin() as conn:
        clock.start_virtual(conn, start)
        assert (clock.advance(conn, start, later), clock.advance(conn, start, later)) == (True, False)
        assert clock.now(conn) == later
        assert clock.advance(conn, later, start) is False

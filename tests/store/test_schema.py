"""The migrations make what the tables say, and the partitions there are follow business time."""

import re
from datetime import UTC, datetime
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect

from sequencer.store import clock, partitions
from sequencer.store.migrate import upgrade
from sequencer.store.tables import metadata

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

"""The databases that tests are lent: each is as the migrations left it, whatever the test before did."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import create_engine, text

from tests.conftest import TEMPLATE
from tests.databases import Databases

_TABLES = text(
    "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY 1, 2"
)


@pytest.fixture(scope="module")
def databases(urls: dict[str, str]) -> Iterator[Databases]:
    with closing(Databases(urls["postgres"], TEMPLATE)) as found:
        yield found


def _left(databases: Databases, statements: str) -> tuple[bool, bool]:
    """Whether after these the next test is lent the same database, and whether it has the same tables."""
    with databases.lent() as url:
        before = _tables(url)
        engine = create_engine(url)
        with engine.begin() as conn:
            conn.execute(text(statements))
        engine.dispose()
    with databases.lent() as again:
        return again == url, _tables(again) == before


def _tables(url: str) -> list[tuple[str, str]]:
    engine = create_engine(url)
    with engine.connect() as conn:
        found = [(schema, name) for schema, name in conn.execute(_TABLES) if not schema.startswith("pg_")]
    engine.dispose()
    return found


@pytest.mark.parametrize(
    "statements",
    [
        "CREATE TEMPORARY TABLE given (id int)",
        "CREATE TABLE event_2001_01 PARTITION OF event FOR VALUES FROM ('2001-01-01') TO ('2001-02-01')",
        "CREATE SCHEMA beside; CREATE TABLE beside.own (id serial PRIMARY KEY)",
    ],
)
def test_what_a_test_adds_is_taken_away_again(databases: Databases, statements: str) -> None:
    assert _left(databases, statements) == (True, True)


@pytest.mark.parametrize(
    "statements",
    [
        "ALTER TABLE lead ADD COLUMN more text",
        "DROP TABLE suppression CASCADE",
        "CREATE SCHEMA away; ALTER TABLE suppression SET SCHEMA away",
        "CREATE FUNCTION more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ],
)
def test_after_any_other_change_the_next_test_has_a_new_one(databases: Databases, statements: str) -> None:
    assert _left(databases, statements) == (False, True)

"""`sequencer db`, and what every command says when the database is not as it should be."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, create_engine, inspect, text

from sequencer.store import clock

from .conftest import Sequencer

EMPTY = "empty_for_upgrade"


@pytest.fixture
def empty(urls: dict[str, str], environ: Mapping[str, str]) -> Iterator[Sequencer]:
    """On a database without any table."""
    admin = create_engine(environ["DATABASE_URL"], isolation_level="AUTOCOMMIT")
    name = f"{EMPTY}_{environ['DATABASE_URL'][-8:]}"
    with admin.connect() as conn:
        conn.execute(text(f"CREATE DATABASE {name}"))
    url = f"{environ['DATABASE_URL'].rpartition('/')[0]}/{name}"
    yield Sequencer({**environ, "DATABASE_URL": url})
    with admin.connect() as conn:
        conn.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def test_upgrade_makes_the_schema_and_is_calm_when_there_is_nothing_to_do(empty: Sequencer) -> None:
    assert ["the database has the newest schema\n"] * 2 == [empty("db", "upgrade"), empty("db", "upgrade")]
    engine = create_engine(empty.environ["DATABASE_URL"])
    tables = set(inspect(engine).get_table_names())
    engine.dispose()
    assert {"lead", "enrollment", "message", "event", "release"} <= tables


@pytest.mark.parametrize(
    "command", ["status", "deploy", "leads show a@b.example", "halt a@b.example", "why a@b.example"]
)
def test_a_database_without_the_schema_is_told_to_be_upgraded(empty: Sequencer, command: str) -> None:
    assert "the database has not the newest schema: run `sequencer db upgrade`" == empty.refusal(*command.split())


@pytest.mark.parametrize("command", ["status", "db upgrade", "enroll education", "halt a@b.example"])
def test_a_database_that_is_away_is_named(environ: Mapping[str, str], command: str) -> None:
    away = Sequencer({**environ, "DATABASE_URL": "postgresql://user:secret@127.0.0.1:1/none"})
    said = away.refusal(*command.split())
    assert said.startswith("the database of DATABASE_URL does not answer: ")
    assert "secret" not in said


def test_a_missing_database_url_is_named(environ: Mapping[str, str]) -> None:
    said = Sequencer({**environ, "DATABASE_URL": ""}).refusal("status")
    assert said.startswith("DATABASE_URL not set: expected the PostgreSQL database")


def test_the_months_of_the_ledger_and_of_events_are_listed(sequencer: Sequencer) -> None:
    listed = sequencer.json("db", "partitions")
    assert {"event_2026_11", "message_2026_11"} <= {p["name"] for p in listed}
    november = next(p for p in listed if p["name"] == "message_2026_11")
    assert ("2026-11-01T00:00:00+00:00", "2026-12-01T00:00:00+00:00", 0) == (
        november["from"],
        november["to"],
        november["rows"],
    )
    assert "message_2026_11" in sequencer("db", "partitions")


def test_an_old_month_can_be_taken_off_and_a_new_one_not(sequencer: Sequencer, engine: Engine) -> None:
    assert "message_2026_11 stays: less than 12 months have passed since then" == sequencer.refusal(
        "db", "detach", "message_2026_11"
    )
    with engine.begin() as conn:
        clock.start_virtual(conn, datetime(2027, 12, 1, tzinfo=UTC))
    assert "message_2026_11 is a table of its own now: nothing here reads it any more\n" == sequencer(
        "db", "detach", "message_2026_11"
    )
    assert "message_2026_11" not in sequencer("db", "partitions")

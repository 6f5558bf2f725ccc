"""`sequencer db`, and what every command says when the database is not as it should be."""

from collections.abc import Iterator, Mapping

import pytest
from sqlalchemy import create_engine, inspect, text

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

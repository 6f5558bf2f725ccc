"""SQL by strings in data: the rows and headers of a CSV file, and the literals of conditions."""

import ast
import csv
import io
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import click
import pytest
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import SQLAlchemyError

import sequencer
from sequencer.cli.enroll import compiled, fitting
from sequencer.core.event import Event
from sequencer.core.lead import Lead
from sequencer.services.imports import Imported, import_csv
from sequencer.store import events, leads, staging
from tests.attacks.conftest import everything_stored
from tests.attacks.test_web_sql import HOSTILE
from tests.services.conftest import World
from tests.workspaces import files

TEXTS = ("first_name", "last_name", "title", "country", "campaign", "company", "hobby")
ADDRESSES = ("o'hara@harbor.example", "x'or'1'='1@harbor.example", "x'--@harbor.example", "%s{0}$$`@harbor.example")


@pytest.fixture
def town(world: World) -> World:
    """With somebody who must not be touched."""
    world.deploy(files())
    world.lead("kim@harbor.example", first_name="Kim")
    return world


def imported(world: World, *rows: Mapping[str, str]) -> Imported:
    file = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(file, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    file.seek(0)
    return import_csv(world.context, file, None)


def bring(world: World, hostile: str) -> None:
    """In every value and in a header: kept letter for letter, and nothing else happens."""
    before, kim = everything_stored(world), world.view(world.lead("kim@harbor.example"))
    row = {"email": "dee@mill.example", **dict.fromkeys(TEXTS, hostile), hostile: hostile}
    result = imported(world, row)
    assert (result.new, result.updated, result.problems) == (1, 0, [])
    after = everything_stored(world)
    assert {name for name in before if after.get(name) != before[name]} == {"lead", "company"}
    view = world.view(known(world, "dee@mill.example"))["lead"]
    assert [view[name] for name in TEXTS[:5]] == [hostile] * 5
    assert (view["company"]["name"], view["fields"]) == (hostile, {"hobby": hostile, hostile.lower(): hostile})
    assert world.view(world.lead("kim@harbor.example")) == kim


def known(world: World, email: str) -> Lead:
    with world.context.engine.connect() as conn:
        found = leads.by_email(conn, email)
    assert found is not None
    return found


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_cell_and_no_header_of_an_import_is_read_as_sql(town: World, hostile: str) -> None:
    bring(town, hostile)


@pytest.mark.parametrize("email", ADDRESSES)
def test_an_address_with_quotes_is_one_lead(town: World, email: str) -> None:
    for count in ((1, 0), (0, 1)):
        result = imported(town, {"email": email, "first_name": "Dee"})
        assert (result.new, result.updated, result.problems) == (*count, [])
    assert known(town, email).first_name == "Dee"
    assert known(town, "kim@harbor.example").first_name == "Kim"


@pytest.mark.parametrize("column", ["email", "stage", "status", "time_zone", "owner_email", "pains", "next_attempt"])
def test_what_a_column_does_not_take_is_rejected_and_changes_nothing(town: World, column: str) -> None:
    before = everything_stored(town)
    for hostile in HOSTILE:
        result = imported(town, {"email": "dee@mill.example", column: hostile})
        assert (result.new, result.rejected) == (0, 1), hostile
    assert everything_stored(town) == before


def test_an_import_made_of_strings_is_noticed(town: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def pasted(conn: Connection, known: Collection[int], source: str, now: datetime) -> tuple[list[int], list[int]]:
        found = []
        for row in conn.execute(select(staging.staged)).mappings().all():
            values = "', '".join(str(row[name] or "") for name in ("email", "first_name", "last_name"))
            query = text(
                "INSERT INTO lead (email, first_name, last_name, created_at, updated_at) "
                f"VALUES ('{values}', '{now}', '{now}') RETURNING id"
            )
            found.append(conn.execute(query).scalar_one())
        return found, []

    monkeypatch.setattr(staging, "insert_leads", pasted)
    with pytest.raises((AssertionError, SQLAlchemyError)):
        bring(town, "x'); DROP TABLE lead; --")


def literal(hostile: str) -> str:
    return f"'{hostile}'" if '"' in hostile else f'"{hostile}"'


def who(world: World, condition: str) -> list[str]:
    """Addresses of those of whom the condition is true, as `sequencer enroll --where` finds them."""
    with world.context.engine.begin() as conn:
        release = world.context.releases.current(conn)
        page = leads.page(conn, 0, 100)
        found = fitting(conn, release, page, compiled(condition, release))
        return sorted(one.email for one in page if one.id in found)


def ask_for(world: World, hostile: str) -> None:
    """A condition finds those of whom exactly that is true, and asking changes nothing."""
    dee = world.lead("dee@harbor.example", first_name=hostile, last_name="Dee")
    world.happens(dee, "visited", page=hostile)
    world.happens(world.lead("kim@harbor.example"), "visited", page="/kim")
    before, said = everything_stored(world), literal(hostile)
    everybody, only_dee = ["dee@harbor.example", "kim@harbor.example"], ["dee@harbor.example"]
    assert {
        condition: who(world, condition)
        for condition in (
            f"lead.first_name == {said}",
            f"lead.first_name in [{said}]",
            f"lead.first_name != {said}",
            f"visited({said})",
            f'visited({said}, within="30 days")',
            f"did({said})",
            f"did({said}) or visited({said})",
            f"not did({said})",
        )
    } == {
        f"lead.first_name == {said}": only_dee,
        f"lead.first_name in [{said}]": only_dee,
        f"lead.first_name != {said}": ["kim@harbor.example"],
        f"visited({said})": only_dee,
        f'visited({said}, within="30 days")': only_dee,
        f"did({said})": [],
        f"did({said}) or visited({said})": only_dee,
        f"not did({said})": everybody,
    }
    assert everything_stored(world) == before


@pytest.mark.parametrize("hostile", [one for one in HOSTILE if "\\" not in one])
def test_no_literal_of_a_condition_is_read_as_sql(town: World, hostile: str) -> None:
    ask_for(town, hostile)


@pytest.mark.parametrize("hostile", [one for one in HOSTILE if "\\" in one])
def test_a_literal_with_a_backslash_is_no_condition_at_all(town: World, hostile: str) -> None:
    with pytest.raises(click.UsageError, match="condition-syntax"):
        who(town, f"did({literal(hostile)})")


def test_a_question_made_of_strings_is_noticed(town: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def pasted(
        conn: Connection, lead_ids: Sequence[int], kinds: Collection[str], since: datetime | None
    ) -> dict[int, list[Event]]:
        for kind in kinds:
            conn.execute(text(f"SELECT 1 FROM event WHERE kind = '{kind}'"))
        return real(conn, lead_ids, kinds, since)

    real: Callable[..., dict[int, list[Event]]] = events.of_leads
    monkeypatch.setattr(events, "of_leads", pasted)
    with pytest.raises((AssertionError, SQLAlchemyError)):
        ask_for(town, "'; UPDATE lead SET suppressed = true; --")


PUT_TOGETHER = {
    ("cli/dev_checks.py", "checks"),  # from a constant table
    ("sandbox/mailbox.py", "page"),
    ("sandbox/mailbox.py", "messages"),  # with or without one condition, whose value is bound
    ("services/due.py", "_exists"),  # around constants
    ("services/report.py", "_flat"),
    ("services/report.py", "_tree"),  # constants
    ("store/partitions.py", "_make"),  # DDL takes no parameters; of dates and names that we made
    ("store/partitions.py", "_add"),
    ("store/partitions.py", "detach"),
}
"""Functions that run SQL which is no constant, and why they may: none of it comes from anybody else."""


def put_together(source: str) -> Iterator[str]:
    """Functions in which SQL is made, of other things than constants of the module."""
    tree = ast.parse(source)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and node.args and called(node) in ("text", "exec_driver_sql"):
                    [sql, *_] = node.args
                    constant = isinstance(sql, ast.Constant) or (isinstance(sql, ast.Name) and sql.id.isupper())
                    if not constant:
                        yield function.name


def called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def test_sql_is_put_together_nowhere_else() -> None:
    root = Path(sequencer.__file__).parent
    found = {
        (path.relative_to(root).as_posix(), name)
        for path in root.rglob("*.py")
        if "import" in (source := path.read_text("utf-8")) and "sqlalchemy" in source
        for name in put_together(source)
    }
    assert found == PUT_TOGETHER


def test_sql_made_of_strings_in_a_function_is_noticed() -> None:
    source = "def search(conn, words):\n    return conn.execute(text(f\"SELECT id FROM lead WHERE email = '{words}'\"))"
    assert list(put_together(source)) == ["search"]

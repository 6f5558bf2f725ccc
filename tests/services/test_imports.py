"""Imports batch by batch: whatever the batches' size, who else is at work, and wherever they end."""

import io
from collections.abc import Iterable, Iterator
from contextlib import suppress
from threading import Barrier, BrokenBarrierError, Event, Thread
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select, text

from sequencer.errors import InvalidInput
from sequencer.services import imports
from sequencer.services.imports import Imported, import_csv
from sequencer.store import leads, staging, suppressions
from sequencer.store.tables import company, enrollment, lead
from tests.services.conftest import START, World
from tests.services.test_batches import counted
from tests.workspaces import files

SALES = """
title: Sales
state: live
topic: guides
enroll:
  any:
    - when: became("stage", "mql")
    - when: manual
from: marketing
steps:
  - email: one
"""


@pytest.fixture
def town(world: World) -> World:
    world.deploy(files(sales=SALES))
    return world


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of three rows, two changed leads a transaction."""
    monkeypatch.setattr(imports, "ROWS", 3)
    monkeypatch.setattr(imports, "CHANGED", 2)


def bring(world: World, *rows: str, sequence: str | None = None) -> Imported:
    return import_csv(world.context, io.StringIO("\n".join(rows) + "\n", newline=""), sequence)


def counts(result: Imported) -> tuple[int, int, int]:
    return result.new, result.updated, result.rejected


def people(count: int, **values: str) -> list[str]:
    return [",".join(["email", *values]), *(",".join([f"p{n}@c{n}.example", *values.values()]) for n in range(count))]


def stages(engine: Engine) -> dict[str, str | None]:
    with engine.connect() as conn:
        return {row.email: row.stage for row in conn.execute(select(lead.c.email, lead.c.stage))}


def tables(engine: Engine) -> list[str]:
    with engine.connect() as conn:
        return list(conn.execute(text("SELECT relname FROM pg_class WHERE relname ~ '^import_|^staged'")).scalars())


@pytest.mark.usefixtures("small")
def test_an_address_counts_once_wherever_in_the_file_it_stands_again(town: World) -> None:
    rows = ["email,first_name", "a@x.example,1", "A@x.example,2", "b@x.example,3", "c@x.example,4", "bad,5"]
    result = bring(town, *rows, "b@x.example,6", "a@X.example,7", "bad,8", "d@x.example,9")
    assert counts(result) == (4, 0, 5)
    said = dict(result.problems)
    assert {line: problem for line, problem in said.items() if "stands" in problem} == {
        3: "email: a@x.example stands in line 2 already",
        7: "email: b@x.example stands in line 4 already",
        8: "email: a@x.example stands in line 2 already",
    }
    assert {line for line, problem in said.items() if "expected an address" in problem} == {6, 9}
    assert len(stages(town.context.engine)) == 4


@pytest.mark.usefixtures("small")
def test_every_change_of_a_large_batch_is_stored_and_starts_what_waits_for_it(town: World) -> None:
    bring(town, *people(8, stage="lead"))
    result = bring(town, *people(8, stage="mql"), "new@y.example,mql")
    assert counts(result) == (1, 8, 0)
    assert set(stages(town.context.engine).values()) == {"mql"}
    with town.context.engine.connect() as conn:
        entered = conn.execute(select(lead.c.email).join(enrollment, enrollment.c.lead_id == lead.c.id)).scalars().all()
    assert sorted(entered) == [f"p{n}@c{n}.example" for n in range(8)]
    assert ("drain", "sales", "one") in town.hints


def test_what_is_known_already_is_not_written_again(town: World) -> None:
    rows = ["email,first_name,pains,company,campaign", "a@x.example,Ana,cost;risk,X,fair", "b@y.example,Bo,,Y,"]

    def versions() -> list[tuple[object, ...]]:
        with town.context.engine.connect() as conn:
            return [
                *(tuple(row) for row in conn.execute(text("SELECT id, xmin::text FROM lead ORDER BY id"))),
                *(tuple(row) for row in conn.execute(text("SELECT id, xmin::text FROM company ORDER BY id"))),
            ]

    assert counts(bring(town, *rows)) == (2, 0, 0)
    before = versions()
    assert counts(bring(town, *rows)) == (0, 2, 0)
    assert versions() == before
    assert counts(bring(town, rows[0], "a@x.example,Ana,risk;cost,X,other", rows[2])) == (0, 2, 0)
    after = versions()
    assert [a == b for a, b in zip(after, before, strict=True)] == [False, True, True, True]
    view = town.view(town.lead("a@x.example"))
    assert view["lead"]["fields"] == {"pains": ["risk", "cost"]}
    assert view["lead"]["campaign"] == "fair"


def test_companies_are_found_by_domain_and_have_the_name_that_was_said_last(town: World) -> None:
    bring(town, "email,company", "a@x.example,", "b@gmail.com,Mine", "c@y.example,Y", "d@y.example,Why")
    bring(town, "email,company", "e@x.example,", "f@x.example,X", "g@x.example,Ex", "h@y.example,Other")
    with town.context.engine.connect() as conn:
        names = {row.domain: row.name for row in conn.execute(select(company))}
        of = {
            row.email: row.domain
            for row in conn.execute(
                select(lead.c.email, company.c.domain).join(company, company.c.id == lead.c.company_id, isouter=True)
            )
        }
    assert names == {"x.example": "Ex", "y.example": "Other"}
    assert of == {f"{one}@{domain}": domain for one in "aefg" for domain in ["x.example"]} | {
        f"{one}@{domain}": domain for one in "cdh" for domain in ["y.example"]
    } | {"b@gmail.com": None}


@pytest.mark.usefixtures("small")
def test_of_batches_that_are_stored_side_by_side_the_first_address_and_the_last_name_count(town: World) -> None:
    rows = [f"p{number // 4}@c{number % 4}.example,Name {number}" for number in range(48)]
    again = [row.replace("Name", "Again") for row in rows[:4]]
    result = bring(town, "email,company", *rows, *again)
    assert counts(result) == (48, 0, 4)
    assert sorted(result.problems) == [
        (line, f"email: p0@c{line - 50}.example stands in line {line - 48} already") for line in range(50, 54)
    ]
    with town.context.engine.connect() as conn:
        names = {row.domain: row.name for row in conn.execute(select(company))}
    assert names == {f"c{number % 4}.example": f"Name {number}" for number in range(44, 48)}


def test_an_address_stays_suppressed_whoever_brings_it_back(town: World) -> None:
    bring(town, "email", "known@x.example")
    with town.context.engine.begin() as conn:
        rows = [(f"{name}@x.example", suppressions.ALL, "bounced", START, "k") for name in ("known", "new")]
        suppressions.add(conn, [*rows, ("topic@x.example", "guides", "unsubscribed", START, "k")])
    result = bring(town, "email", "known@x.example", "new@x.example", "topic@x.example", sequence="sales")
    assert counts(result) == (2, 1, 0)
    with town.context.engine.connect() as conn:
        found = {row.email: row.suppressed for row in conn.execute(select(lead.c.email, lead.c.suppressed))}
    assert found == {"known@x.example": True, "new@x.example": True, "topic@x.example": False}
    assert result.entered.refused == {"must not be mailed": 2, "unsubscribed from guides": 1}


@pytest.mark.usefixtures("small")
def test_leads_whom_somebody_holds_are_changed_last_and_the_others_at_once(
    town: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = town.context.engine
    bring(town, *people(7, stage="lead"))
    waits, results = Event(), []

    def lock(conn: Connection, ids: Iterable[int], wait: bool = True) -> object:
        if wait:
            waits.set()
        return real(conn, ids, wait)

    real = leads.lock
    monkeypatch.setattr(leads, "lock", lock)
    # What sets something off locks the same leads once more.
    monkeypatch.setattr(imports, "react", lambda conn, release, happened, now: type("Nothing", (), {"awake": set()}))
    with engine.connect() as holder:
        holder.execute(text("SELECT 1 FROM lead WHERE email IN ('p1@c1.example', 'p2@c2.example') FOR UPDATE"))
        importing = Thread(target=lambda: results.append(bring(town, *people(7, stage="sql"))))
        importing.start()
        assert waits.wait(20)
        assert stages(engine)["p0@c0.example"] == "sql"
        assert stages(engine)["p1@c1.example"] == stages(engine)["p2@c2.example"] == "lead"
        holder.rollback()
    importing.join(20)
    assert [counts(result) for result in results] == [(0, 7, 0)]
    assert set(stages(engine).values()) == {"sql"}


@pytest.mark.usefixtures("small")
def test_two_imports_of_the_same_people_end_with_each_of_them_once(town: World) -> None:
    results: list[Imported] = []
    rows = people(40, stage="lead")

    def use(backwards: bool) -> None:
        results.append(bring(town, rows[0], *sorted(rows[1:], reverse=backwards)))

    threads = [Thread(target=use, args=(backwards,)) for backwards in (False, True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [result.new + result.updated for result in results] == [40, 40]
    assert sum(result.new for result in results) == len(stages(town.context.engine)) == 40


@pytest.mark.usefixtures("small")
def test_what_was_read_before_a_file_breaks_off_is_imported(town: World) -> None:
    broken = io.StringIO("\n".join([*people(4), "x" * imports.LONGEST_LINE]), newline="")
    with pytest.raises(InvalidInput, match="what was read before may be imported already"):
        import_csv(town.context, broken, None)
    assert set(stages(town.context.engine)) == {f"p{n}@c{n}.example" for n in range(3)}
    assert tables(town.context.engine) == []


def test_nothing_is_left_behind_and_what_a_crash_left_goes_the_next_day(town: World) -> None:
    engine = town.context.engine
    with engine.begin() as conn:
        today = conn.execute(text("SELECT to_char(now(), 'YYYYMMDD')")).scalar_one()
        for day in ("20200101", today):
            conn.execute(text(f"CREATE TABLE import_{day}_0123456789abcdef (email text)"))
        conn.execute(text("CREATE TABLE import_of_somebody_else (email text)"))
    bring(town, *people(3))
    assert sorted(tables(engine)) == [f"import_{today}_0123456789abcdef", "import_of_somebody_else"]


def test_a_batch_takes_the_same_number_of_statements_whatever_its_size(town: World) -> None:
    def cost(count: int, stage: str) -> int:
        with counted(town.context.engine) as statements:
            bring(town, *people(count, stage=stage))
        return len(statements)

    cost(60, "subscriber")  # everybody is known then
    assert cost(3, "lead") == cost(60, "lead")
    assert cost(3, "customer") == cost(60, "customer")


@pytest.mark.usefixtures("small")
def test_progress_counts_every_row_that_was_read_in_the_end(town: World) -> None:
    done: list[int] = []
    text_ = "\n".join([*people(7), "bad", "p0@c0.example"])
    import_csv(town.context, io.StringIO(text_, newline=""), None, done.append)
    assert (sum(done), done) == (9, [3, 3, 3])


@pytest.fixture
def _no_table(town: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def fails(*given: object) -> None:
        raise RuntimeError("the server is gone")

    monkeypatch.setattr(staging, "put", fails)
    yield


@pytest.mark.usefixtures("_no_table")
def test_a_failure_while_storing_ends_the_import_and_its_table(town: World) -> None:
    with pytest.raises(RuntimeError, match="the server is gone"):
        bring(town, *people(3))
    assert tables(town.context.engine) == []


@pytest.mark.usefixtures("small")
def test_a_name_that_the_next_batch_takes_back_is_the_last(town: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(town, "email,company", "known@c0.example,Known")
    apply, both = imports._apply, Barrier(2)

    def together() -> None:
        with suppress(BrokenBarrierError):
            both.wait(1)

    def applied(*args: Any, **more: Any) -> Any:
        together()  # so the first is not committed while the second names companies, if it lets it
        return apply(*args, **more)

    monkeypatch.setattr(imports, "_apply", applied)
    bring(town, "email,company", *(f"p{n}@c0.example,{'Another' if n < 3 else 'Known'}" for n in range(6)))
    with town.context.engine.connect() as conn:
        assert conn.execute(select(company.c.name)).scalars().all() == ["Known"]

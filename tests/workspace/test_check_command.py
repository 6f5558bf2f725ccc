"""`sequencer check`, as people and scripts see it."""

import json
import shutil
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
from click.testing import CliRunner, Result

from sequencer.cli import main

from .conftest import GOOD

LEVEL: Final = {"enum": ["none", "note", "warning", "error"]}


def closed(**properties: object) -> dict[str, object]:
    """An object in which all of these are needed, and nothing else may stand."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def several(items: object) -> dict[str, object]:
    return {"type": "array", "items": items}


NUMBER: Final = {"type": "integer", "minimum": 1}
PLACE: Final = closed(
    artifactLocation=closed(uri={"type": "string", "pattern": r"^(file:///)?[A-Za-z0-9._~%/-]+$"}),
    region=closed(startLine=NUMBER, startColumn=NUMBER),
)
RESULT: Final = closed(
    ruleId={"type": "string"},
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    message=closed(text={"type": "string", "minLength": 1}),
    locations=several(closed(physicalLocation=PLACE)),
)
RULE: Final = closed(id={"type": "string"}, defaultConfiguration=closed(level=LEVEL))
DRIVER: Final = closed(name={"const": "sequencer"}, semanticVersion={"type": "string"}, rules=several(RULE))
RUN: Final = closed(tool=closed(driver=DRIVER), columnKind={"const": "unicodeCodePoints"}, results=several(RESULT))
SARIF: Final = closed(version={"const": "2.1.0"}, runs=several(RUN), **{"$schema": {"type": "string"}})
"""What we write of SARIF 2.1.0. The published schema (JSON Schema of the OASIS standard) accepts it, too."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOOD, tmp_path / "workspace"))


def check(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")


def test_a_fine_workspace_is_counted_in_one_line() -> None:
    result = check(GOOD)
    assert (result.exit_code, result.output) == (0, "10 files fine: 2 sequences, 5 emails\n")


def test_the_folder_comes_from_the_environment_unless_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSPACE_DIR", str(GOOD))
    assert (check().exit_code, check().output) == (0, "10 files fine: 2 sequences, 5 emails\n")


def test_every_problem_is_shown_with_its_line_and_a_caret(folder: Path) -> None:
    edit(folder, "sequences/guide.yaml", "topic: guides", "topic: guide")
    edit(folder, "sequences/motivation.yaml", 'clicked("pricing", "calculator")', 'opened("pricing")')
    edit(folder, "sequences/motivation.yaml", "note: Opened the", "note: Opened: the")
    result = check(folder)
    expected = """\
sequences/guide.yaml:3:8: unknown-topic there is no topic `guide`, did you mean `guides`?
  topic: guide
         ^

sequences/motivation.yaml:25:21: quotes this text must stand in quotes, write:
          note: Opened: the price calculator
                      ^
  |         note: 'Opened: the price calculator'

2 errors in 10 files
"""
    assert (result.exit_code, result.output) == (1, expected)


def test_warnings_are_shown_and_let_the_workspace_pass(folder: Path) -> None:
    edit(folder, "sequences/motivation.yaml", 'clicked("pricing", "calculator")', 'opened("pricing")')
    result = check(folder)
    assert result.exit_code == 0
    assert result.output.startswith("sequences/motivation.yaml:20:9: opens-are-guesses warning: opening is a guess")
    assert result.output.endswith("\n10 files fine, 1 warning: 2 sequences, 5 emails\n")


def test_scripts_get_one_json_object(folder: Path) -> None:
    edit(folder, "sequences/guide.yaml", "topic: guides", "topic: guide")
    result = check(folder, "--json")
    found = json.loads(result.output)
    assert (result.exit_code, found["ok"], found["files"]) == (1, False, 10)
    assert found["problems"] == [
        {
            "file": "sequences/guide.yaml",
            "line": 3,
            "column": 8,
            "code": "unknown-topic",
            "severity": "error",
            "message": "there is no topic `guide`, did you mean `guides`?",
        }
    ]
    fine = json.loads(check(GOOD, "--json").output)
    assert (fine["ok"], fine["problems"], fine["sequences"]) == (True, [], ["guide", "motivation"])


def test_a_file_that_cannot_be_read_is_the_answer_no(folder: Path) -> None:
    (folder / "sequences" / "guide.yaml").write_bytes(b"title: \xff\n")
    result = check(folder)
    expected = "Error: sequences/guide.yaml is not UTF-8 (line 1): save it with the encoding UTF-8\n"
    assert (result.exit_code, result.output) == (1, expected)


def test_a_folder_that_does_not_exist_is_wrong_use(tmp_path: Path) -> None:
    result = check(tmp_path / "nowhere")
    assert result.exit_code == 2
    assert f"there is no folder {tmp_path}/nowhere" in " ".join(result.output.split("\n"))


def test_control_characters_of_a_file_never_reach_the_terminal(folder: Path) -> None:
    edit(folder, "sequences/guide.yaml", "title: The", "title: \x1b[31mThe")
    result = check(folder)
    assert (result.exit_code, "\x1b" in result.output) == (1, False)


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_what_a_message_quotes_can_always_be_printed(form: str, folder: Path) -> None:
    """Found by `benchmarks.fuzz --target workspace`: half a character, and a sequence that colours a terminal."""
    edit(folder, "content/sales/roi.md", "this is", r'{{ link("a", "\ud800") }} {{ "\x1b[31m" | nope }} this is')
    result = check(folder, "--format", form)
    assert result.exit_code == 1
    assert "bad-link" in result.output and "unknown-filter" in result.output
    assert "\x1b" not in result.output and result.output.encode("utf-8")


def test_the_help_shows_an_example() -> None:
    assert "Example: sequencer check" in check("--help").output


def test_github_gets_a_workflow_command_for_each_problem(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(folder, "sequences/guide.yaml", "topic: guides", "topic: guide")
    edit(folder, "sequences/motivation.yaml", 'clicked("pricing", "calculator")', 'opened("pricing")')
    edit(folder, "sequences/motivation.yaml", "max_lateness: 2 days", "max_lateness: 100% days")
    monkeypatch.chdir(folder.parent)
    result = check("workspace", "--format", "github")
    first, second, third, last = result.output.splitlines()
    place = "file=workspace/sequences"
    expected = "there is no topic `guide`, did you mean `guides`?"
    assert first == f"::error {place}/guide.yaml,line=3,col=8,title=unknown-topic::{expected}"
    assert second.startswith(f"::error {place}/motivation.yaml,line=16,col=15,title=bad-duration::expected a duration")
    assert second.endswith("got `100%25 days`")
    assert third.startswith(f"::warning {place}/motivation.yaml,line=20,col=9,title=opens-are-guesses::opening is a g")
    assert (result.exit_code, last) == (1, "2 errors, 1 warning in 10 files")


def test_a_correction_over_several_lines_is_one_workflow_command(folder: Path) -> None:
    edit(folder, "sequences/motivation.yaml", "note: Opened the", "note: Opened: the")
    first, *_ = check(folder, "--format", "github").output.splitlines()
    assert first.endswith("must stand in quotes, write:%0A        note: 'Opened: the price calculator'")


def sarif(*arguments: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(check(*arguments, "--format", "sarif").output)
    return found


def test_sarif_is_as_the_standard_wants_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What of https://docs.oasis-open.org/sarif/sarif/v2.1.0/ is used here, and required there."""
    edit(folder, "sequences/guide.yaml", "topic: guides", "topic: guide")
    edit(folder, "sequences/motivation.yaml", 'clicked("pricing", "calculator")', 'opened("pricing")')
    monkeypatch.chdir(folder.parent)
    log = sarif("workspace")
    jsonschema.validate(log, SARIF)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == sorted(set(rules)) == ["opens-are-guesses", "unknown-topic"]
    assert [rules[result["ruleIndex"]] for result in run["results"]] == [r["ruleId"] for r in run["results"]]
    (wrong,) = [result for result in run["results"] if result["level"] == "error"]
    place = wrong["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "workspace/sequences/guide.yaml"},
        "region": {"startLine": 3, "startColumn": 8},
    }
    assert wrong["message"]["text"] == "there is no topic `guide`, did you mean `guides`?"


def test_sarif_without_problems_is_a_log_without_results() -> None:
    log = sarif(GOOD)
    jsonschema.validate(log, SARIF)
    assert (log["runs"][0]["results"], log["runs"][0]["tool"]["driver"]["rules"]) == ([], [])


def test_files_outside_of_the_current_folder_are_named_in_full(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(folder, "sequences/guide.yaml", "topic: guides", "topic: guide")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    place = sarif(folder)["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == (folder.resolve() / "sequences/guide.yaml").as_uri()


def test_a_format_that_does_not_exist_is_wrong_use() -> None:
    assert check(GOOD, "--format", "xml").exit_code == 2

"""`sequencer check`, as people and scripts see it."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sequencer.cli import main

from .conftest import GOOD


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
    assert (result.exit_code, result.output) == (0, "9 files fine: 2 sequences, 5 emails\n")


def test_the_folder_comes_from_the_environment_unless_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSPACE_DIR", str(GOOD))
    assert (check().exit_code, check().output) == (0, "9 files fine: 2 sequences, 5 emails\n")


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

2 errors in 9 files
"""
    assert (result.exit_code, result.output) == (1, expected)


def test_warnings_are_shown_and_let_the_workspace_pass(folder: Path) -> None:
    edit(folder, "sequences/motivation.yaml", 'clicked("pricing", "calculator")', 'opened("pricing")')
    result = check(folder)
    assert result.exit_code == 0
    assert result.output.startswith("sequences/motivation.yaml:20:9: opens-are-guesses warning: opening is a guess")
    assert result.output.endswith("\n9 files fine, 1 warning: 2 sequences, 5 emails\n")


def test_scripts_get_one_json_object(folder: Path) -> None:
    edit(folder, "sequences/guide.yaml", "topic: guides", "topic: guide")
    result = check(folder, "--json")
    found = json.loads(result.output)
    assert (result.exit_code, found["ok"], found["files"]) == (1, False, 9)
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


def test_the_help_shows_an_example() -> None:
    assert "Example: sequencer check" in check("--help").output

"""Every command and option has help with an example, stands in docs/cli.md, and refuses wrong use with exit code 2."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from sequencer.cli import COMMANDS, main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text("utf-8")


def commands(group: click.Group, path: str = "sequencer") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


ALL = dict(commands(main))
LEAVES = sorted(path for path, command in ALL.items() if not isinstance(command, click.Group))


def section(path: str) -> str:
    """What docs/cli.md says below the command's heading."""
    found = re.search(rf"^#+ `{re.escape(path)}[ `].*?(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/cli.md has no heading `{path} …`"
    return found[0]


def test_help_lists_every_command() -> None:
    done = subprocess.run([sys.executable, "-m", "sequencer", "--help"], capture_output=True, text=True, check=True)
    assert set(COMMANDS) <= set(re.findall(r"^  ([a-z]+) ", done.stdout, re.MULTILINE))


def test_help_does_not_import_what_it_does_not_need() -> None:
    code = "import sys, sequencer.cli; print({'sqlalchemy', 'jinja2', 'starlette', 'dramatiq'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "set()" == done.stdout.strip()


@pytest.mark.parametrize("path", sorted(ALL))
def test_every_command_has_help_with_an_example(path: str) -> None:
    words = ALL[path].help or ""
    assert re.search(r"Examples?:\s[^`]*sequencer ", words), f"no example in the help of `{path}`"


@pytest.mark.parametrize("path", sorted(ALL))
def test_every_option_has_help_and_stands_in_the_documentation(path: str) -> None:
    words = section(path)
    for parameter in ALL[path].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{path} {parameter.opts[0]} has no help"
            assert f"`{parameter.opts[0]}" in words, f"docs/cli.md, {path}: no word on {parameter.opts[0]}"
        else:
            assert parameter.make_metavar(click.Context(ALL[path])).strip("[]") in words, f"{path}: {parameter.name}"


@pytest.mark.parametrize("path", LEAVES)
def test_every_command_has_an_example_in_the_documentation(path: str) -> None:
    assert re.search(rf"```.*?{re.escape(path)}.*?```", section(path), re.DOTALL), f"docs/cli.md, {path}: no example"


SIMULATED = re.findall(r"^\$ (sequencer simulate (?:.*\\\n)*.*)\n((?:(?!```|\$ ).*\n)*)", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("command", "shown"), SIMULATED, ids=["a lead", "an audience"])
def test_what_the_documentation_shows_of_a_simulation_is_what_comes(
    command: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    arguments = shlex.split(command.replace("\\\n", ""))[1:]
    came = CliRunner().invoke(main, arguments, env={"WORKSPACE_DIR": str(ROOT)}).stdout.splitlines()
    for line in shown.splitlines():
        if line != "…":
            wanted = re.compile(".*".join(map(re.escape, line.split("…"))))
            found = next((place for place, said in enumerate(came) if wanted.fullmatch(said)), None)
            assert found is not None, f"docs/cli.md: `{line}` does not come, or not there"
            came = came[found + 1 :]


PLACES = re.findall(r"(?:sends |received: |has not come to |hours: )(\w+).* (sequences/[\w./-]+):(\d+)", PAGE)
assert PLACES


@pytest.mark.parametrize(("step", "file", "line"), PLACES)
def test_a_place_that_the_documentation_shows_is_where_that_stands(step: str, file: str, line: str) -> None:
    assert step in (ROOT / file).read_text("utf-8").splitlines()[int(line) - 1]


@pytest.mark.parametrize("path", LEAVES)
def test_an_unknown_option_is_wrong_use(path: str) -> None:
    result = CliRunner().invoke(main, [*path.split()[1:], "--nonsense"])
    assert (2, "") == (result.exit_code, result.stdout)
    assert "No such option" in result.stderr


@pytest.mark.parametrize(
    "words", ["", "nonsense", "leads nonsense", "enroll", "halt", "why", "leads import nowhere.csv"]
)
def test_missing_and_unknown_words_are_wrong_use(words: str) -> None:
    assert 2 == CliRunner().invoke(main, words.split()).exit_code


def test_the_program_itself_ends_with_the_exit_code() -> None:
    done = subprocess.run([sys.executable, "-m", "sequencer", "halt"], capture_output=True, text=True)
    assert (2, "") == (done.returncode, done.stdout)
    assert "Error: Missing argument 'EMAIL'." in done.stderr

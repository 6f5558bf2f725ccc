"""The folder tests/broken: each file breaks the workspace in tests/broken/base, and says what `check` must find.

A file holds a sentence, the files it replaces, adds or takes away, and `FILE:LINE:COLUMN CODE` for each problem.
"""

import itertools
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from sequencer.services.compile import Compiled, compile_workspace
from sequencer.workspace.load import read_files

FOLDER = Path(__file__).parents[1] / "broken"
BROKEN = sorted(path.stem for path in FOLDER.glob("*.txt"))
MARK = re.compile(r"^--- ((?:sequences|content)/.+)\n|^=== expected\n", re.MULTILINE)


def read(name: str) -> tuple[Mapping[str, str], list[str]]:
    """The broken workspace's files, and the expected problems."""
    text = (FOLDER / f"{name}.txt").read_bytes().decode("utf-8")
    found = list(MARK.finditer(text))
    files = dict(read_files(FOLDER / "base"))
    for mark, after in itertools.pairwise(found):
        # The blank line before the next mark belongs to neither.
        held = text[mark.end() : after.start()].removesuffix("\n")
        if held == "(not there)\n":
            del files[mark[1]]
        else:
            files[mark[1]] = held
    return files, text[found[-1].end() :].splitlines()


@cache
def compiled(name: str) -> tuple[Compiled, Mapping[str, str]]:
    files, _ = read(name)
    return compile_workspace(files), files


def test_there_are_many_and_the_base_is_fine() -> None:
    assert len(BROKEN) >= 100
    assert compile_workspace(read_files(FOLDER / "base")).problems == ()


@pytest.mark.parametrize("name", BROKEN)
def test_exactly_these_problems_are_found(name: str) -> None:
    _, expected = read(name)
    found = compiled(name)[0].problems
    severities = {"error": "", "warning": " (warning)"}
    assert [f"{problem.mark} {problem.code}{severities[problem.severity]}" for problem in found] == expected
    assert expected

"""docs/problems.md explains every code there is, with what `check` really says of an example in tests/broken."""

import re
from pathlib import Path
from typing import get_args

import pytest

from sequencer.cli.problems import shown
from sequencer.core.codes import Code

from .test_broken import BROKEN, compiled

PAGE = (Path(__file__).parents[2] / "docs" / "problems.md").read_text("utf-8")
SECTIONS = {
    head: (severity.strip(" ()") or "error", text)
    for head, severity, text in re.findall(r"^### `([a-z-]+)`( \(warning\))?\n(.*?)(?=^#|\Z)", PAGE, re.M | re.S)
}
CODES = frozenset(get_args(Code))
WITHOUT = {"renders-differently"}
"""No workspace shows it: rendering is not known to differ (it is planted in tests/rendering/test_proof.py)."""


def outputs(code: str) -> list[tuple[str, str]]:
    """Severity and text of every problem with that code in the broken workspaces."""
    found = [(problem, compiled(name)[1]) for name in BROKEN for problem in compiled(name)[0].problems]
    return [(problem.severity, shown(problem, files).strip()) for problem, files in found if problem.code == code]


def test_every_code_is_explained_and_no_other() -> None:
    assert SECTIONS.keys() == CODES


@pytest.mark.parametrize("code", sorted(CODES - WITHOUT))
def test_the_example_of_each_code_is_what_check_says(code: str) -> None:
    severity, text = SECTIONS[code]
    words, _, example = text.partition("```\n")
    assert len(words.split()) > 5, "what it means, and what to do"
    assert (severity, example.partition("\n```")[0]) in outputs(code)


def test_codes_without_an_example_are_found_in_no_broken_workspace() -> None:
    assert [code for code in WITHOUT if outputs(code)] == []

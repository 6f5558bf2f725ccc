"""The good workspace that the tests break in one place at a time, and what the loader says of it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sequencer.core.content import Content, Link
from sequencer.core.mark import Mark, Problem
from sequencer.workspace.load import read_files
from sequencer.workspace.sequences import load_sequences
from sequencer.workspace.settings import load_settings
from sequencer.workspace.signals import load_signals

GOOD = Path(__file__).parent / "good"


def content(name: str, *links: str) -> Content:
    named = tuple(Link(link, f"https://www.kestrel.example/{link}") for link in links)
    return Content(name, f"content/{name}.md", name.rpartition("/")[2], "Subject", "", "<p>Hi</p>", "Hi", named)


CONTENTS = {
    item.id: item
    for item in (
        content("sales/pricing", "calculator"),
        content("sales/roi"),
        content("sales/faq"),
        content("guides/handbook", "handbook"),
    )
}


def check_note(template: str, mark: Mark) -> tuple[Problem, ...]:
    return (Problem(mark, "note", f"expected no braces, got {template}"),) if "{{" in template else ()


def load(files: Mapping[str, str]) -> tuple[Problem, ...]:
    """Every problem of declarations and sequences, beside contents that are fine."""
    workspace, problems = load_settings(files)
    if workspace is None:
        return problems
    workspace, signals = load_signals(files, workspace, CONTENTS)
    _, more = load_sequences(files, workspace, CONTENTS, check_note)
    return tuple(sorted({*problems, *signals, *more}))


@pytest.fixture(scope="session")
def good() -> Mapping[str, str]:
    return read_files(GOOD)


@pytest.fixture(scope="session")
def problems_of() -> Callable[[Mapping[str, str]], tuple[Problem, ...]]:
    return load

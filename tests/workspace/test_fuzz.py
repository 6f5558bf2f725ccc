"""Whatever the files hold, there are problems with places, never a traceback."""

from collections.abc import Mapping

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sequencer.core.mark import Problem
from sequencer.workspace.load import read_files
from sequencer.workspace.mistakes import in_block_style
from sequencer.workspace.nodes import Problems
from sequencer.workspace.parse import parse

from .conftest import GOOD, load

FILES = read_files(GOOD)
YAML = sorted(name for name in FILES if name.endswith(".yaml"))

CHARACTERS = "{}[]():,-?&*!|>%@`'\"#\t\n ~<=\\\x00\ud800\ufeff\u2028é😀"
WORDS = (
    ": |- |\n  |\n\n|&a |*a|{{|}}|--- |<<: *a|\r\n|if|when: |email: |wait: |then:\n|id: |null|[[|until |in 60 days|"
    "after |not |lead.|clicked(|!!map|2026-13-45|25:99"
)
SNIPPETS = st.sampled_from([*CHARACTERS, *WORDS.split("|"), "9" * 400, "a" * 300])


@st.composite
def mutated(draw: st.DrawFn) -> Mapping[str, str]:
    """The good workspace with cuts, copies and insertions in one of its files."""
    name = draw(st.sampled_from(YAML))
    text = FILES[name]
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        middle = draw(st.one_of(SNIPPETS, st.text(max_size=8), st.just(""), st.just(text[start:end] * 2)))
        text = text[:start] + middle + text[end:]
    return {**FILES, name: text}


def stands_in(problem: Problem, files: Mapping[str, str]) -> bool:
    """Whether the place exists (or is just behind the end), so that an editor can go there."""
    lines = files[problem.mark.file].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    line, column = problem.mark.line, problem.mark.column
    return 1 <= line <= len(lines) + 1 and 1 <= column <= len(([*lines, ""])[line - 1]) + 2


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_a_mutated_workspace_gives_problems_with_places(files: Mapping[str, str]) -> None:
    misplaced = [str(problem) for problem in load(files) if not stands_in(problem, files)]
    assert misplaced == []


@settings(max_examples=300, deadline=None)
@given(st.lists(SNIPPETS, max_size=40).map("".join))
@example("[[when: (")
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    problems = Problems()
    node = parse("f.yaml", text, problems)
    assert node is not None or len(problems) > 0
    assert [str(problem) for problem in problems.sorted() if not stands_in(problem, {"f.yaml": text})] == []


@settings(max_examples=200, deadline=None)
@given(st.lists(SNIPPETS, max_size=20).map("".join))
def test_a_correction_is_always_found_or_waived(text: str) -> None:
    assert in_block_style("a: {" + text.replace("\n", " "), 1, 4)

"""`sequencer fmt`: one look for all files, and never another meaning, a lost comment, or a second change."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sequencer.cli import main
from sequencer.workspace.format import FORMAT
from sequencer.workspace.nodes import Items, Map, Node, Problems, Text
from sequencer.workspace.parse import parse
from sequencer.workspace.source import CannotKeep
from sequencer.workspace.style import styled

from .conftest import GOOD
from .test_fuzz import FILES, SNIPPETS, YAML, mutated

ROOT = Path(__file__).parents[2]
SEQUENCE = "sequences/welcome.yaml"


def test_keys_take_their_order_and_take_their_comments_along() -> None:
    written = """\
# What new people get.

state: live
# people read this
title: Welcome      # short


topic: guides
steps:
- email: guides/welcome
- if: clicked("welcome")   # any link
  id: looked
  # nothing for the others
  then:
  - {email: guides/tips, id: tips-again}
  within: 3 days
  # end of the branch
# until they meet us
goal:   did("meeting_booked")
"""
    assert (
        styled(SEQUENCE, written)
        == """\
# What new people get.

# people read this
title: Welcome      # short
state: live

topic: guides
# until they meet us
goal: did("meeting_booked")
steps:
  - email: guides/welcome
  - id: looked
    if: clicked("welcome")  # any link
    within: 3 days
    # nothing for the others
    then:
      - {id: tips-again, email: guides/tips}
    # end of the branch
"""
    )


def test_conditions_stand_in_block_style_and_short_groups_may_stay() -> None:
    written = """\
hours: {days:   mon-fri,between: "09:00-17:00"}
exit_on: [replied(), 'lead.stage == "lost"']
enroll: {when: submitted("ebook"), again: after 3 days}
steps: [{id: a, if: replied(), then: [{email: a/b}]}]
"""
    assert (
        styled(SEQUENCE, written)
        == """\
enroll:
  when: submitted("ebook")
  again: after 3 days
hours: {days: mon-fri, between: "09:00-17:00"}
exit_on:
  - replied()
  - 'lead.stage == "lost"'
steps:
  - id: a
    if: replied()
    then: [{email: a/b}]
"""
    )


def test_what_is_too_long_for_a_line_stands_one_key_a_line() -> None:
    choices = ", ".join(f"choice-number-{number}" for number in range(9))
    assert styled("sequences/workspace.yaml", f"fields:\n  a: {{one_of: [{choices}]}}\n") == (
        "fields:\n  a:\n    one_of:\n" + "".join(f"      - choice-number-{number}\n" for number in range(9))
    )


def test_texts_over_several_lines_keep_their_lines() -> None:
    written = """\
steps:
- id: tell
  tell: owner
  note: |
     Look:
       - indented

     again
- id: more
  tell: owner
  note: "one
    two"
"""
    assert (
        styled(SEQUENCE, written)
        == """\
steps:
  - id: tell
    tell: owner
    note: |
      Look:
        - indented

      again
  - id: more
    tell: owner
    note: "one
      two"
"""
    )


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("title: [a\n", "a mistake in line 1"),
        ("title: a\ntitle: b\n", "a mistake in line 2"),
        ("title: &a b\ntopic: *a\n", "repetitions"),
        ("---\ntitle: a\n", "`---`"),
        ("note: |2\n   two\n", "`|2`"),
        ("steps:\n  -  # why\n    email: a/b\n", "a comment in an odd place"),
    ],
)
def test_what_would_not_surely_survive_is_left_alone(written: str, reason: str) -> None:
    with pytest.raises(CannotKeep) as refused:
        styled(SEQUENCE, written)
    assert reason in str(refused.value)


@pytest.mark.parametrize("path", sorted((ROOT / "sequences").glob("*.yaml")), ids=lambda path: path.name)
def test_the_shipped_files_are_in_house_style(path: Path) -> None:
    text = path.read_text("utf-8")
    assert styled(f"sequences/{path.name}", text) == text


# --- for any file


def meaning(file: str, text: str) -> Any:
    problems = Problems()
    node = parse(file, text, problems)
    assert node is not None and not len(problems)
    return plain(node)


def plain(node: Node) -> Any:
    match node:
        case Map(entries):
            return {name: plain(entry.node) for name, entry in entries.items()}
        case Items(items):
            return [plain(item) for item in items]
        case Text(value):
            return value


def holds(file: str, text: str) -> bool:
    """Whether it was rewritten; if so, rightly."""
    try:
        once = styled(file, text)
    except CannotKeep:
        return False
    assert meaning(file, once) == meaning(file, text)
    assert Counter(once.split("#")[1:] and [c.strip() for c in once.split("#")[1:]]).total() == text.count("#")
    assert styled(file, once) == once
    assert not [line for line in once.split("\n") if line != line.rstrip()] or "|" in text or ">" in text or '"' in text
    return True


VALUES = st.recursive(
    st.sampled_from(
        ["live", "3 days", 'did("x")', '"a: b"', "'it''s'", "lead.a == 1", "~", "", "a b", "10:00", "- x"[2:]]
    ),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.dictionaries(
            st.sampled_from([key.name for keys in FORMAT.values() for key in keys]), inner, min_size=1, max_size=4
        ),
    ),
    max_leaves=12,
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """YAML in any style: block or flow, any indent, comments and blank lines wherever they may stand."""
    top = draw(
        st.dictionaries(st.sampled_from([key.name for key in FORMAT["sequence"]]), VALUES, min_size=1, max_size=5)
    )
    return "\n".join(block(draw, top, 0)) + "\n"


def flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(one) or '""' for one in value) + "]"
    return value if "(" not in value or "," not in value else f"'{value}'"


def noise(draw: st.DrawFn, indent: int) -> list[str]:
    return [
        " " * indent + line if line else line
        for line in draw(st.sampled_from([[], [], [], [""], ["# one"], ["", "# two", ""], ["", "", "# three"]]))
    ]


def beside(draw: st.DrawFn) -> str:
    return draw(st.sampled_from(["", "", "", "  # beside", "                         # far"]))


def block(draw: st.DrawFn, value: Any, indent: int) -> list[str]:
    lines: list[str] = []
    pad = " " * indent
    step = draw(st.sampled_from([2, 4]))
    entries = (
        [(f"{key}:", one) for key, one in value.items()] if isinstance(value, dict) else [("-", one) for one in value]
    )
    for head, one in entries:
        lines += noise(draw, indent)
        if isinstance(one, dict | list) and one and draw(st.booleans()):
            lines.append(f"{pad}{head}{beside(draw)}")
            same = isinstance(one, list) and head != "-" and draw(st.booleans())
            lines += block(draw, one, indent if same else indent + step)
        else:
            lines.append(f"{pad}{head} {flow(one)}".rstrip() + beside(draw))
    return [*lines, *noise(draw, indent)]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents())
def test_any_file_says_the_same_afterwards_and_is_done_at_once(text: str) -> None:
    holds(SEQUENCE, text)


def test_most_files_can_be_rewritten() -> None:
    """Else the properties above would hold of nothing."""
    done: list[bool] = []

    @settings(max_examples=100, deadline=None, database=None, derandomize=True)
    @given(documents())
    def count(text: str) -> None:
        done.append(holds(SEQUENCE, text))

    count()
    assert sum(done) > len(done) * 0.5, f"{sum(done)} of {len(done)}"


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_a_mutated_workspace_is_rewritten_rightly_or_left(files: Mapping[str, str]) -> None:
    for name in YAML:
        if files[name] != FILES[name]:
            holds(name, files[name])


@settings(max_examples=100, deadline=None)
@given(st.lists(SNIPPETS, max_size=30).map("".join))
@example("- ")
@example("-\n# c\n")
@example("a: |")
@example("'a\n\n b'")
def test_any_text_is_rewritten_rightly_or_left(text: str) -> None:
    try:
        once = styled(SEQUENCE, text)
    except CannotKeep:
        return
    assert (meaning(SEQUENCE, once), styled(SEQUENCE, once)) == (meaning(SEQUENCE, text), once)


# --- the command


def fmt(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["fmt", *map(str, arguments)])
    return result.exit_code, result.output


def test_the_command_rewrites_what_is_not_in_house_style(tmp_path: Path) -> None:
    folder = tmp_path / "sequences"
    folder.mkdir()
    (folder / "fine.yaml").write_text("title: Fine\n")
    (folder / "odd.yaml").write_text("state: live\ntitle:  Odd\n")
    odd = folder / "odd.yaml"
    last = "1 of 2 files was in house style already\n"
    assert fmt(folder, "--check") == (1, f"{odd} would be rewritten\n{last}")
    assert odd.read_text() == "state: live\ntitle:  Odd\n"
    assert fmt(folder) == (0, f"{odd} rewritten\n{last}")
    assert odd.read_text() == "title: Odd\nstate: live\n"
    assert fmt(folder, "--check") == (0, "2 of 2 files were in house style already\n")


def test_the_command_names_what_it_leaves_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("title: [\n")
    (tmp_path / "b.yaml").write_bytes(b"title: \xff\n")
    (tmp_path / "c.yaml").write_text("title:   C\n")
    code, said = fmt(tmp_path)
    assert code == 1
    assert f"{tmp_path}/a.yaml is left as it is: it holds a mistake in line 1, see `sequencer check`" in said
    assert f"{tmp_path}/b.yaml is left as it is: it holds what is not UTF-8" in said
    assert ((tmp_path / "a.yaml").read_text(), (tmp_path / "c.yaml").read_text()) == ("title: [\n", "title: C\n")


def test_a_path_that_does_not_exist_is_wrong_use(tmp_path: Path) -> None:
    assert fmt(tmp_path / "nowhere.yaml")[0] == 2


def test_without_a_path_the_workspace_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSPACE_DIR", str(GOOD))
    assert fmt("--check")[0] == 1

"""Files that are not quite YAML, and what they most likely should have been."""

from collections.abc import Callable, Mapping

import pytest
import yaml

from sequencer.core.mark import Problem
from sequencer.workspace import parse as parser
from sequencer.workspace.nodes import Map, Problems, Text
from sequencer.workspace.parse import parse

from .mistakes import broken, places

Load = Callable[[Mapping[str, str]], tuple[Problem, ...]]

# What is changed in which file, and what must be reported: line, column and code (with the file, if it is another).
MISTAKES = [
    ("a tab indents a line", "motivation", "  again: after", "\tagain: after", ["10:1 tab"]),
    (
        "a quote is never closed",
        "motivation",
        "title: Sales motivational series",
        'title: "Sales motivational series',
        ["1:8 quotes"],
    ),
    (
        "a text holds a colon and a space",
        "motivation",
        "note: Opened the price",
        "note: Opened: the price",
        ["25:21 quotes"],
    ),
    ("a text begins with an at sign", "motivation", "title: Sales", "title: @Sales", ["1:8 quotes"]),
    (
        "a text begins with braces",
        "motivation",
        "note: Opened the price calculator",
        "note: {{ lead.first_name }} looked",
        ["25:16 quotes"],
    ),
    ("a line is indented alone", "motivation", "state: live", "  state: live", ["2:3 syntax"]),
    ("a line has no colon", "motivation", "state: live", "state live", ["2:1 syntax"]),
    ("a key is glued to its value", "motivation", "topic: sales", "topic:sales", ["3:6 syntax"]),
    (
        "a comma breaks a condition in braces",
        "motivation",
        '    - when: submitted("demo")\n      if: lead.stage in ["lead", "mql"]',
        '    - {when: submitted("demo"), if: lead.stage in ["lead", "mql"]}',
        ["8:7 flow-style"],
    ),
    (
        "a comma tears a condition in braces",
        "guide",
        "enroll: {when: manual}",
        "enroll: {when: manual, if: has(lead.pains, 'cost')}",
        ["4:9 flow-style"],
    ),
    (
        "a comma breaks conditions in brackets",
        "motivation",
        'exit_on:\n  - replied()\n  - lead.stage in ["customer", "lost"]',
        'exit_on: [replied(), lead.stage in ["customer", "lost"]]',
        ["13:10 flow-style"],
    ),
    (
        "a condition begins with a quote",
        "motivation",
        '    if: clicked("pricing", "calculator")',
        '    if: "cost" in lead.pains',
        ["20:16 quotes"],
    ),
    ("a key stands twice", "motivation", "topic: sales", "topic: sales\ntopic: guides", ["4:1 duplicate-key"]),
    ("an invisible character", "motivation", "title: Sales", "title: \x00Sales", ["1:8 character"]),
    ("two documents", "guide", "topic: guides", "---\ntopic: guides", ["3:1 syntax"]),
    ("an alias of nothing", "guide", "title: The guide", "title: *x", ["1:8 syntax"]),
    ("a tag", "guide", "title: The guide", "title: !!python/name:os.system x", ["1:8 syntax"]),
]


@pytest.mark.parametrize(("mistake", "file", "old", "new", "expected"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_reported_where_it_stands_and_nothing_else(
    mistake: str, file: str, old: str, new: str, expected: list[str], good: Mapping[str, str], problems_of: Load
) -> None:
    assert expected == places(problems_of(broken(good, file, old, new)), file)


def test_a_condition_torn_by_commas_is_given_back_in_block_style(good: Mapping[str, str], problems_of: Load) -> None:
    torn = '{when: submitted("demo"), if: lead.stage in ["lead", "mql"]}'
    files = broken(good, "motivation", 'when: submitted("demo")\n      if: lead.stage in ["lead", "mql"]', torn)
    corrected = """    - when: submitted("demo")
      if: lead.stage in ["lead", "mql"]"""
    assert problems_of(files)[0].message.split(", write:\n") == [
        "commas and quotes inside a value break `{…}`",
        corrected,
    ]


@pytest.mark.parametrize(
    ("written", "corrected"),
    [
        ("enroll: {when: manual, if: has(a, b)}", "enroll:\n  when: manual\n  if: has(a, b)"),
        ("exit_on: [replied(), has(a, b)]", "exit_on:\n  - replied()\n  - has(a, b)"),
        ("  - {id: x, if: has(a, b), then: []}", "  - id: x\n    if: has(a, b)\n    then: []"),
        ('a: {if: "x" in lead.pains, b: c}', "a:\n  if: '\"x\" in lead.pains'\n  b: c"),
        ("a: {if: has(a,\n     b), c: d}", "a:\n  if: has(a, b)\n  c: d"),
        ('title: "A" and more', "title: '\"A\" and more'"),
        ("note: Attention: read", "note: 'Attention: read'"),
        ("note: It's this: read", 'note: "It\'s this: read"'),
        ("- @later", "- '@later'"),
    ],
)
def test_the_corrected_line_means_what_was_meant(written: str, corrected: str) -> None:
    problems = Problems()
    assert parse("f.yaml", written, problems) is None
    assert corrected == problems.sorted()[0].message.partition("write:\n")[2]
    again = Problems()
    assert parse("f.yaml", corrected, again) is not None
    assert again.sorted() == ()


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "a: {b: ["])
def test_bottomless_nesting_is_refused_without_overrunning_the_stack(opening: str) -> None:
    problems = Problems()
    assert parse("f.yaml", opening * 100_000, problems) is None
    assert [problem.code for problem in problems.sorted()] == ["too-deep"]


def test_aliases_of_aliases_are_refused_before_they_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    problems = Problems()
    assert parse("f.yaml", "\n".join(lines), problems) is None
    assert [str(problem).partition(":")[0] + " " + problem.code for problem in problems.sorted()] == [
        "f.yaml too-large"
    ]


def test_an_alias_repeats_what_it_names() -> None:
    problems = Problems()
    node = parse("f.yaml", "a: &days [mon, tue]\nb: *days\n", problems)
    assert isinstance(node, Map)
    assert node.entries["a"].node == node.entries["b"].node


def test_every_scalar_is_text() -> None:
    source = "a: 10:00\nb: NO\nc: 5%\nd: 2026-12-01\ne: 0x10\nf: null\ng: ~\nh: 1_000\ni: on\n"
    node = parse("f.yaml", source, Problems())
    assert isinstance(node, Map)
    values = {key: entry.node.value for key, entry in node.entries.items() if isinstance(entry.node, Text)}
    assert values == {
        "a": "10:00",
        "b": "NO",
        "c": "5%",
        "d": "2026-12-01",
        "e": "0x10",
        "f": "null",
        "g": "~",
        "h": "1_000",
        "i": "on",
    }


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [("a: x", 1, 4), ('a: "x"', 1, 5), ("a: |\n\n    x\n", 3, 5), ("a:\n  >-\n   x\n", 3, 4), ("a:\n  x", 2, 3)],
)
def test_a_text_knows_where_its_first_character_stands(source: str, line: int, column: int) -> None:
    node = parse("f.yaml", source, Problems())
    assert isinstance(node, Map)
    text = node.entries["a"].node
    assert isinstance(text, Text)
    assert (line, column) == (text.start.line, text.start.column)


def test_files_from_windows_read_like_others() -> None:
    node = parse("f.yaml", "\ufeffa: x\r\nb: y\r\n", Problems())
    assert isinstance(node, Map)
    assert [(key, str(entry.mark)) for key, entry in node.entries.items()] == [("a", "f.yaml:1:1"), ("b", "f.yaml:2:1")]


def test_the_python_parser_stands_in_where_the_c_extension_is_absent(
    good: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parser, "LOADER", yaml.BaseLoader)
    problems = Problems()
    assert parse("guide.yaml", good["sequences/guide.yaml"], problems) is not None
    assert problems.sorted() == ()
    assert parse("guide.yaml", "title: The guide\ntopic guides\nstate: draft\n", problems) is None
    assert [f"{problem.mark} {problem.code}" for problem in problems.sorted()] == ["guide.yaml:2:1 syntax"]

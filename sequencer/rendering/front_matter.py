"""The head of a content file: YAML between two `---` lines."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from sequencer.core.codes import Code
from sequencer.core.mark import Mark, Problem
from sequencer.rendering.names import suggest
from sequencer.rendering.origin import FileText, Scalar

TEXTS: Final = ("subject", "preheader", "kind", "layout")
LISTS: Final = ("stage", "pains", "industry", "role", "published")
DEEPEST: Final = 8
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
HEAD: Final = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
"""The head, its `---` lines included; its first group is the YAML."""


@dataclass(frozen=True, slots=True)
class Value:
    """One text of the front matter and where it stands."""

    text: str
    origin: Scalar


@dataclass(frozen=True, slots=True)
class FrontMatter:
    texts: Mapping[str, Value] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    body: int = 0
    """The offset at which the body begins."""


def read_front_matter(source: FileText) -> tuple[FrontMatter, tuple[Problem, ...]]:
    """The front matter of a content file, and everything wrong with it."""
    head = HEAD.match(source.text)
    if head is None:
        message = "expected front matter: a line `---`, `subject: …`, a line `---`, and then the text"
        return FrontMatter(), (Problem(source.mark(0), "front-matter", message),)
    body = head.end()
    # The first newline stands for the `---`, so that YAML counts lines as the file does.
    yaml_text = "\n" + head.group(1)
    try:
        if _depth(yaml_text) > DEEPEST:
            message = f"expected texts and lists of texts, got something nested more than {DEEPEST} levels deep"
            return FrontMatter(body=body), (Problem(source.mark(0), "front-matter", message),)
        node = yaml.compose(yaml_text, Loader=_LOADER)
    except yaml.YAMLError as error:
        return FrontMatter(body=body), (_yaml_problem(source, error),)
    if not isinstance(node, yaml.MappingNode):
        message = "expected `subject: …` between the `---` lines"
        return FrontMatter(body=body), (Problem(source.mark(0), "front-matter", message),)
    reader = _Reader(source)
    for key, value in node.value:
        reader.take(key, value)
    if not reader.texts.get("subject", Value("", Scalar(source.mark(0)))).text.strip():
        expected = "expected a `subject:`, got none: write one between the `---` lines, as `subject: What it costs`"
        reader.problem(source.mark(0), "front-matter", expected)
    return FrontMatter(reader.texts, reader.lists, body), tuple(reader.problems)


def _depth(text: str) -> int:
    """How deep the nodes nest, from the parser's events: libyaml's composer recurses and overruns the C stack."""
    depth = deepest = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            deepest = max(deepest, depth)
            if deepest > DEEPEST:
                break
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return deepest


class _Reader:
    """Collects keys and problems."""

    def __init__(self, source: FileText) -> None:
        self._source = source
        self._lines = source.text.split("\n")
        self.texts: dict[str, Value] = {}
        self.lists: dict[str, tuple[str, ...]] = {}
        self.problems: list[Problem] = []

    def problem(self, mark: Mark, code: Code, message: str) -> None:
        self.problems.append(Problem(mark, code, message))

    def take(self, key: yaml.Node, value: yaml.Node) -> None:
        mark, name = self._mark(key), key.value if isinstance(key, yaml.ScalarNode) else None
        if name in self.texts or name in self.lists:
            self.problem(mark, "duplicate-key", f"expected “{name}” once, got it again")
        elif name in TEXTS:
            if isinstance(value, yaml.ScalarNode):
                self._check_comment(name, value)
                self.texts[name] = Value(value.value, self._origin(value))
            else:
                hint = " (put text that begins with { into quotes)" if isinstance(value, yaml.MappingNode) else ""
                self.problem(self._mark(value), "front-matter", f"expected text for “{name}”, got a list{hint}")
        elif name in LISTS:
            items = value.value if isinstance(value, yaml.SequenceNode) else [value]
            if all(isinstance(item, yaml.ScalarNode) for item in items):
                self.lists[name] = tuple(item.value for item in items if item.value)
            else:
                self.problem(self._mark(value), "front-matter", f"expected a name or a list of names for “{name}”")
        else:
            hint = suggest(str(name), (*TEXTS, *LISTS))
            self.problem(mark, "unknown-key", f"unknown key “{name}”{hint}")

    def _mark(self, node: yaml.Node) -> Mark:
        return Mark(self._source.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _origin(self, node: yaml.ScalarNode) -> Scalar:
        mark = self._mark(node)
        plain = not node.style and node.start_mark.line == node.end_mark.line
        quoted = node.style in ("'", '"') and node.start_mark.line == node.end_mark.line
        if quoted:
            width = node.end_mark.column - node.start_mark.column - 2
            return Scalar(Mark(mark.file, mark.line, mark.column + 1), exact=width == len(node.value))
        return Scalar(mark, exact=plain)

    def _check_comment(self, name: str, node: yaml.ScalarNode) -> None:
        """`subject: Tip #3` would lose its end without a word."""
        rest = self._lines[node.end_mark.line][node.end_mark.column :].lstrip()
        if not node.style and name in ("subject", "preheader") and rest.startswith("#"):
            message = f"“{rest}” would be read as a comment and dropped: put the {name} into quotes"
            self.problem(self._mark(node), "front-matter", message)


def _yaml_problem(source: FileText, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    line, column = (mark.line, mark.column) if mark else (0, 0)
    what = getattr(error, "problem", None) or str(error)
    written = source.text.split("\n")[line] if line < source.text.count("\n") + 1 else ""
    hint = ""
    if re.match(r"\s*\w+:\s*(\{[{%]|.*: )", written):
        hint = "; text that begins with { or holds “: ” belongs in quotes"
    return Problem(Mark(source.file, line + 1, column + 1), "yaml", f"expected YAML, got: {what}{hint}")

"""One YAML file into nodes: every scalar a text, bounded in depth and size, each mistake with its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NoReturn

import yaml

from sequencer.core.codes import Code
from sequencer.core.mark import Mark
from sequencer.workspace.mistakes import Mistake, explain, in_block_style
from sequencer.workspace.nodes import Entry, Items, Map, Node, Problems, Text, shown

MAX_DEPTH: Final = 40
"""Levels of nesting in one file. libyaml's own composer overruns the C stack at some tens of thousands."""

MAX_NODES: Final = 50_000
"""Nodes of one file with every alias written out: nine aliases of nine aliases of … stay small on disk only."""

# Not recursive, unlike `yaml.compose`. The C parser is some twenty times faster than the one written in Python, which
# stands in for it, and refuses `?` inside `{…}`.
LOADER: Final[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class _Unreadable(Exception):
    """The rest of the file cannot be read."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake.message)
        self.mistake = mistake


def parse(file: str, source: str, problems: Problems) -> Node | None:
    """The file's content; None when it is empty or cannot be read, which is reported."""
    text = source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    try:
        _refuse_strange_characters(text)
        try:
            node = _Reader(file, text, problems).document()
        except yaml.YAMLError as error:
            raise _Unreadable(explain(text, error)) from error
    except _Unreadable as unreadable:
        mistake = unreadable.mistake
        problems.error(Mark(file, mistake.line, mistake.column), mistake.code, mistake.message)
        return None
    if node is None:
        problems.error(Mark(file, 1, 1), "empty", "the file is empty: write its keys, or remove it")
    return node


def _strange(character: str) -> bool:
    """What no editor shows and PostgreSQL's text or YAML's line count cannot take."""
    code = ord(character)
    return (
        (code < 32 and character not in "\t\n")
        or 127 <= code < 160
        or code in (0x2028, 0x2029, 0xFEFF)
        or (0xD800 <= code < 0xE000 or code in (0xFFFE, 0xFFFF))
    )


def _refuse_strange_characters(text: str) -> None:
    for number, line in enumerate(text.split("\n"), 1):
        if line.isprintable():
            continue
        for column, character in enumerate(line, 1):
            if _strange(character):
                message = f"the character U+{ord(character):04X} cannot be read: remove it (it may be invisible)"
                raise _Unreadable(Mistake(number, column, "character", message))


class _Reader:
    """Builds nodes from the parser's events."""

    def __init__(self, file: str, text: str, problems: Problems) -> None:
        self.file = file
        self.text = text
        self.lines = text.split("\n")
        self.problems = problems
        self.anchors: dict[str, tuple[Node, int] | None] = {}
        """Nodes by anchor with their size; None while the node is still being read."""
        self.size = 0

    def document(self) -> Node | None:
        events = yaml.parse(self.text, LOADER)
        next(events)  # the stream's start
        if isinstance(next(events), yaml.StreamEndEvent):
            return None
        node = self._node(events, next(events), 0)
        next(events)  # the document's end
        after = next(events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._stop(after, "syntax", "a second document begins here: expected one a file, remove the `---`")
        if isinstance(node, Text) and not node.value and not node.quoted:
            return None
        return node

    def _mark(self, event: Any) -> Mark:
        return Mark(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _stop(self, event: Any, code: Code, message: str) -> NoReturn:
        mark = self._mark(event)
        raise _Unreadable(Mistake(mark.line, mark.column, code, message))

    def _node(self, events: Iterator[Any], event: Any, depth: int) -> Node:
        if depth > MAX_DEPTH:
            self._stop(event, "too-deep", f"nested more than {MAX_DEPTH} levels deep: split it")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.tag:
            tag = shown(event.tag.replace("tag:yaml.org,2002:", "!!"))
            self._stop(event, "syntax", f"tags such as {tag} mean nothing here: remove it")
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        before = self.size
        self._grow(event, 1)
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = self._text(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._items(events, event, depth)
        else:
            node = self._map(events, event, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = node, self.size - before
        return node

    def _grow(self, event: Any, by: int) -> None:
        self.size += by
        if self.size > MAX_NODES:
            self._stop(event, "too-large", f"more than {MAX_NODES:,} keys and values, aliases written out: split it")

    def _alias(self, event: Any) -> Node:
        if event.anchor not in self.anchors:
            self._stop(event, "syntax", f"`*{event.anchor}` repeats `&{event.anchor}`, which stands nowhere above it")
        found = self.anchors[event.anchor]
        if found is None:
            self._stop(event, "syntax", f"`*{event.anchor}` stands inside `&{event.anchor}`, so it would never end")
        node, size = found
        self._grow(event, size)
        return node

    def _text(self, event: Any) -> Text:
        value: str = event.value
        if not value.isprintable() and any(map(_strange, value)):
            self._stop(event, "character", "this text holds an escape for a character that no mail can show: remove it")
        mark = self._mark(event)
        style = event.style
        return Text(value, mark, self._start(mark, style), self.problems, quoted=style in ('"', "'", "|", ">"))

    def _start(self, mark: Mark, style: str | None) -> Mark:
        if style in ('"', "'"):
            return Mark(mark.file, mark.line, mark.column + 1)
        if style in ("|", ">"):
            for number in range(mark.line, len(self.lines)):
                line = self.lines[number]
                if line.strip():
                    return Mark(mark.file, number + 1, len(line) - len(line.lstrip()) + 1)
        return mark

    def _items(self, events: Iterator[Any], start: Any, depth: int) -> Items:
        items = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._node(events, event, depth + 1))
        if start.flow_style:
            self._refuse_torn(start, items)
        return Items(tuple(items), self._mark(start), self.problems)

    def _map(self, events: Iterator[Any], start: Any, depth: int) -> Map:
        entries: dict[str, Entry] = {}
        parts: list[Node] = []
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            if isinstance(event, yaml.MappingStartEvent) and event.flow_style:
                self._stop(event, "quotes", 'a text that begins with `{{` must stand in quotes: `"{{ … }}"`')
            key = self._node(events, event, depth + 1)
            value = self._node(events, next(events), depth + 1)
            parts += (key, value)
            if not isinstance(key, Text):
                self._stop(event, "syntax", f"expected a key, got {key.got}")
            if key.value in entries:
                first = entries[key.value].mark.line
                self.problems.error(
                    key.mark, "duplicate-key", f"the key {shown(key.value)} stands on line {first} already: keep one"
                )
            else:
                entries[key.value] = Entry(key.mark, value)
        if start.flow_style:
            self._refuse_torn(start, parts)
        return Map(entries, self._mark(start), self.problems)

    def _refuse_torn(self, start: Any, parts: list[Node]) -> None:
        """A comma inside a condition ends it in flow style: `{if: has(a, b)}` holds `has(a` and `b)`."""
        for part in parts:
            if isinstance(part, Text) and not part.quoted and part.value.count("(") != part.value.count(")"):
                mark = self._mark(start)
                message = in_block_style(self.text, mark.line, mark.column)
                raise _Unreadable(Mistake(mark.line, mark.column, "flow-style", message))

"""What a YAML file holds, as nodes that know their place and report what they are not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TypeAlias

from sequencer.core.codes import Code
from sequencer.core.mark import Mark, Problem
from sequencer.core.one_line import one_line
from sequencer.workspace.keys import KEYS


class Problems:
    """All that is found wrong, in the order of finding."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def error(self, mark: Mark, code: Code, message: str) -> None:
        self._found.append(Problem(mark, code, message))

    def warning(self, mark: Mark, code: Code, message: str) -> None:
        self._found.append(Problem(mark, code, message, "warning"))

    def extend(self, found: Iterable[Problem]) -> None:
        self._found.extend(found)

    def __len__(self) -> int:
        return len(self._found)

    def sorted(self) -> tuple[Problem, ...]:
        """By file, line and column, each once."""
        return tuple(sorted(set(self._found)))


def listed(names: Iterable[str]) -> str:
    """Names as they stand in messages: `a`, `b`, `c`."""
    return ", ".join(f"`{name}`" for name in names) or "nothing"


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """The end of a message, with the closest name if there is one."""
    known = {name.lower(): name for name in names}
    for close in get_close_matches(word.lower(), known, n=1, cutoff=0.7):
        return f", did you mean `{known[close]}`?"
    return ""


def one_of(names: Sequence[str]) -> str:
    """What was expected, in messages: the only name, or `one of` several."""
    return listed(names) if len(names) == 1 else f"one of {listed(names)}"


def shown(value: str, length: int = 60) -> str:
    """A value as messages quote it: one line, not endless."""
    return f"`{one_line(value, length)}`"


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar. All scalars are text: `10:00`, `NO` and `5%` are what they look like."""

    value: str
    mark: Mark
    start: Mark
    """Where its first character stands: after the quote, or on the line below `|`."""
    problems: Problems = field(repr=False)
    quoted: bool = False

    @property
    def got(self) -> str:
        return shown(self.value) if self.value else "an empty text"

    def wrong(self, code: Code, message: str) -> None:
        self.problems.error(self.mark, code, message)

    def bad(self, expected: str, code: Code = "bad-value") -> None:
        """Reports that the text is not what was expected here."""
        self.wrong(code, f"expected {expected}, got {self.got}")


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    mark: Mark
    problems: Problems = field(repr=False)

    @property
    def got(self) -> str:
        return "a list"


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and what it holds."""

    mark: Mark
    """Of the key."""
    node: Node


@dataclass(frozen=True, slots=True)
class Map:
    """Keys and what they hold. Keys given twice are reported when the file is read; the first one counts."""

    entries: Mapping[str, Entry]
    mark: Mark
    problems: Problems = field(repr=False)

    @property
    def got(self) -> str:
        return f"the keys {listed(list(self.entries)[:4])}" if self.entries else "no keys"

    def expect(self, place: str) -> None:
        """Reports every key that does not belong to this place."""
        known = KEYS[place]
        for key, entry in self.entries.items():
            if key in known:
                continue
            hint = did_you_mean(key, known) or missing_space(key, entry, known) or f": expected {one_of(known)}"
            self.problems.error(entry.mark, "unknown-key", f"unknown key {shown(key)}{hint}")

    def take(self, key: str) -> Node | None:
        """What the key holds; None when it is not there, or empty (which is reported)."""
        entry = self.entries.get(key)
        if entry is None:
            return None
        if isinstance(entry.node, Text) and not entry.node.value and not entry.node.quoted:
            self.problems.error(entry.mark, "empty", f"`{key}` is empty: give it a value, or remove the line")
            return None
        return entry.node

    def need(self, key: str, example: str) -> Node | None:
        """Like `take`, but a missing key is reported, with an example of what to write."""
        if key not in self.entries and not self._misspelt(key):
            self.problems.error(self.mark, "missing-key", f"expected the key `{key}`, for example `{key}: {example}`")
        return self.take(key)

    def _misspelt(self, key: str) -> bool:
        """Whether an unknown key here was meant for this one; `expect` reports it with that suggestion."""
        beside = {name for names in KEYS.values() if key in names for name in names}
        return any(name not in beside and get_close_matches(name.lower(), [key], 1, 0.7) for name in self.entries)

    def text(self, key: str) -> Text | None:
        return as_text(self.take(key), f"a text for `{key}`")

    def need_text(self, key: str, example: str) -> Text | None:
        return as_text(self.need(key, example), f"a text for `{key}`")

    def items(self) -> Iterator[tuple[Text, Node]]:
        """Freely named entries: each name as a text, with what it holds (empty ones are reported and left out)."""
        for name, entry in self.entries.items():
            node = self.take(name)
            if node is not None:
                yield Text(name, entry.mark, entry.mark, self.problems), node


Node: TypeAlias = Text | Items | Map


def missing_space(key: str, entry: Entry, known: Sequence[str]) -> str:
    """A hint for `key:value`, which YAML takes for one long key."""
    name, colon, rest = key.partition(":")
    if colon and name in known and isinstance(entry.node, Text) and not entry.node.value:
        return f", did you mean `{name}: {rest}`, with a space after the colon?"
    return ""


def as_text(node: Node | None, expected: str) -> Text | None:
    """The node if it is a text; anything else is reported."""
    if node is None or isinstance(node, Text):
        return node
    node.problems.error(node.mark, "wrong-type", f"expected {expected}, got {node.got}")
    return None


def as_map(node: Node | None, expected: str) -> Map | None:
    """The node if it holds keys; anything else is reported."""
    if node is None or isinstance(node, Map):
        return node
    node.problems.error(node.mark, "wrong-type", f"expected {expected}, got {node.got}")
    return None


def as_items(node: Node | None, expected: str) -> tuple[Node, ...]:
    """The items of a list; empty ones and anything but a list are reported."""
    if node is None:
        return ()
    if not isinstance(node, Items):
        node.problems.error(node.mark, "wrong-type", f"expected {expected}, got {node.got}")
        return ()
    kept = []
    for item in node.items:
        if isinstance(item, Text) and not item.value and not item.quoted:
            node.problems.error(item.mark, "empty", "this item is empty: give it a value, or remove the line")
        else:
            kept.append(item)
    return tuple(kept)


def as_texts(node: Node | None, expected: str) -> tuple[Text, ...]:
    """The texts of a list."""
    texts = (as_text(item, expected.replace("a list of", "one of the")) for item in as_items(node, expected))
    return tuple(text for text in texts if text is not None)


def as_names(node: Node | None) -> tuple[Text, ...]:
    """A name, or the names of a list."""
    if isinstance(node, Items):
        return as_texts(node, "a list of names")
    text = as_text(node, "a name, or a list of them")
    return (text,) if text is not None else ()

"""A YAML file as it was written: nodes with their own letters, and the comments and blank lines between them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import yaml

from sequencer.workspace.parse import LOADER

_HEADER: Final = re.compile(r"[|>]-?")


class CannotKeep(Exception):
    """Something that would not surely survive being written anew; the message names it."""


@dataclass(slots=True)
class Word:
    """A scalar. Lines count from 0 here, as in all of this file."""

    lines: list[str]
    """As it is written, the first line from where it begins; of block scalars the content without its indent."""
    block: bool
    first: int
    last: int


@dataclass(slots=True)
class Keys:
    pairs: list[tuple[Word, "Written"]]
    flow: bool
    first: int
    last: int
    column: int


@dataclass(slots=True)
class Listing:
    items: list["Written"]
    flow: bool
    first: int
    last: int
    column: int


Written: TypeAlias = Word | Keys | Listing


@dataclass(slots=True)
class Comment:
    line: int
    column: int
    text: str
    own: bool
    """Nothing else stands on its line."""


@dataclass(slots=True)
class Source:
    root: Written
    comments: list[Comment]
    blank: list[int]
    """Blank lines outside of texts."""
    code: list[int]
    """Lines that hold anything else."""


def read(text: str) -> Source:
    """A file that `parse` can read. Raises CannotKeep."""
    lines = text.split("\n")
    reader = _Reader(lines)
    events: Iterator[Any] = yaml.parse(text, LOADER)
    next(events)
    start: Any = next(events)
    if isinstance(start, yaml.StreamEndEvent):
        raise CannotKeep("no keys")
    if start.explicit or any(line.startswith("...") for line in lines):
        raise CannotKeep("`---` or `...`")
    root = reader.node(events, next(events))
    comments, blank = reader.between()
    other = {*blank, *(comment.line for comment in comments if comment.own)}
    return Source(root, comments, blank, [number for number in range(len(lines)) if number not in other])


class _Reader:
    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._taken: list[list[tuple[int, int]]] = [[] for _ in lines]
        """Of each line: from which column to which a text stands."""

    def node(self, events: Iterator[Any], event: Any) -> Written:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise CannotKeep("repetitions (`&name` and `*name`)")
        start = event.start_mark
        if isinstance(event, yaml.ScalarEvent):
            return self._block(event) if event.style in ("|", ">") else self._word(event)
        if isinstance(event, yaml.SequenceStartEvent):
            flow, items = bool(event.flow_style), []
            while not isinstance(event := next(events), yaml.SequenceEndEvent):
                items.append(self.node(events, event))
            end: Any = event.start_mark
            return Listing(items, flow, start.line, end.line, start.column)
        flow, pairs = bool(event.flow_style), []
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self.node(events, event)
            if not isinstance(key, Word) or key.block or len(key.lines) > 1 or not key.lines[0]:
                raise CannotKeep("a key that is empty or over several lines")
            pairs.append((key, self.node(events, next(events))))
        end = event.start_mark
        return Keys(pairs, flow, start.line, end.line, start.column)

    def _word(self, event: Any) -> Word:
        start, end = event.start_mark, event.end_mark
        if start.line >= len(self._lines):
            last = len(self._lines) - 1
            return Word([""], False, last, last)
        found = []
        for number in range(start.line, end.line + 1):
            begin = start.column if number == start.line else 0
            stop = end.column if number == end.line else len(self._lines[number])
            self._taken[number].append((begin, stop))
            found.append(self._lines[number][begin:stop].strip())
        return Word(found, False, start.line, end.line)

    def _block(self, event: Any) -> Word:
        """libyaml's end of a block scalar lies behind the comments that follow it."""
        start = event.start_mark
        header = _HEADER.match(self._lines[start.line], start.column)
        assert header is not None
        after = self._lines[start.line][header.end() :]
        if after[:1] not in ("", " ", "\t"):
            raise CannotKeep(f"`{header.group()}{after.split()[0]}`")
        self._taken[start.line].append((start.column, header.end()))
        content: list[str] = []
        indent = 0
        for line in self._lines[start.line + 1 : event.end_mark.line + 1]:
            own = len(line) - len(line.lstrip(" "))
            if not indent and line.strip():
                indent = own
            if line.strip() and (not indent or own < indent):
                break
            content.append(line[indent:] if indent else "")
        while content and not content[-1].strip():
            content.pop()
        for number in range(len(content)):
            line = self._lines[start.line + 1 + number]
            self._taken[start.line + 1 + number].append((0, len(line) + 1))
        return Word([header.group(), *content], True, start.line, start.line + len(content))

    def between(self) -> tuple[list[Comment], list[int]]:
        comments: list[Comment] = []
        blank: list[int] = []
        for number, line in enumerate(self._lines):
            taken = self._taken[number]
            if not line.strip():
                blank += [number] * (not taken)
                continue
            for at, character in enumerate(line):
                free = not any(begin <= at < end for begin, end in taken)
                if character == "#" and free and (at == 0 or line[at - 1] in " \t"):
                    own = not line[:at].strip()
                    comments.append(Comment(number, at, line[at:].rstrip(), own))
                    break
        return comments, blank

"""House style: keys in the order of FORMAT, conditions in block style, two spaces; comments and blank lines stay.

What is written says the same as what was read, or it is not written: `styled` reads its own result again.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from operator import itemgetter
from pathlib import PurePosixPath
from typing import Any, Final

from sequencer.workspace.format import FORMAT, ROOTS, STEP_PLACES, whole
from sequencer.workspace.nodes import Items, Map, Node, Problems, Text
from sequencer.workspace.parse import parse
from sequencer.workspace.shapes import Block, Condition, Either, Named, Several, Shape
from sequencer.workspace.source import CannotKeep, Keys, Listing, Source, Word, Written, read

WIDTH: Final = 120
"""Columns of `{…}` and `[…]` on one line."""


def place_of(file: str) -> str:
    """What a file of `sequences/` holds, by its path; empty where its keys have no order of their own."""
    path = PurePosixPath(file)
    place = path.stem if path.stem in ("workspace", "forms", "signals") else "sequence"
    place = "scenarios" if path.parent.name == "scenarios" else place
    return place if place in ROOTS else ""


def styled(file: str, text: str) -> str:
    """The text in house style. Raises CannotKeep where it cannot be read, or would not say the same."""
    before = _meaning(file, text)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    source = read(text)
    place = place_of(file)
    result = _Writer(source).whole(whole(place) if place else None)
    if _meaning(file, result) != before or _said(read(result)) != _said(source):
        raise CannotKeep("something that would not say the same, or a comment in an odd place")
    return result


def _meaning(file: str, text: str) -> Any:
    problems = Problems()
    node = parse(file, text, problems)
    if node is None or len(problems):
        first = problems.sorted()[0]
        raise CannotKeep(f"a mistake in line {first.mark.line}, see `sequencer check`")
    return _plain(node)


def _plain(node: Node) -> Any:
    match node:
        case Map(entries):
            return {name: _plain(entry.node) for name, entry in entries.items()}
        case Items(items):
            return [_plain(item) for item in items]
        case Text(value, quoted=quoted):
            return value if value else (value, quoted)


def _said(source: Source) -> Counter[str]:
    return Counter(comment.text for comment in source.comments)


class _Writer:
    """Writes from the top; comments are used up as their lines are passed."""

    def __init__(self, source: Source) -> None:
        self._root = source.root
        self._own = [comment for comment in source.comments if comment.own]
        self._beside = {comment.line: comment for comment in source.comments if not comment.own}
        self._inside = {comment.line for comment in source.comments}
        self._blank = sorted(source.blank)
        self._code = source.code

    def whole(self, shape: Shape | None) -> str:
        head = self._before(self._root.first, 0)
        while head and not head[0]:
            del head[0]
        lines = [*head, *self._block(self._root, 0, shape)]
        lines += self._before(10**9, 0)
        while lines and not lines[-1]:
            lines.pop()
        return "\n".join(lines) + "\n"

    # --- comments and blank lines

    def _before(self, line: int, indent: int, least: int = 0) -> list[str]:
        """Comments of their own before a line, blank lines between them as one; all that stand from `least` on."""
        found: list[str] = []
        while self._own and self._own[0].line < line and self._own[0].column >= least:
            comment = self._own.pop(0)
            found += [""] * self._blanks(comment.line)
            found.append(" " * indent + comment.text)
        if not self._own or self._own[0].line >= line:
            found += [""] * (least == 0 and self._blanks(line))
        return found

    def _blanks(self, line: int) -> bool:
        """Whether blank lines stood before this line; they are used up."""
        passed = [number for number in self._blank if number < line]
        self._blank = [number for number in self._blank if number >= line]
        return bool(passed)

    def _with(self, text: str, line: int) -> str:
        """The text with the comment that stands beside that line, in its column if there is room."""
        comment = self._beside.pop(line, None)
        return text if comment is None else text.ljust(max(comment.column, len(text) + 2)) + comment.text

    # --- nodes

    def _block(self, node: Written, indent: int, shape: Shape | None) -> list[str]:
        """A node on lines of its own."""
        shape = _fitting(shape, node)
        if isinstance(node, Keys) and node.pairs and (not node.flow or not self._on_one_line(node, indent, shape)):
            return self._keys(node, indent, shape)
        if isinstance(node, Listing) and node.items and (not node.flow or not self._on_one_line(node, indent, shape)):
            return self._listing(node, indent, shape)
        first, *more = self._inline(node, indent, shape)
        return [self._with(" " * indent + first, node.last), *more]

    def _keys(self, node: Keys, indent: int, shape: Shape | None) -> list[str]:
        place = _place(shape, node)
        entries: list[tuple[int, list[str], list[str]]] = []
        order = _order(place)
        for number, (key, value) in enumerate(node.pairs):
            before = self._before(key.first, indent) if number or not node.flow else []
            below = _below(shape, place, key.lines[0])
            if isinstance(value, Listing) and value.column == node.column:
                # Its dashes stand below the key: only what lies deeper can be a comment at its end.
                value = replace(value, column=node.column + 1)
            entries.append((order.get(_bare(key), len(order)), before, self._pair(key, value, indent, below)))
        return self._joined(entries, node, indent)

    def _listing(self, node: Listing, indent: int, shape: Shape | None) -> list[str]:
        below = shape.of if isinstance(shape, Several) else None
        entries: list[tuple[int, list[str], list[str]]] = []
        for number, item in enumerate(node.items):
            before = self._before(item.first, indent) if number or not node.flow else []
            lines = self._block(item, indent + 2, below)
            # What stands between the dash and its first key goes before the dash.
            own = next((at for at, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")), 0)
            before += [" " * indent + line.strip() for line in lines[:own] if line]
            lines = lines[own:]
            lines[0] = (" " * indent + "- " + lines[0][indent + 2 :]).rstrip()
            entries.append((0, before, lines))
        return self._joined(entries, node, indent)

    def _joined(self, entries: list[tuple[int, list[str], list[str]]], node: Keys | Listing, indent: int) -> list[str]:
        lines: list[str] = []
        for _, before, own in sorted(entries, key=itemgetter(0)):
            while before and not before[0] and not lines:
                before = before[1:]
            lines += [*before, *own]
        if not node.flow and node.column:
            # As deep as the block, or deeper, and before anything else: the end of this block.
            end = max(word.last for word in _words(node))
            following = self._code[bisect_right(self._code, end) :]
            next_line = following[0] if following else 10**9
            lines += self._before(next_line, indent, least=node.column)
        return lines

    def _pair(self, key: Word, value: Written, indent: int, shape: Shape | None) -> list[str]:
        head = f"{' ' * indent}{key.lines[0]}:"
        shape = _fitting(shape, value)
        if isinstance(value, Word):
            first, *more = self._inline(value, indent, shape)
            line = value.first if value.block else value.last
            begun = f"{head} {first}" if first else head
            return [begun, *more[:-1], self._with(more[-1], line)] if more and not value.block else [
                self._with(begun, line if first else key.last), *more
            ]  # fmt: skip
        empty = not (value.pairs if isinstance(value, Keys) else value.items)
        if empty or (value.flow and self._on_one_line(value, len(head) + 1, shape)):
            return [self._with(f"{head} {self._inline(value, indent, shape)[0]}", value.last)]
        if value.flow and value.last != key.first and value.last in self._beside:
            self._beside.setdefault(key.first, replace(self._beside[value.last], line=key.first))
        return [self._with(head, key.first), *self._block(value, indent + 2, shape)]

    def _inline(self, node: Written, indent: int, shape: Shape | None) -> list[str]:
        """The node as it follows something on its line; texts over several lines go on below it."""
        shape = _fitting(shape, node)
        match node:
            case Word(lines, block):
                first, *more = lines
                deeper = " " * (indent + 2)
                return [first, *(deeper + line if line else "" for line in (more if block else map(str.rstrip, more)))]
            case Keys(pairs):
                place = _place(shape, node)
                order = _order(place)
                found = [
                    (
                        order.get(_bare(key), len(order)),
                        _flow_pair(key, self._inline(value, 0, _below(shape, place, key.lines[0]))[0]),
                    )
                    for key, value in pairs
                ]
                return ["{" + ", ".join(pair for _, pair in sorted(found, key=itemgetter(0))) + "}"]
            case Listing(items):
                below = shape.of if isinstance(shape, Several) else None
                return ["[" + ", ".join(self._inline(item, 0, below)[0] for item in items) + "]"]

    def _on_one_line(self, node: Keys | Listing, column: int, shape: Shape | None) -> bool:
        """Whether flow style is right: short, without conditions, comments and texts over several lines."""
        if any(line in self._inside for line in range(node.first, node.last)) or _holds_condition(node, shape):
            return False
        if any(len(word.lines) > 1 for word in _words(node)):
            return False
        return column + len(self._inline(node, 0, shape)[0]) <= WIDTH


def _order(place: str) -> dict[str, int]:
    """The number of each key; others stay behind them as they are."""
    return {key.name: number for number, key in enumerate(FORMAT.get(place, ()))}


def _flow_pair(key: Word, value: str) -> str:
    return f"{key.lines[0]}: {value}" if value else f"{key.lines[0]}:"


def _words(node: Written) -> Iterator[Word]:
    match node:
        case Word():
            yield node
        case Keys(pairs):
            for key, value in pairs:
                yield key
                yield from _words(value)
        case Listing(items):
            for item in items:
                yield from _words(item)


def _bare(key: Word) -> str:
    return key.lines[0].strip("\"'")


def _fitting(shape: Shape | None, node: Written) -> Shape | None:
    """Of several shapes the one that this node can be; of a step the kind that it is."""
    if isinstance(shape, Either):
        wanted = {Keys: (Block, Named), Listing: (Several,)}.get(type(node), ())
        options = [one for one in shape.shapes if isinstance(one, wanted)] if wanted else []
        names = {_bare(key) for key, _ in node.pairs} if isinstance(node, Keys) else set()
        whole = [one for one in options if isinstance(one, Block) and names <= _names(one.place)]
        return next(iter([*whole, *options]), None)
    return shape


def _names(place: str) -> set[str]:
    return {key.name for key in FORMAT.get(place, ())}


def _place(shape: Shape | None, node: Keys) -> str:
    if not isinstance(shape, Block):
        return ""
    if shape.place != "step":
        return shape.place
    names = {_bare(key) for key, _ in node.pairs}
    kinds = [place for place in STEP_PLACES if place.removeprefix("step: ") in names]
    return kinds[0] if len(kinds) == 1 else ""


def _below(shape: Shape | None, place: str, key: str) -> Shape | None:
    if isinstance(shape, Named):
        return shape.holds
    return next((one.holds for one in FORMAT.get(place, ()) if one.name == key.strip("\"'")), None)


def _holds_condition(node: Written, shape: Shape | None) -> bool:
    shape = _fitting(shape, node)
    match node:
        case Word(lines, _):
            return isinstance(shape, Condition) or (lines[0][:1] not in "\"'" and "(" in lines[0])
        case Keys(pairs):
            place = _place(shape, node)
            return any(_holds_condition(value, _below(shape, place, key.lines[0])) for key, value in pairs)
        case Listing(items):
            below = shape.of if isinstance(shape, Several) else None
            return any(_holds_condition(item, below) for item in items)

"""Finds the Jinja tokens in a text, and sets them aside as inert words while Markdown and MJML are compiled."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sequencer.core.mark import Mark, Problem
from sequencer.rendering.origin import Origin


class Kind(StrEnum):
    DATA = "data"
    PRINT = "print"
    STATEMENT = "statement"


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of plain text, or one Jinja token, and where it was written."""

    kind: Kind
    text: str
    origin: Origin
    offset: int

    def mark(self, within: int = 0) -> Mark:
        return self.origin.mark(self.offset + within)

    def mark_of(self, word: str) -> Mark:
        """The place of a name inside this token."""
        found = re.search(rf"(?<![\w]){re.escape(word)}(?![\w])", self.text)
        return self.mark(found.start() if found else 0)

    @property
    def inner(self) -> str:
        """What stands between the braces."""
        return self.text[2:-2].strip("-+").strip()

    @property
    def keyword(self) -> str:
        """`if`, `endfor`; empty for what is no statement."""
        words = self.inner.split(None, 1) if self.kind is Kind.STATEMENT else []
        return re.split(r"\W", words[0], maxsplit=1)[0] if words else ""


LONGEST: Final = 500
"""Characters of a token in which its end is looked for with care: a file of nothing but open brackets must not take
time that grows with the square of its length."""

_OPEN: Final = re.compile(r"\{[{%#]")
_CLOSE: Final = {"{{": "}}", "{%": "%}", "{#": "#}"}
_COMMENT: Final = re.compile(r"<!--(?!\[if|<!).*?-->", re.DOTALL)
_STRING: Final = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_BRACKETS: Final = {"(": ")", "[": "]", "{": "}"}


def scan(text: str, origin: Origin, start: int = 0) -> tuple[tuple[Piece, ...], tuple[Problem, ...]]:
    """Split a text into pieces. Comments, Jinja's and HTML's, are dropped: nobody outside should read them."""
    pieces: list[Piece] = []
    problems: list[Problem] = []

    def data(begin: int, end: int) -> None:
        if begin < end:
            pieces.append(Piece(Kind.DATA, text[begin:end], origin, start + begin))

    position = 0
    while True:
        opening = _OPEN.search(text, position)
        comment = _COMMENT.search(text, position)
        if comment is not None and (opening is None or comment.start() < opening.start()):
            data(position, comment.start())
            position = comment.end()
            continue
        if opening is None:
            data(position, len(text))
            return tuple(pieces), tuple(problems)
        data(position, opening.start())
        end = _end(text, opening.end(), opening.group())
        if end is None:
            closing = _CLOSE[opening.group()]
            problems.append(
                Problem(
                    origin.mark(start + opening.start()),
                    "template-syntax",
                    f"expected {closing} to close this {opening.group()}, got the end of the text",
                )
            )
            return tuple(pieces), tuple(problems)
        if opening.group() != "{#":
            kind = Kind.PRINT if opening.group() == "{{" else Kind.STATEMENT
            pieces.append(Piece(kind, text[opening.start() : end], origin, start + opening.start()))
        position = end


def _end(text: str, position: int, opening: str) -> int | None:
    """The offset after the token's end, minding strings and brackets as Jinja's own lexer does."""
    closing = _CLOSE[opening]
    if opening == "{#":
        found = text.find(closing, position)
        return None if found < 0 else found + 2
    begin, stack = position, list[str]()
    last = min(len(text), begin + LONGEST)
    while position < last:
        if not stack and text.startswith(closing, position):
            return position + 2
        if string := _STRING.match(text, position):
            position = string.end()
            continue
        char = text[position]
        if char in _BRACKETS:
            stack.append(_BRACKETS[char])
        elif stack and char == stack[-1]:
            stack.pop()
        position += 1
    # Brackets left open hide the end; Jinja then says what is wrong with the expression.
    found = text.find(closing, begin)
    return None if found < 0 else found + 2


class Inert:
    """Stand-ins for tokens: lower-case words that no text contains and no compiler touches."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.tokens = tuple(piece for piece in pieces if piece.kind is not Kind.DATA)
        self._number = {id(piece): number for number, piece in enumerate(self.tokens)}
        prefix = "sqtk"
        while any(prefix in piece.text for piece in pieces):
            prefix += "x"
        self._prefix = prefix
        self.pattern = re.compile(rf"{prefix}(\d{{5}})e")

    def word(self, piece: Piece) -> str:
        """What stands in the text for this piece: itself, when it is no token."""
        return piece.text if piece.kind is Kind.DATA else f"{self._prefix}{self._number[id(piece)]:05d}e"

    def text(self, pieces: Iterable[Piece]) -> str:
        return "".join(map(self.word, pieces))

    def token(self, match: re.Match[str]) -> Piece:
        return self.tokens[int(match.group(1))]

    def found(self, text: str) -> list[Piece]:
        """The tokens in a text, in its order."""
        return [self.token(match) for match in self.pattern.finditer(text)]

    def restore(self, text: str, literal: Callable[[str, int], str], token: Callable[[Piece, int], str]) -> str:
        """Put tokens back. `literal` sees each run between them, `token` each token, both with the offset."""
        out: list[str] = []
        position = 0
        for match in self.pattern.finditer(text):
            out += (literal(text[position : match.start()], position), token(self.token(match), match.start()))
            position = match.end()
        out.append(literal(text[position:], position))
        return "".join(out)

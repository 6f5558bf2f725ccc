"""What changed in a text, word by word."""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final, Literal, NamedTuple

Kind = Literal["same", "gone", "new", "left out"]

AROUND: Final = 6
"""Words on either side of a change that are shown with it."""

_WORD: Final = re.compile(r"(\s*)(\{[{%#].*?[}%#]\}|[^\s{]+|\{)", re.DOTALL)
"""A word and the space before it. What a template asks for is one word."""

Word = tuple[str, str]


class Piece(NamedTuple):
    """A run of words that stayed, went or came, with the space before it; of `left out` only their number."""

    kind: Kind
    text: str


def difference(before: str, after: str) -> tuple[Piece, ...]:
    """The pieces of both texts in order; empty when they hold the same words."""
    old, new = _WORD.findall(before.strip()), _WORD.findall(after.strip())
    words = [word for _, word in old], [word for _, word in new]
    if words[0] == words[1]:
        return ()
    found: list[Piece] = []
    codes = SequenceMatcher(None, *words, autojunk=False).get_opcodes()
    for number, (tag, a, b, c, d) in enumerate(codes):
        if tag == "equal":
            found += _around(new[c:d], first=number == 0, last=number == len(codes) - 1)
            continue
        if a < b:
            found.append(Piece("gone", _text(old[a:b])))
        if c < d:
            found.append(Piece("new", _text(new[c:d])))
    return tuple(found)


def _around(words: Sequence[Word], *, first: bool, last: bool) -> Iterator[Piece]:
    """What stayed, without its middle when that is long."""
    head, tail = (0 if first else AROUND), (0 if last else AROUND)
    if len(words) <= head + tail + 1:
        yield Piece("same", _text(words))
        return
    if head:
        yield Piece("same", _text(words[:head]))
    yield Piece("left out", f"{len(words) - head - tail}")
    if tail:
        yield Piece("same", _text(words[-tail:]))


def _text(words: Sequence[Word]) -> str:
    """With no more than an empty line between two words."""
    return "".join(("\n" * min(2, space.count("\n")) or " " * bool(space)) + word for space, word in words)

"""An assembled mail before compilation: its text with tokens set aside, and where each character came from."""

from bisect import bisect_right
from collections.abc import Sequence

from sequencer.core.mark import Mark
from sequencer.rendering.tokens import Inert, Piece


class Document:
    """`text` is what Markdown's output, layout and partials come to; tokens in it are inert words."""

    def __init__(self, pieces: Sequence[Piece], inert: Inert) -> None:
        self.inert = inert
        self._pieces = [piece for piece in pieces if piece.text] or list(pieces[:1])
        self._starts: list[int] = []
        words: list[str] = []
        size = 0
        for piece in self._pieces:
            word = inert.word(piece)
            self._starts.append(size)
            words.append(word)
            size += len(word)
        self.text = "".join(words)

    def mark(self, offset: int) -> Mark:
        """Where the character at this offset was written."""
        at = max(bisect_right(self._starts, offset) - 1, 0)
        piece = self._pieces[at]
        # Inside an inert word, the token's beginning is meant: the two differ in length.
        inside = 0 if self.inert.word(piece) != piece.text else offset - self._starts[at]
        return piece.mark(inside)

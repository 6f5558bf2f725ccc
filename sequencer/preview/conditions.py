"""What of a mail depends on who reads it: the conditions of a file, and which of them hold. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sequencer.core.mark import Mark, Problem
from sequencer.rendering.environment import ENVIRONMENTS, Mode
from sequencer.rendering.origin import FileText
from sequencer.rendering.scope import Scope
from sequencer.rendering.tokens import Piece, scan
from sequencer.rendering.view import View

_BRANCHES: Final = frozenset({"if", "elif", "else"})


class Condition(NamedTuple):
    """One branch of an `{% if %}`."""

    mark: Mark
    words: str
    """As it is written: `if lead.industry == "food"`, `else`."""
    taken: bool | None
    """Whether this reader gets it; None: it differs from one round of a loop to the next."""


class Line(NamedTuple):
    """A line of a file as the page shows it."""

    number: int
    text: str
    left_out: bool
    """All of it is in branches that this reader does not get."""
    conditions: tuple[Condition, ...]
    problems: tuple[Problem, ...]


def lines_of(source: FileText, view: View | None, problems: Sequence[Problem] = ()) -> tuple[Line, ...]:
    """A file with its conditions, as one lead has them, and its problems. Without a lead only the latter."""
    reading = _Reading(view)
    pieces = scan(source.text, source)[0] if view is not None else ()
    for piece in pieces:
        reading.take(piece)
    lines = []
    start = 0
    for number, text in enumerate(source.text.split("\n"), 1):
        lines.append(
            Line(
                number,
                text,
                reading.leaves_out(start, text),
                tuple(one for one in reading.conditions if one.mark.line == number),
                tuple(one for one in problems if one.mark.line == number),
            )
        )
        start += len(text) + 1
    return tuple(lines)


def conditions_of(source: FileText, view: View) -> tuple[Condition, ...]:
    """The conditions of a file in its order."""
    return tuple(condition for line in lines_of(source, view) for condition in line.conditions)


@dataclass(slots=True)
class _Block:
    loop: bool
    begun: int
    """Where its current branch begins."""
    decided: bool | None = False
    """Whether a branch before was taken."""
    current: bool | None = True


@dataclass(slots=True)
class _Reading:
    """Goes through a file's tokens in their order."""

    view: View | None
    conditions: list[Condition] = field(default_factory=list)
    blocks: list[_Block] = field(default_factory=list)
    out: list[tuple[int, int]] = field(default_factory=list)
    """Runs of text that the reader does not get."""
    sets: str = ""
    """Every `{% set %}` so far, for the conditions that follow."""

    def take(self, piece: Piece) -> None:
        word = piece.keyword
        if word == "set" and "=" in piece.inner and not any(block.loop for block in self.blocks):
            self.sets += piece.text
        elif word in ("if", "for"):
            self.blocks.append(_Block(word == "for", piece.offset + len(piece.text)))
        if word in _BRANCHES and self.blocks and not (self.blocks[-1].loop and word == "else"):
            self._branch(piece, self.blocks[-1])
        elif word in ("endif", "endfor") and self.blocks:
            self._end(piece, self.blocks.pop())

    def _branch(self, piece: Piece, block: _Block) -> None:
        if piece.keyword != "if":
            self._end(piece, block)
        block.begun = piece.offset + len(piece.text)
        holds = True if piece.keyword == "else" else self._holds(piece)
        block.current = False if block.decided else None if None in (block.decided, holds) else holds
        block.decided = True if block.decided or block.current else None if block.current is None else False
        self.conditions.append(Condition(piece.mark(), " ".join(piece.inner.split()), block.current))

    def _end(self, piece: Piece, block: _Block) -> None:
        if block.current is False and not block.loop:
            self.out.append((block.begun, piece.offset))

    def _holds(self, piece: Piece) -> bool | None:
        if any(block.loop for block in self.blocks):
            return None
        asked = f"{self.sets}{{% if {piece.inner.removeprefix(piece.keyword)} %}}yes{{% endif %}}"
        assert self.view is not None
        try:
            variables = Scope(self.view, {}, {}).context(Mode.TEXT)
            return ENVIRONMENTS[Mode.TEXT].from_string(asked).render(variables).strip() == "yes"
        except Exception:
            return None  # `check` says what is wrong with it

    def leaves_out(self, start: int, text: str) -> bool:
        """Whether every letter of this line is left out; empty lines never are."""
        places = [start + at for at, letter in enumerate(text) if not letter.isspace()]
        return bool(places) and any(begin <= places[0] and places[-1] < end for begin, end in self.out)

"""Where in the workspace's files a piece of text was written."""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Protocol

from sequencer.core.mark import Mark


class Origin(Protocol):
    """Turns an offset into a place a marketer can go to."""

    def mark(self, offset: int) -> Mark: ...


@dataclass(frozen=True)
class FileText:
    """A file as it was read, newlines as `\\n`."""

    file: str
    text: str
    _starts: list[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        starts = [0, *(at + 1 for at, char in enumerate(self.text) if char == "\n")]
        object.__setattr__(self, "_starts", starts)

    def mark(self, offset: int) -> Mark:
        line = bisect_right(self._starts, offset)
        return Mark(self.file, line, offset - self._starts[line - 1] + 1)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value of the front matter, or of a sequence file. `exact` when its text stands there letter for letter."""

    start: Mark
    exact: bool = False

    def mark(self, offset: int) -> Mark:
        return Mark(self.start.file, self.start.line, self.start.column + offset) if self.exact else self.start

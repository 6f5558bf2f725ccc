"""Where something was written, and what is wrong with it."""

from dataclasses import dataclass
from typing import Literal

from sequencer.core.codes import Code


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a workspace file. Lines and columns count from 1, as editors do."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to mend. `code` is stable and documented; `message` says what was expected."""

    mark: Mark
    code: Code
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.mark}: {self.code} {self.message}"

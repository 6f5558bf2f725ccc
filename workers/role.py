"""What a `python -m workers` process is to do, as its command line says."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

LED = "--led"


class Part(StrEnum):
    """What of the work a process takes."""

    ALL = "all"
    URGENT = "urgent"
    """What may have to stop mail, and nothing else."""
    REST = "rest"


@dataclass(frozen=True, slots=True)
class Role:
    """led: one process, which gives no hints; a conductor does.

    parent: the process that watches this one. When it is gone, this one stops: nobody would replace it or end it.
    """

    led: bool = False
    part: Part = Part.ALL
    parent: int | None = None

    @classmethod
    def read(cls, arguments: Sequence[str]) -> "Role":
        return cls(LED in arguments)

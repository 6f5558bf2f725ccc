"""What a `python -m workers` process is to do, as its command line says."""

from collections.abc import Sequence
from dataclasses import dataclass

ONLY_ONE = "--one"
LED = "--led"


@dataclass(frozen=True, slots=True)
class Role:
    """one: this process only, whatever WORKER_PROCESSES says. led: gives no hints; a conductor does.

    parent: the process that watches this one. When it is gone, this one stops: nobody would replace it or end it.
    """

    one: bool = False
    led: bool = False
    parent: int | None = None

    @classmethod
    def read(cls, arguments: Sequence[str]) -> "Role":
        return cls(ONLY_ONE in arguments, LED in arguments)

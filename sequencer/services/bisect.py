"""Does work set by set, and finds what in a set makes it fail."""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from sequencer.errors import SequencerError

Item = TypeVar("Item")
Result = TypeVar("Result")

PATIENCE = 64
"""Failures after which parts that fail are not halved any more: with so many it is not the items."""

_BLAMELESS = (OperationalError, InterfaceError, InternalError, NoConnection, SequencerError, MemoryError)
"""A database that is away, restarting, read-only or full, a deadlock, a release that cannot be loaded: no item's fault,
and gone when it is tried again."""


class Failed(NamedTuple, Generic[Item]):
    """What could not be worked on: one item, or, once patience ended, several."""

    items: Sequence[Item]
    error: Exception


def bisect(
    conn: Connection, items: Sequence[Item], work: Callable[[Sequence[Item]], Result]
) -> tuple[list[Result], list[Failed[Item]]]:
    """Works on all items at once; when that fails, on each half, and so on, in order. Each attempt is a savepoint.

    One poison item among n costs 2·log2(n) attempts and the work of about three passes. What no item is to blame for
    is raised: then nothing is decided, and all of it is to be tried again.
    """
    done: list[Result] = []
    failed: list[Failed[Item]] = []
    waiting = [items] if items else []
    patience = PATIENCE
    while waiting:
        part = waiting.pop()
        try:
            with conn.begin_nested():
                done.append(work(part))
        except Exception as error:
            if isinstance(error, _BLAMELESS) or (isinstance(error, DBAPIError) and error.connection_invalidated):
                raise
            if len(part) == 1 or not patience:
                failed.append(Failed(part, error))
                continue
            patience -= 1
            middle = len(part) // 2
            waiting += [part[middle:], part[:middle]]
    return done, failed


def reason(error: Exception) -> str:
    """What an error says, on one line, for the operator who looks at what failed. It may quote what failed."""
    said = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0]
    return f"{type(error).__name__}: {said}"[:300] if said else type(error).__name__

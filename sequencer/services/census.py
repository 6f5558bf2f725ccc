"""How many people stand where, and what became of all mails. That takes a count of everything there is, so a process
that is asked all day does not count anew for everybody who asks.
"""

import threading
import time
from typing import Final, NamedTuple

from sqlalchemy import Connection

from sequencer.store import enrollments, messages
from sequencer.store.enrollments import Count

SHARE: Final = 0.1
"""Of the time, that a process spends counting at most: what took a second to count is shown for ten."""
QUICK: Final = 0.1
"""Seconds; what took less to count is counted anew each time."""


class Counted(NamedTuple):
    people: list[Count]
    mails: list[tuple[str, str, str, int]]
    """(sequence, step, state, how many)."""


def count(conn: Connection) -> Counted:
    return Counted(enrollments.counts(conn), messages.counts(conn))


class Census:
    """Of one process. Whoever asks while it counts waits for that, and counts nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: Counted | None = None
        self._until = 0.0

    def now(self, conn: Connection) -> Counted:
        with self._lock:
            began = time.monotonic()
            if self._last is None or began >= self._until:
                self._last = count(conn)
                took = time.monotonic() - began
                self._until = began + took / SHARE if took >= QUICK else 0.0
            return self._last

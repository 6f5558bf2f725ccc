"""What is measured while a chaos run goes on: memory by kind of process, and whether work was waiting."""

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import psutil
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from benchmarks.stack import Stack

EVERY = 1.0
BACKLOG = 1_000
"""So many enrollments overdue: then the workers, not the waits of the sequence, decide how fast it goes."""

_OVERDUE = text(
    "SELECT count(*), clock_timestamp() FROM ("
    "SELECT 1 FROM enrollment WHERE due_at < clock_timestamp() - interval '1 second'"
    " AND status = 'active' LIMIT :n) waiting"
)


@dataclass
class Memory:
    """Resident MB of one kind of process: of the first look, the most ever seen in one process, of the last look."""

    start: float
    most: float
    end: float


@dataclass
class Watch:
    """A thread that looks every second."""

    stack: Stack
    memory: dict[str, Memory] = field(default_factory=dict)
    busy: list[int] = field(default_factory=list)
    """Unix seconds at which a backlog was seen."""
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(EVERY):
            self._weigh()
            with suppress(DBAPIError), self.stack.engine.connect() as conn:
                waiting, now = conn.execute(_OVERDUE, {"n": BACKLOG}).one()
                if waiting == BACKLOG:
                    self.busy.append(int(now.timestamp()))

    def _weigh(self) -> None:
        for name, dyno in self.stack.dynos.items():
            kind = name.partition(".")[0]
            sizes = []
            for process in dyno.processes():
                with suppress(psutil.Error):
                    if time.time() - process.create_time() > 3:  # noqa: TID251
                        sizes.append(process.memory_info().rss / 1e6)
            if sizes:
                now = max(sizes)
                seen = self.memory.setdefault(kind, Memory(now, now, now))
                seen.most, seen.end = max(seen.most, now), now


def slowest(accepted: Mapping[int, int], busy: list[int], window: int = 10) -> float | None:
    """Mails/s in the slowest `window` seconds during which a backlog was there all the time; None: there were none.

    `accepted`: how many mails by Unix second.
    """
    waiting = set(busy)
    # A look that failed because PostgreSQL was away does not make the workers less busy.
    filled = (
        {s for s in range(min(waiting), max(waiting) + 1) if any(s + d in waiting for d in range(-5, 1))}
        & {s for s in range(min(waiting), max(waiting) + 1) if any(s + d in waiting for d in range(6))}
        if waiting
        else set()
    )
    rates = [
        sum(accepted.get(s, 0) for s in range(start, start + window)) / window
        for start in sorted(filled)
        if all(s in filled for s in range(start, start + window))
    ]
    return min(rates) if rates else None

"""What is measured while a chaos run goes on: memory and CPU by kind of process, and what work was waiting."""

import os
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import psutil
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from benchmarks.stack import Stack
from sequencer.store import intake
from sequencer.store.enrollments import DUE_PLACES

EVERY = 1.0
RESCAN = 5.0
"""Seconds between two looks at all processes of the machine, unless one of ours ended: each is some 30 ms."""
BACKLOG = 1_000
"""So many enrollments overdue: then the workers, not the waits of the sequence, decide how fast it goes."""

_WAITING = text(
    f"""
    SELECT (SELECT count(*) FROM (SELECT 1 FROM enrollment WHERE due_at < clock_timestamp() - interval '1 second'
                                  AND status = 'active' LIMIT :n) waiting),
           greatest(0, extract(epoch FROM clock_timestamp() - (SELECT min(due_at) FROM ({DUE_PLACES}) place)))::float,
           clock_timestamp()
    """
)


class Waiting(NamedTuple):
    """What waited for the workers at one look."""

    late: float
    """Seconds since whoever waits longest for a mail fell due,"""
    behind: float
    """and since the oldest webhook came that was not taken in yet."""


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
    """Unix seconds at which a backlog was seen,"""
    idle: set[int] = field(default_factory=set)
    """and at which there was none: then the sequence's waits decide how fast it goes."""
    waiting: dict[int, Waiting] = field(default_factory=dict)
    """By the Unix second of a look; none while PostgreSQL was away."""
    spent_at: dict[int, dict[str, float]] = field(default_factory=dict)
    """CPU seconds by kind of process that were spent until a look, since the one before; by its Unix second."""
    _spent: dict[tuple[str, int, float], float] = field(default_factory=dict)
    """CPU seconds, as last seen, of each process (kind, pid, start)."""
    _known: list[tuple[str, psutil.Process]] = field(default_factory=list)
    _rescan: float = 0.0
    """Monotonic."""
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def cpu(self) -> dict[str, float]:
        """Seconds of the processors by kind of process, the most first. Of one that was killed, its last is missing."""
        spent: dict[str, float] = {}
        for (kind, _, _), seconds in self._spent.items():
            spent[kind] = spent.get(kind, 0.0) + seconds
        return dict(sorted(spent.items(), key=lambda one: -one[1]))

    def _run(self) -> None:
        before = self.cpu()
        while not self._over.wait(EVERY):
            self._weigh()
            after = self.cpu()
            spent = {kind: seconds - before.get(kind, 0.0) for kind, seconds in after.items()}
            self.spent_at[int(time.time())] = spent  # noqa: TID251
            before = after
            with suppress(DBAPIError), self.stack.engine.connect() as conn:
                overdue, late, now = conn.execute(_WAITING, {"n": BACKLOG}).one()
                second = int(now.timestamp())
                self.waiting[second] = Waiting(late, intake.lag(conn))
                if overdue == BACKLOG:
                    self.busy.append(second)
                else:
                    self.idle.add(second)

    def _weigh(self) -> None:
        if time.monotonic() >= self._rescan:
            self._known, self._rescan = list(self._processes()), time.monotonic() + RESCAN
        sizes: dict[str, list[float]] = {}
        for kind, process in self._known:
            try:
                times, began = process.cpu_times(), process.create_time()
                self._spent[kind, process.pid, began] = times.user + times.system
                if kind in self._kinds() and time.time() - began > 3:  # noqa: TID251
                    sizes.setdefault(kind, []).append(process.memory_info().rss / 1e6)
            except psutil.Error:
                self._rescan = 0.0
        for kind, found in sizes.items():
            now = max(found)
            seen = self.memory.setdefault(kind, Memory(now, now, now))
            seen.most, seen.end = max(seen.most, now), now

    def _kinds(self) -> set[str]:
        return {name.partition(".")[0] for name in self.stack.dynos}

    def _processes(self) -> Iterator[tuple[str, psutil.Process]]:
        """All of ours, by one look at the machine's: to ask each for its children would be a look each."""
        kinds: dict[int, str] = {os.getpid(): "harness"}
        for name, dyno in self.stack.dynos.items():
            if dyno.process is not None:
                kinds[dyno.process.pid] = name.partition(".")[0]
        for kind, server in (
            ("PostgreSQL", self.stack.postgres),
            ("the sandbox's PostgreSQL", self.stack.log_postgres),
            ("Valkey", self.stack.valkey),
        ):
            with suppress(AssertionError):  # it is down
                kinds[server.pid] = kind
        for process in sorted(psutil.process_iter(["ppid"]), key=lambda one: one.pid):
            found = kinds.get(process.pid) or (
                kinds.get(process.info["ppid"]) if process.info["ppid"] != os.getpid() else None
            )
            if found is not None:
                kinds[process.pid] = found
                yield found, process


class Second(NamedTuple):
    """What explains a second in which little went out."""

    second: int
    """Since the first mail."""
    mails: int
    requests: int
    """That these came in."""
    backlog: bool
    late: float | None
    """As `Waiting` says it; None: PostgreSQL did not answer."""
    behind: float | None
    cpu: Mapping[str, float]
    """Seconds of the processors by kind of process."""
    struck: Sequence[str]
    """But for the provider's faults, which strike by themselves."""


def by_second(
    accepted: Mapping[int, int], requests: Mapping[int, int], watch: Watch, struck: Sequence[tuple[int, str]]
) -> list[Second]:
    """From the first mail to the last look. `struck`: Unix second and what."""
    if not accepted:
        return []
    first, busy = min(accepted), set(watch.busy)
    return [
        Second(
            at - first,
            accepted.get(at, 0),
            requests.get(at, 0),
            at in busy,
            round(waiting.late, 1) if (waiting := watch.waiting.get(at)) else None,
            round(waiting.behind, 1) if waiting else None,
            {kind: round(spent, 2) for kind, spent in watch.spent_at.get(at, {}).items() if spent >= 0.02},
            [what for when, what in struck if when == at],
        )
        for at in range(first, max(*accepted, *watch.spent_at, first) + 1)
    ]


def rate_with_backlog(accepted: Mapping[int, int], watch: Watch) -> int | None:
    """Mails/s over all seconds at which a backlog was there; None: it never was.

    `accepted`: how many mails by Unix second.
    """
    seconds = filled(watch)
    return round(sum(accepted.get(second, 0) for second in seconds) / len(seconds)) if seconds else None


def slowest(accepted: Mapping[int, int], seconds: Collection[int], window: int) -> float | None:
    """Mails/s in the slowest `window` seconds, all of them among `seconds`; None: there are no such."""
    rates = [
        sum(accepted.get(s, 0) for s in range(start, start + window)) / window
        for start in seconds
        if all(s in seconds for s in range(start, start + window))
    ]
    return min(rates) if rates else None


def filled(watch: Watch) -> set[int]:
    """When a backlog was there. A look that failed because PostgreSQL was away does not make the workers less busy."""
    waiting = set(watch.busy)
    if not waiting:
        return set()
    span = set(range(min(waiting), max(waiting) + 1)) - watch.idle | waiting
    return {s for s in span if any(s + d in waiting for d in range(-5, 1)) and any(s + d in waiting for d in range(6))}

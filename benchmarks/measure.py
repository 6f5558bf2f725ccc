"""Runs worker processes over what is due, and says what a mail costs."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks.servers import Servers


@dataclass(frozen=True)
class Spent:
    """By one phase of the work, in all processes. Times in seconds."""

    seconds: float
    worker: float
    """Processor time, as are the next two."""
    postgres: float
    sink: float
    queries: int
    """Without BEGIN and COMMIT."""
    commits: int
    requests: int
    recipients: int
    request_bytes: int
    memory_before: float
    """Resident MB of the largest worker."""
    memory_after: float
    memory_most: float
    phases: Mapping[str, float]
    """Processor time of the workers by phase, see `benchmarks.phases`; empty where nobody looked."""


@dataclass(frozen=True)
class Cost:
    """Of one run."""

    mails: int
    seconds: float
    """From the word to begin until the last worker found nothing due."""
    rate: float
    """Mails a second."""
    worker: float
    """µs of processor time a mail, in the worker processes."""
    postgres: float
    sink: float
    queries: float
    """A mail, without BEGIN and COMMIT."""
    commits: float
    """A mail."""
    requests: int
    request_bytes: float
    """A mail."""
    memory_before: float
    """Resident MB of the largest worker, before the run."""
    memory_after: float
    memory_most: float
    phases: Mapping[str, float]
    """µs of the workers' processor time a mail, by phase; empty where nobody looked."""

    @property
    def cpu(self) -> float:
        """µs of processor time a mail, in all processes."""
        return self.worker + self.postgres + self.sink


def cost(mails: int, spent: Sequence[Spent]) -> Cost:
    """Of phases that followed each other."""
    seconds = sum(one.seconds for one in spent)
    return Cost(
        mails=mails,
        seconds=seconds,
        rate=mails / seconds,
        worker=sum(one.worker for one in spent) / mails * 1e6,
        postgres=sum(one.postgres for one in spent) / mails * 1e6,
        sink=sum(one.sink for one in spent) / mails * 1e6,
        queries=sum(one.queries for one in spent) / mails,
        commits=sum(one.commits for one in spent) / mails,
        requests=sum(one.requests for one in spent),
        request_bytes=sum(one.request_bytes for one in spent) / mails,
        memory_before=spent[0].memory_before,
        memory_after=spent[-1].memory_after,
        memory_most=max(one.memory_most for one in spent),
        phases={name: sum(one.phases[name] for one in spent) / mails * 1e6 for name in spent[0].phases},
    )


class Workers:
    """Processes that wait for the word."""

    def __init__(self, servers: Servers, kind: str, processes: int, profile: Path | None) -> None:
        self._servers = servers
        self._kind = kind
        self._children = [
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "benchmarks.worker", kind, str(number), str(processes)),
                    *([str(profile)] if profile and not number else []),
                ],
                env=servers.environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(processes)
        ]
        for child in self._children:
            self._hear(child)

    def run(self) -> Cost:
        """Lets them mail all who are due; each must have become an accepted message, which the sink took once."""
        due = (
            "SELECT count(*) FROM enrollment WHERE due_at <= (SELECT virtual + (clock_timestamp() - anchor) FROM clock)"
        )
        expected, before = self._count(due), self._count(_ACCEPTED)
        spent = self.phase("drain")
        mails = self._count(_ACCEPTED) - before
        if not mails == spent.recipients == expected:
            raise RuntimeError(f"{self._kind}: {expected} were due, {mails} accepted, the sink took {spent.recipients}")
        return cost(mails, [spent])

    def phase(self, name: str) -> Spent:
        """One phase of the work, all of them side by side."""
        servers = self._servers
        counted, used = servers.sink.counts(), servers.used()
        began = time.monotonic()
        for child in self._children:
            assert child.stdin is not None
            child.stdin.write(f"{name}\n")
            child.stdin.flush()
        told = [self._hear(child) for child in self._children]
        seconds = time.monotonic() - began
        spent = {kind: now - used[kind] for kind, now in servers.used().items()}
        sent = {kind: now - counted[kind] for kind, now in servers.sink.counts().items()}
        return Spent(
            seconds=seconds,
            worker=sum(one["cpu"] for one in told),
            postgres=spent["postgres"],
            sink=spent["sink"],
            queries=sum(one["queries"] for one in told),
            commits=sum(one["commits"] for one in told),
            requests=sent["requests"],
            recipients=sent["recipients"],
            request_bytes=sent["bytes"],
            memory_before=max(one["memory before"] for one in told),
            memory_after=max(one["memory after"] for one in told),
            memory_most=max(one["memory most"] for one in told),
            phases={name: sum(one["phases"][name] for one in told) for name in told[0]["phases"]},
        )

    def stop(self) -> None:
        for child in self._children:
            if child.stdin is not None:
                child.stdin.close()
            child.wait()

    def _count(self, query: str) -> int:
        with self._servers.engine.begin() as conn:
            return int(conn.execute(text(query)).scalar_one())

    def _hear(self, child: "subprocess.Popen[str]") -> dict[str, Any]:
        assert child.stdout is not None
        line = child.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker of {self._kind} ended by itself, exit code {child.wait()}")
        heard: dict[str, Any] = json.loads(line)
        return heard


_ACCEPTED = "SELECT count(*) FROM message WHERE state = 'accepted'"


@contextmanager
def workers(servers: Servers, kind: str, processes: int, profile: Path | None = None) -> Iterator[Workers]:
    with ExitStack() as exits:
        made = Workers(servers, kind, processes, profile)
        exits.callback(made.stop)
        yield made

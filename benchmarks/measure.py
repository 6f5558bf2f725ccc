"""Runs worker processes over what is due, and says what a mail costs."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks.servers import Servers


@dataclass(frozen=True)
class Cost:
    """Of one run."""

    mails: int
    seconds: float
    rate: float
    """Mails a second, from the word to begin until the last worker found nothing due."""
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
    memory_most: float

    @property
    def cpu(self) -> float:
        """µs of processor time a mail, in all processes."""
        return self.worker + self.postgres + self.sink


class Workers:
    """Processes that wait for the word."""

    def __init__(self, servers: Servers, kind: str, processes: int, profile: Path | None) -> None:
        self._servers = servers
        self._kind = kind
        self._children = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.worker", kind, *([str(profile)] if profile and not n else [])],
                env=servers.environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for n in range(processes)
        ]
        for child in self._children:
            self._hear(child)

    def run(self) -> Cost:
        """Lets them work off what is due; everything that was due must have become an accepted message."""
        servers = self._servers
        expected = _count(servers, "SELECT count(*) FROM enrollment WHERE due_at IS NOT NULL")
        counted, used = servers.counts(), servers.used()
        began = time.monotonic()
        for child in self._children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        told = [self._hear(child) for child in self._children]
        seconds = time.monotonic() - began
        spent = {name: now - used[name] for name, now in servers.used().items()}
        sent = {name: now - counted[name] for name, now in servers.counts().items()}
        mails = _count(servers, "SELECT count(*) FROM message WHERE state = 'accepted'")
        if not mails == sent["recipients"] == expected:
            raise RuntimeError(
                f"{self._kind}: {expected} were due, {mails} accepted, the sink took {sent['recipients']}"
            )
        return Cost(
            mails=mails,
            seconds=seconds,
            rate=mails / seconds,
            worker=sum(one["cpu"] for one in told) / mails * 1e6,
            postgres=spent["postgres"] / mails * 1e6,
            sink=spent["sink"] / mails * 1e6,
            queries=sum(one["queries"] for one in told) / mails,
            commits=sum(one["commits"] for one in told) / mails,
            requests=sent["requests"],
            request_bytes=sent["bytes"] / mails,
            memory_before=max(one["memory before"] for one in told),
            memory_most=max(one["memory most"] for one in told),
        )

    def stop(self) -> None:
        for child in self._children:
            if child.stdin is not None:
                child.stdin.close()
            child.wait()

    def _hear(self, child: "subprocess.Popen[str]") -> dict[str, Any]:
        assert child.stdout is not None
        line = child.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker of {self._kind} ended by itself, exit code {child.wait()}")
        heard: dict[str, Any] = json.loads(line)
        return heard


@contextmanager
def workers(servers: Servers, kind: str, processes: int, profile: Path | None = None) -> Iterator[Workers]:
    with ExitStack() as exits:
        made = Workers(servers, kind, processes, profile)
        exits.callback(made.stop)
        yield made


def _count(servers: Servers, query: str) -> int:
    with servers.engine.begin() as conn:
        return int(conn.execute(text(query)).scalar_one())

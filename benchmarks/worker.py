"""A worker process of a measurement: builds what it needs, says so, waits for the word, works, and reports.

    python -m benchmarks.worker KIND [PROFILE]

KIND is `product` (the real drain in the real wiring), or a comparator: a module of this package with `prepare`, which
gives a function that works until nothing is due. It talks JSON lines on stdin and stdout. PROFILE is a file for
cProfile's statistics.
"""

import cProfile
import importlib
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil
import psycopg

Work = Callable[[], None]


class Calls:
    """Counts what goes to PostgreSQL through psycopg, whoever sends it."""

    def __init__(self) -> None:
        self.queries = self.commits = 0
        for name in ("execute", "executemany", "copy"):
            self._watch(psycopg.Cursor, name, "queries")
        self._watch(psycopg.Connection, "commit", "commits")

    def _watch(self, kind: type, name: str, count: str) -> None:
        method = getattr(kind, name)

        def counted(*args: Any, **options: Any) -> Any:
            setattr(self, count, getattr(self, count) + 1)
            return method(*args, **options)

        setattr(kind, name, counted)


def product() -> Work:
    """The real drain, of every place where the database says that somebody is due."""
    from sequencer.logs import configure
    from sequencer.services import advance, due
    from sequencer.settings import Settings
    from sequencer.wiring import build

    settings = Settings.read()
    configure(settings.log_level)
    context = build(settings, settings.worker_connections, role="worker")
    with context.engine.begin() as conn:
        context.releases.current(conn)

    def work() -> None:
        while places := [args for name, args in due.work(context) if name == "drain"]:
            for sequence, position in places:
                while advance.drain(context, str(sequence), str(position)):
                    pass

    return work


def serve() -> None:
    kind, *rest = sys.argv[1:]
    work = product() if kind == "product" else importlib.import_module(f"benchmarks.{kind}").prepare()
    calls = Calls()
    process = psutil.Process()
    _say({"ready": True})
    for _ in sys.stdin:
        profile = cProfile.Profile() if rest else None
        calls.queries = calls.commits = 0
        memory = process.memory_info().rss
        used, began = time.process_time(), time.monotonic()
        if profile is not None:
            profile.runcall(work)
            profile.dump_stats(rest[0])
        else:
            work()
        _say(
            {
                "seconds": time.monotonic() - began,
                "cpu": time.process_time() - used,
                "queries": calls.queries,
                "commits": calls.commits,
                "memory before": memory / 1e6,
                "memory after": process.memory_info().rss / 1e6,
                "memory most": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
            }
        )


def _say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    serve()

"""A worker process of a measurement: builds what it needs, says so, waits for the word, works, and reports.

    python -m benchmarks.worker KIND NUMBER OF [PROFILE]

KIND is `product` (the real services in the real wiring), or a comparator: a module of this package whose `prepare`
gives a function that works until nothing is due; `MODULE:N` gives it N. It is worker NUMBER, from 0, OF so many. It
talks JSON lines on stdin and stdout: the name of a phase of the work, and what the phase took. PROFILE is a file for
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
from sqlalchemy import text

from benchmarks.phases import Phases
from workers.runner import collect_rarely

Work = Callable[[], None]

PAGE = 500
"""Leads that are enrolled in one transaction."""


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


def product(number: int, of: int) -> dict[str, Work]:
    """What the actors do, without Dramatiq: the database says where somebody is due, as it tells the clock."""
    from sequencer.logs import configure
    from sequencer.services import advance, due, ingest
    from sequencer.services.leads import enter
    from sequencer.settings import Settings
    from sequencer.store import clock
    from sequencer.wiring import build

    settings = Settings.read()
    configure(settings.log_level)
    context = build(settings, settings.worker_connections, role="worker")
    with context.engine.begin() as conn:
        context.releases.current(conn)

    def drain() -> None:
        while places := [args for name, args in due.work(context) if name == "drain"]:
            # Each hint is given to one worker: so each begins elsewhere.
            first = len(places) * number // of
            for sequence, position in places[first:] + places[:first]:
                while advance.drain(context, str(sequence), str(position)):
                    pass

    def enroll() -> None:
        """Every lead into the one sequence, as `sequencer enroll` does, each worker its share."""
        with context.engine.begin() as conn:
            ids = list(conn.execute(text("SELECT id FROM lead ORDER BY id")).scalars())
        mine = ids[len(ids) * number // of : len(ids) * (number + 1) // of]
        for start in range(0, len(mine), PAGE):
            with context.engine.begin() as conn:
                release = context.releases.current(conn)
                series = next(iter(release.workspace.sequences.values()))
                enter(conn, release, series, mine[start : start + PAGE], "benchmark", clock.now(conn))

    def intake() -> None:
        while ingest.process(context, False):
            pass

    return {"drain": drain, "enroll": enroll, "intake": intake}


def serve() -> None:
    kind, number, of, *rest = sys.argv[1:]
    if kind == "product":
        phases = product(int(number), int(of))
    else:
        module, *given = kind.split(":")
        phases = {"drain": importlib.import_module(f"benchmarks.{module}").prepare(*map(int, given))}
    collect_rarely()  # as the product's workers do, and the comparators no less
    watch = Phases() if kind == "product" else None
    calls = Calls()
    process = psutil.Process()
    _say({"ready": True})
    for line in sys.stdin:
        work = phases[line.strip()]
        profile = cProfile.Profile() if rest else None
        calls.queries = calls.commits = 0
        memory = process.memory_info().rss
        if watch is not None:
            watch.begin()
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
                "phases": watch.spent() if watch is not None else {},
                "memory before": memory / 1e6,
                "memory after": process.memory_info().rss / 1e6,
                "memory most": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
            }
        )


def _say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    serve()

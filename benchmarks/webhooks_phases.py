"""Where the time goes when event webhooks are taken in: one thread, a database of its own, nobody else at work.

Processor time tells more than the clock where others use the machine too; PostgreSQL's is that of its processes.
"""

import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Engine

from sequencer.local import Postgres, ports
from sequencer.providers import Provider
from sequencer.services import ingest, react
from sequencer.services.context import Context
from sequencer.services.release import Releases
from sequencer.store import events, intake, leads, messages
from sequencer.store.engine import connect
from sequencer.store.migrate import upgrade
from sequencer.wiring import Nowhere

PHASES: dict[str, tuple[tuple[Any, str], ...]] = {
    "take bodies": ((intake, "claim"), (intake, "retake")),
    "read": ((ingest, "_open"),),
    "prove requests": ((messages, "prove"),),
    "known already?": ((ingest, "_fresh"),),
    "whose message": ((ingest, "recognise"),),
    "lock leads": ((leads, "lock"),),
    "person or machine": ((ingest, "judge"), (events, "call_machine"), (messages, "recount_clicks")),
    "store": ((events, "insert"),),
    "facts of messages": ((react, "engagement"), (messages, "apply")),
    "halt, wake, enter": ((react, "suppress"), (react, "settle"), (react, "enter")),
}
"""Functions whose time is counted; none of them calls another of them."""


def measure(prepare: Callable[[Engine], None], posts: Sequence[bytes], events_told: int, seed: int) -> dict[str, Any]:
    """Takes in the posts once, and then again: microseconds per event, of what is new and of what is repeated."""
    with tempfile.TemporaryDirectory(prefix="sequencer-phases-") as folder:
        postgres = Postgres(Path(folder) / "product", port=ports.free(0, frozenset({0})))
        try:
            url = postgres.start().url.replace("postgresql://", "postgresql+psycopg://", 1)
            upgrade(url)
            engine = connect(url, role="worker", by_index=True)
            prepare(engine)
            provider: Provider = Nowhere()
            context = Context(engine, provider, Releases(), b"secret", "http://localhost", hint=lambda *_: None)
            with engine.begin() as conn:
                context.releases.current(conn)
            order = list(posts)
            random.Random(seed).shuffle(order)
            found = {
                "new": _round(context, postgres, order, events_told),
                "repeated": _round(context, postgres, order, events_told),
            }
            engine.dispose()
        finally:
            postgres.stop()
            postgres.forget()
    return found


def _round(context: Context, postgres: Postgres, posts: Sequence[bytes], told: int) -> dict[str, float]:
    before = used(postgres)
    for body in posts:
        with context.engine.begin() as conn:
            intake.put(conn, "events", body, "application/json", False)
    found = {"PostgreSQL, storing the bodies": used(postgres) - before}
    before, own = used(postgres), time.process_time()
    with timed() as spent:
        while ingest.process(context, False):
            pass
    found |= {"PostgreSQL, processing": used(postgres) - before, "Python, processing": time.process_time() - own}
    found |= {f"phase: {name}, both": spent[name] for name in PHASES}
    return {name: round(value * 1e6 / told, 1) for name, value in found.items()}


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Seconds by the clock that each phase takes, while this is open."""
    spent: dict[str, float] = defaultdict(float)
    replaced: list[tuple[Any, str, Any]] = []
    for name, functions in PHASES.items():
        for module, function in functions:
            replaced.append((module, function, getattr(module, function)))
            setattr(module, function, _counting(getattr(module, function), name, spent))
    try:
        yield spent
    finally:
        for module, function, original in replaced:
            setattr(module, function, original)


def _counting(work: Callable[..., Any], name: str, spent: dict[str, float]) -> Callable[..., Any]:
    def counted(*args: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return work(*args, **named)
        finally:
            spent[name] += time.perf_counter() - began

    return counted


def used(postgres: Postgres) -> float:
    """Seconds of processor time so far."""
    server = psutil.Process(postgres.pid)
    total = 0.0
    for process in (server, *server.children()):
        with suppress(psutil.Error):
            total += sum(process.cpu_times()[:2])
    return total

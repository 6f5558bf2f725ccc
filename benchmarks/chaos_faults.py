"""What goes wrong during a chaos run: each tormentor is a thread that strikes again and again, and counts."""

import logging
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

import psutil
import redis
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from benchmarks.chaos_workspace import SEQUENCE
from benchmarks.stack import Stack
from sequencer.errors import NotFound
from sequencer.local.process import LocalServerError
from sequencer.sandbox.faults import strikes
from sequencer.services.halt import halt
from sequencer.store import clock

PROVIDER = ("accept_then_timeout", "accept_then_reset", "accept_then_500", "500", "429", "slow")
RATE = 0.05
"""Of the requests, all kinds together."""
_EARLY = 0.25
"""Of the requests between two strikes of a kind: so soon each has struck once, so that a small run has them all."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Periods:
    """Seconds between two strikes."""

    kill: float = 2.0
    group: float = 20.0
    postgres: float = 25.0
    valkey: float = 15.0
    flush: float = 15.0
    operator: float = 0.5

    def scaled(self, factor: float) -> "Periods":
        """The same, more or less often, for runs that are over sooner; workers are killed as often."""
        each = {name: value * factor for name, value in asdict(self).items() if name not in ("kill", "operator")}
        return replace(self, **each)

    def slower_than(self, start: float) -> "Periods":
        """The same, or with fewer kills where a worker dyno takes long to start, on a loaded machine several seconds.

        One process in three of a dyno takes the others with it, the others are replaced at once. Killed faster than
        they start, workers would never work.
        """
        return replace(self, kill=max(self.kill, start / 3))


@dataclass
class Storm:
    """Begins with `start`, ends with `stop`. `done` counts what was really done."""

    stack: Stack
    seed: int
    leads: int
    periods: Periods
    rate: float
    done: Counter[str] = field(default_factory=Counter)
    struck: list[tuple[int, str]] = field(default_factory=list)
    """Unix second, and what had been done by then; but for the provider's faults, which it strikes by itself."""
    began: float | None = None
    """Unix seconds, by the sandbox's database."""
    stubborn: float = 0.0
    """The longest that a dyno took to end after SIGTERM, seconds."""
    slowest_restart: float = 0.0
    """The longest that PostgreSQL was away, seconds."""
    broken: list[str] = field(default_factory=list)
    """Servers that did not come back: our own failure, and nothing that follows means anything."""
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        p = self.periods
        with self.stack.log.connect() as conn:
            self.began = clock.operating(conn).timestamp()
        self.stack.ask("PUT", "/faults", provider_faults(self.rate))
        for name, period, strike in (
            ("kill", p.kill, self._kill),
            ("group", p.group, self._terminate),
            ("postgres", p.postgres, self._restart_postgres),
            ("valkey", p.valkey, self._kill_valkey),
            ("flush", p.flush, self._flush),
            ("operator", p.operator, self._halt),
        ):
            chance = random.Random(f"{self.seed} {name}")
            thread = threading.Thread(target=self._torment, args=(name, period, strike, chance), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Lets what is under way end, counts the provider's faults, and switches them off."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        for fault in self.stack.ask("GET", "/faults"):
            self.done[f"provider: {fault['kind']}"] += fault["fired"]
        self.stack.ask("DELETE", "/faults")

    def missing(self) -> list[str]:
        """What never struck: a run without it shows nothing."""
        wanted = ["SIGKILL of a worker", "SIGTERM twice to a worker's group", "PostgreSQL restarted at once"]
        wanted += [
            "Valkey killed",
            "Valkey flushed",
            "halts by the operator",
            *(f"provider: {kind}" for kind in PROVIDER),
        ]
        return [name for name in wanted if not self.done[name]]

    def _torment(
        self, name: str, period: float, strike: Callable[[random.Random], None], chance: random.Random
    ) -> None:
        while not self._over.wait(period * chance.uniform(0.8, 1.2)):
            try:
                strike(chance)
            except (psutil.Error, OSError, DBAPIError, redis.RedisError) as error:
                # Two tormentors met: what one wanted to strike, the other had struck down.
                log.debug("%s: %s", name, error)
            except LocalServerError as error:
                self.broken.append(str(error))
                return

    def _count(self, what: str) -> None:
        with self._lock:
            self.done[what] += 1
            self.struck.append((int(time.time()), what))  # noqa: TID251

    def _kill(self, chance: random.Random) -> None:
        kind = chance.choices(("worker", "web", "clock"), (8, 1, 1))[0]
        found = [
            p for name, dyno in sorted(self.stack.dynos.items()) if name.startswith(kind) for p in dyno.processes()
        ]
        if found:
            chance.choice(found).send_signal(signal.SIGKILL)
            self._count(f"SIGKILL of a {kind}" if kind != "web" else "SIGKILL of the web")

    def _terminate(self, chance: random.Random) -> None:
        name = chance.choice(sorted(name for name in self.stack.dynos if name.startswith("worker")))
        dyno = self.stack.dynos[name]
        first = dyno.process
        dyno.signal(signal.SIGTERM)
        time.sleep(0.3)
        dyno.signal(signal.SIGTERM)
        began = time.monotonic()
        while first is not None and first.poll() is None:
            if time.monotonic() > began + 30:
                self._count("dynos that did not end within 30 s")
                dyno.signal(signal.SIGKILL)
            time.sleep(0.05)
        self.stubborn = max(self.stubborn, time.monotonic() - began)
        self._count("SIGTERM twice to a worker's group")

    def _restart_postgres(self, chance: random.Random) -> None:
        began = time.monotonic()
        self.stack.restart_postgres()
        self.slowest_restart = max(self.slowest_restart, time.monotonic() - began)
        self._count("PostgreSQL restarted at once")

    def _kill_valkey(self, chance: random.Random) -> None:
        self.stack.kill_valkey()
        self._count("Valkey killed")

    def _flush(self, chance: random.Random) -> None:
        client = redis.Redis.from_url(self.stack.valkey.url, socket_timeout=2)
        try:
            client.flushall()
        finally:
            client.close()
        self._count("Valkey flushed")

    def _halt(self, chance: random.Random) -> None:
        """As `sequencer halt`: somebody in the middle of the sequence, until a fiftieth of them is gone."""
        if self.done["halts by the operator"] >= max(5, self.leads / 50):
            return
        with self.stack.engine.begin() as conn:
            row = conn.execute(
                text(
                    "SELECT l.email FROM enrollment e JOIN lead l ON l.id = e.lead_id WHERE e.status = 'active'"
                    " AND e.sequence = :sequence AND e.lead_id >= :from ORDER BY e.lead_id LIMIT 1"
                ),
                {"sequence": SEQUENCE, "from": chance.randrange(1, self.leads + 1)},
            ).first()
            if row is None:
                return
            try:
                halt(conn, row.email, clock.now(conn))
            except NotFound:
                return
        self._count("halts by the operator")


def provider_faults(rate: float) -> list[dict[str, object]]:
    each = rate / len(PROVIDER)
    return [{"kind": kind, "rate": each, **({"seconds": 3.0} if kind == "slow" else {})} for kind in PROVIDER]


def sandbox_seed(seed: int, rate: float) -> int:
    """A seed for the sandbox, drawn from ours, with which each kind of fault strikes early."""
    each = rate / len(PROVIDER)
    early = range(round(_EARLY / each))
    for candidate in range(seed * 1_000_000, (seed + 1) * 1_000_000):
        if all(any(strikes(candidate, place, n, each) for n in early) for place in range(len(PROVIDER))):
            return candidate
    raise AssertionError("no such seed")

"""Every operation of a small run goes wrong once, in every way: the process dies, or the operation fails.

The run without faults is cut into stages, at the moments when all is done and the clock is about to move on. What is
there at the beginning of a stage is kept, and a case begins with the stage that its operation is in, in processes
forked from one that has everything imported. It ends as soon as everything is again as it was at some such moment of
the run without faults, else with the run.
"""

import gc
import os
import select
import shutil
import signal
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import anyio._backends._asyncio  # noqa: F401 - else every child imports it anew
import cryptography.hazmat.backends.openssl.backend  # noqa: F401 - the same
import orjson
import redis
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from sequencer.hints import DEFAULT, Broker
from sequencer.services import release
from sequencer.store import clock
from sequencer.store.migrate import upgrade
from tests.databases import Databases, beside
from tests.faults.gate import DEATHS, FAILURES, KILLED, SILENCES, Gate, Way, install
from tests.faults.kept import Kept
from tests.faults.life import Place, live
from tests.faults.outside import START, WORKSPACE, entries
from tests.faults.promises import Ending, broken, ending, sending, state
from tests.faults.provider import Provider

PATIENCE = 60.0
"""Seconds after which a life hangs: it is killed, and that is a finding."""
GOLDEN = 0.6180339887498949
_LIVES = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
)


class Case(NamedTuple):
    """What goes wrong in a run: an operation, by stage and number in it, and how."""

    stage: int
    at: int
    way: Way


class Verdict(NamedTuple):
    case: Case
    label: str
    """The operation."""
    as_planned: bool
    """It is the one that has this number in the run without faults."""
    problems: list[str]

    def __str__(self) -> str:
        return f"{self.case.way} operation {self.case.at} of stage {self.case.stage} ({self.label}): " + "; ".join(
            self.problems
        )


@dataclass(frozen=True, slots=True)
class Servers:
    """`postgres`: for SQLAlchemy, a user who may make databases. `folder`: for diaries."""

    postgres: str
    valkey: str
    provider: Provider
    folder: Path

    def redis(self, number: int) -> str:
        return beside(self.valkey, str(number))

    @contextmanager
    def bench(self, name: str, number: int) -> Iterator["Bench"]:
        """`name` of its runs; `number` of its Redis database."""
        databases = Databases(self.postgres, TEMPLATE)
        try:
            yield Bench(self, name, self.redis(number), databases)
        finally:
            databases.close()


@dataclass(frozen=True, slots=True)
class Bench:
    """Where one run after the other happens. It has connections, so that no other process may use it."""

    servers: Servers
    name: str
    redis_url: str
    databases: Databases


@dataclass(slots=True)
class Faultless:
    """The run without faults."""

    operations: list[list[str]] = field(default_factory=list)
    """By stage."""
    same_death: list[list[bool]] = field(default_factory=list)
    """Of each of these: dying before it is dying after the one before (Gate.nothing_between)."""
    kept: list[Kept] = field(default_factory=list)
    """By stage: what the database held at its beginning."""
    states: dict[datetime, str] = field(default_factory=dict)
    """How everything was when all was done at a moment."""
    end: Ending | None = None
    problems: list[str] = field(default_factory=list)

    def repeats(self, case: Case) -> bool:
        """It is another one again: dying after the operation before."""
        return case.way == "die before" and self.same_death[case.stage][case.at - 1]

    def cases(self, seed: int) -> list[Case]:
        """Every case, in an order (by the seed) whose beginnings are spread evenly over all of them."""
        every = [
            Case(stage, number, way)
            for stage, labels in enumerate(self.operations)
            for number, label in enumerate(labels, 1)
            for way in (*DEATHS, *FAILURES, *(SILENCES if label.startswith("http") else ()))
        ]
        return [case for _, case in sorted(enumerate(every), key=lambda pair: ((pair[0] + seed) * GOLDEN) % 1.0)]


def faultless(servers: Servers) -> Faultless:
    """Does the run without faults, and keeps what there is at the beginning of each of its stages."""
    _template(servers)
    found = Faultless()
    with servers.bench("nth_faultless", 8) as bench:
        found.kept.append(_beginning(bench))
        while True:
            stage = len(found.operations)
            with _Run(bench, stage, found) as run:
                reached = run.until_time_moves()
                if run.stuck():
                    found.problems = run.stuck()
                    return found
                if not reached:
                    found.end = run.ending()
                    found.problems = broken(found.end, found.end, run.accepted(), run.told(), set())
                    return found
                run.keep()


def warm(servers: Servers) -> None:
    """Does once what every process would do anew: none of it is an operation that is numbered."""
    # Dramatiq's scripts, which only the first caller of a Valkey has to bring along.
    broker = Broker(servers.redis(8))
    broker.declare_queue(DEFAULT)
    broker.join(DEFAULT)
    next(broker.consume(DEFAULT, prefetch=1, timeout=1))
    broker.client.connection_pool.disconnect()
    # What a bundle, once read from the database, compiles to.
    unpack = release.unpack
    candidate = release.prepare(WORKSPACE)
    ready = unpack(1, candidate.digest, candidate.packed)

    def known(number: int, digest: str, packed: bytes) -> release.Release:
        if (digest, packed) == (candidate.digest, candidate.packed):
            return replace(ready, number=number)
        return unpack(number, digest, packed)

    release.unpack = known


def live_once(bench: Bench, found: Faultless) -> None:
    """A life without faults in this process itself: what is forked from it then finds code and statements warm."""
    with _Run(bench, 0, found) as run:
        live(run.place(), Gate(), lambda now, engine: False)
        assert threading.active_count() == 1, "a thread would be missing in what is forked"
    gc.collect()
    gc.freeze()


def judge(bench: Bench, case: Case, found: Faultless) -> Verdict:
    """One case."""
    assert found.end is not None
    with _Run(bench, case.stage, found) as run:
        died = case.way in DEATHS
        code = run.life(Gate(case.at, case.way))
        in_flight: set[tuple[str, str]] | None = None
        problems = []
        if died and code == KILLED:
            run.forgotten()
            in_flight = run.sending()
            code = run.life(Gate())
        elif died:
            problems.append("the operation was never reached")
        problems += run.stuck()
        if code != SAME:
            problems += broken(run.ending(), found.end, run.accepted(), run.told(), in_flight)
        planned = run.struck() == found.operations[case.stage][case.at - 1]
        return Verdict(case, run.struck(), planned, problems)


SAME = 100
"""The exit code of a life that came back to where the run without faults was."""


TEMPLATE = "nth_template"


def _template(servers: Servers) -> None:
    """A migrated database, of which those of the benches are made."""
    admin = create_engine(servers.postgres, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as conn:
        conn.execute(text(f"CREATE DATABASE {TEMPLATE}"))
    upgrade(beside(servers.postgres, TEMPLATE))


def _beginning(bench: Bench) -> Kept:
    """The clock stands at the beginning of the run; there is nothing else."""
    with bench.databases.opened() as engine, engine.connect() as conn:
        clock.start_virtual(conn, START)
        return Kept.of(conn)


def _stage(number: int) -> str:
    return f"nth_stage_{number}"


class _Run:
    """One run, from the beginning of a stage on. Afterwards nothing is left of it."""

    def __init__(self, bench: Bench, stage: int, found: Faultless) -> None:
        self._bench = bench
        self._stage = stage
        self._found = found
        self._provider = bench.servers.provider
        self._diary = self._file(f"{bench.name}.diary")
        self._notes = self._file(f"{bench.name}.notes")
        self._stack = ExitStack()

    def __enter__(self) -> "_Run":
        self._engine = self._stack.enter_context(self._bench.databases.opened())
        with self._engine.connect() as conn:
            self._found.kept[self._stage].put(conn)
        self._provider.copy(_stage(self._stage), self._bench.name)
        if (kept := self._file(f"{_stage(self._stage)}.diary")).exists():
            shutil.copy(kept, self._diary)
        with redis.Redis.from_url(self._bench.redis_url) as client:
            client.flushdb()
        return self

    def __exit__(self, *failure: Any) -> None:
        for path in (self._diary, self._notes):
            path.unlink(missing_ok=True)
        self._stack.__exit__(*failure)

    def _file(self, name: str) -> Path:
        return self._bench.servers.folder / name

    def keep(self) -> None:
        """The next stage begins where this run is."""
        self.forgotten()
        with self._engine.connect() as conn:
            self._found.kept.append(Kept.of(conn))
        self._provider.copy(self._bench.name, _stage(self._stage + 1))
        shutil.copy(self._diary, self._file(f"{_stage(self._stage + 1)}.diary"))

    def until_time_moves(self) -> bool:
        """One stage without faults, noted in what is found. False: it was the last."""
        begins = True
        reached: dict[str, str] = {}

        def enough(now: datetime, engine: Engine) -> bool:
            nonlocal begins
            if begins and self._stage:
                # Where the stage before ended.
                begins = False
                return False
            reached[now.isoformat()] = state(engine, self.accepted())
            return True

        gate = Gate()

        def trace() -> None:
            self._note("trace", orjson.dumps([gate.labels, gate.nothing_between, reached]).decode())

        self._fork(gate, enough, trace)
        for told in self._noted("trace"):
            labels, nothing_between, moments = orjson.loads(told)
            self._found.operations.append(labels)
            self._found.same_death.append(nothing_between)
            self._found.states |= {datetime.fromisoformat(at): seen for at, seen in moments.items()}
            return bool(moments)
        return False

    def life(self, gate: Gate) -> int:
        """A process from here to the end of the run or to its death. Gives its exit code."""

        def enough(now: datetime, engine: Engine) -> bool:
            if len(gate.labels) < gate.at or now not in self._found.states:
                return False
            if state(engine, self.accepted()) != self._found.states[now]:
                return False
            os._exit(SAME)

        return self._fork(gate, enough, lambda: None)

    def _fork(self, gate: Gate, enough: Any, at_the_end: Any) -> int:
        ended, held = os.pipe()  # by the life, which never writes: its end is all that is read
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                gate.struck = lambda label: self._note("struck", label)
                install(gate)
                live(self.place(), gate, enough)
                at_the_end()
                code = 0
            except BaseException:
                self._note("stuck", traceback.format_exc(limit=-3))
            finally:
                os._exit(code)
        os.close(held)
        came, _, _ = select.select([ended], [], [], PATIENCE)
        os.close(ended)
        if not came:
            os.kill(pid, signal.SIGKILL)
            self._note("stuck", f"a life did not end within {PATIENCE:g} seconds")
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def place(self) -> Place:
        host, url = self._provider.host(self._bench.name), self._engine.url.render_as_string(False)
        return Place(url, self._bench.redis_url, host, self._diary, self.accepted)

    def _note(self, kind: str, words: str) -> None:
        with self._notes.open("ab") as notes:
            notes.write(orjson.dumps([kind, words]) + b"\n")

    def _noted(self, kind: str) -> list[str]:
        lines = self._notes.read_bytes().splitlines() if self._notes.exists() else []
        return [words for known, words in map(orjson.loads, lines) if known == kind]

    def struck(self) -> str:
        return next(iter(self._noted("struck")), "never reached")

    def stuck(self) -> list[str]:
        return self._noted("stuck")

    def forgotten(self) -> None:
        """Waits until the server has noticed that the process is gone, and rolled back what it had open."""
        with self._engine.connect() as conn:
            while conn.execute(_LIVES).scalar_one():
                time.sleep(0.002)

    def sending(self) -> set[tuple[str, str]]:
        return sending(self._engine)

    def ending(self) -> Ending:
        return ending(self._engine)

    def accepted(self) -> list[dict[str, Any]]:
        return self._provider.log(self._bench.name)

    def told(self) -> list[dict[str, Any]]:
        return entries(self._diary)


def judged(
    servers: Servers, wanted: Sequence[Case], found: Faultless, seconds: float, benches: int
) -> Iterator[Verdict]:
    """Verdicts as they come, until all cases or the seconds are used up. Each bench is a process of its own."""
    ends = time.monotonic() + seconds
    ours, theirs = os.pipe()
    children = []
    for number in range(benches):
        pid = os.fork()
        if pid == 0:
            try:
                os.close(ours)
                with servers.bench(f"nth_{number}", 9 + number) as bench:
                    live_once(bench, found)
                    for case in wanted[number::benches]:
                        if time.monotonic() >= ends:
                            break
                        verdict = judge(bench, case, found)
                        # Below PIPE_BUF, so that lines of several benches do not mix.
                        os.write(theirs, orjson.dumps(_short(verdict)) + b"\n")
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        children.append(pid)
    os.close(theirs)
    try:
        with os.fdopen(ours, "rb") as lines:
            for line in lines:
                case, label, planned, problems = orjson.loads(line)
                yield Verdict(Case(*case), label, planned, problems)
    finally:
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    if any(codes):
        raise RuntimeError("a bench broke down; see above")


def _short(verdict: Verdict) -> Any:
    said = "; ".join(verdict.problems)[:1500]
    return [list(verdict.case), verdict.label, verdict.as_planned, [said] if said else []]

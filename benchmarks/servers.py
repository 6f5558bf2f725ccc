"""What a measurement runs on: PostgreSQL and Valkey from their wheels, the sink, and how much processor each used.

PostgreSQL is configured as `bin/dev` runs it, and durable: every commit is on disk.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import urllib3
from sqlalchemy import Engine, text

from benchmarks.certificate import write as write_certificate
from sequencer.local import Postgres, Valkey, ports
from sequencer.settings import variables
from sequencer.store import clock, partitions
from sequencer.store.engine import connect
from sequencer.store.migrate import upgrade

START = datetime(2026, 11, 25, 10, tzinfo=UTC)
"""Business time at which every run begins, a Wednesday: on a quiet day nobody would be mailed."""


@dataclass(frozen=True)
class Sink:
    """Who takes the mails."""

    process: "subprocess.Popen[bytes]"
    environ: dict[str, str]
    """How the product's processes find it."""
    http: urllib3.PoolManager

    def counts(self) -> dict[str, int]:
        """`requests`, `recipients` and `bytes` that it has taken so far, and how many requests it has `refused`."""
        found: dict[str, int] = self.http.request("GET", self.environ["SENDGRID_HOST"]).json()
        return found

    def refuse(self, refuses: bool) -> None:
        """Begins or ends an outage: every mail is answered with a 503, at once."""
        self.http.request("PUT", f"{self.environ['SENDGRID_HOST']}/{503 if refuses else 202}")


@dataclass
class Servers:
    folder: Path
    environ: dict[str, str]
    """What the product's processes are started with."""
    postgres: Postgres
    engine: Engine
    sink: Sink

    def used(self) -> dict[str, float]:
        """Seconds of processor time so far, of PostgreSQL with all its processes and of the sink."""
        return {"postgres": _used(self.postgres.pid), "sink": _used(self.sink.process.pid)}


def _used(pid: int) -> float:
    """Of a process and its children: of those that ended, its own account tells."""
    process = psutil.Process(pid)
    own = process.cpu_times()
    seconds = own.user + own.system + own.children_user + own.children_system
    for child in process.children():
        with suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            seconds += times.user + times.system
    return float(seconds)


@contextmanager
def servers() -> Iterator[Servers]:
    """In a folder that is removed afterwards, with a migrated database whose business time is START and goes on."""
    with ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="sequencer-bench-")))
        postgres = Postgres(folder / "postgres", port=_port())
        exits.callback(postgres.forget)
        exits.callback(postgres.stop)
        url = postgres.start().url.replace("postgresql://", "postgresql+psycopg://", 1)
        valkey = Valkey(folder / "valkey", port=_port())
        exits.callback(valkey.stop)
        taker = exits.enter_context(sink(folder))
        engine = exits.enter_context(_database(url))
        made = Servers(
            folder=folder,
            environ=variables()
            | {
                "DATABASE_URL": url,
                "REDIS_URL": valkey.start().url,
                "SENDGRID_API_KEY": "SG.benchmark.benchmark",
                "SECRET_KEY": "a secret of the benchmarks",
                "PUBLIC_URL": "https://mail.acme.example",
                "LOG_LEVEL": "WARNING",
                "PYTHONUNBUFFERED": "1",
            }
            | taker.environ,
            postgres=postgres,
            engine=engine,
            sink=taker,
        )
        yield made


@contextmanager
def sink(folder: Path) -> Iterator[Sink]:
    """Its certificate is in this folder. It answers."""
    certificate, url = folder / "sink.pem", f"https://{ports.HOST}:{(port := _port())}"
    write_certificate(certificate)
    http = urllib3.PoolManager(
        retries=urllib3.Retry(None, connect=200, backoff_factor=0.05, backoff_max=0.1), ca_certs=str(certificate)
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sink", str(port), str(certificate)], stdin=subprocess.DEVNULL
    )
    try:
        made = Sink(process, {"SENDGRID_HOST": url, "SSL_CERT_FILE": str(certificate)}, http)
        made.counts()
        yield made
    finally:
        http.clear()
        _end(process)


@contextmanager
def beside(servers: Servers, name: str) -> Iterator[Servers]:
    """The same servers with a database of its own."""
    with servers.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text(f"CREATE DATABASE {name}"))
    url = f"{servers.environ['DATABASE_URL'].rpartition('/')[0]}/{name}"
    with _database(url) as engine:
        yield replace(servers, engine=engine, environ=servers.environ | {"DATABASE_URL": url})


@contextmanager
def _database(url: str) -> Iterator[Engine]:
    upgrade(url)
    engine = connect(url, 4)
    try:
        with engine.begin() as conn:
            clock.start_virtual(conn, START, speed=1)
            partitions.ensure(conn)
        yield engine
    finally:
        engine.dispose()


def _end(process: "subprocess.Popen[Any]") -> None:
    process.terminate()
    process.wait()


def _port() -> int:
    return ports.free(0, frozenset({0}))

"""The product as real processes on real servers, to be measured and tormented; it looks after them as dynos are."""

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import urllib3
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from sequencer.local import Postgres, Valkey, ports, process
from sequencer.local.process import LocalServerError
from sequencer.local.state import State
from sequencer.sandbox.tables import create, metadata
from sequencer.settings import variables
from sequencer.store.engine import connect
from sequencer.store.migrate import upgrade

GRACE = 30.0
"""Seconds between SIGTERM and SIGKILL, as on Heroku."""
_LOOK = 0.1
_LOWEST, _HIGHEST = 20_000, 30_000
"""Ports."""


@dataclass
class Dyno:
    """A process group that is started again as soon as its first process ends."""

    name: str
    command: list[str]
    environ: Mapping[str, str]
    log: Path
    starts: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    def start(self) -> None:
        with self.lock, self.log.open("ab") as output:
            self.starts += 1
            self.process = subprocess.Popen(
                self.command,
                env=dict(self.environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def processes(self) -> list[psutil.Process]:
        """The first process and its descendants, while they live."""
        if self.process is None or self.process.poll() is not None:
            return []
        try:
            first = psutil.Process(self.process.pid)
            return [first, *first.children(recursive=True)]
        except psutil.Error:
            return []

    def signal(self, number: signal.Signals) -> None:
        """To every process of the dyno."""
        with self.lock, suppress(ProcessLookupError):
            if self.process is not None and self.process.poll() is None:
                os.killpg(self.process.pid, number)

    def stop(self) -> float:
        """SIGTERM, after GRACE seconds SIGKILL; gives how many seconds it took."""
        began = time.monotonic()
        if self.process is not None:
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
                self.process.wait()
        return time.monotonic() - began


class Ended(Exception):
    """The run was told to end before it was over."""


@dataclass
class Stack:
    """What `stack()` gives."""

    folder: Path
    environ: dict[str, str]
    postgres: Postgres
    log_postgres: Postgres
    valkey: Valkey
    engine: Engine
    """The product's database."""
    log: Engine
    """The sandbox's own: it stands for SendGrid, which forgets nothing when our database restarts."""
    web: str
    sandbox: str
    dynos: dict[str, Dyno] = field(default_factory=dict)
    http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False, timeout=20.0))
    told_to_end: threading.Event = field(default_factory=threading.Event)
    """Set by whoever wants the run to be over: nothing is waited for any more."""
    _logged: list[str] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def add(self, name: str, *command: str, environ: Mapping[str, str] | None = None) -> Dyno:
        dyno = Dyno(name, [sys.executable, *command], environ or self.environ, self.folder / f"{name}.log")
        self.dynos[name] = dyno
        dyno.start()
        return dyno

    def run(self, *arguments: str) -> str:
        """A command of the product, as a person types it."""
        done = subprocess.run(
            [sys.executable, "-m", "sequencer", *arguments],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def count(self, query: str) -> int:
        """The one number that a query of the product's database gives."""
        with self.engine.connect() as conn:
            return int(conn.execute(text(query)).scalar_one())

    def deploy(self, files: Mapping[str, str]) -> None:
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        self.run("deploy")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The sandbox's JSON."""
        answer = self.http.request(method, self.sandbox + path, json=body)
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.data[:500]!r}")
        return answer.json()

    def restart_postgres(self) -> None:
        """As `pg_ctl restart -m immediate`: every session dies at once, and the server recovers from its log."""
        self.postgres.crash()
        self._keep_log()
        _again(self.postgres)

    def kill_valkey(self) -> None:
        os.kill(self.valkey.pid, signal.SIGKILL)
        self.valkey.stop()
        _again(self.valkey)

    def processor_seconds(self) -> dict[str, float]:
        """Of web, worker and PostgreSQL so far, however many others wait for the processors."""
        groups = {name: self.dynos[name].processes() for name in ("web", "worker")}
        groups["PostgreSQL"] = [psutil.Process(self.postgres.pid)]
        groups["PostgreSQL"] += groups["PostgreSQL"][0].children()
        found = dict.fromkeys(groups, 0.0)
        for name, processes in groups.items():
            for one in processes:
                with suppress(psutil.Error):
                    found[name] += sum(one.cpu_times()[:2])
        return found

    def postgres_log(self) -> str:
        """All that the product's PostgreSQL has logged; each start begins its file anew."""
        return "".join([*self._logged, self._log_file().read_text(errors="replace")])

    def deadlocks(self) -> list[str]:
        """What PostgreSQL said of each: who waited for whom, and by which statements."""
        return [" ".join(found[0].split()) for found in _DEADLOCK.finditer(self.postgres_log())]

    def until(self, what: str, condition: Callable[[], Any], seconds: float, every: float = _LOOK) -> Any:
        """Waits for what other processes do by themselves, and gives what was found.

        Raises TimeoutError, and Ended when the run is to be over.
        """
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} did not happen within {seconds:g} s\n{self.last_words()}")
            self.sleep(every, what)
        return found

    def sleep(self, seconds: float, what: str) -> None:
        """Raises Ended when the run is to be over."""
        if self.told_to_end.wait(seconds):
            raise Ended(f"told to end before {what}")

    def last_words(self) -> str:
        """The ends of the processes' logs."""
        return "\n".join(f"--- {name}\n{process.tail(dyno.log)}" for name, dyno in self.dynos.items())

    def answers(self, url: str) -> bool:
        try:
            return self.http.request("GET", url).status > 0
        except urllib3.exceptions.HTTPError:
            return False

    def tend(self) -> None:
        """Starts again what ended, until `stop`: on Heroku, the dyno manager."""
        while not self._stopping.wait(_LOOK):
            for dyno in list(self.dynos.values()):
                with dyno.lock:
                    if dyno.ended():
                        # The first process of a dyno takes the others with it.
                        with suppress(ProcessLookupError):
                            os.killpg(dyno.process.pid if dyno.process else 0, signal.SIGKILL)
                        dyno.start()

    def stop(self) -> None:
        self._stopping.set()
        for name in ("clock", *(n for n in self.dynos if n.startswith("worker")), "web", "sandbox"):
            if name in self.dynos:
                self.dynos[name].stop()
        self.http.clear()

    def _keep_log(self) -> None:
        self._logged.append(self._log_file().read_text(errors="replace"))

    def _log_file(self) -> Path:
        return self.folder / "product" / "postgres.log"


_DEADLOCK = re.compile(
    r"ERROR:  deadlock detected.*?(?=^[^\n]* (?:LOG|ERROR|FATAL|WARNING):  |\Z)", re.DOTALL | re.MULTILINE
)
"""With the lines of details and the statement that belong to it."""


@contextmanager
def stack(sandbox_options: Sequence[str]) -> Iterator[Stack]:
    """Servers and processes in a folder that is removed afterwards. Neither workers nor clock run yet: `add` them."""
    with ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="sequencer-stack-")))
        postgres = Postgres(folder / "product", port=_port())
        exits.callback(postgres.forget)
        exits.callback(postgres.stop)
        _configure(postgres.start())
        log_postgres = Postgres(folder / "sandbox", port=_port(), throwaway=True)
        exits.callback(log_postgres.stop)
        log_postgres.start()
        valkey = Valkey(folder / "valkey", port=_port())
        exits.callback(valkey.stop)
        url, log_url = _dialect(postgres.url), _dialect(log_postgres.url)
        upgrade(url)
        upgrade(log_url)  # for the row of business time, which the sandbox reads
        engine, log = connect(url, 6), connect(log_url, 4)
        _spare(log)
        exits.callback(log.dispose)
        exits.callback(engine.dispose)
        web, sandbox = _port(), _port()
        key, public_key = _keys(folder / "state")
        environ = _compiled(variables()) | {
            "DATABASE_URL": url,
            "REDIS_URL": valkey.start().url,
            "SENDGRID_API_KEY": "SG.chaos.chaos",
            "SENDGRID_HOST": f"http://{ports.HOST}:{sandbox}/sandbox",
            "SENDGRID_WEBHOOK_PUBLIC_KEY": public_key,
            "SECRET_KEY": "a secret of the benchmarks",
            "PUBLIC_URL": f"http://{ports.HOST}:{web}",
            "API_TOKEN": "token",
            "DASHBOARD_PASSWORD": "password",
            "PORT": str(web),
            "WORKSPACE_DIR": str(folder),
            "LOG_LEVEL": "WARNING",
            "PYTHONUNBUFFERED": "1",
        }
        made = Stack(
            folder=folder,
            environ=environ,
            postgres=postgres,
            log_postgres=log_postgres,
            valkey=valkey,
            engine=engine,
            log=log,
            web=f"http://{ports.HOST}:{web}",
            sandbox=f"http://{ports.HOST}:{sandbox}/sandbox",
        )
        exits.callback(made.stop)
        made.add("web", "-m", "sequencer", "web", "--host", ports.HOST)
        options = ["--port", str(sandbox), "--web", made.web, "--key", str(key), *sandbox_options]
        made.add("sandbox", "-m", "sequencer.sandbox", *options, environ=environ | {"DATABASE_URL": log_url})
        made.until("the web's answer", lambda: made.answers(f"{made.web}/healthz"), 30)
        made.until("the sandbox's answer", lambda: made.answers(f"{made.sandbox}/faults"), 30)
        threading.Thread(target=made.tend, name="dynos", daemon=True).start()
        yield made


def _compiled(environ: Mapping[str, str]) -> dict[str, str]:
    """As in a slug, which holds the bytecode (bin/post_compile): processes that are killed again and again do not
    compile the source at each start, whatever whoever measures has set for themselves."""
    return {name: value for name, value in environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _spare(log: Engine) -> None:
    """The provider's log need not survive its server, which nobody strikes, and leaves the machine to the product."""
    create(log)
    with log.begin() as conn:
        for table in metadata.sorted_tables:
            conn.execute(text(f"ALTER TABLE {table.fullname} SET UNLOGGED"))


def _configure(postgres: Postgres) -> None:
    """Keeps the time of every commit: how soon a halt took effect is read from it."""
    engine = create_engine(_dialect(postgres.url), isolation_level="AUTOCOMMIT")
    with engine.connect() as conn, suppress(DBAPIError):
        conn.execute(text("ALTER SYSTEM SET track_commit_timestamp = on"))
    engine.dispose()
    postgres.stop()
    postgres.start()


def _dialect(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def _again(server: Postgres | Valkey) -> None:
    """Starts a server that was killed; all that know it know it by its port."""
    port = server.port
    server.start()
    if server.port != port:
        raise LocalServerError(f"port {port} was taken while its server was down")


def _port() -> int:
    """A free one below those that the system gives to outgoing connections: while a server is down, nobody gets it."""
    while True:
        port = random.randrange(_LOWEST, _HIGHEST)
        if ports.free(port) == port:
            return port


def _keys(folder: Path) -> tuple[Path, str]:
    folder.mkdir()
    return State(folder).webhook_keys()

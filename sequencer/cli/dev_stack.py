"""What `sequencer dev` starts: databases, the prepared database, and the processes that run on it."""

import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, func, select

from sequencer.errors import SequencerError
from sequencer.local import Postgres, Valkey, ports, postgresql, process, valkeyd
from sequencer.local.children import Children
from sequencer.local.state import State
from sequencer.services import heartbeat, shelves
from sequencer.services.release import deploy
from sequencer.settings import Settings, cache_dir
from sequencer.store import clock, migrate, partitions, tables
from sequencer.store.engine import connect
from sequencer.workspace.load import read_files
from sequencer.workspace.nodes import Map, Problems
from sequencer.workspace.parse import parse

FORMS = Path("sequences/forms.yaml")
EXAMPLE_LEADS = Path("examples/leads.csv")
EXAMPLE_ENROLLMENTS = {
    "education": 'lead.stage in ["subscriber", "lead"]',
    "sales-motivation": 'lead.stage in ["mql", "sql", "opportunity"]',
    # It mails at any hour, so that the inbox has something to show at once, on a Sunday too.
    "handbook-delivery": 'lead.campaign == "handbook-2026" and lead.stage == "lead"',
}
"""Who is enrolled in what on the first start."""

WEB_PORT = 8000
SANDBOX_PORT = 8001

Say = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the databases are."""

    database_url: str
    redis_url: str


def start_databases(stack: ExitStack, environ: Mapping[str, str], folder: Path, throwaway: bool, say: Say) -> Servers:
    """PostgreSQL and Valkey from their wheels, unless DATABASE_URL or REDIS_URL point elsewhere."""
    database_url, redis_url = environ.get("DATABASE_URL", ""), environ.get("REDIS_URL", "")
    if not database_url:
        server = Postgres(folder, throwaway=throwaway)
        stack.callback(server.stop)
        database_url = server.start().url
        say("postgres", f"PostgreSQL on port {_said(server.port, postgresql.PREFERRED)}, data in {server.data}")
    if not redis_url:
        broker = Valkey(folder)
        stack.callback(broker.stop)
        redis_url = broker.start().url
        say("valkey", f"Valkey on port {_said(broker.port, valkeyd.PREFERRED)}")
    return Servers(database_url, redis_url)


def _said(port: int, preferred: int) -> str:
    return str(port) if port == preferred else f"{port} ({preferred} is taken)"


def forget(folder: Path, environ: Mapping[str, str]) -> None:
    """Removes what earlier starts left. A database that was not made here is not ours to empty."""
    if environ.get("DATABASE_URL"):
        raise SequencerError("--fresh removes the local database only: DATABASE_URL is set, empty that one yourself")
    Postgres(folder).forget()


@dataclass(frozen=True, slots=True)
class Plan:
    """Ports and environment of the processes."""

    environ: Mapping[str, str]
    web_port: int
    sandbox_port: int | None
    """None: SENDGRID_HOST points to another look-alike."""
    key: Path
    """The private key that the sandbox signs webhooks with."""
    file: Path
    """The environment as a file, for commands in another terminal."""

    @property
    def web_url(self) -> str:
        return f"http://{ports.HOST}:{self.web_port}"

    @property
    def inbox_url(self) -> str:
        if self.sandbox_port is None:
            return self.environ["SENDGRID_HOST"]
        return f"http://{ports.HOST}:{self.sandbox_port}/sandbox/"


def plan(environ: Mapping[str, str], servers: Servers, state: State, workspace: Path, say: Say) -> Plan:
    """What the environment sets stays; the rest is generated once and kept."""
    wanted = environ.get("PORT", "")
    web = _port("web", int(wanted) if wanted.isdigit() else WEB_PORT, frozenset(), say)
    sandbox = None
    if not environ.get("SENDGRID_HOST"):
        sandbox = _port("sandbox", SANDBOX_PORT if web != SANDBOX_PORT else SANDBOX_PORT + 1, frozenset({web}), say)
    key, public_key = state.webhook_keys()
    generated = {
        "SENDGRID_API_KEY": f"SG.{state.secret('sendgrid', 11)}.{state.secret('sendgrid-key', 21)}",
        "SENDGRID_HOST": f"http://{ports.HOST}:{sandbox}/sandbox",
        # Made-up leads must never reach a rep's chat: where there is no sandbox, our web process refuses it.
        "WEBHOOKS_TO": f"http://{ports.HOST}:{sandbox or web}/sandbox/webhooks",
        "SENDGRID_WEBHOOK_PUBLIC_KEY": public_key,
        "SECRET_KEY": state.secret("secret-key", 32),
        "PUBLIC_URL": f"http://{ports.HOST}:{web}",
        "API_TOKEN": state.secret("api-token"),
        "DASHBOARD_PASSWORD": state.secret("dashboard-password", 6),
    }
    given = {name: value for name, value in environ.items() if value}
    fixed = {
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "PORT": str(web),
        "WORKSPACE_DIR": str(workspace),
        "PYTHONUNBUFFERED": "1",
    }
    if sandbox is not None:
        fixed["SENDGRID_WEBHOOK_PUBLIC_KEY"] = public_key
    ours = {name: value for name, value in (generated | given | fixed).items() if name in {*generated, *fixed}}
    file = state.folder / "env"
    process.write_private(file, "".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(ours.items())))
    return Plan(generated | given | fixed, web, sandbox, key, file)


def _port(name: str, preferred: int, avoid: frozenset[int], say: Say) -> int:
    # Always the same ones, so that links in mails from an earlier start go on working.
    port = next((p for p in range(preferred, preferred + 100, 10) if ports.free(p, avoid) == p), 0)
    port = port or ports.free(preferred, avoid)
    if port != preferred:
        say(name, f"port {preferred} is taken: using {port}")
    return port


def prepare(engine: Engine, url: str, workspace: Path, say: Say) -> None:
    """Migrates, and deploys the workspace."""
    migrate.upgrade(url)
    with engine.begin() as conn:
        heartbeat.start_fresh(conn)
        number, new = deploy(conn, read_files(workspace), clock.now(conn), shelves.opened(cache_dir()))
    say("dev", f"deployment {number}" + ("" if new else ": the workspace has not changed"))


def set_clock(engine: Engine, at: datetime | None, speed: int) -> None:
    """Makes business time virtual, from `at` or from what it is now, and makes the partitions around it."""
    with engine.begin() as conn:
        clock.start_virtual(conn, at or clock.now(conn), speed)
        partitions.ensure(conn)


def refuse_leads(engine: Engine) -> None:
    """A headless run begins with nobody, and its virtual clock must never move anybody real."""
    with engine.connect() as conn:
        if conn.execute(select(func.count()).select_from(tables.lead)).scalar_one():
            raise SequencerError("--until needs an empty database: the one of DATABASE_URL holds leads; give another")


def forms(made: Plan) -> list[str]:
    """The names of the workspace's forms, as pages of the web process have them."""
    file = Path(made.environ["WORKSPACE_DIR"]) / FORMS
    node = parse(str(FORMS), file.read_text("utf-8"), Problems()) if file.exists() else None
    return list(node.entries) if isinstance(node, Map) else []


def is_virtual(engine: Engine) -> bool:
    with engine.connect() as conn:
        return conn.execute(select(tables.clock.c.virtual)).scalar() is not None


def import_leads(engine: Engine, workspace: Path, environ: Mapping[str, str], say: Say) -> None:
    """On the first start: the workspace's example leads, enrolled. Through the same commands as anybody's."""
    file = workspace / EXAMPLE_LEADS
    with engine.connect() as conn:
        if not file.exists() or conn.execute(select(func.count()).select_from(tables.lead)).scalar_one():
            return
    _command(["leads", "import", str(file)], environ, say)
    for sequence, where in EXAMPLE_ENROLLMENTS.items():
        if (workspace / "sequences" / f"{sequence}.yaml").exists():
            _command(["enroll", sequence, "--where", where], environ, say)


def _command(arguments: list[str], environ: Mapping[str, str], say: Say) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sequencer", *arguments],
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in done.stdout.splitlines():
        say(arguments[0], line)
    if done.returncode:
        raise SequencerError(f"`sequencer {' '.join(arguments)}` failed with exit code {done.returncode}; see above")


def start_doors(children: Children, made: Plan, seed: int, audience: bool) -> None:
    """The web process, and the sandbox that posts to it."""
    children.start("web", [sys.executable, "-m", "sequencer", "web", "--host", ports.HOST], made.environ)
    if made.sandbox_port is not None:
        options = ["--port", str(made.sandbox_port), "--web", made.web_url, "--key", str(made.key)]
        options += ["--seed", str(seed), *(["--audience"] if audience else [])]
        children.start("sandbox", [sys.executable, "-m", "sequencer.sandbox", *options], made.environ)


def start_workers(children: Children, made: Plan, led: bool) -> None:
    """To be called when the doors answer: until then mail would find nobody to take it. led: by a conductor."""
    children.start("worker", [sys.executable, "-m", "workers", *(["--led"] if led else [])], made.environ)
    if not led:
        children.start("clock", [sys.executable, "-m", "workers.clock"], made.environ)


def engine_of(made: Plan) -> tuple[Engine, str]:
    url = Settings.read(made.environ).database_url
    return connect(url, pool_size=2), url

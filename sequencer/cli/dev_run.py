"""The two ways `sequencer dev` runs: as a small installation that one works with, or headless through virtual time."""

import json
import signal
import sys
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

import click

from sequencer.cli import dev_stack
from sequencer.cli.database import understood
from sequencer.cli.dev_checks import checks
from sequencer.cli.dev_conductor import Conductor
from sequencer.errors import SequencerError
from sequencer.local.children import Children
from sequencer.local.process import Answers
from sequencer.local.state import State
from sequencer.services.audit import audit
from sequencer.services.report import report
from sequencer.settings import Settings, variables, workspace_dir
from sequencer.stop import Stop
from sequencer.store import clock, migrate
from sequencer.wiring import build

FOLDER = ".sequencer"
BEGIN = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
"""A Monday. Headless runs always begin here, so that the same seed gives the same report on any day."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The command's options."""

    seed: int
    speed: int | None
    fresh: bool


def serve(choices: Choices) -> None:
    """Runs until Ctrl-C or SIGTERM."""
    stopping = Stop()
    environ = variables()
    workspace = workspace_dir(environ).absolute()
    state = State(workspace / FOLDER)
    with understood(), ExitStack() as stack:
        state.hold()
        stack.callback(state.release)
        for name in state.end_leftovers():
            _say("dev", f"ended a {name} that an earlier start left running")
        if choices.fresh:
            dev_stack.forget(state.folder, environ)
        children = Children(_say)
        _on_signals(stopping, children)
        servers = dev_stack.start_databases(stack, environ, state.folder, throwaway=False, say=_say)
        made = dev_stack.plan({"LOG_LEVEL": "WARNING"} | environ, servers, state, workspace, _say)
        engine, url = dev_stack.engine_of(made)
        stack.callback(engine.dispose)
        dev_stack.prepare(engine, url, workspace, _say)
        virtual = choices.speed is not None or dev_stack.is_virtual(engine)
        if virtual:
            dev_stack.set_clock(engine, None, choices.speed or 1)
            # Nothing happens while nothing runs: the next start goes on at this moment.
            stack.callback(lambda: dev_stack.set_clock(engine, None, 0))
        dev_stack.import_leads(engine, workspace, made.environ, _say)
        stack.callback(children.stop)
        dev_stack.start_doors(children, made, choices.seed, audience=virtual)
        state.remember(children.pids())
        if _await_doors(children, made, stopping):
            dev_stack.start_workers(children, made, led=False)
            state.remember(children.pids())
            with engine.connect() as conn:
                now = clock.now(conn)
            _banner(made, choices, virtual, now)
        while not stopping.wait(0.5):
            if children.revive():
                state.remember(children.pids())
        _say("dev", "stopping")
    (state.folder / "processes.json").unlink(missing_ok=True)
    _say("dev", "stopped; the next start goes on from here")


def race(choices: Choices, until: timedelta, as_json: bool) -> None:
    """Runs the whole stack for so much virtual time, and prints what became of everybody."""
    stopping = Stop()
    environ = variables()
    workspace = workspace_dir(environ).absolute()
    with understood(), ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sequencer-dev-")))
        children = Children(_complain)
        _on_signals(stopping, children)
        given = {name: value for name, value in environ.items() if name != "PORT"}
        servers = dev_stack.start_databases(stack, given, folder, throwaway=True, say=_quietly)
        made = dev_stack.plan(given | _HEADLESS, servers, State(folder), workspace, _quietly)
        engine, url = dev_stack.engine_of(made)
        stack.callback(engine.dispose)
        migrate.upgrade(url)
        dev_stack.refuse_leads(engine)
        dev_stack.set_clock(engine, BEGIN, 0)
        dev_stack.prepare(engine, url, workspace, _quietly)
        dev_stack.import_leads(engine, workspace, made.environ, _complain)
        stack.callback(children.stop)
        dev_stack.start_doors(children, made, choices.seed, audience=True)
        if not _await_doors(children, made, stopping):
            raise SequencerError("interrupted")
        dev_stack.start_workers(children, made, led=True)
        context = build(Settings.read(made.environ), connections=2)
        stack.callback(context.engine.dispose)

        def died() -> list[str]:
            if stopping.is_set():
                raise SequencerError("interrupted")
            return children.died()

        Conductor(context, died).conduct(BEGIN + until, _Progress(until))
        with engine.begin() as conn:
            contradictions = {**audit(conn, context.releases.current(conn)), **checks(conn)}
            result = {**report(conn), "contradictions": contradictions}
    click.echo(json.dumps(result, indent=2, sort_keys=True, default=str) if as_json else _as_text(result))


_HEADLESS = {
    "WEB_CONCURRENCY": "1",
    "WORKER_PROCESSES": "1",
    "WORKER_THREADS": "1",
    "WORKER_POLL": "5",
    "LOG_LEVEL": "WARNING",
}
"""One worker thread, so that runs repeat; a short poll, because thousands of moments wait for it."""


def _await_doors(children: Children, made: dev_stack.Plan, stopping: Stop) -> bool:
    """Waits until the doors answer; False when it is time to stop instead."""
    doors = {"web": made.web_port, "sandbox": made.sandbox_port}
    for name, port in doors.items():
        if port is None:
            continue
        answers = Answers(port, b"GET /healthz HTTP/1.0\r\n\r\n", b"HTTP/1.")
        for _ in range(600):
            if answers():
                break
            if name in children.died():
                raise SequencerError(f"{name} ended before it answered; its last lines above say why")
            if stopping.wait(0.05):
                return False
        else:
            raise SequencerError(f"{name} did not answer on port {port} within 30 seconds")
    return True


def _on_signals(stopping: Stop, children: Children) -> None:
    """The first signal stops everything in order; from the second on, whatever still runs is killed."""

    def stop(number: int, frame: FrameType | None) -> None:
        if stopping.is_set():
            children.kill()
        stopping.set()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)


def _banner(made: dev_stack.Plan, choices: Choices, virtual: bool, now: datetime) -> None:
    environ = made.environ
    lines = [
        f"inbox      {made.inbox_url}",
        f"dashboard  {made.web_url}/dashboard   (password: {environ['DASHBOARD_PASSWORD']})",
        *[f"forms      {made.web_url}/f/{name}" for name in dev_stack.forms(made)],
        f"API        {made.web_url}/api   (bearer token: {environ['API_TOKEN']})",
        f"database   {environ['DATABASE_URL']}",
    ]
    if virtual:
        lines.append(
            f"time       virtual: it is {now:%a %-d %b %Y %H:%M} UTC, and {choices.speed or 1} seconds pass in one;"
            " the audience reacts by itself; --fresh returns to real time"
        )
    else:
        lines.append("time       real: mail waits for its hours; `bin/dev --speed 3600` gets there in seconds")
    lines.append(f"terminal   set -a; . {made.file}   (then `.venv/bin/sequencer status` and the rest work there)")
    lines.append("Ctrl-C stops everything; the next start goes on where this one was.")
    click.echo("\n" + "\n".join(f"  {line}" for line in lines) + "\n")


_speaking = threading.Lock()


def _say(name: str, line: str) -> None:
    with _speaking:
        click.echo(f"{name:<8} | {line}")


def _complain(name: str, line: str) -> None:
    with _speaking:
        click.echo(f"{name:<8} | {line}", err=True)


def _quietly(name: str, line: str) -> None:
    """Ports and folders of a throw-away run interest nobody."""


class _Progress:
    """Virtual days, on a terminal only."""

    def __init__(self, until: timedelta) -> None:
        self._days = until.total_seconds() / 86400
        self._shown = -1
        self._terminal = sys.stderr.isatty()

    def __call__(self, now: datetime) -> None:
        day = (now - BEGIN).days
        if self._terminal and day != self._shown:
            self._shown = day
            click.echo(f"\rday {day} of {self._days:g}   ", nl=False, err=True)


def _as_text(result: object, indent: str = "") -> str:
    if not isinstance(result, dict):
        return f"{indent}{result}"
    lines = []
    for name, value in result.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}", _as_text(value, indent + "  ")]
        else:
            lines.append(f"{indent}{name:<24} {value}")
    return "\n".join(lines)

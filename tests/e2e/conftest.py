"""The whole product as processes of its own, scripted from the outside: commands, HTTP and nothing else."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import urllib3

from sequencer.local import Valkey, ports
from sequencer.local.children import Children
from sequencer.local.state import State
from sequencer.settings import variables

HTTP = urllib3.PoolManager(retries=False)
PATIENCE = 30.0
"""Seconds until something that should happen soon is called missing."""


EVERY_DAY = "quiet: {days: [], holidays: none}"


@dataclass
class Stack:
    """Web, workers, clock and sandbox on a database of their own."""

    folder: Path
    environ: dict[str, str]
    children: Children
    broker: Valkey
    web: str
    sandbox: str
    log: list[str] = field(default_factory=list)

    def start(self, name: str, *options: str) -> None:
        """Starts web, worker or clock, again or for the first time."""
        self.children.start(name, [sys.executable, "-m", "sequencer", name, *options], self.environ)

    def pid(self, name: str) -> int:
        return self.children.pids()[name]

    def signal(self, name: str, number: signal.Signals) -> None:
        """To every process of its group, as Heroku does with a dyno."""
        os.killpg(self.pid(name), number)

    def ended(self, name: str, seconds: float = PATIENCE) -> int:
        """Waits for its end; gives the exit code."""
        self.until(f"{name}'s end", lambda: self.children.code(name) is not None, seconds)
        code = self.children.code(name)
        assert code is not None
        return code

    def said(self, part: str) -> list[str]:
        """The lines of all logs that hold this."""
        return [line for line in self.log if part in line]

    def faults(self, *faults: dict[str, Any]) -> None:
        """What the provider does wrong from here on."""
        answer = HTTP.request("PUT", f"{self.sandbox}/faults", json=list(faults))
        assert answer.status < 300, answer.data

    def run(self, *arguments: str, code: int = 0) -> str:
        """A command as a person types it."""
        done = subprocess.run(
            [sys.executable, "-m", "sequencer", *arguments],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def deploy(self, files: dict[str, str]) -> None:
        """Without quiet days: these tests are played in real time, on whatever day it is."""
        workspace = files["sequences/workspace.yaml"].replace("quiet: {days: [sat, sun]}", EVERY_DAY)
        assert EVERY_DAY in workspace
        for name, text in (files | {"sequences/workspace.yaml": workspace}).items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.run("deploy")

    def api(self, path: str, body: dict[str, Any], status: int | None = None) -> Any:
        answer = HTTP.request(
            "POST", self.web + path, json=body, headers={"Authorization": f"Bearer {self.environ['API_TOKEN']}"}
        )
        assert answer.status == status if status else answer.status < 300, answer.data
        return answer.json() if answer.data else None

    def messages(self, to: str = "") -> list[dict[str, Any]]:
        query = f"?to={to}" if to else ""
        found: list[dict[str, Any]] = HTTP.request("GET", f"{self.sandbox}/messages.json{query}").json()
        return found

    def subjects(self, to: str) -> list[str]:
        return [message["subject"] for message in self.messages(to)]

    def press(self, message: dict[str, Any], action: str, **fields: str) -> None:
        """A button of the inbox: `reply`, `unsubscribe`, …"""
        answer = HTTP.request(
            "POST",
            f"{self.sandbox}/messages/{message['id']}/{action}",
            fields=fields,
            encode_multipart=False,
            redirect=False,
        )
        assert answer.status < 400, answer.data

    def click(self, message: dict[str, Any], number: int = 0) -> None:
        """Follows a link of a mail, as its recipient."""
        answer = HTTP.request("GET", f"{self.sandbox}/messages/{message['id']}/links/{number}", redirect=False)
        assert answer.status < 400, answer.data

    def lead(self, email: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("leads", "show", email, "--json"))
        return found

    def until(self, what: str, condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Waits for something that the processes do by themselves, and gives what it found."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, f"{what} did not happen in {seconds:g} s\n" + "\n".join(self.log[-40:])
            time.sleep(0.05)  # what is waited for happens in other processes, which tell nobody
        return found


@pytest.fixture
def stack(database_url: str, tmp_path: Path) -> Iterator[Stack]:
    with stacked(database_url, tmp_path) as found:
        yield found


DOORS = ("web", "sandbox")
ALL = ("web", "sandbox", "worker", "clock")


@contextmanager
def stacked(
    database_url: str,
    folder: Path,
    start: tuple[str, ...] = ALL,
    broker: bool = True,
    sandbox_database: str | None = None,
    **more: str,
) -> Iterator[Stack]:
    """A stack in which only these are started. `broker`: whether Redis runs already; `more`: of the environment."""
    log: list[str] = []
    with ExitStack() as exits:
        redis = Valkey(folder / "valkey", port=ports.free(0, frozenset({0})))
        exits.callback(redis.stop)
        web, sandbox = ports.free(0, frozenset({0})), ports.free(0, frozenset({0}))
        key, public_key = _keys(folder / "state")
        environ = (
            variables()
            | {
                "DATABASE_URL": database_url,
                "REDIS_URL": redis.start().url,
                "SENDGRID_API_KEY": "SG.tests.tests",
                "SENDGRID_HOST": f"http://{ports.HOST}:{sandbox}/sandbox",
                "SENDGRID_WEBHOOK_PUBLIC_KEY": public_key,
                "SECRET_KEY": "a secret of the tests",
                "PUBLIC_URL": f"http://{ports.HOST}:{web}",
                "API_TOKEN": "token",
                "DASHBOARD_PASSWORD": "password",
                "PORT": str(web),
                "WORKSPACE_DIR": str(folder),
                "PYTHONUNBUFFERED": "1",
            }
            | more
        )
        if not broker:
            redis.stop()
        children = Children(lambda name, line: log.append(f"{name}: {line}"))
        exits.callback(children.stop)
        stack = Stack(
            folder=folder,
            environ=environ,
            children=children,
            broker=redis,
            web=f"http://{ports.HOST}:{web}",
            sandbox=f"http://{ports.HOST}:{sandbox}/sandbox",
            log=log,
        )
        if "web" in start:
            stack.start("web", "--host", ports.HOST)
        if "sandbox" in start:
            options = ["--port", str(sandbox), "--web", stack.web, "--key", str(key)]
            theirs = environ | {"DATABASE_URL": sandbox_database or database_url}
            children.start("sandbox", [sys.executable, "-m", "sequencer.sandbox", *options], theirs)
        for name in ("worker", "clock"):
            if name in start:
                stack.start(name)
        if "web" in start:
            stack.until("the web's answer", lambda: _answers(f"{stack.web}/healthz"))
        if "sandbox" in start:
            stack.until("the sandbox's answer", lambda: _answers(f"{stack.sandbox}/messages.json"))
        yield stack


def _answers(url: str) -> bool:
    try:
        return HTTP.request("GET", url).status > 0
    except urllib3.exceptions.HTTPError:
        return False


def _keys(folder: Path) -> tuple[Path, str]:
    folder.mkdir()
    return State(folder).webhook_keys()

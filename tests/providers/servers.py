"""Servers that answer as told, over real sockets."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sequencer.core.mail import Batch, Recipient, Skeleton
from sequencer.providers.sendgrid_body import Letter

Answer = tuple[int, dict[str, str], bytes]


def refusal(*errors: tuple[str | None, str]) -> bytes:
    return json.dumps(
        {"errors": [{"message": message, "field": name, "help": None} for name, message in errors]}
    ).encode()


def recipient(number: int, *values: str, **changes: Any) -> Recipient:
    given: dict[str, Any] = {
        "to_email": f"lead{number}@example.com",
        "to_name": f"Lead {number}",
        "from_email": "ann@sender.example",
        "from_name": "Ann",
        "values": values or (f"value {number}",),
        "headers": {"Message-ID": f"<{number}@sender.example>"},
        "custom_args": {"sq_enrollment": str(number)},
    }
    return Recipient(**{**given, **changes})


def batch(recipients: "list[Recipient] | int" = 3, **changes: Any) -> Batch:
    people = [recipient(n) for n in range(recipients)] if isinstance(recipients, int) else recipients
    given: dict[str, Any] = {
        "request_id": "request-1",
        "skeleton": Skeleton(subject=("Hello ", 0), html=("<p>", 0, "</p>"), text=("Hi ", 0, "\n")),
        "recipients": tuple(people),
        "headers": {"X-Auto-Response-Suppress": "OOF, AutoReply"},
        "categories": ("education",),
    }
    return Batch(**{**given, **changes})


def build(made: Batch, recipients: Sequence[Recipient]) -> dict[str, Any]:
    """The body of a request to these recipients of a batch, read as SendGrid reads it."""
    body: dict[str, Any] = json.loads(Letter(made, recipients).to(recipients))
    return body


def substituted(body: dict[str, Any], number: int, part: str = "text/html") -> str:
    """What the recipient of a request gets, by SendGrid's rule: every key replaced in the content."""
    text = next(c["value"] for c in body["content"] if c["type"] == part)
    return _replaced(text, body, number)


def subject(body: dict[str, Any], number: int) -> str:
    return _replaced(body["subject"], body, number)


def _replaced(text: str, body: dict[str, Any], number: int) -> str:
    for tag, value in body["personalizations"][number].get("substitutions", {}).items():
        text = text.replace(tag, value)
    return text


@dataclass
class Api:
    """What came, and from where; `answer` decides what goes back."""

    url: str
    answer: Callable[[dict[str, Any]], Answer]
    bodies: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    ports: set[int] = field(default_factory=set)

    def addressees(self) -> list[list[str]]:
        return [[p["to"][0]["email"] for p in body["personalizations"]] for body in self.bodies]


@pytest.fixture
def api() -> Iterator[Api]:
    """An HTTP server that accepts everything until `answer` is replaced."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.bodies.append(body)
            seen.requests.append((self.path, dict(self.headers)))
            seen.ports.add(self.client_address[1])
            status, headers, content = seen.answer(body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    seen = Api(f"http://127.0.0.1:{server.server_port}", lambda body: (202, {"X-Message-Id": "id-1"}, b""))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield seen
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def raw() -> Iterator[Callable[[Callable[[socket.socket], None]], int]]:
    """`raw(talk)` gives the port of a server that hands every connection to `talk`, in a thread of its own."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve(talk: Callable[[socket.socket], None]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def one(link: socket.socket) -> None:
            with link:
                try:
                    talk(link)
                except OSError:
                    return  # the client went away, as some tests want

        def accept() -> None:
            while True:
                try:
                    link, _ = listener.accept()
                except OSError:
                    return
                threads.append(threading.Thread(target=one, args=(link,), daemon=True))
                threads[-1].start()

        threads.append(threading.Thread(target=accept, daemon=True))
        threads[-1].start()
        port: int = listener.getsockname()[1]
        return port

    yield serve
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join(5)

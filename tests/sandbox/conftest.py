"""A sandbox served over real HTTP, on a real PostgreSQL, and a sender who receives its webhooks."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
import pytest
import urllib3
import uvicorn
from sqlalchemy import Connection, Engine

from sequencer.sandbox import signing
from sequencer.sandbox.app import build

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEY = signing.load_key(signing.new_key())


@dataclass
class Post:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Sender:
    """The web process of who sends mail, as far as the sandbox sees it."""

    url: str
    posts: list[Post] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Statuses for the next posts; 204 when there is none."""
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def to(self, path: str) -> list[Post]:
        return [post for post in self.posts if post.path == path]

    def events(self) -> list[dict[str, Any]]:
        return [event for post in self.to("/events") for event in orjson.loads(post.body)]

    def wait(self, ready: Callable[[], bool]) -> None:
        """Until `ready()`, asked at every post; fails after ten seconds."""
        with self.arrived:
            assert self.arrived.wait_for(ready, timeout=10), f"only this was posted: {self.posts}"

    def wait_for_kinds(self, *kinds: str) -> None:
        self.wait(lambda: set(kinds) <= {event["event"] for event in self.events()})


class Clock:
    """Business time that stands still until it is set."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self, conn: Connection) -> datetime:
        return self.at


@dataclass
class Sandbox:
    url: str
    http: urllib3.PoolManager
    clock: Clock

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> urllib3.BaseHTTPResponse:
        raw = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        return self.http.request(method, self.url + path, body=raw, headers=headers, redirect=False)

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status == 200, answer.data
        return orjson.loads(answer.data)

    def quiet(self) -> datetime | None:
        """Waits until all that is due was received; gives the business time of the next reaction."""
        for _ in range(2000):
            pending = self.get("/pending.json")
            if not pending["due"]:
                return None if pending["next_at"] is None else datetime.fromisoformat(pending["next_at"])
            time.sleep(0.005)
        raise AssertionError(f"still not received: {pending}")

    def send(self, body: Any) -> urllib3.BaseHTTPResponse:
        return self.call("POST", "/v3/mail/send", body, Authorization="Bearer SG.any")

    def press(self, message: int, action: str, **fields: str) -> urllib3.BaseHTTPResponse:
        return self.http.request(
            "POST", f"{self.url}/messages/{message}/{action}", fields=fields or {"text": ""}, redirect=False
        )


@pytest.fixture
def sender() -> Iterator[Sender]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with sender.arrived:
                sender.posts.append(Post(self.path, dict(self.headers), body))
                status = sender.answers.pop(0) if sender.answers else 204
                sender.arrived.notify_all()
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    sender = Sender(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield sender
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def public_key() -> str:
    return signing.public_key(KEY)


Serve = Callable[..., contextlib.AbstractContextManager[Sandbox]]


@pytest.fixture
def serve(engine: Engine, sender: Sender) -> Serve:
    """Starts a sandbox with the given options; the database outlives it."""

    @contextlib.contextmanager
    def start(**options: Any) -> Iterator[Sandbox]:
        clock = options.setdefault("now", Clock())
        app = build(
            engine,
            webhook_url=f"{sender.url}/events",
            inbound_url=f"{sender.url}/inbound",
            private_key=KEY,
            **options,
        )
        with socket.create_server(("127.0.0.1", 0)) as listener, urllib3.PoolManager(retries=False) as http:
            server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
            thread = threading.Thread(target=server.run, args=([listener],))
            thread.start()
            try:
                while not server.started:
                    assert thread.is_alive(), "the sandbox did not start"
                    time.sleep(0.005)
                yield Sandbox(f"http://127.0.0.1:{listener.getsockname()[1]}/sandbox", http, clock)
            finally:
                http.clear()
                server.should_exit = True
                thread.join()

    return start


@pytest.fixture
def sandbox(serve: Serve) -> Iterator[Sandbox]:
    with serve() as running:
        yield running


def _person(email: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "to": [{"email": email, "name": name}],
        "substitutions": {"%name%": name, "%token%": email.partition("@")[0]},
        "custom_args": {"sq_sequence": "education", "sq_step": "welcome", "sq_lead": "7"},
        "headers": {"Message-ID": f"<{name}@mail.kestrel.example>"},
        **more,
    }


@pytest.fixture
def mail() -> dict[str, Any]:
    """A valid request with one recipient, as the sequencer makes them."""
    return {
        "from": {"email": "mara@mail.kestrel.example", "name": "Mara"},
        "reply_to": {"email": "r-%token%@reply.kestrel.example"},
        "subject": "Hello %name%",
        "content": [
            {"type": "text/plain", "value": "Dear %name%,\nsee https://www.kestrel.example/price?sq=%token%.1\n"},
            {
                "type": "text/html",
                "value": '<p>Dear %name%, <a href="https://www.kestrel.example/price?sq=%token%.1">prices</a> and '
                '<a href="https://www.kestrel.example/faq?sq=%token%.2"><b>questions</b></a></p>',
            },
        ],
        "categories": ["education"],
        "headers": {"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
        "tracking_settings": {"subscription_tracking": {"enable": False}},
        "personalizations": [_person("jane@acme.example", "Jane")],
    }


Person = Callable[..., dict[str, Any]]


@pytest.fixture
def person() -> Person:
    """A personalization: `person("jane@acme.example", "Jane", subject=…)`."""
    return _person

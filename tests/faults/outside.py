"""What people and the provider do in a run, and when: they go on whatever becomes of our process."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from starlette.applications import Starlette

from sequencer.core.lead_input import read
from sequencer.core.token import inbound_key
from sequencer.sandbox import signing
from sequencer.services.context import Context
from sequencer.services.leads import enter, save
from sequencer.services.release import deploy
from sequencer.store import clock, leads
from tests.workspaces import files

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
END = START + timedelta(days=4)
KEY = signing.load_key(signing.new_key())
SECRET = "a secret of the tests"
ADDRESS = "https://mail.acme.example"

ROUND = """
title: Round
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
exit_on:
  - replied()
steps:
  - email: one
  - id: looked
    if: clicked("one", "price")
    within: 1 day
    then:
      - id: tell-rep
        tell: owner
        note: Looked at prices
      - email: two
    else:
      - email: three
  - wait: 2 hours
  - email: four
"""
PEOPLE = {
    "ann": "clicks",
    "bob": "does nothing",
    "cy": "answers",
    "dee": "unsubscribes",
    "eve": "is mailed together with the one who is refused",
    "refused": "has no mailbox",
}
TOGETHER = ("eve", "refused")
"""Their batch goes in parts, so that no event proves it as a whole."""
WORKSPACE = files(round=ROUND)
DOMAIN = "harbor.example"
ATTEMPTS = 5
"""How often somebody outside tries what is not answered well."""


class Failed(AssertionError):
    """The run did not come to its end."""


class Item(NamedTuple):
    """Something that happens outside, once."""

    name: str
    at: datetime
    act: Callable[[], dict[str, Any] | None]
    """Gives what is to be remembered of it; None when there was no occasion. Done again after a failure."""


@dataclass(slots=True)
class Outside:
    """`diary`: what was done and acknowledged; it outlives the process. `accepted`: the provider's log."""

    context: Context
    app: Callable[[], Starlette]
    """The web application, made only by who asks it something."""
    seconds: Callable[[], int]
    """Operating time."""
    diary: Path
    accepted: Callable[[], list[dict[str, Any]]]
    items: list[Item] = field(init=False)

    def __post_init__(self) -> None:
        hour, later = START + timedelta(hours=1), START + timedelta(days=3)
        self.items = [
            Item("deploy", START, self._deploy),
            Item("import", START, self._import),
            Item("enrol", START, lambda: self._enrol([name for name in PEOPLE if name not in TOGETHER])),
            Item("enrol two more", START + timedelta(minutes=20), lambda: self._enrol(TOGETHER)),
            Item("news", hour, lambda: self._news(doubled=False)),
            Item("news again", hour, lambda: self._news(doubled=True)),
            Item("reply", hour, self._reply),
            Item("unsubscribe", hour, self._unsubscribe),
            Item("the rest delivered", later, self._rest),
        ]

    def next(self) -> Item | None:
        """What was not done yet."""
        done = {entry["item"] for entry in entries(self.diary)}
        return next((item for item in self.items if item.name not in done), None)

    def do(self, item: Item) -> None:
        """Until it works, as operators and providers do; then it is in the diary."""
        for _ in range(ATTEMPTS):
            try:
                told = item.act()
            except Exception as error:
                problem: Exception = error
                continue
            with self.diary.open("ab") as diary:
                diary.write(orjson.dumps({"item": item.name, **(told or {})}) + b"\n")
            return
        raise Failed(f"`{item.name}` failed {ATTEMPTS} times, the last time with {type(problem).__name__}: {problem}")

    def _deploy(self) -> None:
        with self.context.engine.begin() as conn:
            deploy(conn, WORKSPACE, clock.now(conn))

    def _import(self) -> None:
        with self.context.engine.begin() as conn:
            release = self.context.releases.current(conn)
            rows = [
                {"email": f"{name}@{DOMAIN}", "time_zone": "Europe/London", "owner_email": "ana@acme.example"}
                for name in PEOPLE
            ]
            save(conn, release, [read(row, release.workspace) for row in rows], "test", clock.now(conn), False)

    def _enrol(self, names: Sequence[str]) -> None:
        with self.context.engine.begin() as conn:
            release = self.context.releases.current(conn)
            ids = leads.ids_by_email(conn, [f"{name}@{DOMAIN}" for name in names])
            series = release.workspace.sequences["round"]
            enter(conn, release, series, sorted(ids.values()), "manual", clock.now(conn))

    def _got(self, name: str, step: str = "one") -> dict[str, Any] | None:
        """The mail that somebody really got."""
        address = f"{name}@{DOMAIN}"
        return next((m for m in self.accepted() if (m["to"], m["step"]) == (address, step)), None)

    def _news(self, doubled: bool) -> dict[str, Any] | None:
        """Of the first request only one delivery is told: the others are known by the join alone."""
        mail = self._got("ann")
        if mail is None:
            return None
        at = START + timedelta(hours=1)
        agent = {"url": "https://www.acme.example/price?sq=" + "a" * 32 + ".1", "useragent": "Mozilla/5.0"}
        news = [_event("delivered", mail, at), _event("click", mail, at, **agent)]
        return self._post(news[::-1] * 2 if doubled else news)

    def _rest(self) -> dict[str, Any] | None:
        late = START + timedelta(days=3)
        # Of the first mails only hers: those of the others are known by the join, or not at all.
        eve = f"eve@{DOMAIN}"
        told = [m for m in self.accepted() if m["step"] and (m["step"] != "one" or m["to"] == eve)]
        return self._post([_event("delivered", m, late) for m in told])

    def _post(self, events: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
        if not events:
            return None
        body = orjson.dumps(events)
        self._expect(204, "/webhooks/sendgrid/events", signing.signed(KEY, self.seconds(), body), body)
        return {"events": sorted({event["sg_event_id"] for event in events})}

    def _reply(self) -> dict[str, Any] | None:
        mail = self._got("cy")
        if mail is None:
            return None
        fields = {
            "headers": "Message-ID: <answer@harbor.example>\n",
            "from": f"Cy <{mail['to']}>",
            "to": mail["reply_to"],
            "subject": "Re: One",
            "text": "Call me",
            "envelope": orjson.dumps({"to": [mail["reply_to"]], "from": mail["to"]}).decode(),
            "charsets": '{"text": "utf-8"}',
        }
        parts = [f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
        body = ("".join(parts) + "--b--\r\n").encode()
        path = f"/webhooks/sendgrid/inbound/{inbound_key(SECRET.encode())}"
        self._expect(204, path, {"Content-Type": "multipart/form-data; boundary=b"}, body)
        return {"replies": 1}

    def _unsubscribe(self) -> dict[str, Any] | None:
        mail = self._got("dee")
        if mail is None:
            return None
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        self._expect(200, mail["unsubscribe"].removeprefix(ADDRESS), form, b"List-Unsubscribe=One-Click")
        return {"unsubscribed": 1}

    def _expect(self, status: int, path: str, headers: dict[str, str], body: bytes) -> None:
        answer = asyncio.run(_call(self.app(), path, headers, body))
        if answer != status:
            raise Failed(f"POST {path}: expected {status}, got {answer}")


def entries(diary: Path) -> list[dict[str, Any]]:
    """What a diary holds."""
    return [orjson.loads(line) for line in diary.read_bytes().splitlines()] if diary.exists() else []


def _event(kind: str, mail: dict[str, Any], at: datetime, **more: Any) -> dict[str, Any]:
    return {
        "event": kind,
        "timestamp": int(at.timestamp()),
        "email": mail["to"],
        "sg_event_id": f"{kind}-{mail['to']}-{mail['step']}",
        **mail["args"],
        **more,
    }


async def _call(app: Starlette, path: str, headers: dict[str, str], body: bytes) -> int:
    """The status that the web process answers with."""
    status = 500

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("mail.acme.example", 443),
    }
    try:
        await app(scope, receive, send)  # type: ignore[arg-type]
    except Exception:
        return 500
    return status

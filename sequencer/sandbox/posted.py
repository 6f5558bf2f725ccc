"""What chats and other systems would have got: the sandbox takes both kinds of webhooks, and keeps the last in memory.

A chat's is answered as Slack does. A signed one is verified with the keys of the targets that are declared, as its
receiver would, which also tells whose it is: all of them are sent to this one address.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Connection, Engine
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from sequencer.core.standard_webhook import SIGNATURE
from sequencer.core.target_call import holds
from sequencer.sandbox.inbox import page
from sequencer.store import clock

KEPT: Final = 1000
SHOWN: Final = 50

Keys = Callable[[Connection], Mapping[str, bytes]]
"""The key of each target that takes signed webhooks, by its name."""


class Posted(NamedTuple):
    """A webhook as it came."""

    target: str
    """Of a signed one; a chat's does not say whose it is, and what nobody signed has none."""
    kind: str
    """What a signed one tells of."""
    text: str
    refused: str = ""
    """Why it was; empty: it was taken."""


class PostedDoor:
    """Each method answers one route of `app.build`."""

    def __init__(self, engine: Engine, keys: Keys) -> None:
        self._engine = engine
        self._keys = keys
        self._posted: deque[Posted] = deque(maxlen=KEPT)

    async def take(self, request: Request) -> Response:
        body = await request.body()
        try:
            message = orjson.loads(body)
        except orjson.JSONDecodeError:
            return self._answer(Posted("", "", body[:KEPT].decode("utf-8", "replace"), "invalid_payload"), 400)
        if SIGNATURE in request.headers:
            target = await run_in_threadpool(self._signed_for, request.headers, body)
            kind = str(message.get("type", "")) if isinstance(message, dict) else ""
            text = orjson.dumps(message, option=orjson.OPT_INDENT_2).decode()
            refused = "" if target else "invalid_signature"
            return self._answer(Posted(target or "", kind, text, refused), 401 if refused else 200)
        words = message.get("text") if isinstance(message, dict) else None
        if not isinstance(words, str) or not words:
            return self._answer(Posted("", "", body[:KEPT].decode("utf-8", "replace"), "no_text"), 400)
        return self._answer(Posted("", "", words), 200)

    def _answer(self, posted: Posted, status: int) -> Response:
        self._posted.append(posted)
        return PlainTextResponse(posted.refused or "ok", status)

    def _signed_for(self, headers: Mapping[str, str], body: bytes) -> str | None:
        """The target whose key it is signed with, now; None: it is nobody's."""
        with self._engine.connect() as conn:
            keys, now = self._keys(conn), clock.operating(conn).timestamp()
        return next((name for name, key in keys.items() if holds(key, headers, body, now)), None)

    def listed(self, request: Request) -> Response:
        """What came, oldest first."""
        found: list[dict[str, Any]] = [one._asdict() for one in self._posted]
        return Response(orjson.dumps(found), media_type="application/json")

    def shown(self, request: Request) -> Response:
        """The newest for people."""
        return page(request, "webhooks.html", posted=list(reversed(self._posted))[:SHOWN])

"""The sandbox's JSON: what it accepted, what it was asked, what is pending, and its settable faults."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Engine
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sequencer.errors import InvalidInput
from sequencer.sandbox import mailbox, store
from sequencer.sandbox.faults import Fault, parse
from sequencer.sandbox.reactor import Reactor
from sequencer.sandbox.schema import SCHEMA


@dataclass(frozen=True, slots=True)
class FactsDoor:
    """Each method answers one route of `app.build`."""

    engine: Engine
    now: Callable[[Connection], datetime]
    reactor: Reactor

    def messages(self, request: Request) -> Response:
        """`?to=` one recipient, `?after=` an id, `?limit=`; without a limit all of them, streamed."""
        query = request.query_params
        try:
            after = int(query.get("after", 0))
            limit = int(query["limit"]) if "limit" in query else None
        except ValueError:
            return _json({"error": "expected whole numbers for after and limit"}, 400)
        return StreamingResponse(self._messages(query.get("to"), after, limit), media_type="application/json")

    def _messages(self, to: str | None, after: int, limit: int | None) -> Iterator[bytes]:
        with self.engine.connect() as conn:
            lead = b"["
            for message in mailbox.messages(conn, to, after, limit):
                yield lead + orjson.dumps(message.as_json())
                lead = b",\n"
            yield b"[]" if lead == b"[" else b"]"

    def forget(self, request: Request) -> Response:
        with self.engine.begin() as conn:
            store.clear(conn)
        return Response(status_code=204)

    def requests(self, request: Request) -> Response:
        """Valid ones have no `problem`."""
        with self.engine.connect() as conn:
            return _json(mailbox.requests(conn))

    def request_body(self, request: Request) -> Response:
        """As it was received, for whoever wants to judge it by another description of the API."""
        with self.engine.connect() as conn:
            body = mailbox.request_body(conn, request.path_params["id"])
        if body is None:
            return _json({"error": "no such request"}, 404)
        return Response(zlib.decompress(body), media_type="application/json")

    def schema(self, request: Request) -> Response:
        return _json(SCHEMA)

    def pending(self, request: Request) -> Response:
        with self.engine.connect() as conn:
            return _json({**mailbox.pending(conn, self.now(conn)), "copies": self.reactor.copies_waiting})

    def faults(self, request: Request) -> Response:
        with self.engine.connect() as conn:
            return _json(store.faults(conn))

    async def set_faults(self, request: Request) -> Response:
        try:
            chosen = parse(orjson.loads(await request.body()))
        except orjson.JSONDecodeError as problem:
            return _json({"error": f"expected JSON: {problem}"}, 400)
        except InvalidInput as problem:
            return _json({"error": str(problem)}, 400)
        return await run_in_threadpool(self._set_faults, chosen)

    def clear_faults(self, request: Request) -> Response:
        return self._set_faults([])

    def _set_faults(self, chosen: list[Fault]) -> Response:
        with self.engine.begin() as conn:
            store.set_faults(conn, chosen)
            return _json(store.faults(conn))


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")

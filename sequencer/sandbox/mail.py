"""The door that mail comes in by: `POST /sandbox/v3/mail/send`."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from sqlalchemy import Connection, Engine
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sequencer.sandbox import reaction, store
from sequencer.sandbox.audience import Facts
from sequencer.sandbox.compose import Mail, Shared, compose, one_click_url, substitute
from sequencer.sandbox.faults import BEFORE, Fault, Reset, Silence
from sequencer.sandbox.links import Link, links
from sequencer.sandbox.reaction import Reaction
from sequencer.sandbox.validation import MAX_BYTES, Refusal, authorized, check

Audience = Callable[[int, Facts, datetime], list[Reaction]]
"""(seed, the mail, when it goes) → all that will follow."""

_RATE = 10_000
_WINDOW = 60


@dataclass(frozen=True, slots=True)
class MailDoor:
    """Accepts what SendGrid would."""

    engine: Engine
    now: Callable[[Connection], datetime]
    seed: int
    audience: Audience | None
    """Recipients react by themselves as it says; None: only by the inbox's buttons."""
    accepted: Callable[[], None]
    """Called when there is something new to post."""

    async def send(self, request: Request) -> Response:
        raw = await _read(request)
        answer, fault = await run_in_threadpool(self._receive, raw, request.headers.get("authorization"))
        self.accepted()
        return answer if fault is None else await _spoil(answer, fault)

    def _receive(self, raw: bytes | None, authorization: str | None) -> tuple[Response, Fault | None]:
        # By itself: who draws locks the list, and nobody else draws meanwhile.
        with self.engine.begin() as conn:
            fault = store.draw_fault(conn, self.seed)
        with self.engine.begin() as conn:
            clock = int(store.operating_time(conn).timestamp())
            now = self.now(conn)
            if fault is not None and fault.kind in BEFORE:
                kept = raw or b""
                store.record(conn, store.Received(now, kept, len(kept), 0, "not looked at", fault.kind))
                return _fault_answer(fault, clock), fault
            return self._judge(conn, raw, authorization, now, clock, fault), fault

    def _judge(
        self,
        conn: Connection,
        raw: bytes | None,
        authorization: str | None,
        now: datetime,
        clock: int,
        fault: Fault | None,
    ) -> Response:
        struck = fault.kind if fault else None
        if raw is None:
            problem = "the request is larger than 30 MB"
            store.record(conn, store.Received(now, b"", MAX_BYTES + 1, 413, problem, struck))
            return _refusal(413, [Refusal("content too large")])
        if not authorized(authorization):
            store.record(conn, store.Received(now, raw, len(raw), 401, "no bearer key", struck))
            return _refusal(401, [Refusal("authorization required")])
        try:
            body = store.parse(raw)
        except ValueError as problem:
            store.record(conn, store.Received(now, raw, len(raw), 400, f"not JSON: {problem}", struck))
            return _refusal(400, [Refusal("Bad Request: expected JSON")])
        if refusals := check(body, now):
            told = "; ".join(f"{one.field}: {one.message}" if one.field else one.message for one in refusals)
            store.record(conn, store.Received(now, raw, len(raw), 400, told, struck))
            return _refusal(400, refusals)
        shared, mails = compose(body)
        if not shared.deliver:
            store.record(conn, store.Received(now, raw, len(raw), 200, None, struck), shared)
            return Response(status_code=200)
        received = store.Received(now, raw, len(raw), 202, None, struck)
        number, public = store.record(conn, received, shared, len(mails))
        ids = store.add_messages(conn, number, mails)
        gone = store.suppressed(conn, (mail.to_email for mail in mails))
        if struck == "accept_then_drop":
            gone = {mail.to_email.lower(): "Dropped by the sandbox" for mail in mails}
        found = _Links(shared)
        store.add_reactions(
            conn,
            (
                (message, mail.to_email, self._follows(shared, mail, now, gone.get(mail.to_email.lower()), found))
                for message, mail in zip(ids, mails, strict=True)
            ),
        )
        return Response(status_code=202, headers={"X-Message-Id": public, **_rate_headers(_RATE - 1, clock + _WINDOW)})

    def _follows(self, shared: Shared, mail: Mail, now: datetime, gone: str | None, found: "_Links") -> list[Reaction]:
        goes = max(now, datetime.fromtimestamp(mail.send_at, UTC)) if mail.send_at else now
        if gone is not None:
            return [reaction.dropped(goes, gone)]
        if self.audience is None:
            return [reaction.processed(goes), reaction.delivered(goes)]
        facts = Facts(
            email=mail.to_email,
            sequence=mail.custom_args.get("sq_sequence", ""),
            step=mail.custom_args.get("sq_step", ""),
            find_links=lambda: found.urls(mail),
            one_click=one_click_url(mail.headers),
            track_opens=shared.track_opens and shared.html is not None,
            track_clicks=shared.track_clicks,
        )
        told = self.audience(self.seed, facts, goes)
        return [reaction.processed(goes), *(reaction.answering(one, mail) for one in told)]


class _Links:
    """The links of each mail of a request; parses the shared HTML once unless a value brings links of its own."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._common: list[Link] | None = None

    def urls(self, mail: Mail) -> list[str]:
        html, values = self._shared.html, mail.substitutions
        if html is None or any("<" in value for value in values.values()):
            text = substitute(self._shared.text or "", values)
            return [link.url for link in links(substitute(html or "", values), text)]
        if self._common is None:
            self._common = links(html)
        return [substitute(link.url, values) for link in self._common]


async def _read(request: Request) -> bytes | None:
    """The body; None when it is larger than SendGrid takes. Read to the end, so that the client hears the answer."""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size <= MAX_BYTES:
            pieces.append(piece)
    return b"".join(pieces) if size <= MAX_BYTES else None


async def _spoil(answer: Response, fault: Fault) -> Response:
    match fault.kind:
        case "timeout" | "accept_then_timeout":
            return Silence(fault.seconds)
        case "reset" | "accept_then_reset":
            return Reset()
        case "accept_then_500":
            return _refusal(500, [Refusal("internal server error")])
        case "slow":
            await asyncio.sleep(fault.seconds)
    return answer


def _fault_answer(fault: Fault, clock: int) -> Response:
    if fault.kind == "429":
        answer = _refusal(429, [Refusal("too many requests")])
        answer.headers.update(_rate_headers(0, clock + max(1, round(fault.seconds))))
        return answer
    if fault.kind == "503":
        return _refusal(503, [Refusal("service not available")])
    return _refusal(500, [Refusal("internal server error")])


def _rate_headers(remaining: int, reset: int) -> dict[str, str]:
    """`reset`: unix seconds, operating time."""
    return {
        "X-RateLimit-Limit": str(_RATE),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(reset),
    }


def _refusal(status: int, refusals: list[Refusal]) -> Response:
    errors = {"errors": [one.as_json() for one in refusals]}
    return Response(orjson.dumps(errors), status, media_type="application/json")

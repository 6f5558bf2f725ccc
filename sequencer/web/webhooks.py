"""What SendGrid posts: verified over its raw bytes, stored raw, answered at once. Workers look into it later.

Event webhooks are repeated for a day on anything but 2xx. Inbound Parse drops a mail for good on 4xx and repeats it
on 5xx, and a lost reply means mail to somebody who answered: hence that door knows no refusal but 503.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sequencer.core.token import inbound_key
from sequencer.providers import sendgrid_events
from sequencer.services.context import Context
from sequencer.store import intake
from sequencer.web.bodies import Room, read
from sequencer.web.same import same

log = logging.getLogger(__name__)

SIGNATURE: Final = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP: Final = "X-Twilio-Email-Event-Webhook-Timestamp"

LARGEST_EVENTS: Final = 4 * 1024 * 1024
"""Bytes. SendGrid's documentation says 768 KB."""
LARGEST_EMAIL: Final = 30 * 1024 * 1024
"""Bytes. Inbound Parse takes no larger ones (its documentation)."""
ROOM: Final = 48 * 1024 * 1024
"""Bytes of both that a process holds at a time: a dyno has 512 MB, and strangers may post too."""


def inbound_url(context: Context) -> str:
    """What to enter as the destination of SendGrid's Inbound Parse."""
    return f"{context.public_url}/webhooks/sendgrid/inbound/{inbound_key(context.secret)}"


@dataclass(frozen=True, slots=True)
class WebhookDoor:
    """Each method answers one route."""

    context: Context
    keys: Sequence[EllipticCurvePublicKey]
    room: Room = field(default_factory=lambda: Room(ROOM))

    async def events(self, request: Request) -> Response:
        if not self.keys:
            log.error("event webhooks are refused: SENDGRID_WEBHOOK_PUBLIC_KEY is not set")
            raise HTTPException(503, "event webhooks cannot be verified here yet")
        if SIGNATURE not in request.headers or TIMESTAMP not in request.headers:
            raise _unsigned()
        with self.room.share() as share:
            body = await read(request, LARGEST_EVENTS, share)
            return await run_in_threadpool(self._events, request, body)

    def _events(self, request: Request, body: bytes) -> Response:
        stamp = request.headers[TIMESTAMP]
        if not sendgrid_events.signed(self.keys, stamp, request.headers[SIGNATURE], body):
            raise _unsigned()
        urgent = any(mark in body for mark in sendgrid_events.URGENT)
        if not self._put("events", body, request, urgent, signed_at(stamp)):
            log.warning("an event webhook was refused: its timestamp is too far from now")
            raise HTTPException(403, "expected a timestamp of the last 26 hours")
        self.context.hint("intake", urgent)
        return Response(status_code=204)

    async def inbound(self, request: Request) -> Response:
        if not same(request.path_params.get("key", ""), inbound_key(self.context.secret)):
            # SECRET_KEY may just have changed: the mail must still be there when the address is mended.
            log.warning("an inbound mail was refused: its address is not the one that the dashboard shows")
            raise HTTPException(503, "unknown address")
        with self.room.share() as share:
            try:
                body = await read(request, LARGEST_EMAIL, share)
            except HTTPException as error:
                log.warning("an inbound mail was not taken: %s", error.detail)
                raise HTTPException(503, error.detail, error.headers) from error
            return await run_in_threadpool(self._inbound, request, body)

    def _inbound(self, request: Request, body: bytes) -> Response:
        self._put("inbound", body, request, True)
        self.context.hint("intake", True)
        return Response(status_code=204)

    def _put(self, door: str, body: bytes, request: Request, urgent: bool, signed: datetime | None = None) -> bool:
        with self.context.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            return intake.put(conn, door, body, _content_type(request), urgent, signed)


def signed_at(timestamp: str) -> datetime:
    """A signature's Unix time; long ago for what is none."""
    known = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11
    return datetime.fromtimestamp(int(timestamp) if known else 0, UTC)


def _unsigned() -> HTTPException:
    log.warning("an event webhook was refused: its signature is wrong")
    return HTTPException(403, "expected a body signed with the key of this event webhook", {"Connection": "close"})


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "")[:500]

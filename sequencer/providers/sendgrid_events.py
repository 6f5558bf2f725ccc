"""SendGrid's event webhook in our vocabulary: one mapping table, and a signature check over the raw bytes.

Source: Twilio SendGrid documentation, "Event Webhook Reference" and "Event Webhook Security Features".
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from sequencer.core import event as kinds
from sequencer.core.made import maker

KINDS: Mapping[str, str] = {
    "processed": kinds.PROCESSED,
    "delivered": kinds.DELIVERED,
    "deferred": kinds.DEFERRED,
    "bounce": kinds.BOUNCED,
    "dropped": kinds.DROPPED,
    "open": kinds.OPENED,
    "click": kinds.CLICKED,
    "unsubscribe": kinds.UNSUBSCRIBED,
    "group_unsubscribe": kinds.UNSUBSCRIBED,
    "group_resubscribe": kinds.RESUBSCRIBED,
    "spamreport": kinds.COMPLAINED,
}
"""What else SendGrid says (account_status_change, say) is not about a lead."""

URGENT = (b'"unsubscribe"', b'"group_unsubscribe"', b'"spamreport"', b'"bounce"')
"""A body that holds one of these is processed first."""

_URGENT_NAMES = tuple(name.decode().strip('"') for name in URGENT)
_SEAM = re.compile(rb"\}\s*,\s*\{")
_LISTED = re.compile(rb"\s*\[(.*)\]\s*", re.DOTALL)
_LONG = 16 * 1024
"""Bytes of an event before the mark; what is longer is read with the whole body."""

_KEPT = ("url", "useragent", "ip", "reason", "status", "response", "type", "attempt")
_LONGEST = 2000


class NotEvents(ValueError):
    """A body that is not a list of SendGrid events."""


class Incoming(NamedTuple):
    """One event, as the provider says it. Ours are those whose custom arguments name a message."""

    number: int
    """Its place in the body, from 1."""
    kind: str
    at: datetime
    key: str
    lead_id: int
    enrollment_id: int
    step: str
    attempt: int
    """0 when it is not said."""
    request_id: str
    machine: bool
    raw: Mapping[str, Any]

    @property
    def data(self) -> dict[str, str]:
        """What is kept of it. Made when it is asked for: most of what comes is a repeat, and nobody asks."""
        raw = self.raw
        return {name: _clean(said)[:_LONGEST] for name in _KEPT if (said := raw.get(name)) is not None}


_incoming = maker(Incoming)


def public_key(text: str) -> EllipticCurvePublicKey:
    """The verification key as SendGrid shows it: base64 of a DER SubjectPublicKeyInfo. Raises ValueError."""
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise ValueError("expected SendGrid's verification key: base64 of a DER public key") from error
    if not isinstance(key, EllipticCurvePublicKey):
        raise ValueError("expected an elliptic-curve public key (P-256)")
    return key


def signed(keys: Sequence[EllipticCurvePublicKey], timestamp: str, signature: str, body: bytes) -> bool:
    """Whether one of the keys signed timestamp + raw body. Anything odd is simply not signed."""
    try:
        raw = base64.b64decode(signature, validate=True)
        stamp = timestamp.encode("ascii")
    except (binascii.Error, ValueError):
        return False
    for key in keys:
        try:
            key.verify(raw, stamp + body, ECDSA(SHA256()))
        except (InvalidSignature, ValueError):
            continue
        return True
    return False


def parse(body: bytes) -> tuple[list[Incoming], dict[int, str]]:
    """Our events in a body, and what was wrong with those that cannot be read, by their number.

    Events of mails that are not ours (no custom arguments) are left out. Raises NotEvents for any other body.
    """
    found: list[Incoming] = []
    wrong: dict[int, str] = {}
    for number, item in enumerate(items(body), 1):
        try:
            one = _one(number, item)
        except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
            wrong[number] = f"{type(error).__name__} {error}"[:300]
            continue
        if one is not None:
            found.append(one)
    return found, wrong


def urgent(body: bytes) -> list[Incoming]:
    """Those of our events in a body for which it is urgent, as far as they can be read; their numbers mean nothing.

    A few among more than a thousand: the others are not even parsed where the body's text shows what is an event.
    Raises NotEvents as `parse` does.
    """
    try:
        found = [orjson.loads(part) for part in _objects(body)]
    except orjson.JSONDecodeError:
        found = [item for item in items(body) if isinstance(item, dict) and item.get("event") in _URGENT_NAMES]
    said: list[Incoming] = []
    for number, item in enumerate(found, 1):
        with suppress(KeyError, TypeError, ValueError, OverflowError, OSError):
            if (one := _one(number, item)) is not None and one.kind in kinds.URGENT:
                said.append(one)
    return said


def _objects(body: bytes) -> Iterator[bytes]:
    """What a body holds around each urgent mark, from where one object seems to end to where another seems to begin.
    Where it is cut wrongly, the parts are no JSON: text in quotes has its own quotes escaped, and what is nested lacks
    the braces around it.
    """
    listed = _LISTED.fullmatch(body)
    if listed is None:
        raise NotEvents("expected a JSON list of events")
    first, after = listed.span(1)
    end = 0
    for place in sorted(place for mark in URGENT for place in _places(body, mark)):
        if place < end:
            continue
        start = max(first, end, place - _LONG)
        seams = [seam.end() - 1 for seam in _SEAM.finditer(body, start, place)]
        begin = seams[-1] if seams else start
        following = _SEAM.search(body, place)
        end = following.start() + 1 if following is not None else after
        yield body[begin:end]


def _places(body: bytes, mark: bytes) -> Iterator[int]:
    place = body.find(mark)
    while place >= 0:
        yield place
        place = body.find(mark, place + 1)


def items(body: bytes) -> list[Any]:
    """What the list in a body holds, whatever it is. Raises NotEvents."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        try:
            found = _lenient(body)
        except (ValueError, RecursionError):
            raise NotEvents(f"expected a JSON list of events: {error}") from error
    if not isinstance(found, list):
        raise NotEvents("expected a JSON list of events")
    return found


def _lenient(body: bytes) -> Any:
    """What strict JSON has no room for, in one event, must not cost the others of its body.

    Halves of surrogate pairs and broken UTF-8 come in user agents and URLs, which anybody may make up.
    """
    found = json.loads(body.decode("utf-8", "replace"), parse_int=str, parse_constant=str)
    return orjson.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))


def _one(number: int, item: Any) -> Incoming | None:
    if not isinstance(item, dict):
        raise TypeError("expected an object")
    name = item["event"]
    if name not in KINDS or "sq_enrollment" not in item:
        return None
    kind = KINDS[name]
    if kind == kinds.BOUNCED and item.get("type") == "blocked":
        kind = kinds.BLOCKED
    enrollment_id, lead_id = int(item["sq_enrollment"]), int(item["sq_lead"])
    if not (0 < enrollment_id < 2**63 and 0 < lead_id < 2**63):
        raise ValueError("expected positive ids")
    key = item.get("sg_event_id") or hashlib.sha256(orjson.dumps(item, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return _incoming(
        (
            number,
            kind,
            _moment(int(item["timestamp"])),
            _clean(key)[:200],
            lead_id,
            enrollment_id,
            _clean(item["sq_step"])[:200],
            int(item.get("sq_attempt") or 0),
            _clean(item.get("sq_request", ""))[:64],
            item.get("sg_machine_open") is True,
            item,
        )
    )


@lru_cache(maxsize=8192)
def _moment(seconds: int) -> datetime:
    """Kept, because events come by the hundred from one second."""
    return datetime.fromtimestamp(seconds, UTC)


def _clean(value: object) -> str:
    """PostgreSQL's text and jsonb take no NUL."""
    said = value if type(value) is str else str(value)
    return said.replace("\0", "") if "\0" in said else said

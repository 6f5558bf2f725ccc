"""SendGrid's event webhook in our vocabulary: one mapping table, and a signature check over the raw bytes.

Source: Twilio SendGrid documentation, "Event Webhook Reference" and "Event Webhook Security Features".
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from sequencer.core import event as kinds

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

_KEPT = ("url", "useragent", "ip", "reason", "status", "response", "type", "attempt")
_LONGEST = 2000


class NotEvents(ValueError):
    """A body that is not a list of SendGrid events."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One event, as the provider says it. Ours are those whose custom arguments name a message."""

    kind: str
    at: datetime
    key: str
    lead_id: int
    enrollment_id: int
    step: str
    request_id: str
    machine: bool
    data: Mapping[str, Any] = field(default_factory=dict)


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


def parse(body: bytes) -> tuple[list[Incoming], list[str]]:
    """Our events in a body, and what was wrong with those that cannot be read.

    Events of mails that are not ours (no custom arguments) are left out. Raises NotEvents for any other body.
    """
    try:
        items = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotEvents(f"expected a JSON list of events: {error}") from error
    if not isinstance(items, list):
        raise NotEvents("expected a JSON list of events")
    found: list[Incoming] = []
    wrong: list[str] = []
    for number, item in enumerate(items):
        try:
            one = _one(item)
        except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
            wrong.append(f"event {number}: {type(error).__name__} {error}"[:300])
            continue
        if one is not None:
            found.append(one)
    return found, wrong


def _one(item: Any) -> Incoming | None:
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
    key = str(item.get("sg_event_id") or hashlib.sha256(orjson.dumps(item, option=orjson.OPT_SORT_KEYS)).hexdigest())
    return Incoming(
        kind=kind,
        at=datetime.fromtimestamp(int(item["timestamp"]), UTC),
        key=_clean(key)[:200],
        lead_id=lead_id,
        enrollment_id=enrollment_id,
        step=_clean(str(item["sq_step"]))[:200],
        request_id=_clean(str(item.get("sq_request", "")))[:64],
        machine=item.get("sg_machine_open") is True,
        data={name: _clean(str(item[name]))[:_LONGEST] for name in _KEPT if item.get(name) is not None},
    )


def _clean(text: str) -> str:
    """PostgreSQL's text and jsonb take no NUL."""
    return text.replace("\0", "")

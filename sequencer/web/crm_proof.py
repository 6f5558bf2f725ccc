"""Proves who posts a CRM's webhook: by a signature over the raw bytes, or by a header that only they know.

Whatever is malformed is no proof; nothing here raises.
"""

import base64
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from sequencer.core import standard_webhook
from sequencer.core.crm import Signed
from sequencer.web.same import same


class Posted(NamedTuple):
    """What a proof is about."""

    url: str
    """As the CRM was given it."""
    headers: Mapping[str, str]
    """By name, whatever its case."""
    body: bytes


class Proof(NamedTuple):
    holds: bool
    at: datetime | None = None
    """When it was signed; None: it says no time."""


BY_HEADER: Final[frozenset[Signed]] = frozenset({"bearer", "basic"})
"""What holds or not before anything of the body is known."""


def proof(signed: Signed, secret: str, posted: Posted) -> Proof:
    return _KINDS[signed](secret, posted)


def _hubspot(secret: str, posted: Posted) -> Proof:
    """Source: developers.hubspot.com, "Validate the v3 request signature"."""
    stamp = posted.headers.get("x-hubspot-request-timestamp", "")
    text = b"POST" + posted.url.encode() + posted.body + stamp.encode("utf-8", "replace")
    expected = base64.b64encode(hmac.digest(secret.encode(), text, "sha256")).decode()
    at = _moment(stamp, 1000)
    return Proof(same(posted.headers.get("x-hubspot-signature-v3", ""), expected) and at is not None, at)


def _standard(secret: str, posted: Posted) -> Proof:
    """As `standard_webhook` says."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        return Proof(False)
    if not key:  # everybody knows that one
        return Proof(False)
    expected = standard_webhook.signature(key, posted.headers, posted.body)
    at = _moment(posted.headers.get(standard_webhook.STAMP, ""), 1)
    given = standard_webhook.signatures(posted.headers)
    return Proof(any([same(one, expected) for one in given]) and at is not None, at)


def _bearer(secret: str, posted: Posted) -> Proof:
    return Proof(_authorization(posted, "bearer", secret))


def _basic(secret: str, posted: Posted) -> Proof:
    """`secret`: user and password with a colon between them (RFC 7617)."""
    return Proof(_authorization(posted, "basic", base64.b64encode(secret.encode()).decode()))


def _authorization(posted: Posted, scheme: str, expected: str) -> bool:
    given, _, credentials = posted.headers.get("authorization", "").partition(" ")
    return same(credentials.strip(), expected) and given.lower() == scheme


def _moment(stamp: str, parts: int) -> datetime | None:
    """Unix time in so many parts of a second."""
    known = stamp.isascii() and stamp.isdigit() and len(stamp) <= 14
    return datetime.fromtimestamp(min(int(stamp) // parts, 10**11), UTC) if known else None


_KINDS: Final[Mapping[Signed, Callable[[str, Posted], Proof]]] = {
    "hubspot": _hubspot,
    "standard": _standard,
    "bearer": _bearer,
    "basic": _basic,
}

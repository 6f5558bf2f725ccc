"""Signed references to a message, short enough for a URL, a link parameter and an email's local part.

20 bytes in lower-case base32 (32 characters; mail servers may fold the case of a local part):
the enrollment (8), a digest of the step's id (4), an HMAC-SHA256 over purpose and both, cut to 8 bytes.
Purposes keep a token that travels in public links from unsubscribing anybody.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import Literal, TypeAlias

Purpose: TypeAlias = Literal["link", "unsubscribe", "reply"]

_MAC = 8


@dataclass(frozen=True, slots=True)
class Ref:
    """What a token names. The step is found among the enrollment's messages by its digest."""

    enrollment_id: int
    step_digest: bytes

    def names(self, step: str) -> bool:
        return digest_of(step) == self.step_digest


def digest_of(step: str) -> bytes:
    return hashlib.blake2s(step.encode(), digest_size=4).digest()


def mint(secret: bytes, purpose: Purpose, enrollment_id: int, step: str) -> str:
    """A token of 32 characters a-z2-7."""
    body = enrollment_id.to_bytes(8, "big") + digest_of(step)
    return base64.b32encode(body + _mac(secret, purpose, body)).decode().lower()


def read(secret: bytes, purpose: Purpose, token: str) -> Ref | None:
    """What the token names; None when it was not minted with this secret for this purpose."""
    if len(token) != 32:
        return None
    try:
        raw = base64.b32decode(token.upper().encode("ascii", "replace"))
    except binascii.Error:
        return None
    body, mac = raw[:12], raw[12:]
    if not hmac.compare_digest(mac, _mac(secret, purpose, body)):
        return None
    return Ref(int.from_bytes(body[:8], "big"), body[8:])


def _mac(secret: bytes, purpose: Purpose, body: bytes) -> bytes:
    return hmac.digest(secret, purpose.encode() + b"\0" + body, "sha256")[:_MAC]


def inbound_key(secret: bytes) -> str:
    """The last part of the path that Inbound Parse posts to: it signs nothing, so its address is the secret."""
    return hmac.digest(secret, b"inbound\0path", "sha256").hex()[:40]

"""Signed references to a message, short enough for a URL, a link parameter and an email's local part.

20 bytes in lower-case base32 (32 characters; mail servers may fold the case of a local part):
the enrollment (8), a digest of the step's id (4), and 8 bytes of an HMAC-SHA256 over both. Each purpose has its own 8
of the HMAC's 32 bytes, so that a token that travels in public links unsubscribes nobody: who knows some bytes of an
HMAC knows nothing of the others.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

Purpose: TypeAlias = Literal["link", "unsubscribe", "reply"]

_MACS: Final[dict[Purpose, slice]] = {"link": slice(0, 8), "unsubscribe": slice(8, 16), "reply": slice(16, 24)}
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS: Final = [first + second for first in _ALPHABET for second in _ALPHABET]


class Tokens(NamedTuple):
    """What one message carries, each 32 characters a-z2-7."""

    link: str
    unsubscribe: str
    reply: str


@dataclass(frozen=True, slots=True)
class Ref:
    """What a token names. The step is found among the enrollment's messages by its digest."""

    enrollment_id: int
    step_digest: bytes

    def names(self, step: str) -> bool:
        return digest_of(step) == self.step_digest


@lru_cache(maxsize=10_000)
def digest_of(step: str) -> bytes:
    return hashlib.blake2s(step.encode(), digest_size=4).digest()


def mint(secret: bytes, enrollment_id: int, step: str) -> Tokens:
    """The tokens of one message, for all purposes: every mail needs all of them."""
    body = enrollment_id.to_bytes(8, "big") + digest_of(step)
    mac = hmac.digest(secret, body, "sha256")
    begin = _base32(body[:10])
    end = body[10:]
    return Tokens(*[begin + _base32(end + mac[part]) for part in _MACS.values()])


def read(secret: bytes, purpose: Purpose, token: str) -> Ref | None:
    """What the token names; None when it was not minted with this secret for this purpose."""
    if len(token) != 32:
        return None
    try:
        raw = base64.b32decode(token.upper().encode("ascii", "replace"))
    except binascii.Error:
        return None
    body, mac = raw[:12], raw[12:]
    if not hmac.compare_digest(mac, hmac.digest(secret, body, "sha256")[_MACS[purpose]]):
        return None
    return Ref(int.from_bytes(body[:8], "big"), body[8:])


def _base32(ten: bytes) -> str:
    """16 characters for 10 bytes; the standard library's takes four times as long, and mails need millions."""
    n, p = int.from_bytes(ten, "big"), _PAIRS
    return (
        p[n >> 70] + p[n >> 60 & 1023] + p[n >> 50 & 1023] + p[n >> 40 & 1023]
        + p[n >> 30 & 1023] + p[n >> 20 & 1023] + p[n >> 10 & 1023] + p[n & 1023]
    )  # fmt: skip


def inbound_key(secret: bytes) -> str:
    """The last part of the path that Inbound Parse posts to: it signs nothing, so its address is the secret."""
    return hmac.digest(secret, b"inbound\0path", "sha256").hex()[:40]

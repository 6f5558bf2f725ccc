"""Work that a browser does before its form counts as sent by a person: cheap once, dear by the thousand.

A challenge is signed and dated, so none is remembered before it is used; then it is, as long as it could be used again.
Its proof is a number with which its SHA-256 begins with so many zero bits (Hashcash). A form whose browser runs no
script has none; its address is confirmed by mail instead.
"""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Final

BITS: Final = 14
"""Some 16,000 attempts: half a second on a phone."""
LONGEST: Final = timedelta(hours=12)
"""A page may be open so long."""
SOONEST: Final = timedelta(seconds=1)
"""Nobody fills a form in less."""


def issue(secret: bytes, form: str, nonce: str, now: datetime) -> str:
    """`nonce`: drawn anew for each; hexadecimal."""
    body = f"{nonce}.{int(now.timestamp())}"
    return f"{body}.{_signature(secret, form, body)}"


def valid(secret: bytes, form: str, challenge: str, now: datetime) -> bool:
    """Whether it was issued for this form, not too long ago."""
    body, _, mac = challenge[:200].rpartition(".")
    if not hmac.compare_digest(mac.encode(), _signature(secret, form, body).encode()):
        return False
    return now - LONGEST <= _issued(body) <= now


def proves(challenge: str, proof: str, now: datetime) -> bool:
    """Whether the work was done for a valid challenge, by somebody who took some time over the form."""
    if not (proof.isascii() and proof.isdigit() and len(proof) <= 12):
        return False
    if now - _issued(challenge.rpartition(".")[0]) < SOONEST:
        return False
    digest = hashlib.sha256(f"{challenge}.{proof}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> (32 - BITS) == 0


def nonce_of(challenge: str) -> str:
    """By which a challenge that was used is remembered."""
    return challenge.partition(".")[0]


def until(challenge: str) -> datetime:
    """So long a valid one is valid."""
    return _issued(challenge.rpartition(".")[0]) + LONGEST


def trace(secret: bytes, said: bytes) -> bytes:
    """By which a repeat of what was sent is known. To who has not the secret it tells nothing of it."""
    return hmac.digest(secret, b"sent\0" + said, "sha256")


def _issued(body: str) -> datetime:
    return datetime.fromtimestamp(int(body.partition(".")[2]), UTC)


def _signature(secret: bytes, form: str, body: str) -> str:
    return hmac.digest(secret, f"challenge\0{form}\0{body}".encode("utf-8", "replace"), "sha256").hex()[:32]

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
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

Purpose: TypeAlias = Literal["link", "unsubscribe", "reply", "handoff", "download"]

_MACS: Final = {"link": slice(0, 8), "unsubscribe": slice(8, 16), "reply": slice(16, 24), "handoff": slice(24, 32)}
_ALPHABET: Final = b"abcdefghijklmnopqrstuvwxyz234567".ljust(256)


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
    """The tokens of one message."""
    return mint_all(secret, [(enrollment_id, step)])[0]


def mint_all(secret: bytes, messages: Sequence[tuple[int, str]]) -> list[Tokens]:
    """The tokens of messages (enrollment, step), for all purposes: every mail needs all of them."""
    begun, ended = _keyed(secret)
    raw = []
    for enrollment_id, step in messages:
        body = enrollment_id.to_bytes(8, "big") + digest_of(step)
        inner, outer = begun.copy(), ended.copy()
        inner.update(body)
        outer.update(inner.digest())
        mac = outer.digest()
        raw += [body, mac[0:8], body, mac[8:16], body, mac[16:24]]
    text = _base32(b"".join(raw))
    return [
        Tokens(text[at : at + 32], text[at + 32 : at + 64], text[at + 64 : at + 96]) for at in range(0, len(text), 96)
    ]


@lru_cache(maxsize=16)
def _keyed(secret: bytes) -> tuple["hashlib._Hash", "hashlib._Hash"]:
    """HMAC-SHA256 (RFC 2104) as far as the key goes, inner and outer: `hmac.digest` sets it up anew for each message,
    which takes three times as long as all the rest."""
    block = hashlib.sha256().block_size
    key = (secret if len(secret) <= block else hashlib.sha256(secret).digest()).ljust(block, b"\0")
    return hashlib.sha256(bytes(byte ^ 0x36 for byte in key)), hashlib.sha256(bytes(byte ^ 0x5C for byte in key))


def mint_handoff(secret: bytes, lead_id: int, number: int, rep: str) -> str:
    """With which this rep answers for this handoff of a lead, by a link or by mail."""
    body = lead_id.to_bytes(8, "big") + digest_of(handoff_step(number, rep))
    return _base32(body + _mac(secret, "handoff", body))


def mint_download(secret: bytes, enrollment_id: int, step: str) -> str:
    """With which whoever has it gets what the message's form gives access to, and no more: people pass it on."""
    body = enrollment_id.to_bytes(8, "big") + digest_of(step)
    return _base32(body + _mac(secret, "download", body))


def _mac(secret: bytes, purpose: Purpose, body: bytes) -> bytes:
    """The 8 bytes that belong to a purpose.

    A download has an HMAC of its own, as the others have used up theirs: their messages are 12 bytes long, its is more.
    """
    if purpose == "download":
        return hmac.digest(secret, b"download\0" + body, "sha256")[:8]
    return hmac.digest(secret, body, "sha256")[_MACS[purpose]]


def handoff_step(number: int, rep: str) -> str:
    """What such a token names in place of a message's step; the lead is in place of its enrollment."""
    return f"handoff {number} {rep}"


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


_HALVES: Final = (
    (12, bytes.fromhex("000fffff00000000"), bytes.fromhex("00000000000fffff")),
    (6, bytes.fromhex("03ff000003ff0000"), bytes.fromhex("000003ff000003ff")),
    (3, bytes.fromhex("1f001f001f001f00"), bytes.fromhex("001f001f001f001f")),
)
"""How eight bytes that end with 40 bits become eight with 5 bits each, by halves: how far the upper half of each run
moves up, and where the halves stand then."""
_TOGETHER: Final = 3_840
"""Bytes that are encoded at once: numbers of that length stay in the processor's cache."""


def _base32(data: bytes) -> str:
    """8 characters for each 5 bytes."""
    return "".join([_encoded(data[at : at + _TOGETHER]) for at in range(0, len(data), _TOGETHER)])


def _encoded(data: bytes) -> str:
    """All at once as one long number: the standard library goes byte by byte, and the tokens of a mail would take
    longer than all its words."""
    groups = len(data) // 5
    spread = bytearray(8 * groups)
    for place in range(5):
        spread[3 + place :: 8] = data[place::5]
    number = int.from_bytes(spread, "big")
    for shift, upper, lower in _halves(groups):
        number = (number << shift) & upper | number & lower
    return number.to_bytes(8 * groups, "big").translate(_ALPHABET).decode()


@lru_cache(maxsize=32)
def _halves(groups: int) -> list[tuple[int, int, int]]:
    """For so many groups of eight bytes, side by side."""
    return [
        (shift, int.from_bytes(upper * groups, "big"), int.from_bytes(lower * groups, "big"))
        for shift, upper, lower in _HALVES
    ]


def inbound_key(secret: bytes) -> str:
    """The last part of the path that Inbound Parse posts to: it signs nothing, so its address is the secret."""
    return hmac.digest(secret, b"inbound\0path", "sha256").hex()[:40]

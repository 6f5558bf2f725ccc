"""What Standard Webhooks puts into the headers of a signed webhook, for whoever sends one and for whoever takes it.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

IDENTITY: Final = "webhook-id"
STAMP: Final = "webhook-timestamp"
"""Seconds since 1970."""
SIGNATURE: Final = "webhook-signature"

_MOST: Final = 5
"""Signatures that are looked at: senders that change their key give two."""


def headers(key: bytes, identity: str, stamp: str, body: bytes) -> Mapping[str, str]:
    """The headers of one attempt. `identity`: the same at each attempt."""
    said = {IDENTITY: identity, STAMP: stamp}
    return {**said, SIGNATURE: signature(key, said, body)}


def signature(key: bytes, said: Mapping[str, str], body: bytes) -> str:
    """What the key makes of a body that comes with these headers (by name, whatever its case)."""
    signed = f"{said.get(IDENTITY, '')}.{said.get(STAMP, '')}.".encode("utf-8", "replace") + body
    return f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"


def signatures(said: Mapping[str, str]) -> Sequence[str]:
    """Those that came: one of them has to be the key's, compared in a time that tells nothing."""
    return said.get(SIGNATURE, "").split()[:_MOST]

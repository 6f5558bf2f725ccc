"""Keys of the API: what they look like, what they may, and how they are kept."""

import hashlib
import re
from base64 import b32encode
from datetime import datetime
from typing import Final, NamedTuple

NOUNS: Final = ("leads", "events", "forms", "enrollments", "handoffs", "suppressions")
SCOPES: Final = (*(f"{noun}:{act}" for noun in NOUNS for act in ("read", "write")), "metrics:read")
PER_MINUTE: Final = 600
"""Requests that a key may make, unless it is given another number."""

ID_BYTES: Final = 5
SECRET_BYTES: Final = 20
_TOKEN: Final = re.compile(r"sq_([a-z2-7]{8})_[a-z2-7]{32}")


class ApiKey(NamedTuple):
    """As it is kept. Its secret is not: who reads the database cannot use it."""

    id: str
    name: str
    scopes: frozenset[str]
    digest: bytes
    """SHA-256 of the whole key: 160 random bits need no slow hash."""
    per_minute: int
    created_at: datetime
    """This and what follows is operating time."""
    used_at: datetime | None = None
    """When it was last used, to the minute."""
    revoked_at: datetime | None = None


class Minted(NamedTuple):
    """A new key."""

    id: str
    token: str
    """What its holder sends: to be shown once."""
    digest: bytes


def mint(id_: bytes, secret: bytes) -> Minted:
    """Of ID_BYTES and SECRET_BYTES random bytes."""
    name = b32encode(id_).decode().lower()
    token = f"sq_{name}_{b32encode(secret).decode().lower()}"
    return Minted(name, token, digest_of(token))


def id_of(token: str) -> str | None:
    """Which key this is, if it is one at all; None: it does not look like one."""
    found = _TOKEN.fullmatch(token)
    return found[1] if found else None


def digest_of(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def scope_of(method: str, path: str) -> str:
    """What a request needs: of a path that no scope is made for, one that no key can have."""
    noun = path.removeprefix("/api/").strip("/").partition("/")[0]
    return f"{noun}:{'read' if method in ('GET', 'HEAD') else 'write'}"

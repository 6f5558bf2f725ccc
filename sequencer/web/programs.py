"""Which programs may use the API: by API_TOKEN, which opens all of it, or by a key, which may what it was made for.

Each has so many requests a minute, which every answer tells as the IETF's draft-ietf-httpapi-ratelimit-headers has it.
"""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, TimeoutError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sequencer.core.api_key import PER_MINUTE, ApiKey, digest_of, id_of, scope_of
from sequencer.logs import describe
from sequencer.services.context import Context
from sequencer.store import api_keys
from sequencer.web.callers import caller_of
from sequencer.web.same import same
from sequencer.web.throttle import Throttle

log = logging.getLogger(__name__)

NOBODY: Final = bytes(32)
"""The digest of a key that does not exist."""
MINUTE: Final = 60
GUESSES: Final = 60
"""Unknown keys that one caller may try in a minute."""
FRESH: Final = 5.0
"""Seconds of operating time for which it is remembered which keys there are."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """refusal: what is answered instead, when it may not come in."""

    refusal: Response | None = None
    scopes: frozenset[str] | None = frozenset()
    """What it may; None: everything."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Known:
    """Which keys there are, by one query in FRESH seconds, however many ask; of those made since it knows nothing."""

    _digests: frozenset[bytes] = field(default=frozenset(), repr=False)
    _read_at: float = -inf
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def holds(self, engine: Engine, token: str) -> bool:
        with self._lock:
            if time.monotonic() - self._read_at >= FRESH:
                # Also when it fails: a database that is away is not asked by one after the other.
                self._read_at = time.monotonic()
                with engine.connect() as conn:
                    self._digests = api_keys.digests(conn)
            return digest_of(token) in self._digests


@dataclass(frozen=True, slots=True)
class Programs:
    """Who guesses keys costs no look-ups beyond GUESSES. That keeps out no right key, whoever else calls from there."""

    context: Context
    api_token: str | None = field(repr=False)
    by_key: Throttle = field(default_factory=lambda: Throttle(0, MINUTE))
    by_caller: Throttle = field(default_factory=lambda: Throttle(GUESSES, MINUTE))
    known: Known = field(default_factory=Known)

    async def admit(self, request: Request) -> Admitted:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        token = given.strip() if scheme.lower() == "bearer" else ""
        id_ = id_of(token)
        if id_ is None:
            return self._by_token(token)
        caller = caller_of(request)
        try:
            if self.by_caller.is_over(caller) and not await run_in_threadpool(
                self.known.holds, self.context.engine, token
            ):
                told = f"expected at most {GUESSES} unknown keys a minute"
                return Admitted(_refusal(429, told, {"Retry-After": str(MINUTE)}))
            key = await run_in_threadpool(self._key, id_, token)
        except (OperationalError, TimeoutError) as error:
            log.error("%s %s: the database does not answer: %s", request.method, "/api", describe(error))
            return Admitted(_refusal(503, "The database does not answer. Please try again in a minute."))
        if key is None:
            self.by_caller.spend(caller, GUESSES)
            return _unknown("this key is unknown, or was revoked")
        needed = scope_of(request.method, request.scope["path"])
        return self._counted(key.id, key.per_minute, key.scopes, needed)

    def _by_token(self, token: str) -> Admitted:
        if self.api_token is None:
            shut = "the API is shut: API_TOKEN is not set, and this is no key of `sequencer keys create`"
            return Admitted(_refusal(503, shut))
        if same(token, self.api_token):
            return self._counted("", PER_MINUTE, None, "")
        return _unknown("expected the header `Authorization: Bearer …` with a key, or the value of API_TOKEN")

    def _key(self, id_: str, token: str) -> ApiKey | None:
        with self.context.engine.begin() as conn:
            found = api_keys.find(conn, id_)
            if not same(digest_of(token).hex(), (found.digest if found is not None else NOBODY).hex()):
                return None
            api_keys.used(conn, id_)
            return found

    def _counted(self, id_: str, per_minute: int, scopes: frozenset[str] | None, needed: str) -> Admitted:
        """A request by the key of this id, or by the token, which has none, if it may be made."""
        spent = self.by_key.spend(id_, per_minute)
        anew = ceil(spent.anew)
        headers = {
            "RateLimit-Policy": f'"key";q={per_minute};w={MINUTE}',
            "RateLimit": f'"key";r={max(spent.left, 0)};t={anew}',
        }
        if spent.left < 0:
            told = f"expected at most {per_minute:,} requests a minute with this key"
            return Admitted(_refusal(429, told), headers=headers | {"Retry-After": str(anew)})
        if scopes is not None and needed not in scopes:
            return Admitted(_refusal(403, lacks(needed)), headers=headers)
        return Admitted(scopes=scopes, headers=headers)


def lacks(scope: str) -> str:
    return f"this key may not do that: it has not the scope {scope}"


def _unknown(problem: str) -> Admitted:
    return Admitted(_refusal(401, problem, {"WWW-Authenticate": "Bearer"}))


def _refusal(status: int, problem: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"problems": [problem]}, status, headers)

"""`/t.js` and `/t`: what visitors of our pages look at. Stored raw, answered at once; workers look into it later.

Anybody can post here, so nothing is believed but signed tokens, and nothing is read before it is stored. Who does not
want to be followed is not: by Do Not Track and Global Privacy Control, which the script asks and the door once more.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sequencer.core.beacon import host_of
from sequencer.core.machines import is_machine
from sequencer.core.site import Site
from sequencer.services.context import Context
from sequencer.store import clock, visits
from sequencer.web.bodies import Room, read
from sequencer.web.callers import caller_of
from sequencer.web.gate import harden
from sequencer.web.throttle import Throttle
from sequencer.web.together import Together

PATH: Final = "/t"
LARGEST: Final = 8 * 1024
"""Bytes of a beacon."""
ROOM: Final = 4 * 1024 * 1024
"""Bytes of beacons that a process holds at a time."""
PATIENCE: Final = 0.02
"""Seconds for which a beacon waits for others to share its transaction: nobody waits for the answer."""
REMEMBERED: Final = 5.0
"""Seconds for which what a deployment declares is not looked up again."""
FOLDER: Final = Path(__file__).parent / "scripts"
KEPT: Final = "public, max-age=3600"


@dataclass(slots=True)
class SiteDoor:
    """Each method answers one route. Where no `site` is declared, there is no such route."""

    context: Context
    secure: bool
    """Whether people reach us by HTTPS only."""
    by_caller: Throttle = field(default_factory=lambda: Throttle(600, 60.0))
    """Everybody in one office has one address."""
    room: Room = field(default_factory=lambda: Room(ROOM))
    _together: Together[bytes] = field(init=False)
    _declared: Site | None = None
    _ask_at: float = 0.0

    def __post_init__(self) -> None:
        self._together = Together(self._store, patience=PATIENCE)

    async def script(self, request: Request) -> Response:
        declared = await self._site()
        if declared is None:
            raise HTTPException(404)
        headers = {"Cache-Control": KEPT}
        return Response(_script(declared.asks), media_type="text/javascript", headers=headers)

    async def allow(self, request: Request) -> Response:
        """Answers a browser that asks whose pages may post here."""
        self._count(request)
        origin = request.headers.get("origin", "")
        await self._check(origin)
        return Response(status_code=204, headers=allowing(origin))

    async def take(self, request: Request) -> Response:
        """Of headers that somebody repeats, the last counts."""
        self._count(request)
        headers = dict(request.scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        await self._check(origin)
        with self.room.share() as share:
            body = await read(request, LARGEST, share)
            if body and not unwanted(headers):
                await self._together.add(body)
        return taken(origin, self.secure)

    def _count(self, request: Request) -> None:
        """Raises HTTPException 429."""
        if not self.by_caller.allows(caller_of(request)):
            raise HTTPException(429, "Too many requests.", {"Retry-After": "60", "Connection": "close"})

    async def _check(self, origin: str) -> None:
        """Raises HTTPException 404 and 403."""
        declared = await self._site()
        if declared is None:
            raise HTTPException(404)
        if host_of(origin) not in declared.hosts:
            raise HTTPException(403, "expected a page of a host that workspace.yaml names", {"Connection": "close"})

    def _store(self, bodies: Sequence[bytes]) -> None:
        """Wakes nobody: the clock finds them within a second, and many at a time cost the workers a seventh."""
        with self.context.engine.begin() as conn:
            visits.put(conn, bodies, clock.now(conn))

    async def _site(self) -> Site | None:
        """What is declared, or was some seconds ago: a beacon costs no look into the database."""
        if time.monotonic() >= self._ask_at:
            self._declared = await run_in_threadpool(self._asked)
            self._ask_at = time.monotonic() + REMEMBERED
        return self._declared

    def _asked(self) -> Site | None:
        with self.context.engine.connect() as conn:
            return self.context.releases.current(conn).workspace.site


def allowing(origin: str) -> dict[str, str]:
    """To the browser: a page of this origin may post here, without cookies of ours."""
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "content-type",
        "Access-Control-Max-Age": "86400",
        "Vary": "Origin",
    }


@lru_cache(maxsize=256)
def taken(origin: str, secure: bool) -> Response:
    """The answer to a beacon, made once for each host that may tell: it goes past what puts headers on all others."""
    answer = Response(status_code=204, headers=allowing(origin))
    harden(answer.headers, PATH, secure)
    return answer


def unwanted(headers: Mapping[bytes, bytes]) -> bool:
    """Whether it is software that tells, or somebody who does not want to be followed."""
    agent = headers.get(b"user-agent", b"").decode("latin-1")
    return not agent or is_machine(agent) or b"1" in (headers.get(b"dnt"), headers.get(b"sec-gpc"))


@lru_cache(maxsize=2)
def _script(asks: bool) -> str:
    return (FOLDER / "t.js").read_text().replace("ASKS", "true" if asks else "false")

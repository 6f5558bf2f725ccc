"""What CRMs post: verified over its raw bytes, stored raw, answered at once. Workers look into it later."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sequencer.core.crm import CrmSource
from sequencer.services.context import Context
from sequencer.services.crm import DOOR
from sequencer.store import intake
from sequencer.web.bodies import Room, read
from sequencer.web.callers import caller_of
from sequencer.web.crm_proof import BY_HEADER, Posted, Proof, proof

log = logging.getLogger(__name__)

LARGEST: Final = 1024 * 1024
"""Bytes. HubSpot's posts hold at most 100 changes of some 300 bytes."""
ROOM: Final = 8 * 1024 * 1024
"""Bytes that a process holds at a time of those whom a header proves."""
STRANGERS: Final = 4 * 1024 * 1024
"""Bytes that it holds of each webhook where only the body can prove the caller: who fills one keeps out no other."""
EACH: Final = LARGEST
"""Bytes of these that one caller may hold: who stalls keeps out nobody else."""
SCARCE: Final = 64 * 1024
"""The same once half of them are taken. More addresses than a stranger has at hand fill the rest, and HubSpot's posts
still fit in."""


@dataclass(frozen=True, slots=True)
class CrmDoor:
    context: Context
    secrets: Mapping[str, tuple[str, ...]]
    """By the webhook's name."""
    room: Room = field(default_factory=lambda: Room(ROOM))
    strangers: dict[str, Room] = field(default_factory=dict)
    """By the webhook's name, of those that have a secret."""

    async def take(self, request: Request) -> Response:
        source = await run_in_threadpool(self._source, request.path_params["name"])
        if not self.secrets.get(source.name):
            variable = f"CRM_SECRET_{source.name.upper().replace('-', '_')}"
            log.error("webhooks of the CRM are refused: %s is not set", variable)
            raise HTTPException(503, "these webhooks cannot be verified here yet")
        if source.signed in BY_HEADER:
            # A stranger's body is not even read, and who is none may have all of the room.
            self._proved(source, request, b"")
            shared = self.room.share()
        else:
            room = self.strangers.setdefault(source.name, Room(STRANGERS, EACH, SCARCE))
            shared = room.share(caller_of(request))
        with shared as share:
            body = await read(request, LARGEST, share)
            return await run_in_threadpool(self._take, request, source, body)

    def _source(self, name: str) -> CrmSource:
        with self.context.engine.connect() as conn:
            release = self.context.releases.deployed(conn)
        crm = release.workspace.crm if release is not None else None
        source = crm.webhooks.get(name) if crm is not None else None
        if source is None:
            raise HTTPException(404)
        return source

    def _take(self, request: Request, source: CrmSource, body: bytes) -> Response:
        found = self._proved(source, request, body)
        with self.context.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            if not intake.put(conn, f"{DOOR}{source.name}", body, "application/json", True, found.at):
                log.warning("a webhook of the CRM was refused: its timestamp is too far from now")
                raise HTTPException(403, "expected a timestamp of the last 26 hours")
        self.context.hint("intake", True)
        return Response(status_code=204)

    def _proved(self, source: CrmSource, request: Request, body: bytes) -> Proof:
        """By any of the secrets. All are tried: the time tells nothing of which. Raises HTTPException 403."""
        posted = Posted(f"{self.context.public_url}{request.url.path}", request.headers, body)
        found = [proof(source.signed, secret, posted) for secret in self.secrets[source.name]]
        holds = next((one for one in found if one.holds), None)
        if holds is None:
            log.warning("a webhook of the CRM was refused: its proof is wrong")
            raise HTTPException(403, "expected a proof by the secret of this webhook", {"Connection": "close"})
        return holds

"""The call list: whom to call next and why, and what a rep says of the call."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Final
from zoneinfo import ZoneInfo

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sequencer.core.calls import ORDER, Call, because
from sequencer.core.handoff import State
from sequencer.errors import NotFound
from sequencer.services import calls
from sequencer.services.context import Context
from sequencer.store import clock
from sequencer.web.bodies import day, first, line, read_form
from sequencer.web.handoffs import answered_at
from sequencer.web.login import csrf_holds, csrf_token
from sequencer.web.pages import asked_rep, page

FOUND: Final = 100
"""Calls on a page."""
NOTE: Final = 500
"""Characters of a note."""


@dataclass(frozen=True, slots=True)
class CallDoor:
    """Each method answers one route."""

    context: Context

    def listed(self, request: Request) -> Response:
        """Everybody's, or one rep's with `?rep=`."""
        rep = asked_rep(request)
        with self.context.engine.connect() as conn:
            now, release = clock.now(conn), self.context.releases.current(conn)
            found = calls.listed(conn, release, rep or None, now, FOUND + 1)
        names = {email: one.name for email, one in release.workspace.reps.items()}
        today = now.astimezone(UTC).date()
        return page(
            request,
            "calls.html",
            brand=release.workspace.brand.name,
            csrf=csrf_token(request),
            done=request.query_params.get("done", "") == "1",
            rep=names.get(rep, rep),
            address=rep,
            reps=sorted(names.items(), key=lambda one: one[1]),
            names=names,
            order=ORDER,
            longest=NOTE,
            calls=[
                (call, because(call, found.campaigns, today), self._answer(call, names)) for call in found.calls[:FOUND]
            ],
            more=len(found.calls) > FOUND,
            now=now,
            zone=ZoneInfo(release.workspace.zone),
        )

    def _answer(self, call: Call, reps: Collection[str]) -> str:
        """Where a handoff that waits is accepted or declined; empty where no rep can."""
        one = call.handoff
        if one is None or one.state is not State.WAITING or one.rep is None or one.rep not in reps:
            return ""
        return answered_at(self.context.secret, one.lead_id, one.number, one.rep)

    async def act(self, request: Request) -> Response:
        form = await read_form(request)
        if not csrf_holds(request, form):
            raise HTTPException(403, "This page was open for too long. Go back, reload it, and try again.")
        return await run_in_threadpool(self._act, request, form)

    def _act(self, request: Request, form: Mapping[str, list[str]]) -> Response:
        lead_id, do = request.path_params["id"], first(form, "do")
        if do not in ("done", "again") or lead_id >= 2**63:
            raise HTTPException(404, "There is no such call.")
        note = line(form, "note", NOTE)
        try:
            with self.context.engine.begin() as conn:
                awake = calls.log(self.context, conn, lead_id, do == "done", note, day(form, "again"))
        except NotFound as error:
            raise HTTPException(404, str(error)) from error
        self.context.wake(awake)
        return RedirectResponse("/dashboard/calls?done=1", 303)

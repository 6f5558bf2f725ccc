"""Handoffs: the page on which a rep accepts or declines, known by a signed address, and the list of all of them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sequencer.core import explain
from sequencer.core.handoff import State, policy_of, shows
from sequencer.core.operate import Impossible
from sequencer.core.people import zone_of_rep
from sequencer.core.release import Release
from sequencer.core.rep_answer import LONGEST, Said, label_of
from sequencer.core.spoken import SPOKEN, Spoken, language_of, spoken
from sequencer.core.token import mint_handoff
from sequencer.errors import NotFound
from sequencer.services import accept
from sequencer.services.accept import Asked
from sequencer.services.briefing import briefing
from sequencer.services.context import Context
from sequencer.store import clock, handoffs, unmet
from sequencer.web.bodies import day, first, line, read_form
from sequencer.web.callers import caller_of
from sequencer.web.login import csrf_token
from sequencer.web.pages import asked_rep, page
from sequencer.web.throttle import Throttle

FOUND: Final = 100
"""Handoffs on a page."""
BESIDE: Final = 10
"""Leads who wait to be handed over, on the page of all handoffs."""
LACKING: Final = "lacking"
"""In place of a handoff's state: who would be handed over, and lacks something."""


def answered_at(secret: bytes, lead_id: int, number: int, rep: str) -> str:
    """The path of the page on which this rep answers."""
    return f"/h/{mint_handoff(secret, lead_id, number, rep)}"


@dataclass(frozen=True, slots=True)
class HandoffDoor:
    """Each method answers one route. The address is the proof; who only opens it, as scanners do, changes nothing."""

    context: Context
    by_caller: Throttle = field(default_factory=lambda: Throttle(60, 60.0))

    def listed(self, request: Request) -> Response:
        """All of them, the newest first; of one rep with `?rep=`, in one state with `?state=`.

        Above all of them stands who would be handed over, and lacks something; `?state=lacking` shows these alone.
        """
        rep = asked_rep(request)
        asked = request.query_params.get("state", "")
        state = asked if asked in list(State) else None
        lacking = asked == LACKING
        most = FOUND if lacking else 0 if state else BESIDE
        with self.context.engine.connect() as conn:
            now, release = clock.now(conn), self.context.releases.current(conn)
            found = [] if lacking else handoffs.listed(conn, rep or None, state, None, FOUND + 1)
            waiting = unmet.listed(conn, release.workspace, rep or None, most + 1) if most else []
        names = {email: one.name for email, one in release.workspace.reps.items()}
        labels = {one.id: one.label for one in policy_of(release.workspace).declines.values()}
        return page(
            request,
            "handoffs.html",
            brand=release.workspace.brand.name,
            csrf=csrf_token(request),
            rep=names.get(rep, rep),
            address=rep,
            state=LACKING if lacking else state or "",
            states=[*(one.value for one in State), LACKING],
            reps=sorted(names.items(), key=lambda one: one[1]),
            names=names,
            handoffs=[(row, self._link(row, names), labels.get(row.answer, row.answer)) for row in found[:FOUND]],
            more=len(found) > FOUND,
            waiting=[(row, explain.lacking(row.lacks)) for row in waiting[:most]],
            more_wait=len(waiting) > most,
            lacking=LACKING,
            now=now,
            zone=ZoneInfo(release.workspace.zone),
        )

    def _link(self, row: Any, reps: Collection[str]) -> str:
        """Where it is answered, as the rep would; of who is there no more, the lead's page."""
        if row.rep not in reps:
            return f"/dashboard/leads/{row.lead_id}"
        return answered_at(self.context.secret, row.lead_id, row.number, row.rep)

    def show(self, request: Request) -> Response:
        with self.context.engine.connect() as conn:
            return self._page(request, conn, self._asked(request, conn))

    async def act(self, request: Request) -> Response:
        form = await read_form(request)
        return await run_in_threadpool(self._act, request, form)

    def _act(self, request: Request, form: Mapping[str, list[str]]) -> Response:
        try:
            with self.context.engine.begin() as conn:
                asked = self._asked(request, conn)
                release = self.context.releases.current(conn)
                said = _said(form, release)
                if said is None:
                    return self._page(request, conn, asked, _spoken(release, asked).choose_why, 400, form)
                one = asked.handoff
                if asked.rep not in release.workspace.reps:
                    raise Impossible("Whom this link was sent to is no rep any more.")
                lack = accept.lacking(conn, release, one, asked.rep, said, clock.now(conn))
                if lack is not None:
                    return self._page(request, conn, asked, getattr(_spoken(release, asked), lack), 400, form)
                awake = accept.answer(self.context, conn, (one.lead_id, one.number), asked.rep, said)
        except NotFound as error:
            raise HTTPException(404, str(error)) from error
        except Impossible as error:
            with self.context.engine.connect() as conn:
                return self._page(request, conn, self._asked(request, conn), str(error), 409)
        self.context.wake(awake)
        return RedirectResponse(f"/h/{request.path_params['token']}", 303)

    def _asked(self, request: Request, conn: Connection) -> Asked:
        asked = accept.by_token(conn, self.context.secret, request.path_params["token"])
        if asked is None:
            if not self.by_caller.allows(caller_of(request)):
                raise HTTPException(429, "Too many requests. Please try again in a minute.", {"Retry-After": "60"})
            raise HTTPException(404, "There is no such handoff.")
        return asked

    def _page(
        self,
        request: Request,
        conn: Connection,
        asked: Asked,
        problem: str = "",
        status: int = 200,
        form: Mapping[str, list[str]] = MappingProxyType({}),
    ) -> Response:
        """`form`: what was sent, and stands there again."""
        now, release = clock.now(conn), self.context.releases.current(conn)
        one = asked.handoff
        brief = None
        if shows(one, asked.rep, release.workspace.reps, now):
            brief = briefing(conn, release, one)
            if brief is None:
                raise HTTPException(404, "There is no such lead.")
        rep = release.workspace.reps.get(asked.rep)
        language, zone = language_of(release.workspace, rep), zone_of_rep(release.workspace, rep)
        policy, holder = policy_of(release.workspace), release.workspace.reps.get(one.rep or "")
        return page(
            request,
            "handoff.html",
            status,
            brand=release.workspace.brand.name,
            problem=problem,
            brief=brief,
            handoff=one,
            mine=one.rep == asked.rep,
            now_with=holder.name if holder is not None else one.rep,
            # What a rep wrote in their own words may tell of the lead.
            answer=label_of(policy.declines[one.answer], language) if one.answer in policy.declines else "",
            declines=[(reason.id, label_of(reason, language)) for reason in policy.declines.values()],
            typed={name: first(form, name) for name in ("reason", "words", "until")},
            longest=LONGEST,
            spoken=SPOKEN[language],
            at=lambda when: explain.minute(when, zone, language),
            day=lambda on: explain.day(on, language),
            zone=zone,
        )


def _spoken(release: Release, asked: Asked) -> Spoken:
    return spoken(release.workspace, release.workspace.reps.get(asked.rep))


def _said(form: Mapping[str, list[str]], release: Release) -> Said | None:
    """What the form says; None when it says no without a reason."""
    if first(form, "do") == "accept":
        return Said(True)
    reason, words = first(form, "reason"), line(form, "words", LONGEST)
    until = day(form, "until")
    if reason in policy_of(release.workspace).declines:
        return Said(False, reason, words, until)
    return Said(False, "", words, until) if words else None

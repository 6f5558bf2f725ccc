"""The API for forms, sites and CRMs: `/api/leads` and `/api/events`. The gate has checked the key and its scope."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sequencer.core import event as kinds
from sequencer.core.event import Event
from sequencer.core.lead_input import InvalidLead, normal_email
from sequencer.core.needs import refused as refused_by
from sequencer.services.context import Context
from sequencer.services.leads import enter, save
from sequencer.services.react import react
from sequencer.services.standing import whole_view
from sequencer.store import clock, events, leads
from sequencer.web.api_answers import json_answer, known
from sequencer.web.api_description import describe
from sequencer.web.api_input import Refused, event_request, lead_request
from sequencer.web.bodies import read
from sequencer.web.programs import lacks

LARGEST: Final = 1024 * 1024
"""Bytes of a body."""
SOURCE: Final = "api"
REPEATS: Final = timedelta(days=1)
"""For so long a key without `at` makes an event count once."""


@dataclass(frozen=True, slots=True)
class ApiDoor:
    """Each method answers one route."""

    context: Context

    async def put_lead(self, request: Request) -> Response:
        body = await read(request, LARGEST)
        return await run_in_threadpool(self._put_lead, request, body)

    def _put_lead(self, request: Request, body: bytes) -> Response:
        """Saves a lead and lets it into sequences, all or nothing."""
        with self.context.engine.begin() as conn:
            now, release = clock.now(conn), self.context.releases.current(conn)
            wanted = lead_request(body, release)
            if wanted.enroll:
                must(request, "enrollments:write")
            if missing := refused_by(release.workspace, leads.by_email(conn, wanted.lead.email), wanted.lead):
                raise Refused(422, *missing)
            saved = save(conn, release, [wanted.lead], SOURCE, now, announce_new=True)
            [lead_id] = saved.all
            enrolled: dict[str, dict[str, Any]] = {}
            for name in wanted.enroll:
                series = release.workspace.sequences[name]
                entered = enter(conn, release, series, [lead_id], SOURCE, now)
                if entered.leads:
                    saved.awake.add((name, series.start))
                why = next(iter(entered.refused), None)
                enrolled[name] = {"entered": True} if entered.leads else {"entered": False, "why": why}
        self.context.wake(saved.awake)
        answer = {"id": lead_id, "email": wanted.lead.email, "new": bool(saved.new), "enrolled": enrolled}
        return json_answer(answer, 201 if saved.new else 200)

    async def put_event(self, request: Request) -> Response:
        body = await read(request, LARGEST)
        return await run_in_threadpool(self._put_event, request, body)

    def _put_event(self, request: Request, body: bytes) -> Response:
        """Records an event once; everything that follows from it happens in the same transaction."""
        with self.context.engine.begin() as conn:
            now, release = clock.now(conn), self.context.releases.current(conn)
            told = event_request(body, release, now)
            if told.kind in (kinds.UNSUBSCRIBED, kinds.COMPLAINED):
                must(request, "suppressions:write")
            lead = known(leads.by_email(conn, told.email), told.email)
            leads.lock(conn, [lead.id])
            key = f"api.{hashlib.sha256(told.key.encode()).hexdigest()[:32]}" if told.key else f"api.{uuid.uuid4().hex}"
            if told.key and told.at is None and events.known_since(conn, lead.id, key, now - REPEATS):
                # Events are told apart by time and key; this repeat has no time of its own to be known by.
                return json_answer({"lead": lead.id, "recorded": False})
            event = Event(told.kind, told.at or now, lead.id, key, SOURCE, data=told.data)
            reaction = react(conn, release, [event], now)
            if reaction.strange:
                raise Refused(422, *(f"at: {problem}" for _, problem in reaction.strange))
        self.context.wake(reaction.awake)
        return json_answer({"lead": lead.id, "recorded": bool(reaction.new)})

    def lead(self, request: Request) -> Response:
        """Everything about one lead."""
        given = request.path_params["email"]
        try:
            email = normal_email(given)
        except InvalidLead as error:
            raise Refused(422, *error.problems) from error
        with self.context.engine.connect() as conn:
            lead = known(leads.by_email(conn, email), email)
            release = self.context.releases.current(conn)
            return json_answer(whole_view(conn, release, lead, clock.now(conn)))

    def description(self, request: Request) -> Response:
        return json_answer(describe(self.context.public_url))


def refused(request: Request, error: Exception) -> Response:
    """How a refusal looks to the caller."""
    assert isinstance(error, Refused)
    return json_answer({"problems": list(error.problems)}, error.status)


def must(request: Request, scope: str) -> None:
    """What a request does beside what its path says needs the scope of that. Raises Refused."""
    scopes = request.state.scopes
    if scopes is not None and scope not in scopes:
        raise Refused(403, lacks(scope))

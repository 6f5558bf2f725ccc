"""Unsubscribing, by one click (RFC 8058) or on a page, and a page of topics. Only POST acts: link scanners GET.

Addresses are signed tokens. Nothing here tells a right one from a wrong one, and no page names an address.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sequencer.core import event as kinds
from sequencer.core import token
from sequencer.core.event import Event
from sequencer.core.lead import Lead
from sequencer.core.release import Release
from sequencer.core.snapshot import Consent
from sequencer.services.context import Awake, Context
from sequencer.services.react import follow, interests, react
from sequencer.store import clock, leads, messages, suppressions
from sequencer.web.bodies import first, read_form
from sequencer.web.callers import caller_of
from sequencer.web.pages import page
from sequencer.web.throttle import Throttle

SOURCE: Final = "page"
_UNSUBSCRIBED: Final = "unsubscribed"


@dataclass(frozen=True, slots=True)
class UnsubscribeDoor:
    """Each method answers one route.

    Mail providers post one-click requests of thousands of people from a few addresses of theirs, and anybody can make
    them post wrong tokens too: so wrong ones are limited by the caller's address, and honest ones never are. The limit
    spares the database; what keeps tokens from being guessed is their signature.
    """

    context: Context
    by_caller: Throttle = field(default_factory=lambda: Throttle(60, 60.0))

    def show(self, request: Request) -> Response:
        if request.query_params.get("to") == "preferences":
            # Led there without naming the token: the page is the same for all of them.
            return RedirectResponse(f"/preferences/{request.path_params['token']}", 303)
        return page(request, "unsubscribe.html", brand=self._release().workspace.brand.name, done=False)

    def act(self, request: Request) -> Response:
        """Any POST means it; the body only says whose button was pressed, and is not read."""
        ref = self._ref(request)
        awake: Awake = set()
        with self.context.engine.begin() as conn:
            release = self.context.releases.current(conn)
            if (lead := _locked(conn, ref)) is not None:
                awake = unsubscribe(conn, release, lead, _key(request), clock.now(conn))
        self.context.wake(awake)
        return page(request, "unsubscribe.html", brand=release.workspace.brand.name, done=True)

    def preferences(self, request: Request) -> Response:
        ref = self._ref(request)
        with self.context.engine.connect() as conn:
            release = self.context.releases.current(conn)
            lead_id = _lead_id(conn, ref)
            found = leads.by_ids(conn, [lead_id]) if lead_id is not None else []
            chosen = wanted(conn, release, found[0].email) if found else _default(release)
        return _preferences(request, release, chosen, saved=False)

    async def choose(self, request: Request) -> Response:
        form = await read_form(request)
        return await run_in_threadpool(self._choose, request, form)

    def _choose(self, request: Request, form: Mapping[str, list[str]]) -> Response:
        ref = self._ref(request)
        awake: Awake = set()
        with self.context.engine.begin() as conn:
            release = self.context.releases.current(conn)
            chosen = {topic for topic in form.get("topic", ()) if topic in release.workspace.topics}
            if first(form, "do") == "none":
                chosen = set()
            lead, now, key = _locked(conn, ref), clock.now(conn), _key(request)
            if lead is not None:
                if chosen:
                    awake = choose(conn, release, lead, chosen, key, now)
                else:
                    awake = unsubscribe(conn, release, lead, key, now)
        self.context.wake(awake)
        return _preferences(request, release, chosen, saved=True)

    def _release(self) -> Release:
        with self.context.engine.connect() as conn:
            return self.context.releases.current(conn)

    def _ref(self, request: Request) -> token.Ref | None:
        ref = token.read(self.context.secret, "unsubscribe", request.path_params["token"])
        if ref is None and not self.by_caller.allows(caller_of(request)):
            raise HTTPException(429, "Too many requests. Please try again in a minute.", {"Retry-After": "60"})
        return ref


def unsubscribe(conn: Connection, release: Release, lead: Lead, key: str, now: datetime) -> Awake:
    """No more mail of any kind, effective with the commit. Said twice, it is one event."""
    if suppressions.has(conn, lead.email, suppressions.ALL, _UNSUBSCRIBED):
        return set()
    said = [Event(kinds.UNSUBSCRIBED, now, lead.id, key, SOURCE)]
    return follow(conn, release, interests(release), {lead.id: lead}, said, now).awake


def choose(conn: Connection, release: Release, lead: Lead, chosen: Collection[str], key: str, now: datetime) -> Awake:
    """These topics and no others. Takes back an unsubscription from everything, never any other suppression."""
    reason = suppressions.of(conn, [lead.email]).get((lead.email, suppressions.ALL))
    if reason not in (None, _UNSUBSCRIBED):
        return set()
    before = wanted(conn, release, lead.email)
    if reason is not None:
        suppressions.remove(conn, lead.email, suppressions.ALL, _UNSUBSCRIBED)
        leads.release(conn, lead.id)
    # What was off because everything was must stay off now that the rest is on again.
    after = wanted(conn, release, lead.email)
    happened = []
    for topic in release.workspace.topics:
        if topic in chosen and topic not in before:
            suppressions.give(conn, lead.email, topic, now, SOURCE)
            happened.append(_said(kinds.RESUBSCRIBED, topic, lead, key, now))
        elif topic not in chosen and topic in after:
            happened.append(_said(kinds.UNSUBSCRIBED, topic, lead, key, now))
    return react(conn, release, happened, now).awake


def _said(kind: str, topic: str, lead: Lead, key: str, now: datetime) -> Event:
    return Event(kind, now, lead.id, f"{key}.{topic}", SOURCE, data={"topic": topic})


def wanted(conn: Connection, release: Release, email: str) -> set[str]:
    """The topics that an address may be mailed about."""
    if (email, suppressions.ALL) in suppressions.of(conn, [email]):
        return set()
    said = suppressions.consents(conn, [email]).get(email, Consent())
    return (_default(release) | said.given) - said.refused


def _default(release: Release) -> set[str]:
    return {topic.id for topic in release.workspace.topics.values() if topic.default}


def _locked(conn: Connection, ref: token.Ref | None) -> Lead | None:
    lead_id = _lead_id(conn, ref)
    return leads.lock(conn, [lead_id]).get(lead_id) if lead_id is not None else None


def _lead_id(conn: Connection, ref: token.Ref | None) -> int | None:
    """Whom the message that the token names went to."""
    if ref is None:
        return None
    rows = messages.described(conn, [ref.enrollment_id])
    return next((int(row.lead_id) for row in rows if ref.names(row.step)), None)


def _key(request: Request) -> str:
    return f"page.{hashlib.sha256(request.path_params['token'].lower().encode()).hexdigest()[:32]}"


def _preferences(request: Request, release: Release, chosen: Collection[str], saved: bool) -> Response:
    topics = [(topic.id, topic.label, topic.id in chosen) for topic in release.workspace.topics.values()]
    return page(request, "preferences.html", brand=release.workspace.brand.name, topics=topics, saved=saved)

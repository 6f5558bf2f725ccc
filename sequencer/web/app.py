"""The web process as an ASGI application: routes, who may use them, and what is answered when something is wrong."""

import contextlib
import gc
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Final

from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError, SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Lifespan

from sequencer import wiring
from sequencer.errors import Misconfigured
from sequencer.logs import describe
from sequencer.services.context import Context
from sequencer.settings import Settings
from sequencer.web.api import ApiDoor, refused
from sequencer.web.api_acts import ActDoor
from sequencer.web.api_input import Refused
from sequencer.web.api_lists import ListDoor
from sequencer.web.callers import Callers
from sequencer.web.calls import CallDoor
from sequencer.web.companies import CompanyDoor
from sequencer.web.crm import CrmDoor
from sequencer.web.dashboard import Dashboard
from sequencer.web.forms import FormDoor
from sequencer.web.gate import Gate, Headers, harden
from sequencer.web.handoffs import HandoffDoor
from sequencer.web.health import HealthDoor
from sequencer.web.login import LoginDoor
from sequencer.web.metrics import MetricsDoor
from sequencer.web.options import WebSettings
from sequencer.web.pages import STATIC, page
from sequencer.web.programs import Programs
from sequencer.web.reviews import ReviewDoor
from sequencer.web.shortcut import Shortcut
from sequencer.web.site import PATH as BEACONS
from sequencer.web.site import SiteDoor
from sequencer.web.unsubscribe import UnsubscribeDoor
from sequencer.web.webhooks import WebhookDoor

log = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]

SESSION: Final = 14 * 24 * 3600
"""Seconds for which a login holds."""
OURS: Final = (DataError, IntegrityError, ProgrammingError)
"""What the database refuses because we asked wrongly; anything else is its absence."""


def create() -> Starlette:
    """For uvicorn, in each of its processes. Raises Misconfigured."""
    settings = Settings.read()
    context = wiring.build(settings)

    @contextlib.asynccontextmanager
    async def closing(_: Starlette) -> AsyncIterator[None]:
        yield
        context.provider.close()
        context.engine.dispose()

    app = build(context, WebSettings.of(settings), closing)
    gc.freeze()  # what is loaded by now is never looked through again
    gc.enable()
    return app


def build(context: Context, web_settings: WebSettings, lifespan: Lifespan[Starlette] | None = None) -> Starlette:
    """The application around a context. Without a `lifespan`, what is open in it stays the caller's to close."""
    secure = context.public_url.startswith("https://")
    webhooks = WebhookDoor(context, web_settings.webhook_keys)
    unsubscribe = UnsubscribeDoor(context)
    api, lists, acts = ApiDoor(context), ListDoor(context), ActDoor(context)
    site = SiteDoor(context, secure)
    form = FormDoor(context, web_settings.folder, web_settings.country_header)
    login = LoginDoor(web_settings.dashboard_password)
    dashboard = Dashboard(context)
    reviews = ReviewDoor(context)
    handoffs = HandoffDoor(context)
    calls = CallDoor(context)
    routes = [
        Route(BEACONS, site.allow, methods=["OPTIONS"]),  # what is posted there takes the shortcut
        Route("/webhooks/sendgrid/events", webhooks.events, methods=["POST"]),
        Route("/webhooks/sendgrid/inbound", webhooks.inbound, methods=["POST"]),
        Route("/webhooks/sendgrid/inbound/{key:path}", webhooks.inbound, methods=["POST"]),
        Route("/webhooks/crm/{name}", CrmDoor(context, web_settings.crm_secrets).take, methods=["POST"]),
        Route("/u/{token}", unsubscribe.show),
        Route("/u/{token}", unsubscribe.act, methods=["POST"]),
        Route("/preferences/{token}", unsubscribe.preferences),
        Route("/preferences/{token}", unsubscribe.choose, methods=["POST"]),
        Route("/t.js", site.script),
        Route("/f.js", form.script),
        Route("/f/{form}", form.show),
        Route("/f/{form}", form.take, methods=["POST"]),
        Route("/f/{form}", form.allow, methods=["OPTIONS"]),
        Route("/f/{form}/magnet", form.open),
        Route("/c/{token}", form.ask),
        Route("/c/{token}", form.confirm, methods=["POST"]),
        Route("/d/{token}", form.download),
        Route("/h/{token}", handoffs.show),
        Route("/h/{token}", handoffs.act, methods=["POST"]),
        Route("/api/leads", either(lists.leads, api.put_lead), methods=["GET", "POST"]),
        Route("/api/leads/{email}", api.lead),
        Route("/api/events", either(lists.events, api.put_event), methods=["GET", "POST"]),
        Route("/api/enrollments", either(lists.enrollments, acts.enroll), methods=["GET", "POST"]),
        Route("/api/handoffs", lists.handoffs),
        Route("/api/handoffs/{lead:int}/{number:int}", acts.answer, methods=["POST"]),
        Route("/api/suppressions", either(lists.suppressions, acts.stop), methods=["GET", "POST"]),
        Route("/api/suppressions/{email}", acts.lift, methods=["DELETE"]),
        Route("/api/forms", lists.forms),
        Route("/api/forms/{form}", acts.submit, methods=["POST"]),
        Route("/api/openapi.json", api.description),
        Route("/login", login.show),
        Route("/login", login.enter, methods=["POST"]),
        Route("/logout", login.leave, methods=["POST"]),
        Route("/", dashboard.root),
        Route("/dashboard", dashboard.overview),
        Route("/dashboard/calls", calls.listed),
        Route("/dashboard/calls/{id:int}", calls.act, methods=["POST"]),
        Route("/dashboard/handoffs", handoffs.listed),
        Route("/dashboard/reviews", reviews.waiting),
        Route("/dashboard/reviews/{enrollment:int}/{step}", reviews.show),
        Route("/dashboard/reviews/{enrollment:int}/{step}", reviews.act, methods=["POST"]),
        Route("/dashboard/leads", dashboard.leads),
        Route("/dashboard/leads/{id:int}", dashboard.lead),
        Route("/dashboard/companies/{id:int}", CompanyDoor(context).show),
        Route("/healthz", HealthDoor(context).show),
        Route("/metrics", MetricsDoor(context).show),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]

    def broken(request: Request, error: Exception) -> Response:
        """Unforeseen. It runs outside the other middleware, and the server logs the exception."""
        answer = _answer(request, 500, "Something went wrong here. It was noted.")
        harden(answer.headers, request.url.path, secure)
        return answer

    handlers: dict[type[Exception], Callable[[Request, Exception], Response]] = {
        HTTPException: _refused,
        Refused: refused,
        Misconfigured: _not_ready,
        SQLAlchemyError: _database,
        ClientDisconnect: _gone,
    }

    def refuse(request: Request, error: Exception) -> Response:
        """The same answer for who took the shortcut."""
        handler = next((handler for kind, handler in handlers.items() if isinstance(error, kind)), None)
        if handler is None:
            raise error
        answer = handler(request, error)
        harden(answer.headers, request.url.path, secure)
        return answer

    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[
            Middleware(Shortcut, path=BEACONS, take=site.take, refuse=refuse, proxied=secure),
            Middleware(Headers, secure=secure),
            # Nothing here speaks TLS: where people come by HTTPS, a router ends it before us.
            Middleware(Callers, proxied=secure),
            Middleware(
                SessionMiddleware,
                secret_key=_session_key(context.secret, web_settings.dashboard_password),
                session_cookie="__Host-sequencer" if secure else "sequencer",
                max_age=SESSION,
                same_site="lax",
                https_only=secure,
            ),
            Middleware(Gate, programs=Programs(context, web_settings.api_token)),
        ],
        exception_handlers={**handlers, Exception: broken},
    )
    # It would lead to whatever the Host header says.
    app.router.redirect_slashes = False
    return app


def either(get: Callable[[Request], Response], post: Callable[[Request], Awaitable[Response]]) -> Endpoint:
    """One route, so that a 405 names both methods."""

    async def endpoint(request: Request) -> Response:
        return await post(request) if request.method == "POST" else await run_in_threadpool(get, request)

    return endpoint


def _session_key(secret: bytes, password: str | None) -> str:
    """Another password ends every session."""
    return hashlib.blake2b(
        (password or "").encode(), key=hashlib.sha256(secret).digest(), person=b"session"
    ).hexdigest()


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = error.detail
    if detail == HTTPStatus(error.status_code).phrase:
        detail = {404: "There is nothing here.", 405: "This cannot be done here."}.get(error.status_code, detail)
    answer = _answer(request, error.status_code, detail)
    answer.headers.update(error.headers or {})
    return answer


def _not_ready(request: Request, error: Exception) -> Response:
    log.error("%s %s: %s", request.method, _route(request), error)
    return _answer(request, 503, str(error))


def _database(request: Request, error: Exception) -> Response:
    if isinstance(error, OURS):
        raise error
    log.error("%s %s: the database does not answer: %s", request.method, _route(request), describe(error))
    return _answer(request, 503, "The database does not answer. Please try again in a minute.")


def _route(request: Request) -> str:
    """The path without what makes it somebody's. Who took the shortcut has one that is everybody's."""
    route = request.scope.get("route")
    return route.path if route is not None else request.url.path


def _gone(request: Request, error: Exception) -> Response:
    """The caller hung up while sending; nobody reads this."""
    return PlainTextResponse("the body is incomplete\n", 400)


def _answer(request: Request, status: int, detail: str) -> Response:
    """A refusal in the language of the door."""
    path = request.url.path
    if path.startswith("/api/"):
        return JSONResponse({"problems": [detail]}, status)
    if path.startswith("/webhooks/") or path in ("/metrics", "/t", "/t.js"):
        return PlainTextResponse(f"{detail}\n", status)
    return page(request, "problem.html", status, detail=detail)

"""Logging in to the dashboard with its one password, and out again."""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sequencer.web.bodies import first, read_form
from sequencer.web.callers import caller_of
from sequencer.web.pages import page
from sequencer.web.same import same
from sequencer.web.throttle import Throttle

log = logging.getLogger(__name__)

_EVERYBODY: Final = "everybody"


@dataclass(frozen=True, slots=True)
class LoginDoor:
    """Each method answers one route.

    Who guesses from many addresses is limited by what all strangers together may try. That must not keep out the
    operators: a browser that knew the password before is no stranger, and is limited by itself.
    """

    password: str | None
    by_caller: Throttle = field(default_factory=lambda: Throttle(10, 300.0))
    by_all: Throttle = field(default_factory=lambda: Throttle(200, 300.0))
    by_browser: Throttle = field(default_factory=lambda: Throttle(10, 300.0))

    def show(self, request: Request) -> Response:
        if request.session.get("in") is True:
            return RedirectResponse("/dashboard", 303)
        return self._page(request)

    async def enter(self, request: Request) -> Response:
        if self.password is None:
            return self._page(request)
        form = await read_form(request)
        if not csrf_holds(request, form):
            # Before attempts are counted: else any page could use them up in the operator's own browser.
            return self._page(request, "This page was open for too long. Please try again.", 403)
        caller = caller_of(request)
        browser = request.session.get("browser")
        if not self._may_try(caller, browser):
            log.warning("too many attempts to log in")
            return self._page(request, "Too many attempts. Wait a few minutes, then try again.", 429)
        if not same(first(form, "password"), self.password):
            return self._page(request, "That is not the password.", 403)
        self.by_caller.forget(caller)
        self.by_browser.forget(browser or "")
        request.session.clear()
        request.session.update(
            {"in": True, "csrf": secrets.token_urlsafe(16), "browser": browser or secrets.token_urlsafe(16)}
        )
        return RedirectResponse(_destination(request), 303)

    def _may_try(self, caller: str, browser: str | None) -> bool:
        if browser is not None:
            return self.by_browser.allows(browser)
        return self.by_caller.allows(caller) and self.by_all.allows(_EVERYBODY)

    async def leave(self, request: Request) -> Response:
        if not csrf_holds(request, await read_form(request)):
            raise HTTPException(403, "This page was open for too long. Go back, reload it, and try again.")
        browser = request.session.get("browser")
        request.session.clear()
        request.session["browser"] = browser
        return RedirectResponse("/login", 303)

    def _page(self, request: Request, problem: str = "", status: int = 200) -> Response:
        shut = self.password is None
        csrf = "" if shut else csrf_token(request)
        return page(request, "login.html", 503 if shut else status, problem=problem, shut=shut, csrf=csrf)


def csrf_token(request: Request) -> str:
    """What a form must bring back: no other site can know it."""
    if "csrf" not in request.session:
        request.session["csrf"] = secrets.token_urlsafe(16)
    return str(request.session["csrf"])


def csrf_holds(request: Request, form: Mapping[str, list[str]]) -> bool:
    """Whether a form came from a page of ours in this session."""
    expected = request.session.get("csrf")
    return isinstance(expected, str) and same(first(form, "csrf"), expected)


def _destination(request: Request) -> str:
    """The page that was asked for, if it is one of ours."""
    wanted = unquote(request.query_params.get("next", ""))
    return wanted if wanted.startswith("/dashboard/") and wanted.isascii() and wanted.isprintable() else "/dashboard"

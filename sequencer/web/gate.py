"""Who may come in. Everything is shut unless it is listed here; and what every answer carries for browsers.

Deny by default: a route that somebody adds and forgets to guard asks for the dashboard's password.
"""

from typing import Final
from urllib.parse import quote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sequencer.web.programs import Programs

OPEN_PATHS: Final = frozenset({"/healthz", "/login", "/api/openapi.json", "/t", "/t.js", "/f.js"})
BY_TOKEN: Final = ("/api", "/metrics")
"""What programs ask for, with a key; all else that is shut is for people with a session."""
OPEN_FOLDERS: Final = ("/webhooks/", "/u/", "/preferences/", "/static/", "/f/", "/c/", "/d/", "/h/")
"""What strangers may ask for. Webhooks, unsubscribe pages and reps' answers have proofs of their own in them."""

FORMS: Final = "/f/"
"""Pages that run a script of ours and may stand in frames: each says which policy it has."""
POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_ALWAYS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Addresses of unsubscribe pages are keys: no other site may learn them.
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
ON_OTHER_SITES: Final = frozenset({"/t", "/t.js", "/f.js"})
"""What pages of other sites load; all else is for pages of ours."""
_ASSETS: Final = "public, max-age=86400"


def is_open(path: str) -> bool:
    """Whether a path needs neither token nor session."""
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)


class Gate:
    """Refuses who has no business here: programs without a key, people without a session of the dashboard.

    And what other sites make the browser of somebody with a session send: it would be taken for theirs.
    """

    def __init__(self, app: ASGIApp, programs: Programs) -> None:
        self.app = app
        self.programs = programs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and is_open(scope["path"])):
            await self.app(scope, receive, send)
            return
        if scope["type"] == "http" and (scope["path"] in BY_TOKEN or scope["path"].startswith("/api/")):
            await self._let_program(scope, receive, send)
            return
        refusal = self._refusal(Request(scope)) if scope["type"] == "http" else Response(status_code=403)
        await (refusal or self.app)(scope, receive, send)

    async def _let_program(self, scope: Scope, receive: Receive, send: Send) -> None:
        admitted = await self.programs.admit(Request(scope))
        scope.setdefault("state", {})["scopes"] = admitted.scopes

        async def limited(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(admitted.headers)
            await send(message)

        await (admitted.refusal or self.app)(scope, receive, limited)

    def _refusal(self, request: Request) -> Response | None:
        path = request.scope["path"]
        if request.session.get("in") is True:
            acts = request.method not in ("GET", "HEAD")
            return (
                Response("Not from another site.\n", 403, media_type="text/plain")
                if acts and foreign(request)
                else None
            )
        if request.method not in ("GET", "HEAD"):
            return Response("Log in first.\n", 403, media_type="text/plain")
        query = f"?next={quote(path)}" if path.startswith("/dashboard/") else ""
        return RedirectResponse(f"/login{query}", 303)


def foreign(request: Request) -> bool:
    """Whether a browser says that a page of another site sent this.

    Browsers without Sec-Fetch-Site send an Origin, which our Referrer-Policy makes `null` for our own forms; what is
    left in doubt is decided by the form's own token.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin", "null")
    return origin != "null" and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()


class Headers:
    """Puts on every answer what keeps browsers from being used against us."""

    def __init__(self, app: ASGIApp, secure: bool) -> None:
        self.app = app
        self.secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                harden(MutableHeaders(scope=message), scope["path"], self.secure)
            await send(message)

        await self.app(scope, receive, hardened if scope["type"] == "http" else send)


def harden(headers: MutableHeaders, path: str, secure: bool) -> None:
    """Sets the headers of one answer. `secure`: people reach us by HTTPS only."""
    kept = headers.get("content-security-policy") if path.startswith(FORMS) else None
    for name, value in _ALWAYS.items():
        headers[name] = value
    if kept is not None:
        headers["Content-Security-Policy"] = kept
    if path in ON_OTHER_SITES:
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    if secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    headers.setdefault("Cache-Control", _ASSETS if path.startswith("/static/") else "no-store")

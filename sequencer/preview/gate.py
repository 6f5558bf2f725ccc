"""Who may come in: the person at this machine who started the preview, with the key that it printed, and nobody else.

The page shows unpublished mails and writes files, and any website may make a browser ask 127.0.0.1 for something. So
the Host must be ours (a name that was made to point here is not), the key of this start must come as a cookie, and what
changes anything must come from our own page.
"""

import hashlib
import hmac
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGES: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
MAILS: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: http: https:; font-src data: https:; "
    "form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
)
"""For a mail's own HTML. It runs no script, by this and by its frame's sandbox; so it may keep our origin, by which the
page around it sees how tall it is. Links open pages of their own.
"""
OPEN: Final = ("/static/", "/reader")
"""What holds nothing of the workspace."""
_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Gate:
    """`key`: the secret of this start. `port`: where we listen."""

    def __init__(self, app: ASGIApp, key: str, port: int) -> None:
        self.app = app
        self._key = key
        # Cookies know no ports: another preview on this machine must not take ours away.
        self._cookie = f"preview-{port}"
        self._hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        path = request.url.path

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    headers[name] = value
                headers["Content-Security-Policy"] = MAILS if path.startswith("/frame/") else PAGES
                headers["Referrer-Policy"] = "no-referrer" if path.startswith("/frame/") else "same-origin"
            await send(message)

        answer = self._answer(request, path) if scope["type"] == "http" else Response(status_code=403)
        await (answer or self.app)(scope, receive, hardened)

    def _answer(self, request: Request, path: str) -> Response | None:
        """A refusal, or the way in; None: it may pass."""
        host = request.headers.get("host", "").lower()
        if host not in self._hosts:
            return PlainTextResponse("This is the preview of somebody's own machine.\n", 421)
        if path.startswith("/enter/") and request.method == "GET":
            if not self._is_key(path.removeprefix("/enter/")):
                return _shut()
            entered = RedirectResponse("/", 303)
            entered.set_cookie(self._cookie, self._key, httponly=True, samesite="lax")
            return entered
        if path.startswith(OPEN):
            return None
        if not self._is_key(request.cookies.get(self._cookie, "")):
            return _shut()
        if request.method not in ("GET", "HEAD") and not _ours(request, host):
            return PlainTextResponse("Only the preview's own pages may change anything.\n", 403)
        return None

    def _is_key(self, given: str) -> bool:
        """In a time that tells nothing."""
        digests = [hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in (given, self._key)]
        return hmac.compare_digest(*digests)


def _ours(request: Request, host: str) -> bool:
    """Whether a page of ours sent it: browsers name the origin of every such request, and no script can change that."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    return site == "same-origin" and request.headers.get("origin", "").lower() == f"http://{host}"


def _shut() -> Response:
    said = "Open the address that `sequencer preview` printed when it started: it holds the key to this page.\n"
    return PlainTextResponse(said, 403)

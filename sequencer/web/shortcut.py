"""The way of what is asked for most of all: past sessions, gates and routes, which take longer than the work itself."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sequencer.web.callers import name


class Shortcut:
    """Lets `take` answer what is posted to a path that is open to strangers."""

    def __init__(
        self,
        app: ASGIApp,
        path: str,
        take: Callable[[Request], Awaitable[Response]],
        refuse: Callable[[Request, Exception], Response],
        proxied: bool,
    ) -> None:
        """`take`: gives an answer with all its headers. `refuse`: the same for what it raises; or raises it again."""
        self.app = app
        self.path = path
        self.take = take
        self.refuse = refuse
        self.proxied = proxied

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != self.path or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        name(scope, self.proxied)
        request = Request(scope, receive)
        try:
            answer = await self.take(request)
        except Exception as error:
            answer = self.refuse(request, error)
        await answer(scope, receive, send)

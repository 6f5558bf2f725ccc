"""The preview as an ASGI application, for one person on this machine.

GET  /enter/{key}       the way in, with the key of this start
GET  /                  all mails, as an inbox shows them      GET /problems   what `check` says
GET  /mails/{item}      one mail and its edit pane             GET /propose    what could be proposed
GET  /frame/{item}      its HTML                               GET /events     says when something changed
POST /save|send/{item}, /series/{sequence}, /stop, /paste, /propose
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from sequencer import wiring
from sequencer.core.shelf import BARE, Shelf
from sequencer.preview.acts import Acts, answered
from sequencer.preview.courier import BETWEEN, Courier
from sequencer.preview.desk import Desk
from sequencer.preview.door import Door
from sequencer.preview.gate import Gate
from sequencer.preview.pages import STATIC, page
from sequencer.preview.watch import Watch
from sequencer.settings import Mailing


@dataclass(frozen=True, slots=True)
class Start:
    """What a start of the preview is given. `key` is the secret that lets its person in."""

    folder: Path
    port: int
    key: str
    mailing: Mailing
    reader: str = ""
    """As whom mails are read when a page names nobody."""
    shelf: Shelf = BARE
    """What earlier runs compiled."""
    between: float = BETWEEN

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def build(start: Start) -> Starlette:
    """Compiles the workspace once, and again whenever it changes as long as the application runs."""
    desk = Desk(start.folder, start.reader, start.shelf)
    desk.look()
    provider = wiring.provider_of(start.mailing)
    courier = Courier(provider, desk.tell, start.between)
    door = Door(desk, courier, start.url, start.mailing.configured)
    acts = Acts(desk, courier, start.mailing.configured)
    watch = Watch(desk.fingerprint, desk.glance, desk.check)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        watch.start()
        yield
        courier.stop()
        watch.stop()
        provider.close()

    routes = [
        Route("/", door.index),
        Route("/mails/{item:path}", door.one),
        Route("/frame/{item:path}", door.frame),
        Route("/problems", door.problems),
        Route("/propose", door.proposals),
        Route("/reader", door.reader_page),
        Route("/events", door.events),
        Route("/save/{item:path}", answered(acts.save), methods=["POST"]),
        Route("/send/{item:path}", answered(acts.send), methods=["POST"]),
        Route("/series/{sequence}", answered(acts.series), methods=["POST"]),
        Route("/stop", answered(acts.stop), methods=["POST"]),
        Route("/paste", answered(acts.paste), methods=["POST"]),
        Route("/propose", answered(acts.propose), methods=["POST"]),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[Middleware(Gate, key=start.key, port=start.port)],
        exception_handlers={HTTPException: _problem},
    )
    app.router.redirect_slashes = False
    app.state.desk = desk
    return app


def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = {404: "There is nothing here.", 405: "This cannot be done here."}
    detail = error.detail
    if detail == HTTPStatus(error.status_code).phrase:
        detail = known.get(error.status_code, detail)
    return page(request, "problem.html", error.status_code, detail=detail)

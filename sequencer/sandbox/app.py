"""The sandbox as an ASGI application. Point SENDGRID_HOST at `http://host:port/sandbox`.

POST   /sandbox/v3/mail/send            SendGrid's API
GET    /sandbox/                        the inbox, for people
GET    /sandbox/messages.json           accepted messages (`?to=`, `?after=`, `?limit=`)
DELETE /sandbox/messages                forgets them
GET    /sandbox/requests.json           every request and whether it was valid; /sandbox/requests/{id}.json its body
GET    /sandbox/pending.json            what recipients have yet to do; `tables.py` tells how to ask PostgreSQL
POST   /sandbox/webhooks                what chats and other systems would have got; GET shows it to people
GET    /sandbox/webhooks.json           the same for programs
GET, PUT, DELETE /sandbox/faults        what goes wrong, and how often
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection, Engine
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from sequencer.sandbox import inbox, tables
from sequencer.sandbox.copies import Copies
from sequencer.sandbox.facts import FactsDoor
from sequencer.sandbox.inbox import InboxDoor
from sequencer.sandbox.mail import Audience, MailDoor
from sequencer.sandbox.posted import Keys, PostedDoor
from sequencer.sandbox.reactor import Item, Reactor
from sequencer.store import clock


def build(
    engine: Engine,
    *,
    webhook_url: str,
    inbound_url: str,
    private_key: ec.EllipticCurvePrivateKey,
    seed: int = 1,
    audience: Audience | None = None,
    copies: int = 1,
    targets: Keys = lambda _: {},
    now: Callable[[Connection], datetime] = clock.now,
) -> Starlette:
    """One process serves it, by uvicorn over HTTP/1.1 (only there a connection can be reset).

    `audience`: how recipients react by themselves, drawn from `seed`. `copies`: how often SendGrid posts all; above
    1 shuffled and some of it late, as SendGrid has been seen to. `targets`: whose signed webhooks are taken. The engine
    stays the caller's to dispose of.
    """
    repeats: Copies[Item] | None = Copies(copies, seed) if copies > 1 else None
    reactor = Reactor(engine, now, webhook_url, inbound_url, private_key, repeats)
    mail = MailDoor(engine, now, seed, audience, reactor.wake)
    facts = FactsDoor(engine, now, reactor)
    pages = InboxDoor(engine, now, reactor)
    posted = PostedDoor(engine, targets)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await run_in_threadpool(tables.create, engine)
        reactor.start()
        yield
        await run_in_threadpool(reactor.stop)

    routes = [
        Route("/v3/mail/send", mail.send, methods=["POST"]),
        Route("/messages.json", facts.messages),
        Route("/messages", facts.forget, methods=["DELETE"]),
        Route("/requests.json", facts.requests),
        Route("/requests/{id}.json", facts.request_body),
        Route("/schema.json", facts.schema),
        Route("/pending.json", facts.pending),
        Route("/faults", facts.faults),
        Route("/faults", facts.set_faults, methods=["PUT"]),
        Route("/faults", facts.clear_faults, methods=["DELETE"]),
        Route("/webhooks", posted.take, methods=["POST"]),
        Route("/webhooks", posted.shown),
        Route("/webhooks.json", posted.listed),
        Route("/", pages.inbox),
        Route("/messages/{id:int}", pages.message),
        Route("/messages/{id:int}/frame", pages.frame),
        Route("/messages/{id:int}/links/{number:int}", pages.link),
        Route("/messages/{id:int}/{action}", pages.act, methods=["POST"]),
        Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
    ]
    return Starlette(
        routes=[Route("/", _to_inbox), Route("/sandbox", _to_inbox), Mount("/sandbox", routes=routes)],
        lifespan=lifespan,
        exception_handlers={HTTPException: inbox.problem_page},
    )


def _to_inbox(request: Request) -> Response:
    return RedirectResponse("/sandbox/")

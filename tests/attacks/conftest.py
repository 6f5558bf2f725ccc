"""The web application, in this process and behind a real server on loopback, and what attacks are made of."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import uvicorn
from sqlalchemy import inspect, text
from starlette.applications import Starlette
from starlette.testclient import TestClient

from sequencer.core.lead import Lead
from sequencer.web.app import build
from sequencer.web.options import WebSettings
from tests.services.conftest import World
from tests.services.conftest import world as world
from tests.web.conftest import ADDRESS, Site
from tests.web.conftest import site as site
from tests.web.conftest import web_settings as web_settings

PATIENCE = 30.0
"""Seconds until something that must happen soon is called missing."""


@dataclass(frozen=True)
class Server:
    """An application behind uvicorn, spoken to by sockets of our own."""

    port: int

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def get(self, path: str) -> bytes:
        """The whole answer, as it came."""
        with self.connect() as one:
            one.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            return everything(one)


def everything(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    got = b""
    try:
        while more := connection.recv(65536):
            got += more
    except ConnectionError:
        pass
    return got


@contextmanager
def serving(app: Starlette) -> Iterator[Server]:
    """As `sequencer web` serves it."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_config=None, access_log=False, proxy_headers=False, ws="none", lifespan="off", loop="asyncio"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        until(lambda: server.started)
        yield Server(listener.getsockname()[1])
    finally:
        server.should_exit = server.force_exit = True
        thread.join()
        listener.close()


def until(happened: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Waits for what another thread does. Raises AssertionError when it does not."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"it did not happen in {seconds:g} s"
        time.sleep(0.01)  # what is waited for happens in another thread, which tells nobody


def rebuilt(site: Site, settings: WebSettings) -> Site:
    """The same site with an application built anew: after something was taken out of it."""
    app = build(site.world.context, settings)
    return Site(site.world, app, TestClient(app, base_url=ADDRESS, follow_redirects=False))


def everything_stored(world: World) -> dict[str, str]:
    """A digest of each table: two that are equal say that nothing was changed."""
    with world.context.engine.connect() as conn:
        tables = inspect(conn).get_table_names()
        return {
            name: conn.execute(
                text(f"SELECT coalesce(md5(string_agg(t::text, chr(10) ORDER BY t::text)), '') FROM \"{name}\" t")
            ).scalar_one()
            for name in tables
        }


@pytest.fixture
def kim(site: Site) -> Lead:
    """A lead who got a mail and is in the middle of a sequence."""
    kim = site.world.lead(first_name="Kim", owner_email="ana@acme.example")
    site.world.enter("welcome", kim)
    site.world.work()
    return kim

"""The `sendgrid` package's client over kept-alive connections, with a watchdog on total time.

The stock client opens a connection and a TLS context for every request and waits without limit (measured: 25–38
requests a second against 950–1,670). Connections are urllib3's, which knows whom to trust; answers are read by the
standard library. Between the two nothing is left to urllib3's pool: its headers, timeouts, retries and answers cost
a request more processor time (160 µs, measured) than all of its 100 mails. Its total timeout counts from byte to
byte besides: a server that drips its answer held a request of 3 seconds for 18.
"""

import socket
import ssl
import time
from collections.abc import Mapping
from functools import cached_property
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import orjson
import urllib3
from python_http_client import exceptions
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Mail
from urllib3.connection import HTTPConnection, HTTPSConnection

from sequencer.providers.leash import Leash
from sequencer.providers.watchdog import Watchdog

_PATH = "/v3/mail/send"


class NotSent(Exception):
    """The request surely did not reach the provider: nothing was written, or no connection was made."""


class Lost(Exception):
    """The request was written, at least in part, and no whole answer came: it may have been accepted."""


class Accepted:
    """A 2xx answer."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        self.headers = headers


class Client(SendGridAPIClient):  # type: ignore[misc]
    """`send` as in the package: it takes a Mail or its dict, or that as JSON, and raises the package's exceptions for
    refusals.

    connect: seconds for TCP, TLS included. connections: so many are kept open at most. Thread safe.
    """

    def __init__(self, api_key: str, host: str, connect: float = 5.0, connections: int = 8) -> None:
        super().__init__(api_key, host)
        self._server = urlsplit(host)
        self._connect = connect
        self._connections = connections
        self._idle: list[_HttpLink | _HttpsLink] = []
        self._watchdog = Watchdog()
        headers = {
            "Host": self._server.netloc.rpartition("@")[2],
            "Accept-Encoding": "identity",
            **self._default_headers,
        }
        self._head = _head(f"{self._server.path.rstrip('/')}{_PATH}", headers | {"Content-Type": "application/json"})

    def send(self, message: "Mail | dict[str, Any] | bytes", total: float = 20.0) -> Accepted:
        """One request, never repeated. `total`: seconds after which it counts as lost.

        Raises NotSent, Lost, or python_http_client's HTTPError.
        """
        deadline = time.monotonic() + total
        if not isinstance(message, bytes):
            message = orjson.dumps(message if isinstance(message, dict) else message.get())
        # In one piece: the server is woken once, and TLS cuts it into records anyway.
        request = b"%b%d\r\n\r\n%b" % (self._head, len(message), message)
        link = self._link(min(self._connect, total))
        try:
            with self._watchdog.watching(deadline, link.give_up):
                answer, said = link.exchange(request, deadline)
        except (urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError) as error:
            raise _failure(error, link) from error
        if link.late:
            link.close()
            raise Lost(f"no whole answer within {total:g} seconds")
        self._keep(link, answer)
        headers = urllib3.HTTPHeaderDict(answer.getheaders())
        if answer.status in (200, 202):
            return Accepted(answer.status, headers)
        kind = exceptions.err_dict.get(answer.status, exceptions.HTTPError)
        raise kind(answer.status, answer.reason, said, headers)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()
        self._watchdog.close()

    def _link(self, connect: float) -> "_HttpLink | _HttpsLink":
        """One that nobody uses, and that the server did not close meanwhile; else a new one."""
        while True:
            try:
                link = self._idle.pop()
            except IndexError:
                break
            if link.is_connected:
                return link
            link.close()
        host, port = self._server.hostname or "", self._server.port
        if self._server.scheme == "https":
            return _HttpsLink(host, port, timeout=connect, ssl_context=self._trust)
        return _HttpLink(host, port, timeout=connect)

    def _keep(self, link: "_HttpLink | _HttpsLink", answer: HTTPResponse) -> None:
        if answer.will_close or len(self._idle) >= self._connections:
            link.close()
        else:
            self._idle.append(link)

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        """Read when first needed: it takes 40 ms."""
        return ssl.create_default_context()


def _head(path: str, headers: Mapping[str, str]) -> bytes:
    """Of every request, up to the length of its body."""
    lines = (f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "Content-Length: ")
    return "\r\n".join(lines).encode("ascii")


class _Watched:
    """What both kinds of connection add to urllib3's: a request in one piece, and an end to it from another thread."""

    written = False
    """Whether anything of the request went out."""
    late = False
    """Whether the time was up; the connection is of no use then."""
    sock: Any
    _leash: Leash | None = None

    def exchange(self, request: bytes, deadline: float) -> tuple[HTTPResponse, bytes]:
        """The answer with all that it says; whatever is raised, the connection is closed.

        deadline: monotonic time by which something must have been written.
        """
        self.written = False
        try:
            if self.sock is None:
                self.connect()  # type: ignore[attr-defined]
            left = deadline - time.monotonic()
            if self.late or left <= 0:
                raise TimeoutError("the time was up before anything was written")
            self.sock.settimeout(left)
            self.written = True
            self.send(request)  # type: ignore[attr-defined]
            with HTTPResponse(self.sock, method="POST") as answer:
                answer.begin()
                return answer, answer.read()
        except BaseException:
            self.close()
            raise

    def give_up(self) -> None:
        """May come at any time."""
        self.late = True
        if (leash := self._leash) is not None:
            leash.shut()

    def close(self) -> None:
        try:
            super().close()  # type: ignore[misc]
        finally:
            if self._leash is not None:
                self._leash.close()
                self._leash = None

    def _new_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]
        self._leash = Leash(sock)
        if self.late:
            self._leash.shut()
        return sock


class _HttpLink(_Watched, HTTPConnection):
    pass


class _HttpsLink(_Watched, HTTPSConnection):
    pass


def _failure(error: Exception, link: _Watched) -> NotSent | Lost:
    what = str(error).replace("\n", " ")
    if not link.written:
        return NotSent(f"no connection to the provider: {what}")
    if link.late:
        return Lost(f"no whole answer in time: {what}")
    return Lost(f"the connection broke before an answer came: {what}")

"""The `sendgrid` package's client over one shared pool of kept-alive connections, with a watchdog on total time.

The stock client opens a connection and a TLS context for every request and waits without limit (measured: 25–38
requests a second against 950–1,670). urllib3's own total timeout counts from byte to byte: a server that drips its
answer held a request of 3 seconds for 18. Here a timer shuts the socket when the time is up.
"""

import socket
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
import urllib3
from python_http_client import exceptions
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Mail
from urllib3.connection import HTTPConnection, HTTPSConnection

from sequencer.providers.leash import Leash

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
    """`send` as in the package: it takes a Mail or its dict and raises the package's exceptions for refusals.

    connect: seconds for TCP, TLS included. Thread safe.
    """

    def __init__(self, api_key: str, host: str, connect: float = 5.0, connections: int = 8) -> None:
        super().__init__(api_key, host)
        parts = urlsplit(host)
        self._path = parts.path.rstrip("/") + _PATH
        secure = parts.scheme == "https"
        pool = urllib3.HTTPSConnectionPool if secure else urllib3.HTTPConnectionPool
        self._pool = pool(parts.hostname or "", parts.port, maxsize=connections, block=False)
        self._pool.ConnectionCls = _HttpsConnection if secure else _HttpConnection
        self._connect = connect
        self._headers = {**self._default_headers, "Content-Type": "application/json"}

    def send(self, message: "Mail | dict[str, Any]", total: float = 20.0) -> Accepted:
        """One request, never repeated. `total`: seconds after which it counts as lost.

        Raises NotSent, Lost, or python_http_client's HTTPError.
        """
        body = orjson.dumps(message if isinstance(message, dict) else message.get())
        attempt = _Attempt(time.monotonic() + total)
        _current.attempt = attempt
        watchdog = threading.Timer(total, attempt.give_up)
        watchdog.daemon = True
        watchdog.start()
        try:
            answer = self._pool.urlopen(
                "POST",
                self._path,
                body=body,
                headers=self._headers,
                retries=False,
                redirect=False,
                timeout=urllib3.Timeout(connect=min(self._connect, total), read=total),
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise _failure(error, attempt) from error
        finally:
            watchdog.cancel()
            _current.attempt = None
        if attempt.late:
            raise Lost(f"no whole answer within {total:g} seconds")
        if answer.status in (200, 202):
            return Accepted(answer.status, answer.headers)
        kind = exceptions.err_dict.get(answer.status, exceptions.HTTPError)
        raise kind(answer.status, answer.reason, answer.data, answer.headers)

    def close(self) -> None:
        self._pool.close()


class _Attempt:
    """What is known of the request that a thread is making."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.written = False
        self.late = False
        self._leash: Leash | None = None
        self._lock = threading.Lock()

    def hold(self, leash: Leash) -> None:
        with self._lock:
            self._leash = leash
            if self.late:
                leash.shut()

    def give_up(self) -> None:
        with self._lock:
            self.late = True
            if self._leash is not None:
                self._leash.shut()


class _Current(threading.local):
    attempt: _Attempt | None = None


_current = _Current()


class _Watched:
    """What both kinds of connection add to urllib3's: the leash, and a last look at the time before writing."""

    _leash: Leash | None = None

    def _new_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]
        self._leash = Leash(sock)
        if _current.attempt is not None:
            _current.attempt.hold(self._leash)
        return sock

    def request(self, *args: Any, **options: Any) -> None:
        attempt = _current.attempt
        if self.sock is None:  # type: ignore[attr-defined]
            self.connect()  # type: ignore[attr-defined]
        if attempt is not None and self._leash is not None:
            attempt.hold(self._leash)
            if attempt.late or time.monotonic() >= attempt.deadline:
                raise urllib3.exceptions.ConnectTimeoutError("the time was up before anything was written")
            attempt.written = True
        super().request(*args, **options)  # type: ignore[misc]

    def close(self) -> None:
        try:
            super().close()  # type: ignore[misc]
        finally:
            if self._leash is not None:
                self._leash.close()
                self._leash = None


class _HttpConnection(_Watched, HTTPConnection):
    pass


class _HttpsConnection(_Watched, HTTPSConnection):
    pass


def _failure(error: Exception, attempt: _Attempt) -> NotSent | Lost:
    what = str(error).replace("\n", " ")
    if not attempt.written:
        return NotSent(f"no connection to the provider: {what}")
    if attempt.late:
        return Lost(f"no whole answer in time: {what}")
    return Lost(f"the connection broke before an answer came: {what}")

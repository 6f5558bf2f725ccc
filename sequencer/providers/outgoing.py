"""Outgoing requests: to addresses that were given to us, and that cannot be turned against our own network.

Whoever writes an address, or answers for its host name, must not make us talk to what only we can reach. So the name
is looked up once, every address found must be public, and the connection goes to an address that was checked: a name
that points elsewhere a moment later (rebinding) changes nothing. Redirects are not followed, proxies of the
environment not used, and of a webhook's answer only the head is read. What is said of an attempt never holds a
webhook's address, which is a secret, nor anything that the other side chose, but the status.
"""

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import cache
from http.client import HTTPException, HTTPResponse
from ipaddress import ip_address
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias, TypeVar

from sequencer.core.mail import Answer, Outcome
from sequencer.core.target import NONE_ALLOWED, Address, Allowed, Target, parse, public
from sequencer.providers.leash import Leash
from sequencer.providers.watchdog import Watchdog

HEAD: Final = 16 * 1024
"""Bytes of a webhook's answer that are read at most: its status line and headers, never its body."""
ANSWER: Final = 1024 * 1024
"""Bytes that the body of an answer to `ask` may have."""
JSON: Final = "application/json"

T = TypeVar("T")


class Reply(NamedTuple):
    """What was answered."""

    status: int
    body: bytes
    retry_after: float | None = None
    """Seconds."""


NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})

Resolve: TypeAlias = Callable[[str, int], list[str]]
"""(host, port) → network addresses. Raises OSError."""

_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?:[ \r]|$)")
_RETRY_AFTER: Final = re.compile(rb"\nretry-after:[ \t]*([0-9]{1,6})[ \t]*\r?\n", re.IGNORECASE)


class Outgoing:
    """Posts JSON to webhooks. Thread safe; holds nothing open.

    total: seconds for an attempt, from the look-up of the name to the head of the answer; a watchdog ends what
    takes longer. allowed: addresses on this machine for development and tests; in production there are none.
    instead: everything goes to this address, as `sequencer dev` wants; it must be allowed.
    """

    def __init__(
        self,
        allowed: Allowed = NONE_ALLOWED,
        instead: str | None = None,
        total: float = 5.0,
        resolve: Resolve | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed = allowed
        self._instead = instead
        self._total = total
        self._resolve = resolve or _look_up
        self._trust = trust
        self._watchdog = Watchdog()

    def post(self, url: str, body: bytes, headers: Mapping[str, str] = NO_HEADERS) -> Outcome:
        """One request, never repeated. `Answer.RETRY`: surely not taken. `Answer.UNKNOWN`: it may have been.

        `headers`: further ones, of our own making: names and values are not escaped.
        """
        return self._talk("POST", self._instead or url, body, {"Content-Type": JSON, **headers}, self._judged)

    def ask(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Reply | Outcome:
        """The same, where the answer matters: what was answered, else why there is nothing."""
        if self._instead is not None:
            return _refused("not asked: in development nobody else is spoken to")
        return self._talk(method, url, body, headers, lambda link: _reply(link, method))

    @staticmethod
    def _judged(link: socket.socket) -> Outcome:
        return _judge(_head(link))

    def _talk(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], read: Callable[[socket.socket], T]
    ) -> T | Outcome:
        deadline = time.monotonic() + self._total
        try:
            target = parse(url, self._allowed)
        except ValueError as error:
            return _refused(f"not posted: {error}")
        try:
            addresses = self._addresses(target, deadline)
        except (OSError, ValueError) as error:
            return Outcome(Answer.RETRY, detail=f"the host's name was not found: {type(error).__name__}")
        if not all(public(address) or (str(address), target.port) in self._allowed for address in addresses):
            return _refused("not posted: the host's name leads into a private network")
        return self._converse(target, addresses, _request(method, target, body, headers), deadline, read)

    def _addresses(self, target: Target, deadline: float) -> list[Address]:
        """Asks for the name once. The thread that asks may outlive us: nothing else ends a look-up."""
        if (target.host, target.port) in self._allowed:
            return [ip_address(target.host)]
        found: Future[list[str]] = Future()

        def ask() -> None:
            try:
                found.set_result(self._resolve(target.host, target.port))
            except Exception as error:
                found.set_exception(error)

        threading.Thread(target=ask, daemon=True).start()
        texts = found.result(max(deadline - time.monotonic(), 0))
        if not texts:
            raise OSError("no address")
        return [ip_address(text) for text in texts]

    def _converse(
        self,
        target: Target,
        addresses: list[Address],
        request: bytes,
        deadline: float,
        read: Callable[[socket.socket], T],
    ) -> T | Outcome:
        try:
            plain = _connect(addresses, target.port, deadline)
        except OSError as error:
            return Outcome(Answer.RETRY, detail=f"no connection: {type(error).__name__}")
        leash, link = Leash(plain), plain
        try:
            with self._watchdog.watching(deadline, leash.shut):
                if target.secure:
                    try:
                        trust = self._trust or _public_authorities()
                        link = trust.wrap_socket(plain, server_hostname=target.host, do_handshake_on_connect=False)
                        # Apart: of a connection that was cut off already the other would make none, silently.
                        link.do_handshake()
                    except (OSError, ValueError) as error:
                        return Outcome(Answer.RETRY, detail=f"no secure connection: {type(error).__name__}")
                try:
                    link.sendall(request)
                    return read(link)
                except (OSError, HTTPException) as error:
                    return Outcome(Answer.UNKNOWN, detail=f"no answer: {type(error).__name__}")
        finally:
            link.close()
            leash.close()


@cache
def _public_authorities() -> ssl.SSLContext:
    """Read when first needed: it takes 40 ms, and most processes never post."""
    return ssl.create_default_context()


def _look_up(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _connect(addresses: list[Address], port: int, deadline: float) -> socket.socket:
    """To the first of the addresses that answers: numbers, so nothing is looked up again."""
    failure = OSError("the time was up")
    for number, address in enumerate(addresses):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            # A share of the time each: one that is dead must not take it all.
            link = socket.create_connection((str(address), port), timeout=left / (len(addresses) - number))
        except OSError as error:
            failure = error
            continue
        link.settimeout(max(deadline - time.monotonic(), 0.001))
        return link
    raise failure


def _request(method: str, target: Target, body: bytes, headers: Mapping[str, str]) -> bytes:
    host = f"[{target.host}]" if ":" in target.host else target.host
    lines = (
        f"{method} {target.path} HTTP/1.1",
        f"Host: {host}" if target.port == 443 else f"Host: {host}:{target.port}",
        "User-Agent: sequencer",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode("ascii") + body


def _head(link: socket.socket) -> bytes:
    """The head of the final answer; empty when there is none, or none that is small enough."""
    data = b""
    while len(data) < HEAD:
        end = data.find(b"\r\n\r\n")
        if end >= 0:
            head, data = data[: end + 4], data[end + 4 :]
            status = _STATUS.match(head)
            if status is not None and status[1].startswith(b"1"):
                continue  # an interim answer, such as 103: the final one follows
            return head
        more = link.recv(4096)
        if not more:
            return b""
        data += more
    return b""


def _reply(link: socket.socket, method: str) -> Reply | Outcome:
    """The whole answer. Raises OSError and HTTPException."""
    with HTTPResponse(link, method=method) as answer:
        answer.begin()
        body = answer.read(ANSWER + 1)
        wait = answer.getheader("Retry-After", "").strip()
    if len(body) > ANSWER:
        return Outcome(Answer.UNKNOWN, detail="the answer is too long")
    known = wait.isascii() and wait.isdigit() and len(wait) <= 6
    return Reply(answer.status, body, float(wait) if known else None)


def _judge(head: bytes) -> Outcome:
    found = _STATUS.match(head)
    if found is None:
        return Outcome(Answer.UNKNOWN, detail="no whole answer")
    status = int(found[1])
    if 200 <= status < 300:
        return Outcome(Answer.ACCEPTED)
    if status == 429:
        wait = _RETRY_AFTER.search(head)
        return Outcome(Answer.RETRY, detail="429", retry_after=float(wait[1]) if wait else None)
    if 300 <= status < 400:
        return _refused(f"{status}: redirects are not followed, the webhook must be the final address")
    return _refused(str(status)) if status < 500 else Outcome(Answer.UNKNOWN, detail=str(status))


def _refused(detail: str) -> Outcome:
    return Outcome(Answer.REFUSED, detail=detail)

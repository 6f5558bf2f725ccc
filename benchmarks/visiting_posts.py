"""Posts beacons as browsers do, over many connections; a process of its own, which `benchmarks.visiting` starts.

Reads from its standard input what to post, as JSON. Writes a line of JSON now and then, and at last how it went.
"""

import json
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from sequencer.core.token import mint

BEACONS: Final = 4
"""Of a visitor."""
KNOWN: Final = 5
"""One visitor in so many is a lead; the last of their beacons says so."""
CONNECTIONS: Final = 200
PATIENCE: Final = 60.0
"""Seconds without any answer after which it fails."""
EVERY: Final = 5.0
"""Seconds between two lines."""
PATHS: Final = ("/", "/pricing", "/pricing/eu", "/contact", "/blog", "/customers", "/careers", "/docs/start")
_SPREAD: Final = 0x9E3779B97F4A7C15F39CC0605CEDC835
"""Odd, so that every visitor gets an id of their own, and as scattered as those that browsers make up."""


def bodies(visitors: int, pages: int, first_id: int, secret: bytes) -> Iterator[tuple[int, bytes]]:
    """(visitor, beacon). Visitors come by in turn, so each comes back when all others have been there."""
    for number in range(visitors * BEACONS):
        visitor, round_ = number % visitors, number // visitors
        told: dict[str, Any] = {
            "v": f"{(visitor + 1) * _SPREAD % 2**128:032x}",
            "p": [[PATHS[(number + n) % len(PATHS)], 60_000 * round_ + 5_000 * n] for n in range(pages)],
        }
        if visitor % KNOWN == 0 and round_ == BEACONS - 1:
            told["s"] = f"{mint(secret, first_id + visitor // KNOWN, 'one').link}.1"
        yield visitor, orjson.dumps(told)


class Poster:
    """As fast as the door answers: each connection posts, waits for the answer, and posts again."""

    def __init__(self, url: str, host: str, todo: Iterator[tuple[int, bytes]]) -> None:
        parts = urlsplit(url)
        self._address = (str(parts.hostname), int(parts.port or 80))
        self._head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {host}\r\nOrigin: https://{host}\r\n"
            "User-Agent: Mozilla/5.0 (Macintosh) Version/17.4\r\nContent-Type: text/plain;charset=UTF-8\r\n"
        )
        self._todo = todo
        self._selector = selectors.DefaultSelector()
        self._since: dict[socket.socket, float] = {}
        self.answers: dict[str, int] = {}
        self.took: list[float] = []

    def run(self) -> None:
        """Raises TimeoutError when the door is silent."""
        for _ in range(CONNECTIONS):
            self._post(socket.create_connection(self._address))
        say_at = time.monotonic() + EVERY
        while self._since:
            ready = self._selector.select(PATIENCE)
            if not ready:
                raise TimeoutError(f"no answer for {PATIENCE:g} s after {sum(self.answers.values())}")
            for key, _ in ready:
                assert isinstance(key.fileobj, socket.socket)
                self._answer(key.fileobj)
            if time.monotonic() >= say_at:
                say_at = time.monotonic() + EVERY
                print(json.dumps({"posted": sum(self.answers.values())}), flush=True)

    def _post(self, connection: socket.socket) -> None:
        following = next(self._todo, None)
        if following is None:
            self._leave(connection)
            return
        visitor, body = following
        # Nobody posts so much from one place: the limit for each address is not what is measured.
        caller = f"10.{visitor >> 16 & 255}.{visitor >> 8 & 255}.{visitor & 255}"
        head = f"{self._head}X-Forwarded-For: {caller}\r\nContent-Length: {len(body)}\r\n\r\n"
        if connection not in self._since:
            self._selector.register(connection, selectors.EVENT_READ)
        self._since[connection] = time.perf_counter()
        connection.sendall(head.encode() + body)

    def _answer(self, connection: socket.socket) -> None:
        answer = connection.recv(65_536)
        self.took.append(time.perf_counter() - self._since[connection])
        status = answer[9:12].decode() or "closed"
        self.answers[status] = self.answers.get(status, 0) + 1
        if status != "204":  # it has a body, and perhaps the door hangs up
            self._leave(connection)
            connection = socket.create_connection(self._address)
        self._post(connection)

    def _leave(self, connection: socket.socket) -> None:
        if self._since.pop(connection, None) is not None:
            self._selector.unregister(connection)
        connection.close()


def _main() -> int:
    asked = json.load(sys.stdin)
    todo = bodies(asked["visitors"], asked["pages"], asked["first_id"], asked["secret"].encode())
    poster = Poster(asked["url"], asked["host"], todo)
    began = time.perf_counter()
    poster.run()
    seconds, took = time.perf_counter() - began, sorted(poster.took)
    print(json.dumps({"seconds": seconds, "answers": poster.answers, "p99": round(took[int(len(took) * 0.99)], 3)}))
    return 0


if __name__ == "__main__":
    raise SystemExit(_main())

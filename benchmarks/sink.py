"""A process that stands for SendGrid and costs next to nothing: it answers 202 and counts.

    python -m benchmarks.sink PORT CERTIFICATE

By TLS, as SendGrid is reached. `POST /v3/mail/send` is read in full and counted, not parsed; `GET /` gives the counts
as JSON. `PUT /503` has mails answered with that from then on, and `PUT /202` ends it; what is refused is not counted.
Keep-alive, loopback only. Whether requests are right is the sandbox's business, not this one's.
"""

import asyncio
import ssl
import sys

from sequencer.local import ports

ROOM = 1 << 16
_RECIPIENT = b'"to":'
"""Begins each recipient of a personalization, and occurs nowhere else: inside of a JSON text its quotes are escaped."""


class Counts:
    requests = recipients = size = refused = 0
    refuses = False

    def answer(self) -> bytes:
        names = ("requests", "recipients", "bytes", "refused")
        taken = zip(names, (self.requests, self.recipients, self.size, self.refused), strict=True)
        text = ("{" + ",".join(f'"{name}":{count}' for name, count in taken) + "}").encode()
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)


class Sink(asyncio.BufferedProtocol):
    """One connection. The request is read into one buffer that grows to the largest and is used again."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._buffer = bytearray(ROOM)
        self._used = 0
        self._needed = 0
        """Bytes of the whole request; 0 while its head is not complete."""
        self._head = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._used == len(self._buffer):
            # Not in place: the view that was given out last may still be alive.
            self._buffer = self._buffer + bytearray(len(self._buffer))
        return memoryview(self._buffer)[self._used :]

    def buffer_updated(self, nbytes: int) -> None:
        self._used += nbytes
        while self._used:
            if not self._needed:
                end = self._buffer.find(b"\r\n\r\n", 0, self._used)
                if end < 0:
                    return
                self._head = end + 4
                self._needed = self._head + _length(bytes(self._buffer[:end]))
                if self._needed > len(self._buffer):
                    self._buffer = self._buffer + bytearray(self._needed - len(self._buffer))
            if self._used < self._needed:
                return
            self._answer()
            rest = self._used - self._needed
            self._buffer[:rest] = self._buffer[self._needed : self._used]
            self._used, self._needed = rest, 0

    def _answer(self) -> None:
        assert self._transport is not None
        counts = self._counts
        if self._buffer.startswith(b"GET "):
            self._transport.write(counts.answer())
            return
        if self._buffer.startswith(b"PUT "):
            counts.refuses = self._buffer.startswith(b"PUT /503 ")
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            return
        if counts.refuses:
            counts.refused += 1
            self._transport.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            return
        counts.requests += 1
        counts.size += self._needed - self._head
        counts.recipients += self._buffer.count(_RECIPIENT, self._head, self._needed)
        self._transport.write(
            b"HTTP/1.1 202 Accepted\r\nX-Message-Id: sink-%d\r\nContent-Length: 0\r\n\r\n" % counts.requests
        )


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def serve(port: int, certificate: str) -> None:
    """`certificate`: a PEM file that holds its key too."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    counts = Counts()
    server = await asyncio.get_running_loop().create_server(lambda: Sink(counts), ports.HOST, port, ssl=context)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))

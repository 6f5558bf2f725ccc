"""Settable faults: what the sandbox does wrong on purpose, how often, and the two answers that are no answer."""

import asyncio
import contextlib
import hashlib
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sequencer.errors import InvalidInput

BEFORE: Final = frozenset({"429", "500", "503", "timeout", "reset"})
"""The mail is surely not accepted."""
AFTER: Final = frozenset({"accept_then_timeout", "accept_then_reset", "accept_then_500", "accept_then_drop", "slow"})
"""The mail is accepted, then things go wrong. `slow` answers late."""
_SECONDS: Final = {"429": 1.0, "slow": 1.0}
_NAMES: Final = frozenset({"kind", "rate", "times", "seconds"})


@dataclass(frozen=True, slots=True)
class Fault:
    """Strikes a share of the requests, at most so many times.

    `seconds`: how long to hang, to be slow, or to limit the rate.
    """

    kind: str
    rate: float = 1.0
    times: int | None = None
    seconds: float = 30.0


def parse(raw: Any) -> list[Fault]:
    """Reads what `PUT /sandbox/faults` brings; raises InvalidInput with every problem in it."""
    problems: list[str] = []
    faults: list[Fault] = []
    if not isinstance(raw, list):
        raise InvalidInput(f"expected a list of faults, got {type(raw).__name__}")
    for number, one in enumerate(raw):
        try:
            faults.append(_parse_one(one))
        except InvalidInput as problem:
            problems.append(f"fault {number}: {problem}")
    if problems:
        raise InvalidInput("; ".join(problems))
    return faults


def _parse_one(raw: Any) -> Fault:
    if not isinstance(raw, Mapping):
        raise InvalidInput(f"expected an object, got {type(raw).__name__}")
    if unknown := sorted(raw.keys() - _NAMES):
        raise InvalidInput(f"expected only {', '.join(sorted(_NAMES))}, got {', '.join(unknown)}")
    kind = raw.get("kind")
    if kind not in BEFORE | AFTER:
        raise InvalidInput(f"expected kind to be one of {', '.join(sorted(BEFORE | AFTER))}, got {kind!r}")
    rate, times = raw.get("rate", 1.0), raw.get("times")
    seconds = raw.get("seconds", _SECONDS.get(kind, 30.0))
    if not _is_number(rate) or not 0 <= rate <= 1:
        raise InvalidInput(f"expected rate to be a number from 0 to 1, got {rate!r}")
    if times is not None and (type(times) is not int or times < 0):
        raise InvalidInput(f"expected times to be a whole number or null, got {times!r}")
    if not _is_number(seconds) or not 0 <= seconds <= 3600:
        raise InvalidInput(f"expected seconds to be a number from 0 to 3600, got {seconds!r}")
    return Fault(kind, float(rate), times, float(seconds))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def strikes(seed: int, position: int, seen: int, rate: float) -> bool:
    """Whether the fault at this place of the list strikes the request that it sees as number `seen`."""
    digest = hashlib.sha256(f"{seed}\x1ffault\x1f{position}\x1f{seen}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48 < rate


class Reset(Response):
    """Ends the TCP connection with a reset and without a byte of an answer.

    ASGI has no word for it, so this reaches for uvicorn's transport: `receive` is a method of uvicorn's request cycle
    (HTTP/1.1 by h11 or httptools), which holds it.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = _transport(receive)
        connection = transport.get_extra_info("socket")
        # Lingering for zero seconds turns the close into a reset instead of a polite end.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        await _gone(receive)


class Silence(Response):
    """Holds the connection without an answer, then resets it; ends early when the client gives up."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(_gone(receive), self.seconds)
            return
        await Reset()(scope, receive, send)


def _transport(receive: Receive) -> asyncio.Transport:
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        raise RuntimeError("expected to be served by uvicorn over HTTP/1.1: only there a connection can be reset")
    return transport  # type: ignore[no-any-return]


async def _gone(receive: Receive) -> None:
    """Until the client is disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass

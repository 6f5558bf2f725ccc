"""Reading request bodies: no more of them than a door wants, no slower than a door waits, whatever the header says."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request

FORM: Final = 20_000
"""Bytes of a form of ours."""
PATIENCE: Final = 20.0
"""Seconds of operating time that any body may take, and one more for each SLOWEST bytes that it may have."""
SLOWEST: Final = 256 * 1024

_CLOSE: Final = {"Connection": "close"}
"""What else of the body comes is not waited for."""


@dataclass(slots=True)
class Room:
    """How many bytes of bodies one process holds at a time, from the first byte read until they are dealt with.

    Used from the event loop alone.
    """

    left: int
    each: int = 0
    """Bytes of these that one caller may hold, where it is said who calls."""
    scarce: int = 0
    """The same once less than half is left: a few callers with long bodies keep out nobody with a short one."""
    held: Counter[str] = field(default_factory=Counter)
    """Bytes by caller; only of those who hold some."""
    half: int = field(init=False)

    def __post_init__(self) -> None:
        self.half = self.left // 2

    def lets(self, caller: str | None, size: int) -> bool:
        """Whether there is room for so many bytes more of the caller's."""
        most = self.each if self.left - size >= self.half else self.scarce
        return size <= self.left and (caller is None or self.held[caller] + size <= most)

    @contextmanager
    def share(self, caller: str | None = None) -> Iterator["Share"]:
        """What one request takes; given back at the end. None: no caller is limited by themselves."""
        share = Share(self, caller)
        try:
            yield share
        finally:
            self.left += share.taken
            if caller is not None:
                self.held[caller] -= share.taken
                if not self.held[caller]:
                    del self.held[caller]


@dataclass(slots=True)
class Share:
    room: Room
    caller: str | None = None
    taken: int = 0

    def take(self, size: int) -> None:
        """Raises HTTPException 503: who posts here comes again."""
        room, caller = self.room, self.caller
        if not room.lets(caller, size):
            raise HTTPException(
                503, "too much is arriving at once; please send it again", _CLOSE | {"Retry-After": "5"}
            )
        room.left -= size
        self.taken += size
        if caller is not None:
            room.held[caller] += size


async def read(request: Request, most: int, share: Share | None = None) -> bytes:
    """The body. Raises HTTPException as soon as it is known to be longer than `most` bytes (413), or too slow (408)."""
    refusal = HTTPException(413, f"expected a body of at most {most:,} bytes", _CLOSE)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > 15 or int(announced) > most):
        raise refusal
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE + most / SLOWEST):
            async for chunk in request.stream():
                if len(body) + len(chunk) > most:
                    raise refusal
                if share is not None:
                    share.take(len(chunk))
                body += chunk
    except TimeoutError as error:
        raise HTTPException(408, "expected the whole body sooner", _CLOSE) from error
    return bytes(body)


async def read_form(request: Request, most: int = FORM) -> Mapping[str, list[str]]:
    """The fields of a form of ours, URL-encoded. Raises HTTPException 413, 408 and 400."""
    body = await read(request, most)
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=200)
    except ValueError as error:
        raise HTTPException(400, "expected a URL-encoded form in UTF-8") from error


def first(form: Mapping[str, list[str]], name: str) -> str:
    """The field's first value; empty when there is none."""
    return form.get(name, [""])[0]


def line(form: Mapping[str, list[str]], name: str, longest: int) -> str:
    """The same as one line, and no longer than so many characters."""
    return " ".join(first(form, name).replace("\0", "").split())[:longest]


def day(form: Mapping[str, list[str]], name: str) -> date | None:
    """The day that a field for dates holds."""
    try:
        return date.fromisoformat(first(form, name))
    except ValueError:
        return None

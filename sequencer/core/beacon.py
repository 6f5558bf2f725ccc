"""Visits of our own pages, as a stranger's browser tells of them: read without trusting any of it."""

import re
from collections.abc import Collection
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import orjson

from sequencer.core.lead_input import is_text
from sequencer.core.touch import Touch, touch_of

LONGEST_PAGE: Final = 200
"""Characters of a path; what is longer is cut."""
MOST_PAGES: Final = 50
"""Of one beacon."""
LATEST: Final = timedelta(hours=1)
"""A beacon comes when a page is left: nothing in it is longer ago."""

VISITOR: Final = re.compile(r"[0-9a-f]{32}")
"""What a browser calls itself by: 128 random bits, which nobody else can guess."""
_TOKEN: Final = re.compile(r"([a-z2-7]{32})\.\d{1,4}")


class Beacon(NamedTuple):
    """What one browser tells at a time."""

    visitor: str
    token: str | None = None
    """Of a link in a mail of ours; signed, and not verified yet."""
    pages: tuple[tuple[str, timedelta], ...] = ()
    """(path, how long ago), in the order of the visits."""
    touch: Touch = MappingProxyType({})
    """What led here, if that is known."""
    answered: tuple[str, ...] = ()
    """Of a form: the fields that this browser has given."""


def read(body: bytes, hosts: Collection[str] = ()) -> Beacon | None:
    """The beacon in a body; None when it is none. What is odd in it is left out. Never raises."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(told, dict) or not _is(told.get("v"), VISITOR):
        return None
    token = _TOKEN.fullmatch(told["s"]) if isinstance(told.get("s"), str) else None
    pages = told.get("p")
    return Beacon(
        told["v"],
        token[1] if token else None,
        tuple(filter(None, map(_page, pages[:MOST_PAGES]))) if isinstance(pages, list) else (),
        # Who follows a link in our mail is led here by that, not by where they read their mail.
        touch_of(told.get("q"), None if token else told.get("r"), hosts),
    )


def write(visitor: str, answered: Collection[str]) -> bytes:
    """What a form says of the browser that sent it, to be read by `read_ours`."""
    return orjson.dumps({"v": visitor, "a": sorted(answered)})


def read_ours(body: bytes) -> Beacon:
    told = orjson.loads(body)
    return Beacon(told["v"], answered=tuple(told["a"]))


def _is(value: Any, form: re.Pattern[str]) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None


def _page(told: Any) -> tuple[str, timedelta] | None:
    match told:
        case [str(path), int(ago)] if not isinstance(ago, bool):
            page = page_of(path)
            return (page, min(timedelta(milliseconds=max(0, min(ago, 2**40))), LATEST)) if page else None
    return None


def page_of(path: str) -> str | None:
    """A path as `visited(…)` compares it: decoded, without query and without a slash at its end."""
    path = unquote(path.partition("?")[0].partition("#")[0])[:LONGEST_PAGE]
    if not path.startswith("/") or not is_text(path) or not path.isprintable():
        return None
    return path.rstrip("/") or "/"


def host_of(origin: str) -> str:
    """The host that an Origin header names; empty when it names none."""
    scheme, _, host = origin.partition("://")
    return host.lower() if scheme in ("http", "https") else ""

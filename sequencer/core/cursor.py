"""Where the next page of a list begins. Callers give it back as they got it, with the same question."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Final

import orjson

from sequencer.core.lead_input import is_text

LONGEST: Final = 1000
"""Characters."""

Place = tuple[str | int, ...]
"""Of the last one that was shown: what comes after it stays the same whoever is added meanwhile."""


class BadCursor(ValueError):
    """It is none of ours, or belongs to another question."""


def write(question: Mapping[str, str | None], place: Place) -> str:
    """`question`: what was asked for, by name."""
    return base64.urlsafe_b64encode(orjson.dumps([_digest(question), *place])).decode().rstrip("=")


def read(question: Mapping[str, str | None], cursor: str, of: tuple[type, ...]) -> Place:
    """`of`: the types of a place. Raises BadCursor."""
    try:
        raw = cursor.encode("ascii")
        told = orjson.loads(base64.b64decode(raw + b"=" * (-len(raw) % 4), b"-_", validate=True))
    except ValueError as error:
        raise BadCursor from error
    if len(cursor) > LONGEST or not isinstance(told, list) or told[:1] != [_digest(question)]:
        raise BadCursor
    place = tuple(told[1:])
    if tuple(map(type, place)) != of or not all(map(_fits, place)):
        raise BadCursor
    return place


def _fits(one: str | int) -> bool:
    """Whether the database could hold it."""
    return is_text(one) if isinstance(one, str) else 0 <= one < 2**63


def _digest(question: Mapping[str, str | None]) -> str:
    asked = orjson.dumps({name: value for name, value in question.items() if value}, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2s(asked, digest_size=6).hexdigest()

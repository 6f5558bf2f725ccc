"""Arrays as PostgreSQL reads them, for statements over some thousand rows.

psycopg writes a list's elements one by one, by regular expressions: a third of the time that webhooks took here.
"""

from collections.abc import Hashable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Text, bindparam, cast, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import NullType

Kind = TypeVar("Kind", bound=Hashable)

_BETWEEN = "\x1f"
"""Stands between texts while all of them are escaped at once: no text that we know of has it."""


def numbered(kinds: Iterable[Kind]) -> tuple[list[Kind], list[int]]:
    """The different ones, and for each that was given the number of its own, from 1 on, as `WITH ORDINALITY` counts.

    So what most rows of a batch have in common is told once.
    """
    found: dict[Kind, int] = {}
    numbers = [found.setdefault(one, len(found) + 1) for one in kinds]
    return list(found), numbers


def array(values: Iterable[object]) -> str:
    """A literal of texts, numbers, truth values and moments, to be cast to its type. None becomes NULL."""
    listed = list(values)
    types = set(map(type, listed))
    if types == {str}:
        joined = _BETWEEN.join(listed)  # type: ignore[arg-type]
        if joined.count(_BETWEEN) == len(listed) - 1:
            return '{"' + _escaped(joined).replace(_BETWEEN, '","') + '"}'
    elif types <= _MOMENTS:
        return "{" + ",".join(map(_written, listed)) + "}"
    elif str not in types and type(None) not in types:
        return "{" + ",".join(map(str, listed)) + "}"
    return "{" + ",".join(["NULL" if value is None else f'"{_escaped(str(value))}"' for value in listed]) + "}"


def blobs(values: Iterable[bytes]) -> str:
    """The same of bytes: psycopg takes forty times as long for a list of them."""
    written = '","'.join([f"\\\\x{value.hex()}" for value in values])
    return f'{{"{written}"}}' if written else "{}"


_MOMENTS = {datetime, type(None)}


@lru_cache(maxsize=8192)
def _written(moment: datetime | None) -> str:
    """Kept: the moments of a batch of events are few, and are written in several statements."""
    return "NULL" if moment is None else str(moment)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def any_in(name: str, kind: type[BigInteger] | type[Text] = BigInteger) -> Any:
    """`column = ANY(…)` in a statement that is made once; run it with `array(values)` as this parameter."""
    # Untyped, so that PostgreSQL takes it for an array at once. A text would be read anew for every row it is compared
    # with, and leave the planner in the dark about how many rows of which partitions these are.
    return func.any(cast(bindparam(name, type_=NullType()), ARRAY(kind)))

"""What compiled conditions call. Comparing the unknown, or what cannot be compared, is false and never an error."""

from collections.abc import Set
from datetime import date, datetime
from typing import Any, Final

SORTS: Final[dict[type, int]] = {str: 1, int: 2, float: 2, bool: 3, date: 4}
"""Only values of one sort compare. True is not 1 here."""


def equal(a: Any, b: Any) -> bool:
    return a == b and SORTS.get(type(a), 0) == SORTS.get(type(b))


def differs(a: Any, b: Any) -> bool:
    return SORTS.get(type(a), 0) == SORTS.get(type(b)) and a != b


def less(a: Any, b: Any) -> bool:
    return SORTS.get(type(a), 0) == SORTS.get(type(b)) and a < b


def at_most(a: Any, b: Any) -> bool:
    return SORTS.get(type(a), 0) == SORTS.get(type(b)) and a <= b


def among(value: Any, values: Set[Any], sort: int) -> bool:
    """Whether value is one of literal values, all of one sort."""
    return SORTS.get(type(value)) == sort and value in values


def not_among(value: Any, values: Set[Any], sort: int) -> bool:
    return SORTS.get(type(value)) == sort and value not in values


_SEVERAL: Final = (list, tuple)


def holds(values: Any, value: Any) -> bool:
    """Whether a field of several values has this one."""
    return isinstance(values, _SEVERAL) and type(value) in SORTS and value in values


def lacks(values: Any, value: Any) -> bool:
    return isinstance(values, _SEVERAL) and type(value) in SORTS and value not in values


def known(value: Any) -> bool:
    """No answer at all, or an empty one, is unknown."""
    return value is not None and value != "" and value != [] and value != ()


def day(value: Any) -> date | None:
    """A date field's value as a date; fields read from JSON hold ISO 8601 text."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value[:10])
    except (TypeError, ValueError):
        return None

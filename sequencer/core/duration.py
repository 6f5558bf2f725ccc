"""Lengths of time as people write them: `2 hours`, `3 business days`."""

import re
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import Final, Literal, TypeAlias, get_args

Unit: TypeAlias = Literal["second", "minute", "hour", "day", "business day", "week"]

UNITS: Final[tuple[Unit, ...]] = get_args(Unit)

LONGEST: Final = timedelta(days=3660)
"""Ten years. More is a slip of the pen, and would run out of the calendar."""

_LENGTH: Final[dict[Unit, timedelta]] = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "business day": timedelta(days=1),
    "week": timedelta(weeks=1),
}

_WRITTEN = re.compile(rf"([0-9]{{1,9}}) ({'|'.join(UNITS)})s?")

_ALSO: Final[dict[str, Unit]] = {
    **dict.fromkeys(("s", "sec"), "second"),
    **dict.fromkeys(("min", "minuten"), "minute"),
    **dict.fromkeys(("h", "hr", "stunde", "stunden"), "hour"),
    **dict.fromkeys(("", "d", "tag", "tage"), "day"),
    **dict.fromkeys(("bd", "workday", "working day", "weekday", "werktag", "werktage"), "business day"),
    **dict.fromkeys(("w", "wk", "woche", "wochen"), "week"),
}
"""What people write for units, and what they mean by a number alone."""
_COUNTED: Final = ("a", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_MEANT = re.compile(rf"([0-9]{{1,4}}|(?:{'|'.join(_COUNTED)})(?= ))\s*([a-zäöü ]*)")
_MONTH: Final = 30
"""Days."""


@dataclass(frozen=True, slots=True)
class Duration:
    """A whole number of one unit. How long a day is depends on where and when: `schedule.shift` knows."""

    amount: int
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """Read `3 business days`. Raises ValueError with a sentence that says what was expected."""
        written = _WRITTEN.fullmatch(" ".join(text.split()).lower())
        if not written:
            expected = "expected a duration such as `2 hours`, `3 business days` or `1 week`"
            raise ValueError(f"{expected}, got `{text[:60]}`{_hint(text)}")
        unit = next(unit for unit in UNITS if unit == written[2])
        amount = int(written[1])
        if amount > LONGEST // _LENGTH[unit]:
            raise ValueError(f"expected a duration of at most ten years, got `{text[:60]}`")
        return cls(amount, unit)

    @property
    def elapsed(self) -> timedelta:
        """The length where no calendar is at hand: 24 hours a day.

        Raises ValueError for business days, which have none without one.
        """
        if self.unit == "business day":
            raise ValueError(f"expected seconds, minutes, hours, days or weeks, got `{self}`")
        return self.amount * _LENGTH[self.unit]

    def __str__(self) -> str:
        return f"{self.amount} {self.unit}{'' if self.amount == 1 else 's'}"


def _hint(text: str) -> str:
    """The end of a message, with what was probably meant."""
    found = _MEANT.fullmatch(" ".join(text.split()).lower())
    if found is None:
        return ""
    amount = int(found[1]) if found[1].isdigit() else max(1, _COUNTED.index(found[1]))
    named = found[2].strip()
    singular = named.removesuffix("s") if len(named) > 1 else named
    if singular in ("month", "monat", "monate"):
        return f", did you mean `{amount * _MONTH} days`?"
    close = get_close_matches(singular, UNITS, 1, 0.7)
    unit = _ALSO.get(singular) or _ALSO.get(named) or next((one for one in UNITS if one in close), None)
    return f", did you mean `{Duration(amount, unit)}`?" if unit is not None else ""

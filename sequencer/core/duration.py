"""Lengths of time as people write them: `2 hours`, `3 business days`."""

import re
from dataclasses import dataclass
from datetime import timedelta
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
            raise ValueError(f"expected a duration such as `2 hours`, `3 business days` or `1 week`, got `{text[:60]}`")
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

"""When things are due: waits, windows and quiet days, in the zone of the lead.

Days, weeks and business days are wall-clock arithmetic: a mail at 09:00 is followed at 09:00, also over a change of
the clocks. Hours and below are elapsed time. Every result is an aware datetime in UTC.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from sequencer.core.duration import Duration
from sequencer.core.quiet import Quiet

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Monday is 0, as in `datetime.weekday`."""

EVERY_DAY: Final = frozenset(range(7))

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_ANY_CLOCK = re.compile(r"([0-9]{1,2})(?:[:.h]([0-9]{2}))?\s*(am|pm|h|uhr)?")


def parse_clock(text: str) -> time:
    """Read `09:30`. Raises ValueError."""
    written = _CLOCK.fullmatch(text.strip())
    if not written or int(written[1]) > 23 or int(written[2]) > 59:
        expected = "expected a time of day from `00:00` to `23:59`"
        raise ValueError(f"{expected}, got `{text.strip()[:60]}`{_clock_hint(text)}")
    return time(int(written[1]), int(written[2]))


def _clock_hint(text: str) -> str:
    """The end of a message, with the time that was meant by `10am`, `10.30` or `9`."""
    meant = _ANY_CLOCK.fullmatch(text.strip().lower())
    if meant is None:
        return ""
    hour = int(meant[1]) % 12 + 12 * (meant[3] == "pm") if meant[3] in ("am", "pm") else int(meant[1])
    minute = int(meant[2] or 0)
    return f", did you mean `{hour:02}:{minute:02}`?" if hour < 24 and minute < 60 else ""


def parse_weekday(text: str) -> int:
    """Read `tue`. Raises ValueError."""
    name = text.strip().lower()
    if name not in WEEKDAYS:
        close = get_close_matches(name[:3], WEEKDAYS, 1)
        hint = f", did you mean `{close[0]}`?" if close else ""
        raise ValueError(f"expected a weekday ({', '.join(WEEKDAYS)}), got `{text.strip()[:60]}`{hint}")
    return WEEKDAYS.index(name)


def parse_days(text: str) -> frozenset[int]:
    """Read `mon-fri`, `mon, wed`, `tue` or a mixture; `fri-mon` goes over the weekend. Raises ValueError."""
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        begin = parse_weekday(first)
        length = (parse_weekday(last) - begin) % 7 if dash else 0
        days.update((begin + n) % 7 for n in range(length + 1))
    return frozenset(days)


@dataclass(frozen=True, slots=True)
class Until:
    """The next such time of day, on that weekday or (None) on any day."""

    weekday: int | None
    at: time

    @classmethod
    def parse(cls, text: str) -> "Until":
        """Read `tue 10:00` or `10:00`. Raises ValueError."""
        words = text.split()
        if len(words) not in (1, 2):
            raise ValueError(f"expected a time such as `10:00` or `tue 10:00`, got `{text.strip()[:60]}`")
        return cls(parse_weekday(words[0]) if len(words) == 2 else None, parse_clock(words[-1]))

    def __str__(self) -> str:
        at = f"{self.at:%H:%M}"
        return at if self.weekday is None else f"{WEEKDAYS[self.weekday]} {at}"


@dataclass(frozen=True, slots=True)
class UntilDate:
    """So long before a date of the lead, at the time of day at which the wait began."""

    field: str
    before: Duration | None = None
    """Days or weeks."""
    unknown: Duration | None = None
    """How long to wait when there is no such date; None: what follows is skipped."""
    past_goes_on: bool = False
    """When that day was past as the wait began: what follows comes at once; False: it is skipped."""

    def __str__(self) -> str:
        return f"{self.before} before {self.field}" if self.before is not None else self.field

    def over(self, moment: datetime, day: date | None, zone: ZoneInfo, quiet: Quiet) -> datetime | None:
        """When a wait that began at `moment` is over, `day` being the lead's date; None: what follows is skipped."""
        if day is None:
            return shift(moment, self.unknown, zone, quiet) if self.unknown is not None else None
        wall = _wall(moment, zone)
        until = _earlier(day, self.before)
        if until < wall.date():
            return moment if self.past_goes_on else None
        return instant(datetime.combine(until, wall.time()), zone)


@dataclass(frozen=True, slots=True)
class Every:
    """From one round to the next: so long, and then at that time of day (and week) if one is given."""

    span: Duration
    at: Until | None = None

    def __str__(self) -> str:
        return f"{self.span}, {self.at}" if self.at is not None else str(self.span)

    def over(self, moment: datetime, zone: ZoneInfo, quiet: Quiet) -> datetime:
        moment = shift(moment, self.span, zone, quiet)
        if self.at is None:
            return moment
        # From the day's start: a round is a little later than its time, and must not put off the next by a week.
        return _next(_midnight(local_day(moment, zone), zone) - _SECOND, self.at, zone)


def _earlier(day: date, by: Duration | None) -> date:
    """So many days before, or the first day there is."""
    days = by.elapsed.days if by is not None else 0
    return date.fromordinal(max(day.toordinal() - days, date.min.toordinal() + 1))


@dataclass(frozen=True, slots=True)
class Hours:
    """The window in which mail goes out: on these weekdays from `start` up to, but not including, `end`."""

    days: frozenset[int]
    start: time
    end: time

    @classmethod
    def parse(cls, days: str, between: str) -> "Hours":
        """Read `mon-fri` and `09:00-17:00`. Raises ValueError."""
        start, dash, end = between.partition("-")
        if not dash:
            raise ValueError(f"expected a window such as `09:00-17:00`, got `{between[:60]}`")
        hours = cls(parse_days(days), parse_clock(start), parse_clock(end))
        if hours.start >= hours.end:
            raise ValueError(f"expected a window that ends after it starts, on the same day, got `{between[:60]}`")
        return hours

    def __str__(self) -> str:
        days = ", ".join(WEEKDAYS[day] for day in sorted(self.days))
        return f"{days} {self.start:%H:%M}-{self.end:%H:%M}"


def opens(hours: Hours | None, quiet: Quiet) -> bool:
    """Whether there is any day on which `next_open` can end."""
    return bool((EVERY_DAY if hours is None else hours.days) - quiet.weekdays)


def shift(moment: datetime, wait: Duration | Until, zone: ZoneInfo, quiet: Quiet) -> datetime:
    """The moment at which a wait that began at `moment` is over.

    `quiet` are the days that are not business days. A wall time that the clocks skip moves forward by what they
    skip; of one that comes twice, the first counts. Raises ValueError for business days when every day is quiet.
    """
    moment = moment.astimezone(UTC)
    if isinstance(wait, Duration):
        if wait.amount == 0:
            return moment
        if wait.unit in ("second", "minute", "hour"):
            return moment + wait.elapsed
    return _by_calendar(moment, wait, zone, quiet)


# Who was mailed in one batch stands since one moment, and most of them live by one of few clocks. Asked of moments in
# UTC only: in another zone the two comings of an hour are equal.
@lru_cache(maxsize=1_000)
def _by_calendar(moment: datetime, wait: Duration | Until, zone: ZoneInfo, quiet: Quiet) -> datetime:
    if isinstance(wait, Until):
        return _next(moment, wait, zone)
    wall = _wall(moment, zone)
    if wait.unit == "business day":
        return instant(datetime.combine(_business_day(wall.date(), wait.amount, quiet), wall.time()), zone)
    return instant(wall + wait.elapsed, zone)


# Of a batch most ask for the same moment, the present one, and live by one of few clocks.
@lru_cache(maxsize=1_000)
def next_open(moment: datetime, hours: Hours | None, zone: ZoneInfo, quiet: Quiet) -> datetime:
    """The first moment, from the given one on, that is inside the window and not on a quiet day.

    On days when the clocks change, a window reaches from the first coming of its start to the last coming of its end.
    Raises ValueError when no day is left, see `opens`.
    """
    days = (EVERY_DAY if hours is None else hours.days) - quiet.weekdays
    if not days:
        raise ValueError("expected a weekday on which mail may go out, but the window's days are all quiet days")
    moment = moment.astimezone(UTC)
    if len(days) == 7 and hours is None and quiet.country is None:
        return moment
    wall = _wall(moment, zone)
    inside = wall.weekday() in days and (hours is None or hours.start <= wall.time() < hours.end)
    if inside and not quiet.is_holiday(wall.date()):
        return moment
    # The day before as well: where the clocks go back over midnight its window may still be open. And more than a
    # week: the clocks may skip the one window of the first.
    day = wall.date() - _DAY
    while True:
        if day.weekday() in days and not quiet.is_holiday(day):
            if hours is None:
                begin, end = _reached(datetime.combine(day, time.min), zone), _midnight(day + _DAY, zone)
            else:
                begin = _reached(datetime.combine(day, hours.start), zone)
                end = _reached(datetime.combine(day, hours.end), zone, last=True)
            if max(begin, moment) < end:
                return max(begin, moment)
        day += _DAY


OFFICE: Final = Hours(frozenset(range(5)), time(9), time(17))
"""When people work of whom nothing else is said."""


def business_time(moment: datetime, span: timedelta, hours: Hours, zone: ZoneInfo, quiet: Quiet) -> datetime:
    """When so much time has passed of that during which the window is open. Raises ValueError, see `next_open`."""
    while True:
        moment = next_open(moment, hours, zone, quiet)
        closes = _reached(datetime.combine(local_day(moment, zone), hours.end), zone, last=True)
        if moment + span <= closes:
            return moment + span
        span, moment = span - (closes - moment), closes


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """The date on the calendar of that zone."""
    return _wall(moment, zone).date()


def start_of_next_day(moment: datetime, zone: ZoneInfo) -> datetime:
    """When the next day begins there: midnight, or where the clocks skip it, the end of what they skip."""
    return _midnight(local_day(moment, zone) + _DAY, zone)


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """What a clock on the wall shows there, without a zone: safe to add days to."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def instant(wall: datetime, zone: ZoneInfo, fold: int = 0) -> datetime:
    """The moment when a clock there shows `wall`. Fold 0 is the first of two and moves a skipped one on (PEP 495)."""
    return wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _reached(wall: datetime, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """The moment at which a clock there reaches `wall`; if that is skipped, the moment of the skip."""
    late = instant(wall, zone, fold=int(last))
    if _wall(late, zone) == wall:
        return late
    early, late = instant(wall, zone, fold=1), instant(wall, zone, fold=0)
    while late - early > _SECOND:  # the skip lies between: the wall clock is behind `wall` before it, ahead after it
        middle = early + (late - early) // 2
        early, late = (middle, late) if _wall(middle, zone) < wall else (early, middle)
    return late.replace(microsecond=0)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return _reached(datetime.combine(day, time.min), zone)


def _next(moment: datetime, until: Until, zone: ZoneInfo) -> datetime:
    day = local_day(moment, zone)
    if until.weekday is not None:
        day += (until.weekday - day.weekday()) % 7 * _DAY
    while (found := instant(datetime.combine(day, until.at), zone)) <= moment:
        day += _DAY if until.weekday is None else 7 * _DAY
    return found


def _business_day(day: date, count: int, quiet: Quiet) -> date:
    """The count-th business day after `day`."""
    business = EVERY_DAY - quiet.weekdays
    if not business:
        raise ValueError("expected at least one weekday that is not a quiet day")
    if quiet.country is None:
        weeks, count = divmod(count - 1, len(business))
        day, count = day + 7 * weeks * _DAY, count + 1
    for _ in range(count):
        day += _DAY
        while day in quiet:
            day += _DAY
    return day

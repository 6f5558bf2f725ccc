"""Gap and caps: when the next mail may go to a lead, whatever sequence it comes from, and whatever colleagues get."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from sequencer.core.schedule import local_day, start_of_next_day
from sequencer.core.workspace import Pressure

_WEEK = timedelta(days=7)

Rule = Literal["gap", "day", "week", "company"]


class Allowed(NamedTuple):
    """The first moment that the rules allow, and the rule that set it (None: nothing stood in the way)."""

    at: datetime
    rule: Rule | None


def allowed(
    pressure: Pressure,
    mailed_at: Sequence[datetime],
    company_mailed_at: Sequence[datetime],
    moment: datetime,
    zone: ZoneInfo,
) -> Allowed:
    """The first moment at or after `moment` that keeps gap, daily and weekly cap, and the company's.

    `day` counts the lead's calendar day, `week` any seven days. `mailed_at` and `company_mailed_at` (the lead's own
    among them, and those to come for which others wait before it) are sorted.
    """
    rule: Rule | None = None
    while True:
        later = _blocked(pressure, mailed_at, moment, zone)
        if later.rule is None:
            later = crowded(pressure, company_mailed_at, moment)
        if later.rule is None:
            return Allowed(moment, rule)
        moment, rule = later


def _blocked(pressure: Pressure, mailed_at: Sequence[datetime], moment: datetime, zone: ZoneInfo) -> Allowed:
    before = mailed_at[: bisect_right(mailed_at, moment)]
    if not before:
        return Allowed(moment, None)
    if before[-1] + pressure.gap > moment:
        return Allowed(before[-1] + pressure.gap, "gap")
    if pressure.day is not None:
        today = local_day(moment, zone)
        if sum(local_day(at, zone) == today for at in before[-pressure.day :]) >= pressure.day:
            return Allowed(start_of_next_day(moment, zone), "day")
    if pressure.week is not None and len(before) >= pressure.week and before[-pressure.week] + _WEEK > moment:
        return Allowed(before[-pressure.week] + _WEEK, "week")
    return Allowed(moment, None)


def crowded(pressure: Pressure, company_mailed_at: Sequence[datetime], moment: datetime) -> Allowed:
    """The first moment at or after `moment` that keeps the company's cap.

    What comes after it counts too: others wait for it, or began a little later to mail colleagues.
    """
    cap = pressure.company
    if cap is None or len(company_mailed_at) < cap.mails:
        return Allowed(moment, None)
    free, more = moment, cap.mails - 1
    for number in range(bisect_right(company_mailed_at, moment - cap.within), len(company_mailed_at) - more):
        first, last = company_mailed_at[number], company_mailed_at[number + more]
        # These are as many as may be; between them, and so near to them, one more would be too many.
        if max(last, free) - min(first, free) < cap.within:
            free = first + cap.within
    return Allowed(free, "company" if free > moment else None)

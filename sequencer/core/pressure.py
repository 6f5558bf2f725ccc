"""Gap and caps: when the next mail may go to a lead, whatever sequence it comes from."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from sequencer.core.schedule import local_day, start_of_next_day
from sequencer.core.workspace import Pressure

_WEEK = timedelta(days=7)

Rule = Literal["gap", "day", "week"]


class Allowed(NamedTuple):
    """The first moment that the rules allow, and the rule that set it (None: nothing stood in the way)."""

    at: datetime
    rule: Rule | None


def allowed(pressure: Pressure, mailed_at: Sequence[datetime], moment: datetime, zone: ZoneInfo) -> Allowed:
    """The first moment at or after `moment` that keeps gap, daily and weekly cap.

    `day` counts the lead's calendar day, `week` any seven days. `mailed_at` is sorted.
    """
    rule: Rule | None = None
    while True:
        later = _blocked(pressure, mailed_at, moment, zone)
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

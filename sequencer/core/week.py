"""What the coming days will bring if nobody reacts: mails by day and sequence, who has to wait, and whose holidays."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sequencer.core.quiet import Quiet
from sequencer.core.simulate import Simulation

WAITS: Final[Mapping[str, str]] = {
    "day": "over a cap",
    "week": "over a cap",
    "company": "over a cap",
    "no-owner": "without an owner",
    "owner-away": "owner away",
}
"""Reasons for which a mail that was due waits, and what they are called together."""
DROPPED: Final = "skipped"
"""Mails that never go: over a cap for too long, too late, or nothing left to pick."""
_DROPS: Final = frozenset({"skipped-pressure", "skipped-too-late", "skipped-nothing-new"})


@dataclass(slots=True)
class Day:
    """One day on the workspace's clock."""

    mails: Counter[str] = field(default_factory=Counter)
    """By sequence."""
    waits: Counter[str] = field(default_factory=Counter)
    """How often a lead's sequence had to wait that day, by why, and how many mails were skipped."""
    holidays: Counter[str] = field(default_factory=Counter)
    """Leads who have a public holiday, by country (ISO 3166-1)."""


class Week:
    """Adds up simulations, one lead's after the other."""

    def __init__(self, zone: ZoneInfo, now: datetime, days: int) -> None:
        self.zone = zone
        first = now.astimezone(zone).date()
        self.days: dict[date, Day] = {first + timedelta(days=n): Day() for n in range(days)}
        self.people = 0

    def add(self, came: Simulation | None, quiet: Quiet) -> None:
        """One lead's days; None: nothing can happen to it in them."""
        self.people += 1
        for letter in came.letters if came is not None else ():
            if (day := self._day(letter.at)) is not None:
                day.mails[letter.sequence] += 1
        seen: set[tuple[date, str, str]] = set()
        for entry in came.timeline.entries if came is not None else ():
            why = DROPPED if entry.code in _DROPS else WAITS.get(entry.code)
            key = (entry.at.astimezone(self.zone).date(), entry.sequence, why or "")
            if why is not None and key[0] in self.days and (why == DROPPED or key not in seen):
                seen.add(key)
                self.days[key[0]].waits[why] += 1
        for when, day in self.days.items():
            if quiet.country is not None and quiet.is_holiday(when):
                day.holidays[quiet.country] += 1

    def _day(self, at: datetime) -> Day | None:
        return self.days.get(at.astimezone(self.zone).date())

"""What SendGrid posts is posted several times, mixed with what happened before and after, and some of it late.

Repeats three times over and out of order are what users of SendGrid's event webhook have seen.
"""

import heapq
import random
from collections.abc import Iterator
from typing import Final, Generic, TypeVar

SOON: Final = 2.0
"""Seconds within which most copies follow."""
LATE: Final = 0.05
"""The share of the copies that come late,"""
LATEST: Final = 15.0
"""after so many seconds at most."""

One = TypeVar("One")


class Copies(Generic[One]):
    """Not thread safe. It forgets what waits when the process ends: each event was posted once by then."""

    def __init__(self, times: int, seed: int) -> None:
        self._times = times
        self._random = random.Random(seed)
        self._waiting: list[tuple[float, int, One]] = []
        self._number = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def keep(self, one: One, now: float) -> None:
        """Will give it again, all times but the first. `now`: monotonic seconds."""
        for _ in range(self._times - 1):
            late = self._random.random() < LATE
            self.again(one, now + self._random.random() * (LATEST if late else SOON))

    def again(self, one: One, at: float) -> None:
        """Will give it once more at this time."""
        self._number += 1
        heapq.heappush(self._waiting, (at, self._number, one))

    def ripe(self, now: float) -> Iterator[One]:
        """Takes those whose time has come."""
        while self._waiting and self._waiting[0][0] <= now:
            yield heapq.heappop(self._waiting)[2]

    def shuffle(self, ones: list[One]) -> None:
        self._random.shuffle(ones)

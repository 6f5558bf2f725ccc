"""What SendGrid posts is posted several times, mixed with what happened before and after, and some of it late.

Repeats three times over and out of order are what users of SendGrid's event webhook have seen.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, Generic, TypeVar

SOON: Final = 2.0
"""Seconds within which most copies follow."""
LATE: Final = 0.05
"""The share of the copies that come late,"""
LATEST: Final = 15.0
"""after so many seconds at most."""
_SLOT: Final = 0.1
"""Seconds within which copies are not told apart."""

One = TypeVar("One")


class Copies(Generic[One]):
    """Not thread safe. It forgets what waits when the process ends: each event was posted once by then."""

    def __init__(self, times: int, seed: int) -> None:
        self._times = times
        self._random = random.Random(seed)
        self._waiting: defaultdict[int, list[One]] = defaultdict(list)
        """By the slot of time in which they are given again."""

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def keep(self, ones: Iterable[One], now: float) -> None:
        """Will give them again, all times but the first. `now`: monotonic seconds."""
        draw, waiting, rest = self._random.random, self._waiting, range(self._times - 1)
        for one in ones:
            for _ in rest:
                drawn = draw()
                wait = drawn / LATE * LATEST if drawn < LATE else (drawn - LATE) / (1 - LATE) * SOON
                waiting[int((now + wait) / _SLOT)].append(one)

    def again(self, one: One, at: float) -> None:
        """Will give it once more at this time."""
        self._waiting[int(at / _SLOT)].append(one)

    def ripe(self, now: float) -> Iterator[One]:
        """Takes those whose time has come."""
        for slot in sorted(slot for slot in self._waiting if slot <= int(now / _SLOT)):
            yield from self._waiting.pop(slot)

    def shuffle(self, ones: list[One]) -> None:
        self._random.shuffle(ones)

"""Rate limits in memory: per process, forgotten at restart, and bounded however many callers there are."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple


class Spent(NamedTuple):
    """What a call leaves."""

    left: int
    """Calls that are left; below 0: this one was too many."""
    anew: float
    """Seconds until all are there again."""


@dataclass(slots=True)
class Throttle:
    """At most `most` calls in `seconds` of operating time for each key; the longest unseen keys are forgotten."""

    most: int
    seconds: float
    places: int = 10_000
    _windows: OrderedDict[str, tuple[float, int]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def allows(self, key: str) -> bool:
        """Counts a call, and says whether it is within the limit."""
        return self.spend(key, self.most).left >= 0

    def spend(self, key: str, most: int) -> Spent:
        """Counts a call against a limit of the key's own."""
        now = time.monotonic()
        with self._lock:
            began, count = self._windows.pop(key, (now, 0))
            if now - began >= self.seconds:
                began, count = now, 0
            self._windows[key] = (began, count + 1)
            if len(self._windows) > self.places:
                self._windows.popitem(last=False)
        return Spent(most - count - 1, began + self.seconds - now)

    def is_over(self, key: str) -> bool:
        """Whether a call would be one too many; counts none."""
        with self._lock:
            began, count = self._windows.get(key, (0.0, 0))
            return count >= self.most and time.monotonic() - began < self.seconds

    def forget(self, key: str) -> None:
        """The key starts anew."""
        with self._lock:
            self._windows.pop(key, None)

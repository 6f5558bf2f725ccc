"""Rate limits in memory: per process, forgotten at restart, and bounded however many callers there are."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field


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
        now = time.monotonic()
        with self._lock:
            began, count = self._windows.pop(key, (now, 0))
            if now - began >= self.seconds:
                began, count = now, 0
            self._windows[key] = (began, count + 1)
            if len(self._windows) > self.places:
                self._windows.popitem(last=False)
        return count < self.most

    def forget(self, key: str) -> None:
        """The key starts anew."""
        with self._lock:
            self._windows.pop(key, None)

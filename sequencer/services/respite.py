"""The provider asks to be left alone for a while: a rate limit is used up, or was overstepped."""

import threading
import time
from collections.abc import Callable, Iterable

from sequencer.core.mail import Outcome

LONGEST = 60.0
"""Seconds of operating time after which it is asked again, whatever it said."""


class Respite:
    """One a process, for all its threads. While it lasts nobody is claimed, so nobody's mail counts an attempt."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until = float("-inf")

    @property
    def lasts(self) -> bool:
        return self._clock() < self._until

    def answered(self, outcomes: Iterable[Outcome]) -> None:
        """What became of a batch: `retry_after` of a refusal, or of the last mail that the limit allowed."""
        asked = max((o.retry_after for o in outcomes if o.retry_after is not None), default=0.0)
        with self._lock:
            self._until = max(self._until, self._clock() + min(asked, LONGEST))

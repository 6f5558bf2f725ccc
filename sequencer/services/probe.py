"""In an outage and after it: a few mails, so that a provider that swallows everything makes only a few unknown."""

import threading
import time
from collections.abc import Callable, Iterable

from sequencer.core.mail import Answer, limit_after

AT_ONCE = 6
"""Unclear answers in a row after each of which the next mail goes at once: single ones are mishaps, not an outage."""
LONGEST_WAIT = 30.0
"""Seconds of operating time between two mails that try whether an outage is over; it begins with one and doubles."""


class Probe:
    """One a process, for all its threads. Once the provider answers clearly again, nothing is limited.

    A provider that refuses fast would be asked a hundred times a second otherwise, and each time a mail be in doubt.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._limit: int | None = None
        self._unclear = 0
        self._until = float("-inf")

    @property
    def waits(self) -> bool:
        """Whether nobody is to be claimed before some time has gone by."""
        return self._clock() < self._until

    @property
    def limit(self) -> int | None:
        """How many mails a batch may hold now; None: as many as it likes."""
        return self._limit

    def lets(self, mails: int) -> bool:
        """Whether so many may be handed over now. In an outage that lasts, whoever asks next waits for what these are
        answered, or as long as if it were unclear.
        """
        with self._lock:
            now = self._clock()
            if now < self._until or (self._limit is not None and mails > self._limit):
                return False
            self._until = now + self._wait()
            return True

    def answered(self, answers: Iterable[Answer]) -> None:
        """What requests were answered, in their order."""
        with self._lock:
            for answer in answers:
                self._limit = limit_after(answer, self._limit)
                if answer is Answer.UNKNOWN:
                    self._unclear += 1
                    self._until = self._clock() + self._wait()
                elif answer is not Answer.UNTRIED:
                    self._until = float("-inf")
                if answer is Answer.ACCEPTED:
                    self._unclear = 0

    def _wait(self) -> float:
        """Seconds until the next mail tries."""
        more = self._unclear - AT_ONCE
        return min(2.0 ** min(more - 1, 10), LONGEST_WAIT) if more > 0 else 0.0

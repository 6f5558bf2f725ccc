"""What the log says of an outage: that it began, once a minute that it goes on, and that it is over."""

import logging
import threading
import time

SELDOM = 60.0
"""Seconds between two lines about the same thing being away, so that an outage does not fill the log."""


class Outage:
    """Of one server, as one process sees it. Safe to use from several threads.

    `what`: the sentence about it, such as "Redis does not answer".
    `meanwhile`: what it means for now, and that nobody has to do anything.
    """

    def __init__(self, log: logging.Logger, what: str, meanwhile: str) -> None:
        self._log = log
        self._what = what
        self._meanwhile = meanwhile
        self._lock = threading.Lock()
        self._since: float | None = None
        self._said_at = float("-inf")
        self._told = False

    def failed(self, said: str) -> None:
        """One more failure. `said`: its kind, without anybody's data."""
        with self._lock:
            now = time.monotonic()
            if self._since is None:
                self._since = now
            if now < self._said_at + SELDOM:
                return
            self._said_at, self._told = now, True
            since = f" for {now - self._since:.0f} s" if now - self._since >= 1 else ""
        self._log.warning("%s%s (%s): %s", self._what, since, said, self._meanwhile)

    def over(self) -> None:
        """It answered."""
        if self._since is None:
            return
        with self._lock:
            if self._since is None:
                return
            lasted, told = time.monotonic() - self._since, self._told
            self._since, self._told = None, False
        if told:
            self._log.warning("over after %.0f s: %s", lasted, self._what)

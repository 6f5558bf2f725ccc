"""Ends what takes too long, whatever it waits for: no timeout of a library holds against a server that drips bytes."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Watchdog:
    """One sleeping thread for everything that is watched at once; it ends when nothing is. Thread safe.

    A `threading.Timer` for each request would start a thread for each: measured, 150 µs of processor, and a
    millisecond until it runs on a busy machine, for which the request waits.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watched: list[_Watched] = []
        self._thread: threading.Thread | None = None
        self._wakes = float("inf")
        """Monotonic time until which the thread sleeps."""

    @contextmanager
    def watching(self, deadline: float, end: Callable[[], None]) -> Iterator[None]:
        """Calls `end` from another thread if this is not left by then (monotonic time); never after it was left."""
        one = _Watched(deadline, end)
        with self._changed:
            self._watched.append(one)
            if self._thread is None or not self._thread.is_alive():
                self._wakes = deadline
                self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
                self._thread.start()
            elif deadline < self._wakes:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._watched.remove(one)

    def close(self) -> None:
        """Ends the thread at once, if nothing is watched."""
        with self._changed:
            thread = None if self._watched else self._thread
            self._changed.notify()
        if thread is not None:
            thread.join()

    def _watch(self) -> None:
        with self._changed:
            while self._watched:
                now = time.monotonic()
                for one in self._watched:
                    if one.deadline <= now:
                        one.deadline = float("inf")
                        one.end()
                self._wakes = min(one.deadline for one in self._watched)
                self._changed.wait(min(self._wakes - now, threading.TIMEOUT_MAX))
            self._thread = None


class _Watched:
    def __init__(self, deadline: float, end: Callable[[], None]) -> None:
        self.deadline = deadline
        self.end = end

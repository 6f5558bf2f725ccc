"""What the threads of a process take their work from: as many work at a time as have a connection to PostgreSQL, and
while requests to the provider hang, as many more.

More threads that worked at any time would only slow down each other, and hold leads for longer.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, PriorityQueue
from typing import Any

from sequencer.core.mail import Batch, Receipt
from sequencer.providers import Provider

LONG = 1.0
"""Seconds after which a request to the provider counts as one that hangs: its thread takes up no place any more."""


class Places(PriorityQueue[Any]):
    """Dramatiq's queue of what was fetched and not begun, with so many places to work at."""

    def __init__(self, places: int, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._places = places
        self._clock = clock
        self._taken = 0
        self._asking: dict[int, float] = {}
        """Threads that ask the provider, and since when."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The most urgent, once there is a place for it. Who does not wait gives back, at the end, what is left."""
        if not block:
            return super().get(block=False)
        until = None if timeout is None else time.monotonic() + timeout
        with self.not_empty:
            while not self._qsize() or not self._free():
                if until is not None and time.monotonic() >= until:
                    raise Empty
                self.not_empty.wait(LONG if until is None else until - time.monotonic())
            self._taken += 1
            return self._get()

    def task_done(self) -> None:
        with self.not_empty:
            self._taken -= 1
            self.not_empty.notify()
        super().task_done()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Around a request of this thread's to the provider."""
        thread = threading.get_ident()
        with self.mutex:
            self._asking[thread] = self._clock()
        try:
            yield
        finally:
            with self.mutex:
                del self._asking[thread]

    def _free(self) -> bool:
        now = self._clock()
        hanging = sum(now - since >= LONG for since in self._asking.values())
        return self._taken - hanging < self._places


class Asked:
    """A provider whose requests are known to whoever gives out places."""

    def __init__(self, provider: Provider, places: Places) -> None:
        self._provider = provider
        self._places = places

    def send(self, batch: Batch) -> Receipt:
        with self._places.asking():
            return self._provider.send(batch)

    def close(self) -> None:
        self._provider.close()

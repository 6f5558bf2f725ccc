"""Being told to stop: by a signal, once, for every thread that asks."""

import threading
from contextlib import suppress


class Stop:
    """Is set once and never cleared. Its own handler of a signal may set it, at any moment.

    `threading.Event` would not do: `wait` and `set` hold a lock for moments, and a handler that runs in one of them, in
    the same thread, waits for that lock for ever. The one here is a turnstile: taken until it is set, then free, and
    whoever waits takes it and gives it back. Freeing a lock that is free already is what two handlers at once may do.
    """

    def __init__(self) -> None:
        self._set = False
        self._turnstile = threading.Lock()
        self._turnstile.acquire()

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        self._free()

    def wait(self, timeout: float | None = None) -> bool:
        """Until it is set, or so many seconds; says whether it is set."""
        if not self._set and self._turnstile.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
            self._free()
        return self._set

    def _free(self) -> None:
        with suppress(RuntimeError):
            self._turnstile.release()

"""Work that is done by one thread of a process at a time: more of them would only wait for each other."""

import threading
from collections.abc import Callable


class Alone:
    """Whoever asks while the work is being done leaves it to who does it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = threading.Event()

    def run(self, work: Callable[[], bool]) -> bool:
        """Does the work, unless somebody does. True: there may be more, or somebody asked in the meantime."""
        if not self._lock.acquire(blocking=False):
            self._asked.set()
            return False
        try:
            self._asked.clear()
            return work() or self._asked.is_set()
        finally:
            self._lock.release()

"""What is worth doing only from time to time, whoever of a process's threads comes by."""

import threading
import time


class Seldom:
    """`due()` is True once in so many seconds of operating time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0
        self._lock = threading.Lock()

    def due(self) -> bool:
        with self._lock:
            now = time.monotonic()
            if now < self._next:
                return False
            self._next = now + self._seconds
            return True

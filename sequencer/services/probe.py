"""After an outage: a few mails first, so that a provider that swallows everything makes only a few unknown."""

import threading
from collections.abc import Iterable

from sequencer.core.mail import Answer

STEPS = (1, 10, 100)
"""How many mails may be under way at once, one step further with every batch that is answered."""


class Probe:
    """One a process. Once the provider answers clearly again, nothing is limited."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._step: int | None = None

    @property
    def limit(self) -> int | None:
        """How many mails a batch may hold now; None: as many as it likes."""
        step = self._step
        return None if step is None else STEPS[step]

    def answered(self, answers: Iterable[Answer]) -> None:
        """What became of a batch."""
        seen = set(answers)
        with self._lock:
            if Answer.UNKNOWN in seen:
                self._step = 0
            elif self._step is not None and Answer.ACCEPTED in seen:
                self._step = self._step + 1 if self._step + 1 < len(STEPS) else None

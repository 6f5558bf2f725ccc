"""What each phase of the way of a mail takes of a worker's processor time, seen from outside: nothing in the product
knows of it.

A phase is a function that takes a whole batch, so that looking at the clock costs nothing that would be seen. What one
phase calls of another is counted there alone.
"""

import importlib
import time
from collections.abc import Callable
from typing import Any, Final

PHASES: Final = {
    "claim": ("sequencer.store.enrollments", "claim"),
    "snapshot": ("sequencer.services.snapshots", "load"),
    "decide": ("sequencer.services.advance", "_decided"),
    "render": ("sequencer.services.carry_out", "compose"),
    "ledger": ("sequencer.store.messages", "begin"),
    "enrollment": ("sequencer.store.enrollments", "write"),
    "request": ("sequencer.providers.sendgrid", "SendGrid.send"),
    "record": ("sequencer.services.deliver", "record"),
}
"""By name: the module and the function; `rest` is what is none of them."""


class Phases:
    """Counts from the time it is made on, in the thread that works."""

    def __init__(self) -> None:
        self._spent = dict.fromkeys((*PHASES, "rest"), 0.0)
        self._now = "rest"
        self._since = time.thread_time()
        for name, (module, function) in PHASES.items():
            owner = importlib.import_module(module)
            *inside, last = function.split(".")
            for part in inside:
                owner = getattr(owner, part)
            setattr(owner, last, self._watched(name, getattr(owner, last)))

    def begin(self) -> None:
        """From zero."""
        self._spent = dict.fromkeys(self._spent, 0.0)
        self._turn("rest")

    def spent(self) -> dict[str, float]:
        """Seconds of processor time by phase."""
        self._turn("rest")
        return dict(self._spent)

    def _watched(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **options: Any) -> Any:
            before = self._turn(name)
            try:
                return function(*args, **options)
            finally:
                self._turn(before)

        return watched

    def _turn(self, name: str) -> str:
        """From one phase to another; gives the one that was."""
        now = time.thread_time()
        self._spent[self._now] += now - self._since
        before, self._now, self._since = self._now, name, now
        return before

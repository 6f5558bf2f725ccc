"""How often the ticker looks."""

import threading

import pytest

from sequencer.services.context import Context
from workers import clock


class Time:
    """Operating time that passes only by what is done."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


class Patience(threading.Event):
    """Notes for how long it was waited, and ends after three looks."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(round(timeout or 0.0, 3))
        return len(self.waited) > 3


@pytest.mark.parametrize(("took", "waited"), [(0.01, 1.0), (0.1, 1.0), (2.0, 18.0)])
def test_looks_take_a_tenth_of_the_time_at_most(monkeypatch: pytest.MonkeyPatch, took: float, waited: float) -> None:
    time, patience = Time(), Patience()

    def look(context: Context) -> int:
        time.seconds += took
        return 0

    monkeypatch.setattr(clock, "time", time)
    monkeypatch.setattr(clock, "tick", look)
    clock.run(object(), patience)  # type: ignore[arg-type]
    assert [1.0, waited, waited, waited] == patience.waited

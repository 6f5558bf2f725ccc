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
    """Notes for how long it was waited, and ends after some looks."""

    def __init__(self, time: Time, looks: int = 3) -> None:
        super().__init__()
        self.waited: list[float] = []
        self._time = time
        self._looks = looks

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(round(timeout or 0.0, 3))
        self._time.seconds += timeout or 0.0
        return len(self.waited) > self._looks


@pytest.mark.parametrize(("took", "waited"), [(0.01, 1.0), (0.1, 1.0), (2.0, 18.0)])
def test_looks_take_a_tenth_of_the_time_at_most(monkeypatch: pytest.MonkeyPatch, took: float, waited: float) -> None:
    time = Time()
    patience = Patience(time)

    def look(context: Context) -> int:
        time.seconds += took
        return 0

    monkeypatch.setattr(clock, "time", time)
    monkeypatch.setattr(clock, "tick", look)
    clock.run(object(), patience)  # type: ignore[arg-type]
    assert [1.0, waited, waited, waited] == patience.waited


def test_a_look_that_waited_for_a_processor_makes_the_next_no_rarer(monkeypatch: pytest.MonkeyPatch) -> None:
    time, took = Time(), iter([0.01, 2.0, 0.01])
    patience = Patience(time)

    def look(context: Context) -> int:
        time.seconds += next(took)
        return 0

    monkeypatch.setattr(clock, "time", time)
    monkeypatch.setattr(clock, "tick", look)
    clock.run(object(), patience)  # type: ignore[arg-type]
    assert [1.0] * 4 == patience.waited


def test_looks_become_rare_only_as_an_outage_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    patience = Patience(time, looks=8)

    def look(context: Context) -> int:
        raise ConnectionError

    monkeypatch.setattr(clock, "time", time)
    monkeypatch.setattr(clock, "tick", look)
    clock.run(object(), patience)  # type: ignore[arg-type]
    assert [1.0, 1.0, 1.0, 1.0, 1.5, 2.25, 3.375, 5.0, 5.0] == patience.waited

"""Being told to stop, at the worst moments."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from sequencer.stop import Stop


@pytest.fixture
def stopping() -> Iterator[Stop]:
    """What SIGUSR1 sets."""
    stop = Stop()
    before = signal.signal(signal.SIGUSR1, lambda *_: stop.set())
    yield stop
    signal.signal(signal.SIGUSR1, before)


def signalled(call: Callable[[], object], at: int) -> bool:
    """Calls it, with a signal at so many lines from its start, whosever they are; says whether it came so far."""
    lines = 0

    def count(frame: FrameType, event: str, _: object) -> Callable[..., object] | None:
        nonlocal lines
        if frame.f_code is signalled.__code__:
            return None
        if event == "line":
            lines += 1
            if lines == at:
                signal.raise_signal(signal.SIGUSR1)
        return count

    tracing = sys.gettrace()
    sys.settrace(count)
    try:
        call()
    finally:
        sys.settrace(tracing)
    return lines >= at


@pytest.mark.timeout(30)
@pytest.mark.parametrize("call", ["wait", "set"])
def test_a_signal_at_any_line_is_heard(stopping: Stop, call: str) -> None:
    given = {"wait": lambda: stopping.wait(0.001), "set": stopping.set}[call]
    at = 1
    while signalled(given, at):
        assert stopping.is_set() and stopping.wait(), at
        stopping.__init__()  # type: ignore[misc]
        at += 1
    assert at > 3


def test_everybody_who_waits_hears_it() -> None:
    stopping = Stop()
    heard = [threading.Event() for _ in range(3)]
    for event in heard:
        threading.Thread(target=lambda event=event: stopping.wait() and event.set(), daemon=True).start()
    stopping.set()
    assert [event.wait(30) for event in heard] == [True] * 3


def test_who_waits_a_while_hears_that_nobody_told_them() -> None:
    assert Stop().wait(0.0) is False

"""An outage in the log: few lines, and the last one says that it is over."""

import logging

import pytest

from sequencer import outage
from sequencer.outage import Outage


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, as a list of one number."""
    now = [1000.0]
    monkeypatch.setattr(outage.time, "monotonic", lambda: now[0])
    return now


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_an_outage_is_said_when_it_begins_each_minute_and_when_it_ends(
    monotonic: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    redis = Outage(logging.getLogger("sequencer.test"), "Redis does not answer", "work goes on")
    for _ in range(150):
        redis.failed("TimeoutError")
        monotonic[0] += 1
    redis.over()
    redis.over()
    assert [
        "Redis does not answer (TimeoutError): work goes on",
        "Redis does not answer for 60 s (TimeoutError): work goes on",
        "Redis does not answer for 120 s (TimeoutError): work goes on",
        "over after 150 s: Redis does not answer",
    ] == lines(caplog)


def test_what_flickers_is_said_once_a_minute(monotonic: list[float], caplog: pytest.LogCaptureFixture) -> None:
    redis = Outage(logging.getLogger("sequencer.test"), "Redis does not answer", "work goes on")
    for _ in range(59):
        redis.failed("TimeoutError")
        redis.over()
        monotonic[0] += 1
    assert 2 == len(lines(caplog))


def test_nothing_is_said_while_all_is_well(caplog: pytest.LogCaptureFixture) -> None:
    Outage(logging.getLogger("sequencer.test"), "Redis does not answer", "work goes on").over()
    assert [] == lines(caplog)

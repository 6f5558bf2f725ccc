"""What a worker does when no hint comes: it asks after the clock, and looks for work where that, or the database, was
away."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from dramatiq import Consumer, Message
from dramatiq.brokers.redis import _RedisConsumer

from sequencer.outage import Outage
from workers import consumer
from workers.consumer import Lookout, Taking

DRAIN = ("drain", ("education", "welcome"))


class Redis(Consumer):
    """Brings these messages, then none."""

    def __init__(self, *messages: Any) -> None:
        self._messages = list(messages)

    def __next__(self) -> Any:
        return self._messages.pop(0) if self._messages else None

    def ack(self, message: Any) -> None:
        """Redis forgets it."""


class Database:
    """What a lookout asks. `fails`: the looks that fail, by number, from 1."""

    def __init__(self, alone: bool = False, fails: tuple[int, ...] = ()) -> None:
        self.asked = 0
        self.looks = 0
        self._alone = alone
        self._fails = fails

    def left_alone(self) -> bool:
        self.asked += 1
        return self._alone

    def work(self) -> list[tuple[str, tuple[Any, ...]]]:
        self.looks += 1
        if self.looks in self._fails:
            raise ConnectionError("it is away")
        return [DRAIN]


@pytest.fixture(autouse=True)
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is."""
    for name in ("QUIET", "EVERY", "AFTERWARDS"):
        monkeypatch.setattr(consumer, name, 1e9)


def taking(
    redis: Consumer,
    database: Database,
    failures: Callable[[], int] = lambda: 0,
    prefetch: Callable[[], int] = lambda: 10,
) -> Taking:
    outage = Outage(logging.getLogger("tests"), "Redis brings no messages", "nothing")
    return Taking(redis, prefetch, Lookout(database.work, database.left_alone), outage, failures)


def hint(name: str) -> Message[Any]:
    return Message(queue_name="default", actor_name=name, args=(), kwargs={}, options={"redis_message_id": "1"})


def taken(queue: Taking) -> tuple[str, tuple[Any, ...]] | None:
    message = next(queue)
    return None if message is None else (message.actor_name, tuple(message.args))


def test_while_the_clock_is_at_work_nothing_is_looked_for_but_what_it_hints() -> None:
    database = Database(alone=False)
    queue = taking(Redis(), database)
    assert [None] * 3 == [taken(queue) for _ in range(3)]
    assert (1, 0) == (database.asked, database.looks)


def test_without_a_clock_a_worker_finds_the_work_itself_and_the_same_once_until_it_is_done() -> None:
    database = Database(alone=True)
    queue = taking(Redis(), database)
    assert [DRAIN, None, None] == [taken(queue) for _ in range(3)]
    assert (1, 1) == (database.asked, database.looks)


@pytest.mark.parametrize(("alone", "also"), [(True, [DRAIN]), (False, [None])])
def test_hints_do_not_hide_that_the_clock_is_away(alone: bool, also: list[Any]) -> None:
    """The web hints on a busy day more often than the clock."""
    database = Database(alone)
    queue = taking(Redis(hint("reap")), database)
    assert [("reap", ()), *also, None] == [taken(queue) for _ in range(3)]
    assert (1, int(alone)) == (database.asked, database.looks)


def test_without_a_clock_it_is_looked_for_and_asked_again_while_hints_come(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QUIET", "EVERY"):
        monkeypatch.setattr(consumer, name, 0.0)
    monkeypatch.setattr(consumer, "SHARE", 1.0)
    database = Database(alone=True)
    queue = taking(Redis(*[hint("intake")] * 3), database)
    intake = ("intake", ())
    assert [intake, DRAIN, intake, intake, None] == [taken(queue) for _ in range(5)]
    assert (4, 4) == (database.asked, database.looks)


def test_after_a_failure_a_worker_looks_at_once_although_the_clock_is_at_work() -> None:
    failures = iter([0, 1, 1, 1])
    database = Database(alone=False)
    queue = taking(Redis(), database, lambda: next(failures))
    assert [None, DRAIN, None, None] == [taken(queue) for _ in range(4)]
    assert 1 == database.looks


def test_work_that_fails_each_time_is_not_looked_for_more_often_than_other_work() -> None:
    failed = 1
    database = Database(alone=False)
    queue = taking(Redis(), database, lambda: failed)
    found = []
    for _ in range(4):
        if (message := next(queue)) is not None:
            found.append(message.actor_name)
            failed += 1
            queue.ack(message)
    assert (["drain"], 1) == (found, database.looks)


def test_while_the_database_is_away_it_is_looked_into_again_soon(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(consumer, "SOON", 0.0)
    database = Database(alone=True, fails=(1, 2))
    queue = taking(Redis(), database)
    assert [None, None, DRAIN] == [taken(queue) for _ in range(3)]
    assert 2 == len(caplog.records)  # once that it is away, once that it is over


def test_who_only_takes_what_redis_brings_looks_for_nothing() -> None:
    outage = Outage(logging.getLogger("tests"), "Redis brings no messages", "nothing")
    assert taken(Taking(Redis(), lambda: 10, None, outage, lambda: 1)) is None


@pytest.mark.parametrize("alone", [False, True])
def test_no_more_is_in_hand_than_can_be_begun(alone: bool) -> None:
    queue = taking(Redis(hint("reap"), hint("intake")), Database(alone), prefetch=lambda: 1)
    first = next(queue)
    assert first is not None
    assert [None, None] == [taken(queue) for _ in range(2)]
    queue.ack(first)
    assert next(queue) is not None


def test_whoever_hangs_has_another_work_in_their_place() -> None:
    hanging: list[str] = []
    redis = Redis(hint("reap"), hint("intake"))
    queue = taking(redis, Database(alone=False), prefetch=lambda: 1 + len(hanging))
    assert next(queue) is not None
    assert (next(queue), redis.prefetch) == (None, 1)
    hanging.append("a request")
    assert (next(queue) is not None, redis.prefetch) == (True, 2)


class Flickering:
    """Dramatiq's broker on a Redis that brings a hint, is away once, and is there again."""

    def __init__(self) -> None:
        self.wanted: list[int] = []

    def do_fetch(self, queue: str, count: int) -> list[bytes]:
        self.wanted.append(count)
        if len(self.wanted) == 2:
            raise ConnectionError("it is away")
        return [hint("reap").encode()] if len(self.wanted) == 1 else []


def test_what_is_done_while_redis_is_away_is_not_in_hand_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can tell Redis then; the process would fetch less after each such time, and in the end nothing."""
    monkeypatch.setattr(consumer, "FIRST_PAUSE", 1e-9)
    redis = Flickering()
    queue = taking(_RedisConsumer(redis, "default", prefetch=2, timeout=1), Database(), prefetch=lambda: 2)  # type: ignore[no-untyped-call]
    hinted, found = next(queue), next(queue)
    assert hinted is not None and found is not None
    queue.ack(hinted)
    queue.ack(found)
    next(queue)
    assert [2, 1, 2] == redis.wanted

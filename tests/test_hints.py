"""Hints on a real Valkey: given once while they wait, never raising, taken by real Dramatiq workers."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from sequencer.hints import DEFAULT, QUEUES, URGENT, Hints
from sequencer.local import Valkey, valkey
from workers.actors import register
from workers.consumer import TakingBroker
from workers.runner import threaded


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with valkey(tmp_path) as found:
        yield found


@pytest.fixture
def hints(url: str) -> Iterator[Hints]:
    found = Hints(url)
    yield found
    found.close()


@pytest.fixture
def client(url: str) -> Iterator["redis.Redis[bytes]"]:
    with redis.Redis.from_url(url) as found:
        yield found


class Works:
    """A worker with one actor that notes what it is given."""

    def __init__(
        self,
        url: str,
        name: str,
        more: list[bool] | None = None,
        fails: bool = False,
        gather: Callable[[], object] = lambda: None,
    ) -> None:
        self.seen: list[tuple[Any, ...]] = []
        self.arrived = threading.Semaphore(0)
        self.free = threading.Event()
        """Nothing is finished before it is set."""
        self.free.set()
        self._more = more or []
        self._fails = fails
        self._hints = Hints(url)
        self._broker = TakingBroker(url, None)
        for queue in QUEUES:
            self._broker.declare_queue(queue)
        register(self._broker, self._hints, name, self._work, gather=gather)
        self._worker = threaded(self._broker, QUEUES, threads=2, poll=10)

    def _work(self, *args: Any) -> bool:
        self.seen.append(args)
        self.arrived.release()
        self.free.wait(10)
        if self._fails:
            raise RuntimeError("someone@example.com does not fit")
        return self._more.pop() if self._more else False

    def __enter__(self) -> "Works":
        self._worker.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._worker.stop(timeout=5000)
        self._hints.close()
        # The client leaves a pool given to it alone: its sockets would be collected in whatever test comes next.
        self._broker.client.connection_pool.disconnect()

    def await_calls(self, count: int) -> None:
        for _ in range(count):
            assert self.arrived.acquire(timeout=10)


def waiting(client: "redis.Redis[bytes]", queue: str) -> int:
    return int(client.llen(f"dramatiq:{queue}"))


def test_the_same_hint_waits_once(hints: Hints, client: "redis.Redis[bytes]") -> None:
    for _ in range(10):
        hints.hint("drain", "education", "welcome")
    hints.hint("drain", "education", "other")
    assert 2 == waiting(client, DEFAULT)


def test_a_hint_that_started_may_be_given_again(hints: Hints, client: "redis.Redis[bytes]") -> None:
    hints.hint("drain", "education", "welcome")
    hints.started("drain", "education", "welcome")
    hints.hint("drain", "education", "welcome")
    assert 2 == waiting(client, DEFAULT)


def test_urgent_bodies_have_a_queue_of_their_own(hints: Hints, client: "redis.Redis[bytes]") -> None:
    hints.hint("intake", True)
    hints.hint("intake", False)
    assert (1, 1) == (waiting(client, URGENT), waiting(client, DEFAULT))


def test_a_hint_is_forgotten_by_itself(hints: Hints, client: "redis.Redis[bytes]") -> None:
    hints.hint("reap")
    assert 0 < int(client.pttl("hint:reap")) <= 5000


def test_a_worker_takes_hints_of_both_queues_with_their_arguments(url: str, hints: Hints) -> None:
    with Works(url, "intake") as works:
        hints.hint("intake", True)
        hints.hint("intake", False)
        works.await_calls(2)
    assert [(False,), (True,)] == sorted(works.seen)


def test_what_comes_while_more_is_waited_for_needs_no_hint_of_its_own(url: str, hints: Hints) -> None:
    waited = []

    def gather() -> None:
        waited.append("a moment")
        hints.hint("intake", True)

    with Works(url, "intake", gather=gather) as works:
        for urgent in (True, False):
            hints.hint("intake", urgent)
            works.await_calls(1)
    assert (["a moment"], [(True,), (False,)]) == (waited, works.seen)


def test_a_process_whose_threads_are_busy_leaves_what_else_there_is_to_others(
    url: str, hints: Hints, client: "redis.Redis[bytes]"
) -> None:
    """Killed, it would take along what it had fetched."""
    for place in ("one", "two", "three", "four"):
        hints.hint("drain", "education", place)
    works = Works(url, "drain")
    works.free.clear()
    with works:
        works.await_calls(2)
        assert 2 == waiting(client, DEFAULT)
        works.free.set()
        works.await_calls(2)


def test_an_actor_goes_on_while_there_is_more(url: str, hints: Hints) -> None:
    with Works(url, "drain", more=[False, True, True]) as works:
        hints.hint("drain", "education", "welcome")
        works.await_calls(3)
    assert [("education", "welcome")] * 3 == works.seen


def test_a_failure_is_said_without_its_text_and_not_repeated(
    url: str, hints: Hints, client: "redis.Redis[bytes]", caplog: pytest.LogCaptureFixture
) -> None:
    with Works(url, "reap", fails=True) as works:
        hints.hint("reap")
        works.await_calls(1)
    (line,) = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert line.startswith("reap failed, args=[]: RuntimeError in _work (test_hints.py:")
    assert "example.com" not in line
    assert [()] == works.seen
    assert (0, 0) == (waiting(client, DEFAULT), int(client.hlen("dramatiq:default.msgs")))


def test_without_redis_a_hint_is_a_log_line_and_costs_no_time(caplog: pytest.LogCaptureFixture) -> None:
    hints = Hints("redis://127.0.0.1:1/0")
    began = time.monotonic()
    for number in range(100):
        hints.hint("drain", "education", str(number))
    assert time.monotonic() - began < 2
    assert 1 == len([r for r in caplog.records if "no hint given" in r.getMessage()])
    hints.close()


def test_a_server_that_accepts_and_stays_silent_costs_little(caplog: pytest.LogCaptureFixture) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        hints = Hints(f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
        began = time.monotonic()
        hints.hint("reap")
        hints.hint("reap")
        assert time.monotonic() - began < 5
        hints.close()


def test_hints_flow_again_after_redis_was_killed_and_came_back(tmp_path: Path) -> None:
    first = Valkey(tmp_path / "a").start()
    with Works(first.url, "drain") as works:
        hints = Hints(first.url)
        hints.hint("drain", "education", "before")
        works.await_calls(1)
        first.stop()
        hints.hint("drain", "education", "lost")
        second = Valkey(tmp_path / "b", port=first.port).start()
        try:
            deadline = time.monotonic() + 15
            while not works.arrived.acquire(timeout=0.2):
                hints.hint("drain", "education", "after")
                assert time.monotonic() < deadline
        finally:
            hints.close()
    second.stop()
    assert ("education", "after") in works.seen

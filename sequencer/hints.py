"""How anything wakes the workers: `hint(name, *args)` puts a small Dramatiq message on Redis.

Hints are not truth. The database's due times are, and the clock gives every hint again that is still needed; so a
hint that Redis cannot take is logged and forgotten, and one that is already waiting is not given twice.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

from sequencer.outage import Outage

URGENT = "urgent"
DEFAULT = "default"
QUEUES = (URGENT, DEFAULT)

WAITING = 5_000
"""Milliseconds after which a hint that was not taken up may be given again: what a killed worker costs at most."""
PATIENCE = 0.5
"""Seconds that giving a hint may take: whoever gives it, such as a webhook's answer, waits for it."""
SILENCE, LONGEST_SILENCE = 1.0, 4.0
"""Seconds for which Redis is left alone after the first failure, and after many: an outage slows down nobody."""

_log = logging.getLogger(__name__)


class Broker(RedisBroker):
    """Dramatiq's Redis broker without delay queues, which nothing here uses: half of the polling.

    No middleware: no retries (due work is found again by its due time), no time limit (it raises inside commits), no
    results. A lost worker's messages come back by maintenance, a thousandth of all commands by default; every tenth
    here. `patience`: seconds until an operation on Redis counts as failed; each is tried once.
    """

    def __init__(self, url: str, patience: float = 3.0) -> None:
        pool = redis.ConnectionPool.from_url(url, socket_timeout=patience, socket_connect_timeout=patience)
        client = redis.Redis(connection_pool=pool)
        super().__init__(client=client, middleware=[], maintenance_chance=100_000)  # type: ignore[no-untyped-call]

    def declare_queue(self, queue_name: str) -> None:
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def failed(self) -> None:
        """What a hint asked for went wrong: nothing here is tried again, who takes hints may look for work sooner."""


def queue_of(name: str, args: tuple[Any, ...]) -> str:
    """Bodies that may have to stop mail have a queue of their own, which no backlog of other work delays."""
    return URGENT if (name, args) == ("intake", (True,)) else DEFAULT


class Hints:
    """Gives hints. Safe to use from several threads, which share one connection; made once a process."""

    def __init__(self, url: str) -> None:
        self._broker = Broker(url, PATIENCE)
        dramatiq.set_broker(self._broker)  # else something might make one for RabbitMQ, silently
        self._lock = threading.Lock()
        self._silence = SILENCE
        self._silent_until = 0.0
        self._outage = Outage(_log, "no hint given: Redis does not answer", "the clock or a worker will find the work")

    def hint(self, name: str, *args: Any) -> None:
        """Wakes the actor of this name, unless the same hint is waiting already. Never raises."""
        if self._attempt(lambda: self._enqueue(name, args)):
            self._outage.over()

    def started(self, name: str, *args: Any) -> None:
        """Called by the actor before it looks for work: what comes up from here on needs a new hint."""
        self._attempt(lambda: self._broker.client.delete(_key(name, args)))

    def close(self) -> None:
        """Gives back the connection; the client leaves a pool that was given to it alone."""
        self._broker.client.close()
        self._broker.client.connection_pool.disconnect()

    def _enqueue(self, name: str, args: tuple[Any, ...]) -> None:
        if not self._broker.client.set(_key(name, args), b"1", nx=True, px=WAITING):
            return
        self._broker.enqueue(
            dramatiq.Message(queue_name=queue_of(name, args), actor_name=name, args=args, kwargs={}, options={})
        )

    def _attempt(self, act: Callable[[], Any]) -> bool:
        """Whether it was done. One thread at a time: when Redis hangs, the others wait no longer than the first."""
        if time.monotonic() < self._silent_until or not self._lock.acquire(timeout=PATIENCE):
            return False
        try:
            if time.monotonic() < self._silent_until:
                return False
            act()
        except (redis.RedisError, OSError) as error:
            self._silent_until = time.monotonic() + self._silence
            self._silence = min(LONGEST_SILENCE, self._silence * 2)
            self._outage.failed(type(error).__name__)
            return False
        else:
            self._silence = SILENCE
            return True
        finally:
            self._lock.release()


class Led(Hints):
    """Of workers that a conductor leads: it alone gives hints, in an order that repeats from run to run."""

    def hint(self, name: str, *args: Any) -> None:
        """Left to the conductor, who sees in the database what is due."""


def _key(name: str, args: tuple[Any, ...]) -> str:
    return ":".join(("hint", name, *(str(arg) for arg in args)))

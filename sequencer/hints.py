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

URGENT = "urgent"
DEFAULT = "default"
QUEUES = (URGENT, DEFAULT)

WAITING = 5_000
"""Milliseconds after which a hint that was not taken up may be given again: what a killed worker costs at most."""
PATIENCE = 2.0
"""Seconds that giving a hint may take."""
SILENCE = 1.0
"""Seconds for which Redis is left alone after a failure, so that an outage does not slow down who hints."""

_log = logging.getLogger(__name__)


class Broker(RedisBroker):
    """Dramatiq's Redis broker without delay queues, which nothing here uses: half of the polling."""

    def declare_queue(self, queue_name: str) -> None:
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)


def make_broker(url: str, patience: float = 30.0) -> Broker:
    """A broker without any middleware, set as Dramatiq's global one.

    No retries (due work is found again by its due time), no time limit (it raises inside commits), no results.
    `patience`: seconds until an operation on Redis counts as failed; a worker's may be long, a hint's may not.
    A lost worker's messages come back by maintenance, a thousandth of all commands by default; every tenth here.
    """
    pool = redis.ConnectionPool.from_url(url, socket_timeout=patience, socket_connect_timeout=min(patience, 5.0))
    broker = Broker(  # type: ignore[no-untyped-call]
        client=redis.Redis(connection_pool=pool), middleware=[], maintenance_chance=100_000
    )
    dramatiq.set_broker(broker)
    return broker


def queue_of(name: str, args: tuple[Any, ...]) -> str:
    """Bodies that may have to stop mail have a queue of their own, which no backlog of other work delays."""
    return URGENT if (name, args) == ("intake", (True,)) else DEFAULT


class Hints:
    """Gives hints. Safe to use from several threads; made once a process."""

    def __init__(self, url: str) -> None:
        self._broker = make_broker(url, patience=PATIENCE)
        self._silent_until = 0.0
        self._lock = threading.Lock()

    def hint(self, name: str, *args: Any) -> None:
        """Wakes the actor of this name, unless the same hint is waiting already. Never raises."""
        self._attempt(lambda: self._enqueue(name, args))

    def started(self, name: str, *args: Any) -> None:
        """Called by the actor before it looks for work: what comes up from here on needs a new hint."""
        self._attempt(lambda: self._broker.client.delete(_key(name, args)))

    def close(self) -> None:
        """Gives back the connections; the client leaves a pool that was given to it alone."""
        self._broker.client.close()
        self._broker.client.connection_pool.disconnect()

    def _enqueue(self, name: str, args: tuple[Any, ...]) -> None:
        if not self._broker.client.set(_key(name, args), b"1", nx=True, px=WAITING):
            return
        self._broker.enqueue(
            dramatiq.Message(queue_name=queue_of(name, args), actor_name=name, args=args, kwargs={}, options={})
        )

    def _attempt(self, act: Callable[[], Any]) -> None:
        if time.monotonic() < self._silent_until:
            return
        try:
            act()
        except (redis.RedisError, OSError) as error:
            with self._lock:
                first = time.monotonic() >= self._silent_until
                self._silent_until = time.monotonic() + SILENCE
            if first:
                _log.warning(
                    "no hint given: Redis does not answer (%s); the clock will find the work", type(error).__name__
                )


class Led(Hints):
    """Of workers that a conductor leads: it alone gives hints, in an order that repeats from run to run."""

    def hint(self, name: str, *args: Any) -> None:
        """Left to the conductor, who sees in the database what is due."""


def _key(name: str, args: tuple[Any, ...]) -> str:
    return ":".join(("hint", name, *(str(arg) for arg in args)))

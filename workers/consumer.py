"""How a worker takes messages: from Redis, and while that is away from PostgreSQL itself, which knows what is due.

Dramatiq's own consumer would let nothing be done during an outage, hold up each thread until its message can be
acknowledged, and log several lines a second.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import dramatiq
import redis
from dramatiq import Consumer, Message, MessageProxy
from dramatiq.errors import BrokerConnectionError

from sequencer.hints import DEFAULT, Broker
from sequencer.logs import describe
from sequencer.outage import Outage

_log = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds until an operation on Redis counts as failed. What it may have taken along is hinted again."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 10.0
"""Seconds between two attempts to reach Redis again."""
EVERY = 1.0
"""Seconds between two looks into the database."""
AFTERWARDS = 5.0
"""Seconds for which looking goes on after Redis came back: whoever hints may not have noticed yet."""
_NAP = 0.1

Look = Callable[[], Iterable[tuple[str, tuple[Any, ...]]]]
"""What is due now, as `sequencer.services.due.work` says it."""

_AWAY = (redis.RedisError, OSError, BrokerConnectionError)


class TakingBroker(Broker):
    """A worker's broker; its consumers outlive an outage. `look` None: only what Redis brings is done."""

    def __init__(self, url: str, look: Look | None) -> None:
        super().__init__(url, PATIENCE)
        dramatiq.set_broker(self)
        self._look = look
        meanwhile = "nothing is done meanwhile" if look is None else "work is found in the database itself"
        self._outage = Outage(_log, "Redis brings no messages", meanwhile)

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> "Taking":
        consumer = super().consume(queue_name, prefetch, timeout)
        return Taking(consumer, self._look if queue_name == DEFAULT else None, self._outage)


class Taking(Consumer):
    """One queue. Nothing that Redis does raises here: a message lost with it is only a hint."""

    def __init__(self, consumer: Consumer, look: Look | None, outage: Outage) -> None:
        self._consumer = consumer
        self._look = look
        self._outage = outage
        self._database = Outage(_log, "the database does not say what is due", "looking again every second")
        self._pause = 0.0
        self._again_at = 0.0
        self._look_at = 0.0
        self._look_until = 0.0
        self._found: deque[Message[Any]] = deque()
        self._busy: set[tuple[str, tuple[Any, ...]]] = set()
        """Found by ourselves and not done yet."""
        self._lock = threading.Lock()

    def __next__(self) -> MessageProxy | None:
        if self._found:
            return MessageProxy(self._found.popleft())
        if time.monotonic() < self._again_at:
            return self._own()
        try:
            message: MessageProxy | None = next(self._consumer)
        except _AWAY as error:
            self._pause = min(LONGEST_PAUSE, self._pause * 2) or FIRST_PAUSE
            self._again_at = time.monotonic() + self._pause
            self._outage.failed(type(error).__name__)
            return self._own()
        if self._pause:
            self._pause = 0.0
            self._look_until = time.monotonic() + AFTERWARDS
            self._outage.over()
        if message is None and time.monotonic() < self._look_until:
            return self._own()
        return message

    def ack(self, message: MessageProxy) -> None:
        if not self._is_own(message) and not self._pause:
            try:
                self._consumer.ack(message)
            except _AWAY as error:
                self._outage.failed(type(error).__name__)

    def nack(self, message: MessageProxy) -> None:
        """Of an actor that this process does not know: kept by Redis for a week."""
        if not self._is_own(message) and not self._pause:
            try:
                self._consumer.nack(message)
            except _AWAY as error:
                self._outage.failed(type(error).__name__)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Gives back what was fetched and not begun, for another worker."""
        fetched: Sequence[MessageProxy] = [message for message in messages if not self._is_own(message)]
        if fetched and not self._pause:
            try:
                self._consumer.requeue(fetched)
            except _AWAY as error:
                self._outage.failed(type(error).__name__)

    def close(self) -> None:
        self._consumer.close()

    def _is_own(self, message: MessageProxy) -> bool:
        """Whether it was found by ourselves; if so, it is over with."""
        if "redis_message_id" in message.options:
            return False
        with self._lock:
            self._busy.discard((message.actor_name, tuple(message.args)))
        return True

    def _own(self) -> MessageProxy | None:
        """Something that the database says is due; None after a moment without."""
        if self._look is None or time.monotonic() < self._look_at:
            time.sleep(_NAP)
            return None
        self._look_at = time.monotonic() + EVERY
        try:
            due = list(self._look())
        except Exception as error:
            self._database.failed(describe(error))
            return None
        self._database.over()
        with self._lock:
            new = [hint for hint in due if hint not in self._busy]
            self._busy.update(new)
        for name, args in new:
            self._found.append(Message(queue_name=DEFAULT, actor_name=name, args=args, kwargs={}, options={}))
        return MessageProxy(self._found.popleft()) if self._found else None

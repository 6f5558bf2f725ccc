"""How a worker takes messages: from Redis; while that or the clock is away, from PostgreSQL itself, which knows what is
due.

Dramatiq's own consumer would let nothing be done during an outage, hold up each thread until its message can be
acknowledged, and log several lines a second.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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
"""Seconds for which looking goes on after Redis came back, or after some work failed: whoever hints may not have
noticed yet."""
SOON = 0.25
"""Seconds between two looks while the database does not answer: its restart takes a second, and nobody sends then."""
QUIET = 2.0
"""Seconds between two questions to the database whether the clock is still at work. Hints that come say nothing of it:
the web gives some, too."""
ALONE = 5.0
"""Seconds of a clock's silence after which it counts as gone: five of its rounds. Where it only waits out an outage, or
is slow, workers look as well, which takes them some milliseconds a second."""
SHARE = 0.1
"""Of its time that a process may spend looking, as the clock may."""
_NAP = 0.1


@dataclass(frozen=True, slots=True)
class Lookout:
    """What a worker finds out by itself. Both ask the database, and raise what it raises."""

    work: Callable[[], Iterable[tuple[str, tuple[Any, ...]]]]
    """What is due now, as `sequencer.services.due.work` says it."""
    left_alone: Callable[[], bool]
    """Whether no clock has been at work for ALONE seconds."""


_AWAY = (redis.RedisError, OSError, BrokerConnectionError)


class TakingBroker(Broker):
    """A worker's broker; its consumers outlive an outage. `lookout` None: only what Redis brings is done.

    `spare`: how many messages more than Dramatiq asks for may be in hand now.
    """

    def __init__(self, url: str, lookout: Lookout | None, spare: Callable[[], int] = lambda: 0) -> None:
        super().__init__(url, PATIENCE)
        dramatiq.set_broker(self)
        self._lookout = lookout
        self._spare = spare
        self._failures = 0
        meanwhile = "nothing is done meanwhile" if lookout is None else "work is found in the database itself"
        self._outage = Outage(_log, "Redis brings no messages", meanwhile)

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> "Taking":
        consumer = super().consume(queue_name, prefetch, timeout)
        lookout = self._lookout if queue_name == DEFAULT else None
        return Taking(consumer, lambda: prefetch + self._spare(), lookout, self._outage, lambda: self._failures)

    def failed(self) -> None:
        """Who takes hints looks for work now, and for a while: what failed may have met a restart of the database."""
        self._failures += 1


class Taking(Consumer):
    """One queue. Nothing that Redis does raises here: a message lost with it is only a hint.

    `consumer`: Dramatiq's own, which is not typed. `prefetch`: messages in hand at most, whoever found them, by now; a
    process keeps from others what it cannot begin, and once it is killed from everybody until it may be hinted at
    again.
    `failures`: how much work has failed so far.
    """

    def __init__(
        self,
        consumer: Any,
        prefetch: Callable[[], int],
        lookout: Lookout | None,
        outage: Outage,
        failures: Callable[[], int],
    ) -> None:
        self._consumer = consumer
        self._prefetch = prefetch
        self._lookout = lookout
        self._outage = outage
        self._failures = failures
        self._database = Outage(_log, "the database does not say what is due", "looking again soon")
        self._pause = 0.0
        self._again_at = 0.0
        self._look_at = 0.0
        self._look_until = 0.0
        self._ask_at = 0.0
        """When to ask after the clock."""
        self._failed = 0
        self._found: deque[Message[Any]] = deque()
        self._busy: set[tuple[str, tuple[Any, ...]]] = set()
        """Found by ourselves and not done yet."""
        self._in_hand: set[str] = set()
        """Messages, by id, that a thread has or is about to begin."""
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)

    def __next__(self) -> MessageProxy | None:
        with self._room:
            if not self._room.wait_for(lambda: len(self._in_hand) < self._prefetch(), _NAP):
                return None
        if (message := self._take()) is not None:
            with self._lock:
                self._in_hand.add(message.message_id)
        return message

    def _take(self) -> MessageProxy | None:
        if (found := self._next_found()) is not None:
            return found
        if time.monotonic() < self._again_at:
            if (own := self._own()) is None:
                time.sleep(_NAP)
            return own
        self._consumer.prefetch = self._prefetch()
        try:
            message: MessageProxy | None = next(self._consumer)
        except _AWAY as error:
            self._pause = min(LONGEST_PAUSE, self._pause * 2) or FIRST_PAUSE
            self._again_at = time.monotonic() + self._pause
            self._outage.failed(type(error).__name__)
            return self._own()
        now = time.monotonic()
        if self._pause:
            self._pause = 0.0
            self._look_until = now + AFTERWARDS
            self._outage.over()
        if (failed := self._failures()) != self._failed:
            self._failed, self._look_until = failed, now + AFTERWARDS
        if now < self._look_until or self._left_alone(now):
            self._look()
        return message if message is not None else self._next_found()

    def ack(self, message: MessageProxy) -> None:
        if self._let_go(message):
            try:
                self._consumer.ack(message)
            except _AWAY as error:
                self._outage.failed(type(error).__name__)

    def nack(self, message: MessageProxy) -> None:
        """Of an actor that this process does not know: kept by Redis for a week."""
        if self._let_go(message):
            try:
                self._consumer.nack(message)
            except _AWAY as error:
                self._outage.failed(type(error).__name__)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Gives back what was fetched and not begun, for another worker."""
        fetched: Sequence[MessageProxy] = [message for message in messages if self._let_go(message)]
        if fetched:
            try:
                self._consumer.requeue(fetched)
            except _AWAY as error:
                self._outage.failed(type(error).__name__)

    def close(self) -> None:
        self._consumer.close()

    def _let_go(self, message: MessageProxy) -> bool:
        """It is in hand no longer. True: Redis is to be told, which brought it and is there."""
        with self._room:
            self._in_hand.discard(message.message_id)
            self._room.notify()
            if "redis_message_id" not in message.options:
                self._busy.discard((message.actor_name, tuple(message.args)))
                return False
        if self._pause:
            # Who is not told counts it as fetched for ever, and soon fetches nothing any more.
            self._consumer.queued_message_ids.discard(message.message_id)
            return False
        return True

    def _left_alone(self, now: float) -> bool:
        """Whether no clock tells what is due; asked every QUIET seconds, and if so it is looked for every second."""
        if self._lookout is None or now < self._ask_at:
            return False
        self._ask_at = now + QUIET
        try:
            alone = self._lookout.left_alone()
        except Exception as error:
            self._database.failed(describe(error))
            alone = True
        if alone:
            self._look_until = now + QUIET
        return alone

    def _own(self) -> MessageProxy | None:
        """Something that the database says is due; None when nothing is, or it was asked a moment ago."""
        self._look()
        return self._next_found()

    def _next_found(self) -> MessageProxy | None:
        return MessageProxy(self._found.popleft()) if self._found else None

    def _look(self) -> None:
        """Finds what the database says is due, unless it was asked a moment ago."""
        if self._lookout is None or (began := time.monotonic()) < self._look_at:
            return
        try:
            due = list(self._lookout.work())
        except Exception as error:
            self._look_at = time.monotonic() + SOON
            self._look_until = time.monotonic() + AFTERWARDS
            self._database.failed(describe(error))
            return
        ended = time.monotonic()
        self._look_at = ended + max(EVERY, (ended - began) * (1 / SHARE - 1))
        self._database.over()
        with self._lock:
            new = [hint for hint in due if hint not in self._busy]
            self._busy.update(new)
        for name, args in new:
            self._found.append(Message(queue_name=DEFAULT, actor_name=name, args=args, kwargs={}, options={}))

"""One life of the process under test: the clock's tick, Dramatiq's messages and actors, the web application.

All of it in one thread and in a repeatable order, so that the same number is the same operation in every run. What
fails is treated as workers.clock and dramatiq.Worker treat it: forgotten, and looked for again.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import redis
from dramatiq import Consumer
from sqlalchemy import Engine, create_engine, text

from sequencer import hints as hinting
from sequencer.hints import QUEUES, Broker, Hints
from sequencer.sandbox import signing
from sequencer.services import due
from sequencer.services.context import Context
from sequencer.settings import Settings
from sequencer.store import clock
from sequencer.web import app
from sequencer.web.options import WebSettings
from sequencer.wiring import build
from tests.faults.gate import Gate
from tests.faults.outside import ADDRESS, END, KEY, SECRET, Failed, Outside
from workers.actors import declare
from workers.clock import tick

PATIENCE = 60
"""Looks in a row that change nothing although something is due: then the run is stuck."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run happens: its own database, Redis database, provider log and diary."""

    database_url: str
    redis_url: str
    host: str
    diary: Path
    accepted: Callable[[], list[dict[str, Any]]]


def live(place: Place, gate: Gate, enough: Callable[[datetime, Engine], bool]) -> None:
    """Works until the end of the run. Raises Failed when it does not get there.

    `enough`: asked whenever all is done at a moment of business time, before the clock moves on; True ends it there.
    """
    hinting.SILENCE = 0.0  # operating time that would only be waited for
    settings = Settings(
        database_url=place.database_url,
        redis_url=place.redis_url,
        sendgrid_api_key="SG.tests",
        sendgrid_host=place.host,
        webhook_public_keys=(signing.public_key(KEY),),
        secret_key=SECRET,
        public_url=ADDRESS,
    )
    hints, broker = Hints(place.redis_url), Broker(place.redis_url)
    context = build(settings, 2, hints)
    declare(broker, hints, context)
    site = cache(lambda: app.build(context, WebSettings.of(settings)))
    world = create_engine(place.database_url, isolation_level="AUTOCOMMIT", pool_size=1)
    client = redis.Redis.from_url(place.redis_url)

    def seconds() -> int:
        with gate.not_counted(), world.connect() as conn:
            return int(clock.operating(conn).timestamp())

    outside = Outside(context, site, seconds, place.diary, place.accepted)
    run = _Run(context, broker, gate, world, client, outside, enough)
    while run.on():
        pass
    context.provider.close()


@dataclass(slots=True)
class _Run:
    context: Context
    broker: Broker
    gate: Gate
    world: Engine
    redis: "redis.Redis"
    outside: Outside
    enough: Callable[[datetime, Engine], bool]
    vain: int = 0

    def on(self) -> bool:
        """A look of the clock and what it leads to; at rest, what comes next. False: that was all."""
        with contextlib.suppress(Exception):
            tick(self.context)
        moved = sum(self._take(queue) for queue in QUEUES)
        with self.gate.not_counted():
            with self.world.connect() as conn:
                rest = due.rest(conn)
            if rest.busy:
                self._wait(moved)
                return True
            self.vain = 0
            item = self.outside.next()
            moments = [m for m in (rest.next_at, item.at if item else None) if m is not None and m < END]
            if not moments:
                return False
            if min(moments) > rest.now:
                if self.enough(rest.now, self.world):
                    return False
                self._advance(rest.now, min(moments))
        if item is not None and item.at <= max(rest.now, min(moments)):
            self.outside.do(item)
            self.gate.something_happened()
        return True

    def _take(self, queue: str) -> int:
        """Runs the actors of all messages in a queue."""
        done = 0
        consumer: Consumer = self.broker.consume(queue, prefetch=1, timeout=1)
        with contextlib.suppress(Exception):
            while (message := next(consumer)) is not None:
                done += 1
                self.broker.get_actor(message.actor_name)(*message.args)
                consumer.ack(message)
        return done

    def _wait(self, moved: int) -> None:
        """When no message moved: operating time passes. Leases end, hints that nobody took are given again."""
        self.vain = self.vain + 1 if not moved else 0
        if moved:
            return
        if self.vain > PATIENCE:
            raise Failed("something is due, and nobody does it")
        over = "clock_timestamp() - interval '1 second'"
        with self.world.connect() as conn:
            conn.execute(text(f"UPDATE request SET lease_until = {over} WHERE lease_until IS NOT NULL"))
            conn.execute(text(f"UPDATE alert SET lease_until = {over} WHERE state = 'sending'"))
            conn.execute(text(f"UPDATE alert SET retry_at = {over} WHERE retry_at IS NOT NULL"))
        if waiting := self.redis.keys("hint:*"):
            self.redis.delete(*waiting)

    def _advance(self, now: datetime, to: datetime) -> None:
        with self.world.connect() as conn:
            assert clock.advance(conn, now, to)

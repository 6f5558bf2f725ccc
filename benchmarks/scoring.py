"""What scoring and learning add to the cost of an event that is taken in.

    python -m benchmarks.scoring

The same posts of SendGrid's are taken in twice, in one thread each, with nobody else at work on the database: by a
workspace without signals.yaml, and by one in which clicks count and teach and answers are searched for questions. With
it, the looks are made that follow, at the end: what is due in one second is looked at together, however many events
stirred it. Rounds alternate, and processor time is counted, of Python and of PostgreSQL together.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import orjson
from sqlalchemy import Engine, text

from benchmarks import webhooks, webhooks_posts
from benchmarks.webhooks_phases import used
from benchmarks.webhooks_posts import World
from sequencer.local import Postgres, ports
from sequencer.services import ingest, weigh
from sequencer.services.context import Context
from sequencer.services.release import Releases
from sequencer.store import intake
from sequencer.store.engine import connect
from sequencer.store.migrate import upgrade
from sequencer.store.partitions import SHIFT
from sequencer.wiring import Nowhere

EVENTS = 12_000
ROUNDS = 3
SIGNALS = """
points:
  - {when: clicked_kind("guide"), points: 10, half_life: 21 days, at_most: 40}
  - {when: replied(), points: 30, half_life: 30 days}
  - {when: unsubscribed(), points: -100, half_life: 90 days}
sales_ready:
  any:
    warm: score >= 60
  again_below: score < 30
learn:
  - when: clicked_kind("guide", at_least=2, within="60 days")
    add: {pains: cost}
inquiries:
  price: {phrases: {en: [how much, "price*"]}}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scoring", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="sequencer-scoring-") as folder:
        sent_at = int(time.time()) - 3 * 3600  # noqa: TID251
        world = World(1, (sent_at * 1000) << SHIFT, sent_at)
        leads, of_last = webhooks_posts.lead_of_last(world, chosen.events)
        count = webhooks_posts.write(world, leads, of_last, Path(folder))
        posts = [(Path(folder) / str(number)).read_bytes() for number in range(count)]
        told = sum(len(orjson.loads(body)) for body in posts)
        without, with_it = [], []
        for _ in range(chosen.rounds):
            without.append(_round(world, leads, posts, told, {}))
            with_it.append(_round(world, leads, posts, told, {"sequences/signals.yaml": SIGNALS}))
    plain, taken = median(one["intake"] for one in without), median(one["intake"] for one in with_it)
    looks = median(one["looks"] for one in with_it)
    report = {
        "events": told,
        "µs an event without signals": plain,
        "with them": taken,
        "looks after that": looks,
        "intake, ratio": round(taken / plain, 3),
        "with looks, ratio": round((taken + looks) / plain, 3),
        "counted": with_it[0]["counted"],
        "learned": with_it[0]["learned"],
    }
    print(json.dumps(report, indent=2, ensure_ascii=False))
    return 0


def _round(world: World, leads: int, posts: Sequence[bytes], told: int, more: Mapping[str, str]) -> dict[str, Any]:
    """Microseconds of processor time an event."""
    with tempfile.TemporaryDirectory(prefix="sequencer-scored-") as folder:
        postgres = Postgres(Path(folder) / "product", port=ports.free(0, frozenset({0})))
        try:
            url = postgres.start().url.replace("postgresql://", "postgresql+psycopg://", 1)
            upgrade(url)
            engine = connect(url)
            webhooks.prepare(engine, world, leads, more)
            context = Context(engine, Nowhere(), Releases(), b"secret", "http://localhost", hint=lambda *_: None)
            rules = _numbers(engine)
            for number in rules:
                for _ in range(2 + leads // weigh.PAGE):
                    weigh.recount(context, number)
            for body in posts:
                with engine.begin() as conn:
                    intake.put(conn, "events", body, "application/json", False)
            began = used(postgres) + time.process_time()
            while ingest.process(context, False):
                pass
            taken = used(postgres) + time.process_time()
            for number in rules:
                while weigh.look(context, number):
                    pass
            looked = used(postgres) + time.process_time()
            with engine.connect() as conn:
                counted = conn.execute(text("SELECT coalesce(sum(times), 0) FROM signal_count")).scalar_one()
                learned = conn.execute(text("SELECT count(*) FROM lead WHERE sources <> '{}'")).scalar_one()
            engine.dispose()
        finally:
            postgres.stop()
            postgres.forget()
    micro = 1e6 / told
    return {
        "intake": round((taken - began) * micro, 1),
        "looks": round((looked - taken) * micro, 1),
        "counted": int(counted),
        "learned": int(learned),
    }


def _numbers(engine: Engine) -> list[int]:
    with engine.connect() as conn:
        return list(conn.execute(text("SELECT id FROM watch_rule WHERE sequence = ''")).scalars())


if __name__ == "__main__":
    raise SystemExit(main())

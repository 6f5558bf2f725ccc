"""All leads are due at once, and the product's own processes mail them to the sink as fast as they can."""

from sqlalchemy import Engine

from benchmarks import mailing
from benchmarks.servers import START, Sink
from benchmarks.stack import Stack
from sequencer.store import clock, partitions

PROCESSES = 2
"""Of workers."""
SLOWEST = 200
"""Mails a second below which waiting is given up."""


def fill(engine: Engine, leads: int) -> None:
    """What is there before it begins."""
    with engine.begin() as conn:
        clock.start_virtual(conn, START, speed=1)
        partitions.ensure(conn)
    mailing.deploy(engine, mailing.files())
    mailing.load(engine, leads)


def begin(made: Stack, taker: Sink) -> None:
    """Returns with the first mails."""
    mailing.settle(made.engine)
    made.add("clock", "-m", "workers.clock")
    environ = made.environ | taker.environ | {"WORKER_PROCESSES": str(PROCESSES)}
    made.add("worker", "-m", "workers", environ=environ)
    made.until("the first mails", lambda: taker.counts()["recipients"], 60, every=0.01)


def end(made: Stack, leads: int) -> None:
    """Waits until nobody is due, and nothing under way or to be taken in."""
    made.until("the end of all", lambda: not made.count(_OPEN), 60 + leads / SLOWEST)


_OPEN = f"""
    SELECT (SELECT count(*) FROM message WHERE state IN ('sending', 'retry'))
         + (SELECT count(*) FROM intake WHERE state = 'pending')
         + (SELECT count(*) FROM enrollment WHERE due_at <= {clock.BUSINESS})
"""

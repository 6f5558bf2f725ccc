"""Runs Dramatiq's workers in this process: WORKER_THREADS threads, and as many more as requests hang, or the one for
what may have to stop mail.

Instead of the `dramatiq` command, because Heroku signals every process of a dyno, the command's master signals its
children once more, and a second SIGTERM there kills running jobs at once. Here only the first one counts.
"""

import gc
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from dramatiq import Worker

from sequencer.hints import DEFAULT, QUEUES, URGENT, Hints, Led
from sequencer.services import due, heartbeat
from sequencer.services.context import Context
from sequencer.services.seldom import Seldom
from sequencer.settings import Settings
from sequencer.stop import Stop
from sequencer.wiring import build
from workers import memory
from workers.actors import declare
from workers.consumer import ALONE, Lookout, TakingBroker
from workers.role import Part, Role

_log = logging.getLogger(__name__)

PATIENCE = 18.0
"""Seconds that running jobs get to finish: a dyno is killed 30 seconds after SIGTERM."""
TURN = 0.001
"""Seconds after which a thread that computes lets another go on. By default 5 ms: so long, each answer of the database
would wait for one that renders."""
NICE = 10
"""By how much the processes that send yield to all others: to webhooks that arrive, to what may have to stop mail."""
GATHERING = 0.02
"""Seconds from a hint that something may have to stop mail until it is looked for: what is posted in one go is gone
through together, and most of the cost is by the look, not by the body."""
SPARE = 2
"""Threads of a process beyond those that work: each takes the place of one whose request to the provider hangs, which
is for twelve seconds, and holds no connection. If more worked at any time they would only slow down each other, and
each may have a batch in memory, some 10 MB."""
_LOOK = 1.0
"""Seconds between two looks at whether the parent is still there."""
_TRIM = 5.0
"""Seconds between two times that memory is given back."""


def work(settings: Settings, role: Role, stopping: Stop) -> int:
    """Runs until `stopping` is set; gives the exit code."""
    sys.setswitchinterval(TURN)
    memory.share()
    redis_url = settings.redis_url or ""
    hints = Led(redis_url) if role.led else Hints(redis_url)
    queues, threads, connections = _share(settings, role.part)
    if role.part is Part.REST:
        os.nice(NICE)
    context = replace(build(settings, connections, hints, "worker"), stopping=stopping)
    # While Redis or the clock is away, the database itself is asked what is due; but not by who is led, nor by all.
    looking = not role.led and role.part is not Part.URGENT
    spare = SPARE if role.part is Part.REST else 0
    broker = TakingBroker(
        redis_url, lookout(context) if looking else None, lambda: min(context.provider.hanging, spare)
    )
    # Where nothing else waits for the thread.
    gathering = GATHERING if role.part is Part.URGENT else 0.0
    declare(broker, hints, context, lambda: stopping.wait(gathering))
    worker = threaded(broker, queues, threads, settings.worker_poll, spare)
    collect_rarely()
    worker.start()
    _log.info("working, part=%s threads=%d pid=%d", role.part.value, threads, os.getpid())
    _wait(stopping, role.parent)
    _log.info("stopping, pid=%d", os.getpid())
    worker.stop(timeout=int(PATIENCE * 1000))
    if late := sum(thread.is_alive() for thread in worker.workers):
        _log.error("%d jobs did not end in %g s, pid=%d: what they sent is unknown", late, PATIENCE, os.getpid())
    context.provider.close()
    context.engine.dispose()
    hints.close()
    _log.info("stopped, pid=%d", os.getpid())
    return 0


def threaded(broker: TakingBroker, queues: Sequence[str], threads: int, poll: int, spare: int = 0) -> Worker:
    """So many threads that work, to be started, and `spare` ones. `poll`: milliseconds between two looks at the queues
    at most.

    They fetch no more than they can begin. What else a process had fetched when it is killed is done by nobody until
    the hint may be given again (`hints.WAITING`): where it is of the only place with work, all mail stands still.
    """
    worker = Worker(broker, queues=set(queues), worker_timeout=poll, worker_threads=threads + spare)
    worker.queue_prefetch = threads
    return worker


def lookout(context: Context) -> Lookout:
    """How a process finds out by itself what is due."""

    def look() -> list[due.Hint]:
        hints = due.work(context)
        heartbeat.looked(context, overdue=any(name == "drain" for name, _ in hints))
        return hints

    return Lookout(look, lambda: heartbeat.left_alone(context, ALONE))


def collect_rarely() -> None:
    """A batch makes some ten thousand objects that end with it; looking for circles among them took a tenth of the
    time. What is loaded already is never looked through again.

    More than the batches of a few threads hold at once: else each batch is looked through once, for nothing."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 10, 10)
    gc.enable()


def _share(settings: Settings, part: Part) -> tuple[Sequence[str], int, int]:
    """The queues that a process takes from, its threads, and its connections to PostgreSQL at most."""
    match part:
        case Part.ALL:
            return QUEUES, settings.worker_threads, settings.process_connections
        case Part.URGENT:
            return (URGENT,), 1, 1
        case Part.REST:
            return (DEFAULT,), settings.worker_threads, settings.process_connections


def _wait(stopping: Stop, parent: int | None) -> None:
    """Until told to stop, or until the parent is gone. Asked each second rather than of the kernel: works anywhere."""
    trimming = Seldom(_TRIM)
    while not stopping.wait(None if parent is None else _LOOK):
        if os.getppid() != parent:
            _log.error("the process that watched this one is gone, pid=%d", os.getpid())
            stopping.set()
        elif trimming.due():
            memory.give_back()

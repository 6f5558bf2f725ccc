"""Runs Dramatiq's workers in this process: WORKER_THREADS threads, and one for what may have to stop mail.

Instead of the `dramatiq` command, because Heroku signals every process of a dyno, the command's master signals its
children once more, and a second SIGTERM there kills running jobs at once. Here only the first one counts.
"""

import gc
import logging
import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace

from dramatiq import Worker

from sequencer.hints import DEFAULT, QUEUES, URGENT, Hints, Led
from sequencer.services import due
from sequencer.services.context import Context
from sequencer.settings import Settings
from sequencer.wiring import build
from workers.actors import declare
from workers.consumer import TakingBroker
from workers.role import Role

_log = logging.getLogger(__name__)

PATIENCE = 18.0
"""Seconds that running jobs get to finish: a dyno is killed 30 seconds after SIGTERM."""
TURN = 0.001
"""Seconds after which a thread that computes lets another go on. By default 5 ms: with four drains at work, each of the
dozen answers of the database that an urgent body needs would wait 20 ms for its turn."""
_LOOK = 1.0
"""Seconds between two looks at whether the parent is still there."""


def work(settings: Settings, role: Role, stopping: threading.Event) -> int:
    """Runs until `stopping` is set; gives the exit code."""
    sys.setswitchinterval(TURN)
    redis_url = settings.redis_url or ""
    hints = Led(redis_url) if role.led else Hints(redis_url)
    context = replace(build(settings, settings.worker_connections, hints, "worker"), stopping=stopping)
    workers = _workers(settings, context, hints, led=role.led)
    _collect_rarely()
    for worker in workers:
        worker.start()
    _log.info("working, threads=%d pid=%d", settings.worker_threads, os.getpid())
    _wait(stopping, role.parent)
    _log.info("stopping, pid=%d", os.getpid())
    _stop(workers)
    if late := sum(thread.is_alive() for worker in workers for thread in worker.workers):
        _log.error("%d jobs did not end in %g s, pid=%d: what they sent is unknown", late, PATIENCE, os.getpid())
    context.provider.close()
    context.engine.dispose()
    hints.close()
    _log.info("stopped, pid=%d", os.getpid())
    return 0


def _collect_rarely() -> None:
    """A batch makes some ten thousand objects that end with it; looking for circles among them took a tenth of the
    time. What is loaded already is never looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def _workers(settings: Settings, context: Context, hints: Hints, led: bool) -> list[Worker]:
    """A thread of its own for urgent bodies: a drain may take seconds, and nobody who asked for silence waits for it.

    Who is led has only the threads that were asked for, so that everything is done in the conductor's order.
    """
    if led:
        return [_worker(settings, context, hints, QUEUES, settings.worker_threads, look=False)]
    return [
        _worker(settings, context, hints, (URGENT,), 1, look=False),
        _worker(settings, context, hints, (DEFAULT,), settings.worker_threads, look=True),
    ]


def _worker(
    settings: Settings, context: Context, hints: Hints, queues: Sequence[str], threads: int, look: bool
) -> Worker:
    """Takes from these queues. `look`: while Redis is away, the database itself is asked what is due."""
    broker = TakingBroker(settings.redis_url or "", (lambda: due.work(context)) if look else None)
    declare(broker, hints, context)
    return Worker(broker, queues=set(queues), worker_timeout=settings.worker_poll, worker_threads=threads)


def _stop(workers: Sequence[Worker]) -> None:
    """All at once, and no longer than PATIENCE together."""
    stopping = [threading.Thread(target=w.stop, kwargs={"timeout": int(PATIENCE * 1000)}) for w in workers]
    for thread in stopping:
        thread.start()
    for thread in stopping:
        thread.join()


def _wait(stopping: threading.Event, parent: int | None) -> None:
    """Until told to stop, or until the parent is gone. Asked each second rather than of the kernel: works anywhere."""
    while not stopping.wait(None if parent is None else _LOOK):
        if os.getppid() != parent:
            _log.error("the process that watched this one is gone, pid=%d", os.getpid())
            stopping.set()

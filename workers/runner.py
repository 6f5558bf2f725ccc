"""Runs Dramatiq's workers: as many processes as WORKER_PROCESSES says, each with WORKER_THREADS threads.

Instead of the `dramatiq` command, because Heroku signals every process of a dyno, the command's master signals its
children once more, and a second SIGTERM there kills running jobs at once. Here only the first one counts.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType

from dramatiq import Worker

from sequencer.hints import Hints, Led, make_broker
from sequencer.settings import Settings
from sequencer.wiring import build
from workers.actors import declare

_log = logging.getLogger(__name__)

PATIENCE = 18.0
"""Seconds that running jobs get to finish: a dyno is killed 30 seconds after SIGTERM."""
ONLY_ONE = "--one"
LED = "--led"
_NOT_AT_ONCE = 1.0
"""Seconds before a process that ended by itself is replaced."""


def run(settings: Settings, one: bool, led: bool) -> int:
    """Runs until SIGTERM or SIGINT; gives the exit code.

    one: this process only, whatever WORKER_PROCESSES says. led: gives no hints; a conductor does.
    """
    settings.need("REDIS_URL", "SECRET_KEY", "PUBLIC_URL")
    stopping = _on_signal()
    if one or settings.worker_processes == 1:
        return _work(settings, stopping, led)
    return _supervise(settings.worker_processes, stopping)


def _on_signal() -> threading.Event:
    """An event that the first SIGTERM or SIGINT sets; later ones do nothing."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping


def _work(settings: Settings, stopping: threading.Event, led: bool) -> int:
    redis_url = settings.redis_url or ""
    hints = Led(redis_url) if led else Hints(redis_url)
    broker = make_broker(redis_url)
    context = build(settings, settings.worker_connections, hints)
    declare(broker, hints, context)
    worker = Worker(broker, worker_timeout=settings.worker_poll, worker_threads=settings.worker_threads)
    worker.start()
    _log.info("working, threads=%d pid=%d", settings.worker_threads, os.getpid())
    stopping.wait()
    _log.info("stopping, pid=%d", os.getpid())
    worker.stop(timeout=int(PATIENCE * 1000))
    context.provider.close()
    context.engine.dispose()
    _log.info("stopped, pid=%d", os.getpid())
    return 0


def _supervise(processes: int, stopping: threading.Event) -> int:
    command = [sys.executable, "-m", "workers", ONLY_ONE]
    children = [subprocess.Popen(command) for _ in range(processes)]
    while not stopping.wait(_NOT_AT_ONCE):
        for place, child in enumerate(children):
            if child.poll() is not None:
                _log.error(
                    "a worker process ended by itself, pid=%d code=%d: starting another", child.pid, child.poll()
                )
                children[place] = subprocess.Popen(command)
    deadline = time.monotonic() + PATIENCE + 4
    for child in children:
        child.terminate()
    for child in children:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    return 0

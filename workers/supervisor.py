"""The worker processes of a dyno: started, replaced when they end by themselves, and ended together.

WORKER_PROCESSES of them work, and one more takes in what may have to stop mail: it sleeps nearly always, so that the
system gives it a processor as soon as it wakes, however many threads of the others want one.

Everything is imported once, then each child is forked: another takes milliseconds instead of a second of the
processor, and they share what they loaded. Nothing is opened before the fork: each child makes its own connections.
"""

import gc
import logging
import os
import signal
import time
from dataclasses import replace

from sequencer.settings import Settings
from sequencer.stop import Stop
from workers import runner
from workers.role import Part, Role

_log = logging.getLogger(__name__)

PATIENCE = 22.0
"""Seconds that children get to end: more than they give their jobs, less than the 30 after which a dyno is killed."""
_LOOK = 0.1
"""Seconds between two looks at the children: one that ended is not replaced sooner."""
_AGAIN = 0.5
"""Seconds from one start of a child to its next at least: one that cannot start does not keep a processor busy."""
_NAP = 0.05


def supervise(settings: Settings, role: Role, stopping: Stop) -> int:
    """Runs until `stopping` is set; gives the exit code."""
    # What is loaded now is never looked through again, so that its pages stay shared; nor now: a tenth of a start, to
    # find some hundred objects.
    gc.freeze()
    gc.enable()
    parts = [Part.URGENT, *[Part.REST] * settings.worker_processes]
    roles = [replace(role, part=part, parent=os.getpid()) for part in parts]
    children = [_start(settings, each, stopping) for each in roles]
    started = [time.monotonic()] * len(children)
    ended: set[int] = set()
    while not stopping.wait(_LOOK):
        for place, child in enumerate(children):
            if place not in ended and (code := _ended(child)) is not None:
                _log.error("a worker process ended by itself, pid=%d code=%d: starting another", child, code)
                ended.add(place)
            if place in ended and time.monotonic() > started[place] + _AGAIN:
                ended.remove(place)
                children[place], started[place] = _start(settings, roles[place], stopping), time.monotonic()
    _end([child for place, child in enumerate(children) if place not in ended])
    return 0


def _start(settings: Settings, role: Role, stopping: Stop) -> int:
    """Forks; gives the child's pid. The child has the parent's signal handlers from its first moment."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        code = runner.work(settings, role, stopping) if not stopping.is_set() else 0
    except Exception:
        _log.exception("a worker process failed, pid=%d", os.getpid())
    finally:
        # Never back into the parent's code.
        logging.shutdown()
        os._exit(code)


def _ended(child: int) -> int | None:
    """The exit code (minus the signal that killed it), or None while it runs."""
    pid, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if pid else None


def _end(children: list[int]) -> None:
    """Tells all of them to go, waits, and kills who does not."""
    for child in children:
        os.kill(child, signal.SIGTERM)
    running = set(children)
    deadline = time.monotonic() + PATIENCE
    while running and time.monotonic() < deadline:
        running = {child for child in running if _ended(child) is None}
        time.sleep(_NAP)
    for child in running:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

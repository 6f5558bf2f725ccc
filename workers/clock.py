"""`python -m workers.clock`: the ticker. Every second it asks what is due and wakes the workers for it.

Any number of them may run: a hint that is waiting already is not given again.
"""

import logging
import signal
import sys
import threading
from types import FrameType

from sequencer.errors import SequencerError
from sequencer.logs import configure, describe
from sequencer.services import due
from sequencer.services.context import Context
from sequencer.settings import Settings
from sequencer.wiring import build

_log = logging.getLogger("workers.clock")  # also when it runs as __main__

EVERY = 1.0
"""Seconds of operating time between two looks."""
SLOWEST = 30.0
"""Seconds between two looks during a long outage of the database."""


def tick(context: Context) -> int:
    """One look: gives a hint for everything that is due, and says how many."""
    hints = due.work(context)
    for name, args in hints:
        context.hint(name, *args)
    return len(hints)


def run(context: Context, stopping: threading.Event, every: float = EVERY) -> None:
    """Looks until told to stop. An outage is logged at each look, which come ever more rarely until one succeeds."""
    pause = every
    while not stopping.wait(pause):
        try:
            tick(context)
        except Exception as error:
            pause = min(SLOWEST, pause * 2)
            _log.error("no look at what is due: %s; next in %g s", describe(error), pause)
        else:
            pause = every


def main() -> int:
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        settings = Settings.read()
        configure(settings.log_level)
        settings.need("REDIS_URL")
        context = build(settings, settings.clock_connections)
    except SequencerError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    _log.info("ticking")
    run(context, stopping)
    context.engine.dispose()
    _log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())

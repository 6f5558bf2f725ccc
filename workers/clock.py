"""`python -m workers.clock`: the ticker. Every second it asks what is due and wakes the workers for it.

Any number of them may run: a hint that is waiting already is not given again.
"""

import logging
import sys
import time
from collections import deque

from sequencer.errors import SequencerError
from sequencer.logs import configure, describe
from sequencer.outage import Outage
from sequencer.services import due, heartbeat
from sequencer.services.context import Context
from sequencer.settings import Settings
from sequencer.stop import Stop
from sequencer.wiring import build
from workers.signals import stop_on_signal

_log = logging.getLogger("workers.clock")  # also when it runs as __main__

EVERY = 1.0
"""Seconds of operating time between two looks."""
SHARE = 0.1
"""Of its time that the ticker may spend looking. A look takes milliseconds; but seconds when millions of dead entries
lie in the index because somebody holds a snapshot for hours; looking every second would take a whole processor then."""
LATER = 0.5
"""Of the time that an outage of the database has lasted: between two looks during it. So everything resumes soon after
a restart, and nobody knocks every second for hours."""
SLOWEST = 5.0
"""Seconds between two looks during a long outage: how late everything resumes at most."""
USUAL = 5
"""Looks of which the quickest says what one takes: each may have to wait for a processor, all of them wait for an
index."""


def tick(context: Context) -> int:
    """One look: gives a hint for everything that is due, and says how many."""
    if not heartbeat.check(context):
        return 0
    hints = due.work(context)
    heartbeat.beat(context, overdue=any(name == "drain" for name, _ in hints))
    for name, args in hints:
        context.hint(name, *args)
    return len(hints)


def run(context: Context, stopping: Stop, every: float = EVERY) -> None:
    """Looks until told to stop. During an outage the looks come more rarely, until one succeeds."""
    outage = Outage(_log, "no look at what is due", "looking again every few seconds")
    took: deque[float] = deque(maxlen=USUAL)
    away_since: float | None = None
    pause = every
    while not stopping.wait(pause):
        began = time.monotonic()
        try:
            tick(context)
        except Exception as error:
            away_since = away_since if away_since is not None else began
            pause = min(SLOWEST, max(every, (time.monotonic() - away_since) * LATER))
            outage.failed(describe(error))
        else:
            away_since = None
            took.append(time.monotonic() - began)
            pause = max(every, min(took) * (1 / SHARE - 1))
            outage.over()


def main() -> int:
    stopping = stop_on_signal()
    try:
        settings = Settings.read()
        configure(settings.log_level)
        settings.need("REDIS_URL")
        context = build(settings, settings.clock_connections, role="clock")
    except SequencerError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    _log.info("ticking")
    run(context, stopping)
    context.provider.close()
    context.engine.dispose()
    _log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())

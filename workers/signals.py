"""SIGTERM and SIGINT, counted once. Imports nothing of weight: processes call this before anything else."""

import signal
from types import FrameType

from sequencer.stop import Stop


def stop_on_signal() -> Stop:
    """What the first SIGTERM or SIGINT sets; later ones do nothing.

    Heroku signals every process of a dyno, also while it starts, and again by hand or by whatever wraps the command.
    """
    stopping = Stop()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping

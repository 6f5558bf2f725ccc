"""SIGTERM and SIGINT, counted once. Imports nothing of weight: processes call this before anything else."""

import signal
import threading
from types import FrameType


def stop_on_signal() -> threading.Event:
    """An event that the first SIGTERM or SIGINT sets; later ones do nothing.

    Heroku signals every process of a dyno, also while it starts, and again by hand or by whatever wraps the command.
    """
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping

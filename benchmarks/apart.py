"""The rows of a benchmark, from a process of its own: none is measured in what another left behind.

On Linux a process begins with the most memory that its parent ever held as its own: after a run of webhooks the
importer seemed to take six times what it takes.
"""

import multiprocessing
import signal
import sys
from collections.abc import Generator
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from types import FrameType

from benchmarks.report import Row


class Failed(Exception):
    """The benchmark came to no end; what it had to say stands on stderr."""


def rows(module: str, full: bool) -> Generator[Row, None, None]:
    """Each as soon as it is measured. Raises Failed. Whoever stops asking ends the process, and waits for that."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(module, full, sending))
    process.start()
    sending.close()
    try:
        with receiving, suppress(EOFError):
            while True:
                yield receiving.recv()
        process.join()
    finally:
        process.terminate()
        process.join()
    if process.exitcode:
        raise Failed(f"{module}: exit {process.exitcode}")


def _tell(module: str, full: bool, sending: Connection) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    for row in import_module(module).rows(full):
        sending.send(row)


def _end(number: int, frame: FrameType | None) -> None:
    """Ends what was started. Once: a terminal's Ctrl-C is followed by the parent's SIGTERM, in the middle of that."""
    for again in (signal.SIGTERM, signal.SIGINT):
        signal.signal(again, lambda *_: None)
    sys.exit(1)

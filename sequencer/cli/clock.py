"""`sequencer clock`."""

import os
import sys

import click


@click.command()
def command() -> None:
    """Run the ticker that looks every second for what is due and wakes the workers. Any number of them may run.

    Example: sequencer clock
    """
    os.execv(sys.executable, [sys.executable, "-m", "workers.clock"])

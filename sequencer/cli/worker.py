"""`sequencer worker`."""

import os
import sys

import click


@click.command()
def command() -> None:
    """Run the workers that send mail and process events: WORKER_PROCESSES processes of WORKER_THREADS threads.

    One process more takes in what may have to stop mail.

    Example: WORKER_PROCESSES=4 sequencer worker
    """
    os.execv(sys.executable, [sys.executable, "-m", "workers"])

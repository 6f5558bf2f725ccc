"""`python -m tests.simulation --minutes N`: draws examples for so long, on a database of its own.

`--seed` makes a run that can be repeated. It ends at the first example in which the simulation and the stack differ,
which Hypothesis has shrunk by then.
"""

import argparse
import logging
import random
import tempfile
import time
from pathlib import Path

from sequencer.local import postgres
from sequencer.store.migrate import upgrade
from tests.simulation.run import run

ROUND = 50
"""Examples from one seed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    until = time.monotonic() + options.minutes * 60
    number = options.seed if options.seed is not None else random.randrange(10**6)
    with tempfile.TemporaryDirectory(prefix="sequencer-simulation-") as folder:
        with postgres(Path(folder) / "postgres", throwaway=True) as plain:
            url = plain.replace("postgresql://", "postgresql+psycopg://", 1)
            upgrade(url)
            while time.monotonic() < until:
                print(f"seed {number}", flush=True)
                print(run(url, ROUND, number), flush=True)
                number += 1


if __name__ == "__main__":
    main()

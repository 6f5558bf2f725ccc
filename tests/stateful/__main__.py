"""`python -m tests.stateful --minutes N`: the random machine for so long, on a database of its own.

Each round draws anew. `--seed` makes a run that can be repeated. It ends at the first thing it finds, which Hypothesis
has shrunk by then: write it into test_found.py as a list of actions.
"""

import argparse
import logging
import random
import tempfile
import time
from pathlib import Path

from hypothesis import seed

from sequencer.local import postgres
from sequencer.store.migrate import upgrade
from tests.stateful import run as runs
from tests.stateful.machine import Machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    until = time.monotonic() + options.minutes * 60
    first = options.seed if options.seed is not None else random.randrange(10**6)
    with tempfile.TemporaryDirectory(prefix="sequencer-stateful-") as folder:
        with postgres(Path(folder) / "postgres", throwaway=True) as plain:
            url = plain.replace("postgresql://", "postgresql+psycopg://", 1)
            upgrade(url)
            number = first
            while time.monotonic() < until:
                print(f"seed {number}", flush=True)
                seed(number)(Machine)
                print(runs.run(url, 30, options.steps), flush=True)
                number += 1


if __name__ == "__main__":
    main()

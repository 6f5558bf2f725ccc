"""How long `sequencer --help` takes, next to a Python that does nothing.

    python -m benchmarks helping

Both as a shell starts them, in turns.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.started import Spent, environment, shown, started

ROUNDS = 15


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.helping", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    chosen = parser.parse_args(arguments)
    report = run()
    print(json.dumps(report, indent=2) if chosen.json else shown(report))
    return 0


def run() -> dict[str, Any]:
    """The medians, the two taken in turns."""
    helps: list[Spent] = []
    nothings: list[Spent] = []
    for _ in range(ROUNDS):
        helps.append(started([sys.executable, "-m", "sequencer", "--help"]))
        nothings.append(started([sys.executable, "-c", ""]))
    return {"environment": environment(), "sequencer --help": _median(helps), "python -c ''": _median(nothings)}


def _median(spent: Sequence[Spent]) -> dict[str, Any]:
    return {
        "seconds": round(statistics.median(one.seconds for one in spent), 3),
        "processor": round(statistics.median(one.processor for one in spent), 3),
        "MB": max(one.memory for one in spent),
    }


if __name__ == "__main__":
    sys.exit(main())

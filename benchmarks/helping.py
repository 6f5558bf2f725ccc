"""How long `sequencer --help` takes, next to a Python that does nothing.

    python -m benchmarks helping

Both as a shell starts them, in turns.
"""

import sys
from collections.abc import Iterator, Sequence
from statistics import median

from benchmarks import report
from benchmarks.started import Spent, started

COMMANDS = {
    "sequencer --help": [sys.executable, "-m", "sequencer", "--help"],
    "python -c ''": [sys.executable, "-c", ""],
}
LONGEST = 0.15
"""Seconds, at most: what issue 4 asks."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = report.parser("helping", __doc__)
    parser.add_argument("--rounds", type=int, default=15)
    chosen = parser.parse_args(arguments)
    about = report.environment()
    figures = {
        name: {
            "seconds": round(median(one.seconds for one in spent), 3),
            "processor": round(median(one.processor for one in spent), 3),
            "MB": max(one.memory for one in spent),
        }
        for name, spent in run(chosen.rounds).items()
    }
    rows = [("", "seconds", "CPU seconds", "MB"), *((name, *map(str, one.values())) for name, one in figures.items())]
    return report.show(about, figures, rows, chosen.json)


def run(rounds: int) -> dict[str, list[Spent]]:
    """The two in turns."""
    found: dict[str, list[Spent]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            found[name].append(started(command))
    return found


def rows(full: bool) -> Iterator[report.Row]:
    seconds = median(one.seconds for one in run(rounds=15 if full else 5)["sequencer --help"])
    yield report.at_most("`sequencer --help`", seconds, LONGEST, "s", 3)


if __name__ == "__main__":
    sys.exit(main())

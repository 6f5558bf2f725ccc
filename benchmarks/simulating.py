"""How long `sequencer simulate` takes for a whole audience: people, and 90 days of the shipped education series.

    python -m benchmarks simulating --people 10000

As a person starts it, on the shipped workspace: who opens, clicks, answers and complains is drawn for each.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks import report
from benchmarks.started import Spent, started
from sequencer.settings import variables

ROOT = Path(__file__).parents[1]
SERIES, DAYS = "education", 90
LONGEST = 10
"""Seconds for 10,000 people, at most: what issue 4 asks."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = report.parser("simulating", __doc__)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args(arguments)
    about = report.environment()
    spent = run(chosen.people, chosen.rounds)
    figures = {"people": chosen.people, "days": DAYS, "rounds": [one.figures() for one in spent]}
    lines = [(f"{one.seconds:.2f}", f"{one.processor:.2f}", f"{one.memory}") for one in spent]
    return report.show(about, figures, [("seconds", "CPU seconds", "MB"), *lines], chosen.json)


def run(people: int, rounds: int) -> list[Spent]:
    """The first compiles the workspace, too; a round more is made for that, and left out."""
    command = [sys.executable, "-m", "sequencer", "simulate", SERIES, "--audience", str(people), "--for", f"{DAYS}d"]
    with tempfile.TemporaryDirectory(prefix="sequencer-cache-") as cache:
        environ = variables() | {"XDG_CACHE_HOME": cache, "WORKSPACE_DIR": str(ROOT)}
        started([*command, "--audience", "1"], environ)
        found = [started([*command, "--start", "2026-11-23 09:00", "--json"], environ) for _ in range(rounds)]
    for one in found:
        if (told := json.loads(one.output[one.output.index("{") :])["leads"]) != people:
            raise RuntimeError(f"{told} people were simulated, expected {people}")
    return found


def rows(full: bool) -> Iterator[report.Row]:
    people = 10_000 if full else 1_000
    seconds = median(one.seconds for one in run(people, rounds=5 if full else 3))
    what = f"`simulate` of {people:,} leads over {DAYS} days"
    yield report.at_most(what, seconds, LONGEST * people / 10_000, "s", 1)


if __name__ == "__main__":
    sys.exit(main())

"""How fast due enrollments become accepted and recorded mails.

    python -m benchmarks sending --leads 20000 --processes 2
    python -m benchmarks sending --leads 200000 --compare --rounds 5

A 20 KB email with 20 slots, and a condition on each mail's way. The real drain runs in worker processes against
PostgreSQL, Valkey and a sink on the same machine. Loading the leads is not counted.

--compare runs others in turn with it: `bare`, the protocol with nothing around it, the same with requests as small as
the product's, and `naive`, one mail at a time.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import mailing, report
from benchmarks.measure import Cost, workers
from benchmarks.servers import Servers, servers
from sequencer.providers.sendgrid import MOST_UNDER_WAY

SMALL = f"bare, requests of {MOST_UNDER_WAY}"
"""With requests as small as the product's."""
NAIVE_PART = 100
"""The naive way mails so many times fewer leads: it would take hours."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = report.parser("sending", __doc__)
    parser.add_argument("--leads", type=int, default=20_000)
    parser.add_argument("--processes", type=int, default=2, help="worker processes")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--compare", action="store_true", help="measure `bare` and `naive` in turn with the product")
    parser.add_argument("--profile", type=Path, help="write cProfile's statistics of one worker to this file")
    chosen = parser.parse_args(arguments)
    with servers() as made:
        mailing.deploy(made.engine, mailing.files())
        about = report.environment(made.engine) | mailing.described(made.engine)
        costs = run(made, chosen.leads, chosen.processes, chosen.rounds, chosen.compare, chosen.profile)
    return report.costs(about, costs, chosen.json, against=True)


def run(
    made: Servers, leads: int, processes: int, rounds: int, compare: bool, profile: Path | None = None
) -> dict[str, list[Cost]]:
    """By kind, one cost a round; the kinds take turns."""
    sizes = {"product": leads}
    if compare:
        sizes |= {"bare": leads, SMALL: leads, "naive": max(leads // NAIVE_PART, 20)}
    found: dict[str, list[Cost]] = {kind: [] for kind in sizes}
    with ExitStack() as exits:
        started = {}
        for kind in sizes:
            command = f"bare:{MOST_UNDER_WAY}" if kind == SMALL else kind
            crew = workers(made, command, processes, profile if kind == "product" else None)
            started[kind] = exits.enter_context(crew)
        for _ in range(rounds):
            for kind, size in sizes.items():
                mailing.load(made.engine, size)
                found[kind].append(started[kind].run())
    return found


def rows(full: bool) -> Iterator[report.Row]:
    """Of the table: every ratio to others of the same run."""
    with servers() as made:
        mailing.deploy(made.engine, mailing.files())
        found = run(made, 200_000 if full else 10_000, processes=2, rounds=5 if full else 3, compare=True)
    product, bare, small, naive = (report.medians(found[kind]) for kind in ("product", "bare", SMALL, "naive"))
    queries = product.queries + 2 * product.commits
    what = f"{product.mails:,} due, of 20 KB with 20 slots and a condition: accepted and recorded"
    yield report.at_least(what, product.rate, 12_000, "mails/s")
    yield report.at_least(f"… against the protocol alone ({SMALL})", product.rate / small.rate, 0.8, "×", 2)
    yield report.at_least("… against bare with requests as large as its batch", product.rate / bare.rate, 0.8, "×", 2)
    yield report.at_least("… against one mail at a time", product.rate / naive.rate, 100, "×")
    yield report.at_most("… queries a mail, BEGIN and COMMIT too", queries, 0.02, "", 4)
    part = product.request_bytes / naive.request_bytes
    yield report.at_most("… request bytes against the full body's", part, 1 / 15, "×", 3)


if __name__ == "__main__":
    sys.exit(main())

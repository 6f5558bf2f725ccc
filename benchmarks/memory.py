"""Whether a worker's memory stays where it is, over many mails.

    python -m benchmarks memory --mails 1000000

The same workers mail one crowd of leads after the other; a line each.
"""

import sys
from collections.abc import Iterator, Sequence

from benchmarks import mailing, report
from benchmarks.measure import Cost, workers
from benchmarks.servers import Servers, servers

FLAT = 5
"""MB that an allocator may take or give back by chance."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = report.parser("memory", __doc__)
    parser.add_argument("--mails", type=int, default=60_000)
    parser.add_argument("--leads", type=int, default=20_000, help="of one crowd")
    parser.add_argument("--processes", type=int, default=2, help="worker processes")
    chosen = parser.parse_args(arguments)
    with servers() as made:
        about = report.environment(made.engine)
        found = run(made, chosen.mails, chosen.leads, chosen.processes)
    return report.costs(about, {f"after {done:,}": [cost] for done, cost in found.items()}, chosen.json)


def run(made: Servers, mails: int, leads: int, processes: int) -> dict[int, Cost]:
    """What each crowd cost, by how many mails had gone then."""
    mailing.deploy(made.engine, mailing.files())
    found = {}
    with workers(made, "product", processes) as product:
        for done in range(leads, mails + 1, leads):
            mailing.load(made.engine, leads)
            found[done] = product.run()
    return found


def rows(full: bool) -> Iterator[report.Row]:
    mails, leads = (1_000_000, 200_000) if full else (30_000, 10_000)
    with servers() as made:
        found = run(made, mails, leads, processes=2)
    first, last = found[leads], found[mails]
    most = max(cost.memory_after for cost in found.values())
    yield report.at_most(f"a worker's resident memory over {mails:,} mails", most, 150, "MB", 0)
    grown = last.memory_after - first.memory_after
    yield report.at_most(f"… grown after the first {leads:,}", grown, FLAT, "MB", 1)


if __name__ == "__main__":
    sys.exit(main())

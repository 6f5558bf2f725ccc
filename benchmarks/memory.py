"""Whether a worker's memory stays where it is, over many mails.

    python -m benchmarks memory --mails 1000000

The same workers mail one crowd of leads after the other; a line each.
"""

import sys
from collections.abc import Sequence

from benchmarks import mailing, report
from benchmarks.measure import workers
from benchmarks.servers import servers


def main(arguments: Sequence[str] | None = None) -> int:
    parser = report.parser("memory", __doc__)
    parser.add_argument("--mails", type=int, default=60_000)
    parser.add_argument("--leads", type=int, default=20_000, help="of one crowd")
    parser.add_argument("--processes", type=int, default=2, help="worker processes")
    chosen = parser.parse_args(arguments)
    with servers() as made:
        mailing.deploy(made.engine, mailing.files())
        about = report.environment(made.engine)
        costs = {}
        with workers(made, "product", chosen.processes) as product:
            for done in range(chosen.leads, chosen.mails + 1, chosen.leads):
                mailing.load(made.engine, chosen.leads)
                costs[f"after {done:,}"] = [product.run()]
    return report.costs(about, costs, chosen.json)


if __name__ == "__main__":
    sys.exit(main())

"""What one old snapshot costs: sending with and without another session that holds a REPEATABLE READ transaction open.

    python -m benchmarks snapshot --leads 50000 --rounds 3

As `pg_dump` does. While it lasts nothing that the index of due times once held can be cleared away.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Engine, text

from benchmarks import mailing, report
from benchmarks.measure import Cost, workers
from benchmarks.servers import Servers, servers


def main(arguments: Sequence[str] | None = None) -> int:
    parser = report.parser("snapshot", __doc__)
    parser.add_argument("--leads", type=int, default=20_000)
    parser.add_argument("--processes", type=int, default=2, help="worker processes")
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args(arguments)
    with servers() as made:
        about = report.environment(made.engine)
        costs = run(made, chosen.leads, chosen.processes, chosen.rounds)
    return report.costs(about, costs, chosen.json, against=True)


def run(made: Servers, leads: int, processes: int, rounds: int) -> dict[str, list[Cost]]:
    mailing.deploy(made.engine, mailing.files())
    costs: dict[str, list[Cost]] = {"with a snapshot": [], "without": []}
    with workers(made, "product", processes) as product:
        for _ in range(rounds):
            mailing.load(made.engine, leads)
            with held(made.engine):
                costs["with a snapshot"].append(product.run())
            mailing.load(made.engine, leads)
            costs["without"].append(product.run())
    return costs


def rows(full: bool) -> Iterator[report.Row]:
    with servers() as made:
        costs = run(made, 200_000 if full else 10_000, processes=2, rounds=5 if full else 3)
    ratio = report.medians(costs["with a snapshot"]).rate / report.medians(costs["without"]).rate
    what = "… while another session holds a REPEATABLE READ snapshot, against without"
    yield report.at_least(what, ratio, 0.85, "×", 2)


@contextmanager
def held(engine: Engine) -> Iterator[None]:
    """A transaction that sees the database as it is now, for as long as this lasts."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as conn:
        conn.execute(text("SELECT 1 FROM enrollment LIMIT 1"))
        yield


if __name__ == "__main__":
    sys.exit(main())

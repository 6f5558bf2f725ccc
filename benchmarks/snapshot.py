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
from benchmarks.servers import servers


def main(arguments: Sequence[str] | None = None) -> int:
    parser = report.parser("snapshot", __doc__)
    parser.add_argument("--leads", type=int, default=20_000)
    parser.add_argument("--processes", type=int, default=2, help="worker processes")
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args(arguments)
    costs: dict[str, list[Cost]] = {"with a snapshot": [], "without": []}
    with servers() as made:
        mailing.deploy(made.engine, mailing.files())
        about = report.environment(made.engine)
        with workers(made, "product", chosen.processes) as product:
            for _ in range(chosen.rounds):
                mailing.load(made.engine, chosen.leads)
                with held(made.engine):
                    costs["with a snapshot"].append(product.run())
                mailing.load(made.engine, chosen.leads)
                costs["without"].append(product.run())
    return report.costs(about, costs, chosen.json, against=True)


@contextmanager
def held(engine: Engine) -> Iterator[None]:
    """A transaction that sees the database as it is now, for as long as this lasts."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as conn:
        conn.execute(text("SELECT 1 FROM enrollment LIMIT 1"))
        yield


if __name__ == "__main__":
    sys.exit(main())

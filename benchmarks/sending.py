"""How fast due enrollments become accepted and recorded mails.

    python -m benchmarks sending --leads 20000 --processes 2

A 20 KB email with 20 slots, and a condition on each mail's way. The real drain runs in worker
processes against PostgreSQL, Valkey and a sink on the same machine. Loading the leads is not counted.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import mailing
from benchmarks.measure import Cost, plain, table, workers
from benchmarks.servers import environment, servers


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks sending",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--leads", type=int, default=20_000)
    parser.add_argument("--processes", type=int, default=2, help="worker processes")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--profile", type=Path, help="write cProfile's statistics of one worker to this file")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    with servers() as made:
        about = environment(made.engine)
        mailing.deploy(made.engine, mailing.files())
        about |= mailing.described(made.engine)
        costs: list[tuple[str, Cost]] = []
        with workers(made, "product", chosen.processes, chosen.profile) as product:
            for _ in range(chosen.rounds):
                mailing.load(made.engine, chosen.leads)
                costs.append(("product", product.run()))
    about["load after"] = f"{os.getloadavg()[0]:.1f}"
    if chosen.json:
        print(json.dumps({"environment": about, "runs": [{"kind": kind} | plain(cost) for kind, cost in costs]}))
        return 0
    print("\n".join(f"{name}: {value}" for name, value in about.items()), end="\n\n")
    print(table([HEAD, *(row(kind, cost) for kind, cost in costs)]))
    return 0


HEAD = (
    *("", "mails", "mails/s", "CPU µs/mail", "worker", "PostgreSQL", "sink"),
    *("queries/mail", "transactions/mail", "requests", "bytes/mail", "MB before", "MB most"),
)


def row(kind: str, cost: Cost) -> tuple[str, ...]:
    return (
        *(kind, f"{cost.mails:,}", f"{cost.rate:,.0f}"),
        *(f"{cost.cpu:.1f}", f"{cost.worker:.1f}", f"{cost.postgres:.1f}", f"{cost.sink:.1f}"),
        *(f"{cost.queries:.4f}", f"{cost.transactions:.4f}", f"{cost.requests:,}", f"{cost.request_bytes:,.0f}"),
        *(f"{cost.memory_before:.0f}", f"{cost.memory_most:.0f}"),
    )


if __name__ == "__main__":
    sys.exit(main())

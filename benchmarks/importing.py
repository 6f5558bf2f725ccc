"""How fast `sequencer leads import` takes in a CSV file, and how much memory it needs.

    python -m benchmarks importing --leads 1000000

The 200 leads of examples/leads.csv over and over, each time other people of other companies; of a thousand rows one has
no address that can be mailed, and one stands in the file already. The file goes into an empty database, then once more
as it is, then with another title in every row.
"""

import csv
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import report
from benchmarks.started import Spent, started
from sequencer.local import Postgres, ports
from sequencer.settings import variables
from sequencer.store.engine import connect
from sequencer.store.migrate import upgrade

ROOT = Path(__file__).parents[1]
COLLEAGUES = 4
"""Leads of one company, about."""
LONGEST = 60
"""Seconds for a million, at most, and the next one in MB: what issue 4 asks."""
LARGEST = 200
EVERY = 1000
"""One row in so many is wrong, and one comes twice."""


@dataclass(frozen=True, slots=True)
class Imported:
    spent: Spent
    postgres: float
    """Seconds of processor time."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = report.parser("importing", __doc__)
    parser.add_argument("--leads", type=int, default=100_000)
    chosen = parser.parse_args(arguments)
    with database() as (postgres, environ):
        engine = connect(environ["DATABASE_URL"], 1)
        about = report.environment(engine)
        engine.dispose()
        runs = dict(run(postgres, environ, chosen.leads))
    figures = {name: _figures(chosen.leads, one) for name, one in runs.items()}
    head = ("", "rows", "seconds", "rows/s", "CPU importer", "CPU PostgreSQL", "MB")
    rows = [
        (
            *(name, f"{chosen.leads:,}", f"{one['seconds']:.1f}", f"{one['rows/s']:,.0f}"),
            *(f"{one['importer']:.1f}", f"{one['postgres']:.1f}", f"{one['MB']:.0f}"),
        )
        for name, one in figures.items()
    ]
    return report.show(about, figures, [head, *rows], chosen.json)


def run(postgres: Postgres, environ: dict[str, str], leads: int) -> Iterator[tuple[str, Imported]]:
    """One after the other."""
    with tempfile.TemporaryDirectory(prefix="sequencer-leads-") as folder:
        first, retitled = Path(folder) / "leads.csv", Path(folder) / "retitled.csv"
        write(first, leads, "")
        yield "new", _import(postgres, environ, first)
        yield "known", _import(postgres, environ, first)
        write(retitled, leads, "Deputy ")
        yield "changed", _import(postgres, environ, retitled)


def rows(full: bool) -> Iterator[report.Row]:
    leads = 1_000_000 if full else 50_000
    with database() as (postgres, environ):
        _, new = next(run(postgres, environ, leads))
    yield report.at_most(f"CSV import of {leads:,} new leads", new.spent.seconds, leads * LONGEST / 1e6, "s", 1)
    yield report.at_most("… the importer's memory", new.spent.memory, LARGEST, "MB", 0)


@contextmanager
def database() -> Iterator[tuple[Postgres, dict[str, str]]]:
    """Durable, with the shipped workspace deployed; and what commands need to reach it."""
    with ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="sequencer-import-")))
        postgres = Postgres(folder, port=ports.free(0, frozenset({0})))
        exits.callback(postgres.forget)
        exits.callback(postgres.stop)
        url = postgres.start().url.replace("postgresql://", "postgresql+psycopg://", 1)
        upgrade(url)
        environ = variables() | {
            "DATABASE_URL": url,
            "REDIS_URL": "",
            "SECRET_KEY": "a secret of the benchmarks",
            "PUBLIC_URL": "https://mail.acme.example",
            "WORKSPACE_DIR": str(ROOT),
        }
        started([sys.executable, "-m", "sequencer", "deploy"], environ)
        yield postgres, environ


def write(path: Path, leads: int, before_title: str) -> None:
    """A file of so many rows, as a CRM would export it."""
    with (ROOT / "examples/leads.csv").open(encoding="utf-8", newline="") as file:
        names, *people = csv.reader(file)
    at = names.index("title")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for number in range(leads):
            row = list(people[number % len(people)])
            local, _, domain = row[0].partition("@")
            if domain != "mail.example":
                domain = f"c{number // COLLEAGUES}.{domain}"
            row[0] = f"{local}{number}@{domain}"
            if number % EVERY == 500:
                row[0] = row[0].replace("@", "@@")
            elif number % EVERY == 700:
                row[0] = f"{people[0][0].partition('@')[0]}0@c0.{people[0][0].partition('@')[2]}"
            row[at] = before_title + row[at]
            writer.writerow(row)


def _import(postgres: Postgres, environ: dict[str, str], file: Path) -> Imported:
    before = _used(postgres)
    spent = started([sys.executable, "-m", "sequencer", "leads", "import", "--json", str(file)], environ, (0, 1))
    used = _used(postgres) - before
    told = json.loads(spent.output)
    rows = told["new"] + told["updated"] + told["rejected"]
    with file.open("rb") as lines:
        expected = sum(1 for _ in lines) - 1
    if rows != expected or len(told["problems"]) != min(told["rejected"], 1000):
        raise RuntimeError(f"{rows} rows were taken in of {expected}")
    return Imported(spent, used)


def _used(postgres: Postgres) -> float:
    """Of the server and its processes; of those that ended, its own account tells."""
    server = psutil.Process(postgres.pid)
    times = server.cpu_times()
    seconds = times.user + times.system + times.children_user + times.children_system
    for child in server.children():
        own = child.cpu_times()
        seconds += own.user + own.system
    return float(seconds)


def _figures(leads: int, one: Imported) -> dict[str, float]:
    return {
        "seconds": round(one.spent.seconds, 2),
        "rows/s": round(leads / one.spent.seconds),
        "importer": round(one.spent.processor, 2),
        "postgres": round(one.postgres, 2),
        "MB": one.spent.memory,
    }


if __name__ == "__main__":
    sys.exit(main())

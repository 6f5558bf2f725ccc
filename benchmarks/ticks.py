"""Whether a tick costs what is due, and not what waits.

    python -m benchmarks ticks --waiting 10000000 --against 100000 --due 10000

Two databases on one server, in one of which so many more enrollments wait for the coming 90 days, half of them at the
place where others are due. Measured in turns: one look at what is due, as the clock takes each second, and working off
what is due, as one worker does.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from sqlalchemy import Engine, text

from benchmarks import mailing, report
from benchmarks.measure import Workers, workers
from benchmarks.servers import Servers, beside, servers
from sequencer.services import due
from sequencer.settings import Settings
from sequencer.store import clock
from sequencer.store.partitions import SHIFT
from sequencer.wiring import build

LOOKS = 200


@dataclass(frozen=True)
class Tick:
    look: float
    """Milliseconds, the median."""
    look_cpu: float
    """Milliseconds of processor time, the clock's and PostgreSQL's."""
    mail_cpu: float
    """µs of processor time for each mail of those that were due."""
    rate: float
    """Mails a second, of one worker."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = report.parser("ticks", __doc__)
    parser.add_argument("--waiting", type=int, default=500_000)
    parser.add_argument("--against", type=int, default=100_000, help="how many wait in the other database")
    parser.add_argument("--due", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args(arguments)
    with servers() as made:
        about = report.environment(made.engine)
        middle = run(made, (chosen.against, chosen.waiting), chosen.due, chosen.rounds)
    few, many = middle[chosen.against], middle[chosen.waiting]
    ratios = {name: round(getattr(many, name) / getattr(few, name), 3) for name in Tick.__annotations__}
    rows = [
        ("waiting", "a look, ms", "a look, CPU ms", f"each of {chosen.due:,} due, CPU µs", "mails/s, one worker"),
        *(
            (f"{waiting:,}", f"{t.look:.2f}", f"{t.look_cpu:.2f}", f"{t.mail_cpu:.1f}", f"{t.rate:,.0f}")
            for waiting, t in middle.items()
        ),
        ("ratio", *(f"{value:.2f}" for value in ratios.values())),
    ]
    figures = {"waiting": {w: vars(tick) for w, tick in middle.items()}, "ratios": ratios}
    return report.show(about, figures, rows, chosen.json)


def run(made: Servers, sizes: Sequence[int], due_now: int, rounds: int) -> dict[int, Tick]:
    """The medians, by how many wait."""
    found: dict[int, list[Tick]] = {waiting: [] for waiting in sizes}
    with ExitStack() as exits:
        databases = {waiting: exits.enter_context(beside(made, f"waiting_{waiting}")) for waiting in found}
        for waiting, database in databases.items():
            mailing.deploy(database.engine, mailing.files())
            fill(database.engine, waiting)
        working = {w: exits.enter_context(workers(database, "product", 1)) for w, database in databases.items()}
        for number in range(rounds):
            for waiting, database in databases.items():
                first = -(-waiting // mailing.PER_COMPANY) * mailing.PER_COMPANY + number * due_now
                with database.engine.begin() as conn:
                    mailing.add(conn, first, due_now)
                mailing.settle(database.engine)
                found[waiting].append(measure(database, working[waiting]))
    return {
        waiting: Tick(*(median(getattr(tick, name) for tick in ticks) for name in Tick.__annotations__))
        for waiting, ticks in found.items()
    }


def rows(full: bool) -> Iterator[report.Row]:
    few, many = (100_000, 10_000_000) if full else (20_000, 200_000)
    due_now = 10_000 if full else 2_000
    with servers() as made:
        found = run(made, (few, many), due_now, rounds=5 if full else 3)
    for what, name in (("a look", "look_cpu"), (f"working off {due_now:,} that are due", "mail_cpu")):
        ratio = getattr(found[many], name) / getattr(found[few], name)
        what = f"{what} with {many:,} waiting against {few:,}, processor time"
        yield report.at_most(what, ratio, 1.3, "×")


def fill(engine: Engine, waiting: int) -> None:
    """So many leads who wait for some moment of the coming 90 days.

    Indexes are made after the rows: in ten million, each row would be put into a place of its own.
    """
    with engine.begin() as conn:
        now = clock.now(conn)
        values = {
            "waiting": waiting,
            "now": now,
            "lowest": (int(now.timestamp() * 1000) - 86_400_000) << SHIFT,
            "sequence": mailing.SEQUENCE,
            "position": mailing.POSITION,
        }
        later = [tuple(row) for row in conn.execute(text(_INDEXES))]
        for _, index in later:
            conn.execute(text(f"DROP INDEX {index}"))
        conn.execute(text(_LEADS), values)
        conn.execute(text(_ENROLLMENTS), values)
        conn.execute(text("SET LOCAL maintenance_work_mem = '512MB'"))
        for definition, _ in later:
            conn.execute(text(definition))
    mailing.settle(engine)


_INDEXES = """
    SELECT pg_get_indexdef(indexrelid), indexrelid::regclass::text FROM pg_index
    WHERE indrelid IN ('lead'::regclass, 'enrollment'::regclass)
    AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)
"""
_LEADS = """
    INSERT INTO lead (id, email, first_name, stage, country, fields, created_at, updated_at)
    SELECT n, 'waiting' || n || '@w' || n % 100000 || '.example', 'Kim ' || n, 'lead', 'GB',
           '{"pains": ["cost"], "employees": 60, "industry": "retail"}', :now, :now
    FROM generate_series(1, :waiting) n
"""
_ENROLLMENTS = """
    INSERT INTO enrollment (
        id, lead_id, sequence, deployment, position, since, due_at, status, origin, entered_at)
    SELECT :lowest + n, n, :sequence, 1, CASE WHEN n % 2 = 0 THEN :position ELSE 'big' END, :now,
           :now + interval '1 hour' + make_interval(secs => (n * 7919::bigint) % 7776000), 'active',
           'benchmark', :now
    FROM generate_series(1, :waiting) n
"""


def measure(database: Servers, product: Workers) -> Tick:
    context = build(Settings.read(database.environ), 1, role="clock")
    try:
        due.work(context)
        used, own = database.used()["postgres"], time.process_time()
        took = []
        for _ in range(LOOKS):
            began = time.perf_counter()
            hints = due.work(context)
            took.append(time.perf_counter() - began)
            if hints != [("drain", (mailing.SEQUENCE, mailing.POSITION))]:
                raise RuntimeError(f"expected one place where somebody is due, got {hints}")
        cpu = database.used()["postgres"] - used + time.process_time() - own
    finally:
        context.provider.close()
        context.engine.dispose()
    cost = product.run()
    return Tick(median(took) * 1e3, cpu / LOOKS * 1e3, cost.cpu, cost.rate)


if __name__ == "__main__":
    sys.exit(main())

"""What every benchmark's command line and report have in common."""

import argparse
import json
import os
import platform
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from sqlalchemy import Engine

from benchmarks.measure import Cost


class Row(NamedTuple):
    """One line of the table of what must be shown."""

    what: str
    measured: str
    target: str
    met: bool


def at_least(what: str, measured: float, target: float, unit: str, digits: int = 0) -> Row:
    return Row(what, _figure(measured, unit, digits), f"≥ {_figure(target, unit, digits)}", measured >= target)


def at_most(what: str, measured: float, target: float, unit: str, digits: int = 2) -> Row:
    return Row(what, _figure(measured, unit, digits), f"≤ {_figure(target, unit, digits)}", measured <= target)


def _figure(value: float, unit: str, digits: int) -> str:
    return f"{value:,.{digits}f} {unit}".strip()


def parser(name: str, about: str | None) -> argparse.ArgumentParser:
    """With `--json`. From here on SIGTERM ends what was started, too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    made = argparse.ArgumentParser(
        prog=f"python -m benchmarks {name}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    return made


def environment(engine: Engine | None = None) -> dict[str, str]:
    """What figures depend on: machine, versions, date, and what else ran. Without an engine, no server took part."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        # Builds of one version differ by a third.
        "Python": f"{platform.python_version()} in {sys.base_prefix}",
        **({"PostgreSQL": _server(engine)} if engine is not None else {}),
        "system": platform.platform(terse=True),
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",  # noqa: TID251
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def _server(engine: Engine) -> str:
    with engine.connect() as conn:
        return str(conn.exec_driver_sql("SHOW server_version").scalar_one())


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return "unknown processor"


def show(about: Mapping[str, str], figures: Mapping[str, Any], rows: Sequence[Sequence[str]], as_json: bool) -> int:
    """Prints the environment with the figures as JSON, or with the rows as a table; gives the exit code 0."""
    around = dict(about) | {"load after": f"{os.getloadavg()[0]:.1f}"}
    if as_json:
        print(json.dumps({"environment": around, **figures}))
    else:
        print("\n".join(f"{name}: {value}" for name, value in around.items()), end="\n\n")
        print(table(rows))
    return 0


def rows(
    about: Mapping[str, str], found: Sequence[Row], spent: Mapping[str, float], failed: Sequence[str], as_json: bool
) -> int:
    """The table of what must be shown; gives the exit code, 1 when any benchmark failed.

    `spent`: seconds by benchmark, filling the tables among them. `failed`: those that came to no end.
    """
    cells = [
        ("what", "measured", "target", ""),
        *((r.what, r.measured, r.target, "met" if r.met else "NOT MET") for r in found),
    ]
    show(about, {"rows": [row._asdict() for row in found], "seconds": spent, "failed": failed}, cells, as_json)
    if not as_json:
        minutes = sum(spent.values()) / 60
        print(f"\n{sum(row.met for row in found)} of {len(found)} met; {minutes:.1f} minutes:", end=" ")
        print(", ".join(f"{name} {seconds:.0f} s" for name, seconds in spent.items()))
        if failed:
            print(f"FAILED, as said above: {', '.join(failed)}")
    return 1 if failed else 0


_HEAD = (
    *("", "mails", "mails/s", "CPU µs/mail", "worker", "PostgreSQL", "sink"),
    *("queries/mail", "commits/mail", "requests", "bytes/mail", "MB before", "MB after", "MB most"),
)


def costs(about: Mapping[str, str], found: Mapping[str, Sequence[Cost]], as_json: bool, against: bool = False) -> int:
    """A line for each kind, with the median of its rounds in every column. `against`: and the ratios of the first."""
    middle = {kind: medians(rounds) for kind, rounds in found.items()}
    first = next(iter(middle))
    ratios = {
        f"{first} / {kind}": {
            "mails/s": round(middle[first].rate / cost.rate, 3),
            "CPU": round(middle[first].cpu / cost.cpu, 3),
        }
        for kind, cost in middle.items()
        if against and kind != first
    }
    figures = {
        "medians": {kind: _plain(cost) for kind, cost in middle.items()},
        "ratios": ratios,
        "rounds": {kind: [_plain(cost) for cost in rounds] for kind, rounds in found.items()},
    }
    show(about, figures, [_HEAD, *(_row(kind, cost) for kind, cost in middle.items())], as_json)
    if not as_json:
        for kind, cost in middle.items():
            if cost.phases:
                print(f"{kind} by phase:", ", ".join(f"{name} {spent:.1f}" for name, spent in cost.phases.items()))
        for name, ratio in ratios.items():
            print(f"{name}: {ratio['mails/s']:.2f} × mails/s, {ratio['CPU']:.2f} × processor time a mail")
    return 0


def medians(rounds: Sequence[Cost]) -> Cost:
    """In every column by itself."""
    columns = {name: median(getattr(cost, name) for cost in rounds) for name in asdict(rounds[0]) if name != "phases"}
    phases = {name: median(cost.phases[name] for cost in rounds) for name in rounds[0].phases}
    return Cost(**columns, phases=phases)


def _row(kind: str, cost: Cost) -> tuple[str, ...]:
    return (
        *(kind, f"{cost.mails:,}", f"{cost.rate:,.0f}"),
        *(f"{cost.cpu:.1f}", f"{cost.worker:.1f}", f"{cost.postgres:.1f}", f"{cost.sink:.1f}"),
        *(f"{cost.queries:.4f}", f"{cost.commits:.4f}", f"{cost.requests:,}", f"{cost.request_bytes:,.0f}"),
        *(f"{cost.memory_before:.0f}", f"{cost.memory_after:.0f}", f"{cost.memory_most:.0f}"),
    )


def _plain(cost: Cost) -> dict[str, Any]:
    phases = {name: round(spent, 1) for name, spent in cost.phases.items()}
    columns = {name: round(value, 4) for name, value in asdict(cost).items() if name != "phases"}
    return columns | {"cpu": round(cost.cpu, 1), "phases": phases}


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest entry; the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )

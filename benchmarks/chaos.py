"""The chaos run: processes are killed, servers restarted, requests spoilt while leads are mailed, answer and leave.

    python -m benchmarks.chaos --leads 5000

All is held against the sandbox's own log at the end. Exit code 1: an invariant is broken, or (unless --promises) a
figure was missed or a fault never struck.
"""

import argparse
import json
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from benchmarks import chaos_check, chaos_workspace
from benchmarks.chaos_faults import RATE, Periods, Storm, sandbox_seed
from benchmarks.chaos_watch import Memory, Watch, by_second, filled, rate_with_backlog, slowest
from benchmarks.stack import Ended, Stack, stack

RATE_DUE = 1_500
"""Mails that fall due a second while leads do, in runs that are not small: WANTED are to go whatever happens, and what
did not while PostgreSQL was away follows."""
WANTED = 1_000
"""Mails a second while leads fall due in the storm: on the whole, and in each minute of it."""
FLAT = 50
"""MB by which a process of the product may come to exceed what the first of its kind took. In runs of 100,000 leads a
worker did by 31 to 39, the web by 9 to 12, the clock by 2: what a batch holds, and caches that fill to their bounds."""
HALT_P99 = 0.5
"""Seconds from a halt's webhook to its effect, at most, while mail goes out and nothing is down."""
DYNOS = 2
"""Of workers, so that one works while the other is told to go."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that the phases of a run may take at most; with its start and the judging, that is when it ends."""

    storm: float
    rest: float
    """Until everything has come to rest: leases (60 s) and pauses after a 429 (30 s and more) among what is awaited."""

    @classmethod
    def of(cls, leads: int) -> "Limits":
        return cls(storm=60.0 + leads / 100, rest=120.0 + leads / 500)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--leads", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--json", action="store_true", help="one JSON object instead of text, with a line about each second"
    )
    parser.add_argument(
        "--spread",
        type=float,
        help=f"seconds over which leads fall due (default: {RATE_DUE:,} mails a second, in small runs 30 seconds)",
    )
    parser.add_argument("--calm", action="store_true", help="without any fault: how fast it is when nothing goes wrong")
    parser.add_argument(
        "--promises", action="store_true", help="fail only for a broken promise: how fast a machine is, is not one"
    )
    chosen = parser.parse_args(arguments)
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())  # what was started is ended, and what was seen is told
    try:
        report = run(chosen.leads, chosen.seed, chosen.spread, calm=chosen.calm, ending=ending)
    except Ended as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    lines = report.pop("by second")
    print(json.dumps(report | {"by second": lines}, default=str) if chosen.json else shown(report))
    return 1 if report["problems"] or (report["missed"] and not chosen.promises) else 0


def run(
    leads: int,
    seed: int = 1,
    spread: float | None = None,
    *,
    calm: bool = False,
    periods: Periods | None = None,
    lull: float | None = None,
    waits: tuple[int, int] = (20, 5),
    rate: float = RATE,
    limits: Limits | None = None,
    ending: threading.Event | None = None,
) -> dict[str, Any]:
    """One run; `problems` of what it gives is empty when every promise was kept, `missed` when every fault struck and
    halts took no longer than they may.

    `lull`: seconds of sending before anything is struck. `waits`: of the sequence, as `chaos_workspace.files` says.
    `rate`: of the requests that the provider spoils. `ending`: once it is set, nothing is waited for any more.
    Raises Ended when that happens before the first mail.
    """
    if spread is None:
        spread = max(30.0, leads * 2 / 3 * chaos_workspace.MAILS / RATE_DUE)
    due = leads * 2 / 3 * chaos_workspace.MAILS / max(1.0, spread)
    if periods is None:
        periods = Periods() if leads > 20_000 else Periods().scaled(0.5)
    if lull is None:
        lull = 40.0 if leads > 20_000 else 10.0
    options = ["--hurry", "--copies", "3", "--seed", str(sandbox_seed(seed, rate))]
    with stack(sandbox_options=options) as made:
        made.told_to_end = ending or made.told_to_end
        made.deploy(chaos_workspace.files(*waits))
        with made.engine.begin() as conn:
            last_due = chaos_workspace.enroll(conn, leads, spread)
        made.add("clock", "-m", "workers.clock")
        for number in range(1, DYNOS + 1):
            made.add(f"worker.{number}", "-m", "workers", environ=made.environ | {"WORKER_PROCESSES": "1"})
        watch = Watch(made)
        started = _until_working(made)
        # Where processes are killed faster than they start, nothing would ever be done.
        storm = None if calm else Storm(made, seed, leads, periods.slower_than(started), rate)
        watch.start()
        phases = _endure(made, storm, lull, limits or Limits.of(leads))
        watch.stop()
        report = {
            "leads": leads,
            "seed": seed,
            "seconds": {"a worker's start": round(started, 1), **phases.seconds},
            **_judged(made, leads, due, last_due, watch, storm, phases.problems),
        }
        return report | {name: report.pop(name) for name in ("missed", "problems")}  # last, where they are looked for


def _checkpoint(made: Stack) -> None:
    """As every few minutes anyway: else the first restart replays the minute before the storm, at full speed."""
    with made.engine.begin() as conn:
        conn.execute(text("CHECKPOINT"))


@dataclass
class Phases:
    """How long each took, and what did not come to its end in time."""

    seconds: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def _endure(made: Stack, storm: Storm | None, lull: float, limits: Limits) -> Phases:
    """Lets it all happen, until everything is at rest or the time is up."""
    phases, began = Phases(), time.monotonic()
    try:
        try:
            if storm is not None:
                made.sleep(lull, "the storm")
                _checkpoint(made)
                storm.start()
            with suppress(TimeoutError):  # what is left is done in the calm that follows
                made.until("the end of the series", lambda: _walked(made), limits.storm, every=0.5)
        finally:
            stormy = time.monotonic() - began
            phases.seconds["storm"] = round(stormy, 1)
            if storm is not None:
                storm.stop()
        made.until("rest", lambda: _resting(made), limits.rest, every=0.5)
    except (TimeoutError, Ended) as error:
        phases.problems.append(str(error))
    phases.seconds["to rest"] = round(time.monotonic() - began - stormy, 1)
    return phases


def _judged(
    made: Stack,
    leads: int,
    due: float,
    last_due: datetime,
    watch: Watch,
    storm: Storm | None,
    problems: list[str],
) -> dict[str, Any]:
    """Everything that is told of a run that is over; `due`: mails that fell due a second; `problems` are added to."""
    if problems:
        problems += chaos_check.still_open(made)
    evidence = chaos_check.read(made)
    findings = chaos_check.check(evidence, leads)
    problems += [f"{count} × {what}: {'; '.join(findings.examples[what])}" for what, count in findings.counts.items()]
    missed: list[str] = []
    if storm is not None:
        problems += storm.broken
        missed += [f"never struck: {what}" for what in storm.missing()]
    deadlocks = made.deadlocks()
    problems += deadlocks
    if aside := made.count("SELECT count(*) FROM intake WHERE state = 'set_aside'"):
        problems.append(f"{aside} webhook bodies were set aside")
    accepted = Counter(int(row.accepted_at.timestamp()) for rows in evidence.mails.values() for row in rows)
    carried = Counter(int(at.timestamp()) for at in chaos_check.requests(made))
    waits = chaos_check.latencies(evidence)
    before = storm.began if storm is not None and storm.began is not None else float("inf")
    calmly = chaos_check.quantiles([wait for at, wait in waits if at.timestamp() < before - 2])
    stormily = chaos_check.quantiles([wait for at, wait in waits if at.timestamp() >= before])
    if calmly and calmly["p99"] > HALT_P99:
        missed.append(f"halts took {calmly['p99']} s (p99) before the storm, expected at most {HALT_P99}")
    kept_up = _kept_up(accepted, watch, storm, last_due)
    missed += too_slow(kept_up, due)
    missed += grown(watch.memory)
    states = Counter(row.state for row in evidence.ledger.values())
    mails, span = sum(accepted.values()), max(accepted) - min(accepted) + 1 if accepted else 1
    return {
        "strikes every, seconds": asdict(storm.periods) if storm is not None else {},
        "mails": {
            "accepted": mails,
            "requests": sum(carried.values()),
            "mails/s": round(mails / span),
            "mails/s with a backlog": rate_with_backlog(accepted, watch),
            "slowest 10 s with a backlog": slowest(accepted, filled(watch), 10),
            "seconds with a backlog": len(watch.busy),
        },
        "while leads fell due in the storm": kept_up,
        "ledger": dict(states.most_common()),
        "enrollments": dict(Counter(f"{e.status} {e.reason}".strip() for e in evidence.enrollments).most_common()),
        "events": {"posted": len(evidence.told), "stored": len(evidence.events)},
        "halts": {
            "leads": len(evidence.halted),
            "seconds, before the storm": calmly,
            "seconds, in the storm": stormily,
        },
        "deadlocks": len(deadlocks),
        "invariants": {name: findings.counts[name] for name in _INVARIANTS},
        "faults": dict(sorted(storm.done.items())) if storm is not None else {},
        "starts": {name: dyno.starts for name, dyno in made.dynos.items()},
        "slowest, seconds": {
            "end after SIGTERM": round(storm.stubborn, 1),
            "restart of PostgreSQL": round(storm.slowest_restart, 1),
        }
        if storm is not None
        else {},
        "memory, MB": {
            kind: {name: round(value) for name, value in asdict(memory).items()}
            for kind, memory in sorted(watch.memory.items())
        },
        "CPU, seconds": {kind: round(seconds, 1) for kind, seconds in watch.cpu().items()},
        "by second": [
            second._asdict()
            for second in by_second(accepted, carried, watch, storm.struck if storm is not None else [])
        ],
        "missed": missed,
        "problems": problems,
    }


def _kept_up(accepted: Mapping[int, int], watch: Watch, storm: Storm | None, last_due: datetime) -> dict[str, Any]:
    """Whether as much went out as fell due, and how long it waited; empty if no lead fell due in the storm any more."""
    if storm is None or storm.began is None or storm.began + 1 > last_due.timestamp():
        return {}
    seconds = range(int(storm.began) + 1, int(last_due.timestamp()))
    waiting = [watch.waiting[second] for second in seconds if second in watch.waiting]
    return {
        "seconds": len(seconds),
        "mails/s": round(sum(accepted.get(second, 0) for second in seconds) / max(1, len(seconds))),
        **{f"slowest {window} s": slowest(accepted, seconds, window) for window in (10, 30, 60)},
        "longest overdue, seconds": chaos_check.quantiles([at.late for at in waiting]),
        "webhooks behind, seconds": chaos_check.quantiles([at.behind for at in waiting]),
    }


def too_slow(kept_up: Mapping[str, Any], due: float) -> list[str]:
    """What of `_kept_up` is less than wanted; nothing in a run where less fell due, or none for a minute."""
    if due < WANTED or not kept_up or kept_up["slowest 60 s"] is None:
        return []
    rates = {"on the whole": kept_up["mails/s"], "in the slowest minute": kept_up["slowest 60 s"]}
    return [
        f"{rate:.0f} mails/s {when} while leads fell due in the storm, expected at least {WANTED:,}"
        for when, rate in rates.items()
        if rate < WANTED
    ]


def grown(memory: Mapping[str, Memory]) -> list[str]:
    """The kinds of the product's processes of which one took much more than it began with."""
    return [
        f"the memory of a {kind} grew from {seen.start:.0f} to {seen.most:.0f} MB, expected at most {FLAT} more"
        for kind, seen in sorted(memory.items())
        if kind != "sandbox" and seen.most > seen.start + FLAT  # it keeps all that it was sent
    ]


_INVARIANTS = (
    "doubles",
    "lost",
    "sends after a halt",
    "events lost",
    "events counted twice",
    "events that nobody posted",
    "unknown though its events came",
    "accepted though the ledger says not",
    "held without a reason",
    "branches against events",
)


def _until_working(made: Stack) -> float:
    """Waits until a worker has begun to work; gives the seconds that its start took."""
    began = time.monotonic()
    query = "SELECT EXISTS (SELECT 1 FROM message)::int"
    made.until("the first mail", lambda: made.count(query), 60.0)
    return time.monotonic() - began


def _walked(made: Stack) -> bool:
    """Nobody is due any more but who is held."""
    query = "SELECT EXISTS (SELECT 1 FROM enrollment WHERE due_at < clock_timestamp() + interval '20 seconds')::int"
    try:
        return not made.count(query)
    except DBAPIError:
        return False


_OPEN = """
    SELECT (SELECT count(*) FROM message WHERE state IN ('sending', 'retry'))
         + (SELECT count(*) FROM intake WHERE state = 'pending')
         + (SELECT count(*) FROM enrollment WHERE due_at < clock_timestamp() + interval '1 hour')
"""


def _resting(made: Stack) -> bool:
    """Nothing is due, under way, or to be posted."""
    pending = made.ask("GET", "/pending.json")
    return pending["next_at"] is None and not pending["copies"] and not made.count(_OPEN)


def shown(report: dict[str, Any], indent: str = "") -> str:
    """The same for people."""
    lines = []
    for name, value in report.items():
        if isinstance(value, dict) and any(isinstance(inner, dict) for inner in value.values()):
            lines += [f"{indent}{name}", shown(value, f"{indent}  ")]
        elif isinstance(value, dict):
            lines.append(f"{indent}{name}: {', '.join(f'{key} {inner}' for key, inner in value.items()) or '-'}")
        elif isinstance(value, list):
            lines += [f"{indent}{name}: {'none' if not value else ''}", *(f"{indent}  {one}" for one in value)]
        else:
            lines.append(f"{indent}{name}: {value}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

"""The chaos run: processes are killed, servers restarted, requests spoilt while leads are mailed, answer and leave.

    python -m benchmarks.chaos --leads 5000

All is held against the sandbox's own log at the end. Exit code 1: an invariant is broken, or a fault never struck.
"""

import argparse
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from benchmarks import chaos_check, chaos_workspace
from benchmarks.chaos_faults import RATE, Periods, Storm, sandbox_seed
from benchmarks.chaos_watch import Watch, slowest
from benchmarks.stack import Stack, stack

HALT_P99 = 0.5
"""Seconds from a halt's webhook to its effect, at most, while mail goes out and nothing is down."""
DYNOS = 2
"""Of workers, so that one works while the other is told to go."""
LONGEST_CALM = 300.0
"""Seconds that everything may take to come to rest: leases (60 s) and pauses after a 429 (30 s and more) among them."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--leads", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument("--spread", type=float, help="seconds over which leads fall due (default: by their number)")
    parser.add_argument("--calm", action="store_true", help="without any fault: how fast it is when nothing goes wrong")
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    report = run(chosen.leads, chosen.seed, chosen.spread, calm=chosen.calm)
    print(json.dumps(report, indent=2, default=str) if chosen.json else shown(report))
    return 1 if report["problems"] else 0


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
) -> dict[str, Any]:
    """One run; `problems` of what it gives is empty when every promise was kept.

    `lull`: seconds of sending before anything is struck. `waits`: of the sequence, as `chaos_workspace.files` says.
    `rate`: of the requests that the provider spoils.
    """
    if spread is None:
        spread = 0.0 if leads > 20_000 else 30.0
    if periods is None:
        periods = Periods() if leads > 20_000 else Periods().scaled(0.5)
    # Where processes are killed faster than they start, nothing would ever be done: then the rest is calm.
    storm_seconds = 90.0 + leads / 150
    if lull is None:
        lull = 60.0 if leads > 20_000 else 10.0
    options = ["--hurry", "--copies", "3", "--seed", str(sandbox_seed(seed, rate))]
    with stack(sandbox_options=options) as made:
        made.deploy(chaos_workspace.files(*waits))
        with made.engine.begin() as conn:
            chaos_workspace.enroll(conn, leads, spread)
        made.add("clock", "-m", "workers.clock")
        for number in range(1, DYNOS + 1):
            made.add(f"worker.{number}", "-m", "workers", environ=made.environ | {"WORKER_PROCESSES": "2"})
        watch = Watch(made)
        started = _until_working(made)
        storm = Storm(made, seed, leads, periods.slower_than(started), rate)
        began = time.monotonic()
        watch.start()
        try:
            if not calm:
                time.sleep(lull)
                storm.start()
            through = not _wait(made, "the series", lambda: _walked(made), storm_seconds)
        finally:
            if not calm:
                storm.stop()
        stormy = time.monotonic() - began
        problems = _wait(made, "rest", lambda: _resting(made), LONGEST_CALM)
        watch.stop()
        resting = time.monotonic() - began - stormy
        evidence = chaos_check.read(made)
        findings = chaos_check.check(evidence, leads)
        deadlocks = made.postgres_log().count("deadlock detected")
        aside = _count(made, "SELECT count(*) FROM intake WHERE state = 'set_aside'")
        accepted = Counter(int(row.accepted_at.timestamp()) for rows in evidence.mails.values() for row in rows)
        waits = chaos_check.latencies(evidence)
        before = storm.began or float("inf")
        calmly = chaos_check.quantiles([wait for at, wait in waits if at.timestamp() < before - 2])
        stormily = chaos_check.quantiles([wait for at, wait in waits if at.timestamp() >= before])
        problems += [
            f"{count} × {what}: {'; '.join(findings.examples[what])}" for what, count in findings.counts.items()
        ]
        problems += [f"never struck: {what}" for what in storm.missing()] if not calm else []
        problems += [f"{deadlocks} deadlocks"] if deadlocks else []
        problems += [f"{aside} webhook bodies were set aside"] if aside else []
        if calmly and calmly["p99"] > HALT_P99:
            problems.append(f"halts took {calmly['p99']} s (p99) before the storm, expected at most {HALT_P99}")
        states = Counter(row.state for row in evidence.ledger.values())
        span = max(accepted) - min(accepted) + 1 if accepted else 1
        return {
            "leads": leads,
            "seed": seed,
            "seconds": {
                "a worker's start": round(started, 1),
                "storm": round(stormy, 1),
                "series over before the storm": through,
                "to rest": round(resting, 1),
            },
            "strikes every, seconds": asdict(storm.periods),
            "mails": {
                "accepted": sum(accepted.values()),
                "mails/s": round(sum(accepted.values()) / span),
                "slowest 10 s with a backlog": slowest(accepted, watch.busy),
                "seconds with a backlog": len(watch.busy),
            },
            "ledger": dict(states.most_common()),
            "enrollments": dict(Counter(f"{e.status} {e.reason}".strip() for e in evidence.enrollments).most_common()),
            "events": {"posted": len(evidence.told), "stored": len(evidence.events)},
            "halts": {
                "leads": len(evidence.halted),
                "seconds, before the storm": calmly,
                "seconds, in the storm": stormily,
            },
            "deadlocks": deadlocks,
            "invariants": {name: findings.counts[name] for name in _INVARIANTS},
            "faults": dict(sorted(storm.done.items())),
            "starts": {name: dyno.starts for name, dyno in made.dynos.items()},
            "slowest end after SIGTERM": round(storm.stubborn, 1),
            "memory, MB": {
                kind: {name: round(value) for name, value in asdict(memory).items()}
                for kind, memory in sorted(watch.memory.items())
            },
            "problems": problems,
        }


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
    query = "SELECT count(*) FROM message"
    made.until("the first mail", lambda: _count(made, query), 60.0)
    return time.monotonic() - began


def _wait(made: Stack, what: str, condition: Any, seconds: float) -> list[str]:
    try:
        made.until(what, condition, seconds)
    except TimeoutError as error:
        return [str(error)]
    return []


def _walked(made: Stack) -> bool:
    """Nobody is due any more but who is held, and nothing is to be posted."""
    try:
        busy = _count(made, "SELECT count(*) FROM enrollment WHERE due_at < clock_timestamp() + interval '20 seconds'")
    except DBAPIError:
        return False
    return not busy


_OPEN = """
    SELECT (SELECT count(*) FROM message WHERE state IN ('sending', 'retry'))
         + (SELECT count(*) FROM intake WHERE state = 'pending')
         + (SELECT count(*) FROM enrollment WHERE due_at < clock_timestamp() + interval '1 hour')
"""


def _resting(made: Stack) -> bool:
    """Nothing is due, under way, or to be posted."""
    pending = made.ask("GET", "/pending.json")
    return pending["next_at"] is None and not pending["copies"] and not _count(made, _OPEN)


def _count(made: Stack, query: str) -> int:
    with made.engine.connect() as conn:
        return int(conn.execute(text(query)).scalar_one())


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

"""How fast visits of the site are stored and become events, how much memory that takes, and how the dashboard bears it.

    python -m benchmarks.visiting                       # small: a minute
    python -m benchmarks.visiting --events 5000000      # what issue 6 asks: a quarter of an hour and 6 GB of disk

PostgreSQL, Valkey, the web, two worker processes and a clock, as on dynos. Another process posts beacons, as browsers
do. One visitor in five turns out to be a lead by a link of ours, and what they looked at before becomes theirs. Then
every visit is looked for: as an event, or kept without a name. While the workers are at it, and afterwards, each page
of the dashboard is asked for. How far it has come is told on the standard error. Exit code 1: visits are missing, or a
page took 300 ms or more (95th percentile, afterwards).
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import urllib3
from sqlalchemy import text

from benchmarks import chaos_workspace
from benchmarks.chaos_watch import Watch
from benchmarks.report import environment
from benchmarks.stack import Stack, stack
from benchmarks.visiting_posts import BEACONS, KNOWN
from sequencer.services.release import deploy
from sequencer.store import clock
from sequencer.store.partitions import SHIFT, ensure

PAGES = 5
"""Of a beacon."""
ASKED = 20
"""How often each page is asked for."""
SLOWEST = 0.3
"""Seconds that a page may take."""
PATIENCE = 300.0
"""Seconds without any progress after which it is given up."""
HOST = "www.acme.example"
PAGES_ASKED = {
    "overview": "/dashboard",
    "leads": "/dashboard/leads",
    "leads, searched": "/dashboard/leads?q=lead77",
    "lead": "/dashboard/leads/{lead}",
    "handoffs": "/dashboard/handoffs",
    "calls": "/dashboard/calls",
    "calls of a rep": "/dashboard/calls?rep=ana@acme.example",
    "reviews": "/dashboard/reviews",
    "metrics": "/metrics",
}

_WORKSPACE = f"""
reps:
  ana@acme.example: {{name: Ana Ruiz, zone: Europe/London}}
  ben@acme.example: {{name: Ben Okafor, zone: Europe/London}}
site: {{hosts: [{HOST}]}}
"""
_SIGNALS = """
points:
  - {when: visited("/pricing*"), points: 20, half_life: 14 days, at_most: 60}
  - {when: visited("/contact"), points: 10, half_life: 14 days, at_most: 20}
sales_ready:
  any:
    warm: score >= 75
  again_below: score < 30
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.visiting", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--pages", type=int, default=PAGES, help="of a beacon; 1 is the dearest")
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    report = run(chosen.events, chosen.pages)
    print(json.dumps(report, indent=2, ensure_ascii=False))
    return 1 if report["problems"] else 0


def run(events: int, pages: int) -> dict[str, Any]:
    visitors = max(KNOWN, events // (pages * BEACONS))
    with stack(sandbox_options=[]) as made:
        about = environment(made.engine)
        first_id = (int(time.time()) * 1000) << SHIFT  # noqa: TID251
        prepare(made, visitors // KNOWN + 1, first_id)
        # Behind a router, as on Heroku: so each visitor has an address of their own.
        web = made.dynos["web"]
        web.environ = made.environ | {"PUBLIC_URL": f"https://{HOST}"}
        web.stop()
        made.until("the web's answer", lambda: not web.ended() and made.answers(f"{made.web}/healthz"), 30)
        made.add("clock", "-m", "workers.clock")
        made.add("worker", "-m", "workers", environ=made.environ | {"WORKER_PROCESSES": "2"})
        made.until("the workers' start", lambda: len(made.dynos["worker"].processes()) > 2, 30)
        watch = Watch(made)
        watch.start()
        told = visitors * BEACONS * pages
        try:
            began, used = time.monotonic(), made.processor_seconds()
            asked = {"url": f"{made.web}/t", "host": HOST, "visitors": visitors, "pages": pages}
            posted = _post(made, watch, asked | {"first_id": first_id, "secret": made.environ["SECRET_KEY"]}, told)
            meanwhile = dashboard(made)
            _settle(made, watch, began)
            seconds = time.monotonic() - began
            used = {name: now - used[name] for name, now in made.processor_seconds().items()}
            afterwards = dashboard(made)
        finally:
            watch.stop()
        stored, kept = _count(made, "event WHERE kind = 'visited'"), _count(made, "visit")
        problems = [] if stored + kept == told else [f"{told} visits were told, {stored} + {kept} are there"]
        problems += [f"{name}: {took} s" for name, took in afterwards.items() if took >= SLOWEST]
        return {
            "environment": about | {"load after": f"{os.getloadavg()[0]:.1f}"},
            "visits": {"told": told, "of a beacon": pages, "events of leads": stored, "kept without a name": kept},
            "door": {
                "seconds": round(posted["seconds"], 1),
                "beacons/s": round(visitors * BEACONS / posted["seconds"]),
                "visits/s stored raw": round(told / posted["seconds"]),
                "answers": posted["answers"],
                "answer p99, seconds": posted["p99"],
            },
            "all": {"seconds": round(seconds, 1), "visits/s stored": round(told / seconds)},
            "processor, µs a visit": {name: round(value * 1e6 / told, 1) for name, value in used.items()},
            "dashboard, 95th percentile, seconds": {"meanwhile": meanwhile, "afterwards": afterwards},
            "memory, MB": {
                kind: {name: round(value) for name, value in asdict(memory).items()}
                for kind, memory in sorted(watch.memory.items())
            },
            "problems": problems,
        }


def _post(made: Stack, watch: Watch, asked: dict[str, Any], told: int) -> dict[str, Any]:
    """Posts everything, and gives what the process that does it says at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.visiting_posts"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as poster:
        try:
            assert poster.stdin is not None and poster.stdout is not None
            poster.stdin.write(json.dumps(asked))
            poster.stdin.close()
            began, said = time.monotonic(), {}
            for line in poster.stdout:
                said = json.loads(line)
                if "posted" in said:
                    visits = said["posted"] * asked["pages"]
                    rate = visits / (time.monotonic() - began)
                    _say(watch, f"{visits:,} of {told:,} visits posted, {rate:,.0f}/s, {_waiting(made):,} beacons wait")
        finally:
            poster.kill()
    if "answers" not in said:
        raise RuntimeError("the beacons could not be sent")
    return said


def _settle(made: Stack, watch: Watch, began: float) -> None:
    """Waits until nothing is left to look into. Raises TimeoutError when it does not go on."""
    left, moved_at = _waiting(made), time.monotonic()
    while left:
        made.sleep(1.0, "the end of the processing")
        before, left = left, _waiting(made)
        if left != before:
            moved_at = time.monotonic()
        elif time.monotonic() - moved_at > PATIENCE:
            raise TimeoutError(f"{left} beacons are not looked into\n{made.last_words()}")
        _say(watch, f"{left:,} beacons wait after {time.monotonic() - began:.0f} s")


def _say(watch: Watch, what: str) -> None:
    sizes = ", ".join(f"{kind} {memory.end:.0f} MB" for kind, memory in sorted(watch.memory.items()))
    print(f"{what}; {sizes}", file=sys.stderr, flush=True)


def prepare(made: Stack, leads: int, first_id: int) -> None:
    """A deployed workspace, and leads who were sent one mail; some were handed to sales, some are to be called."""
    files = chaos_workspace.files(1, 1)
    files["sequences/workspace.yaml"] += _WORKSPACE
    files["sequences/signals.yaml"] = _SIGNALS
    with made.engine.begin() as conn:
        deploy(conn, files, clock.now(conn))
        ensure(conn)
        values = {"leads": leads, "first": first_id, "at": clock.now(conn), "sequence": chaos_workspace.SEQUENCE}
        for statement in _PEOPLE:
            conn.execute(text(statement), values)
    with made.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("VACUUM ANALYZE"))


_PEOPLE = (
    "INSERT INTO company (domain, name) SELECT 'company' || n || '.example', 'Company ' || n"
    " FROM generate_series(0, 4999) n",
    """
    INSERT INTO lead (id, email, first_name, last_name, stage, campaign, owner, company_id, created_at, updated_at)
    SELECT n, 'lead' || n || '@company' || n % 5000 || '.example', 'Kim ' || n, 'Doe',
           CASE n % 10 WHEN 0 THEN 'customer' ELSE 'lead' END, 'campaign ' || n % 20,
           CASE n % 3 WHEN 0 THEN 'ana@acme.example' WHEN 1 THEN 'ben@acme.example' END, c.id,
           :at - make_interval(days => n % 200), :at
    FROM generate_series(1, :leads) n JOIN company c ON c.domain = 'company' || n % 5000 || '.example'
    """,
    """
    INSERT INTO message (enrollment_id, step, lead_id, sequence, deployment, content, email, sender, subject, state,
                         attempt, fence, request_id, sent_at)
    SELECT :first + n - 1, 'one', n, :sequence, 1, 'one', 'x@y.example', 'marketing', 'A mail', 'accepted', 1, 1,
           'r', :at
    FROM generate_series(1, :leads) n
    """,
    """
    INSERT INTO enrollment (id, lead_id, sequence, deployment, position, since, status, reason, entered_at, ended_at)
    SELECT :first + n - 1, n, :sequence, 1, 'four', :at, 'finished', '', :at, :at FROM generate_series(1, :leads) n
    """,
    """
    INSERT INTO handoff (lead_id, number, at, reasons, rep, state, told_at, answered_at)
    SELECT n, 1, :at - make_interval(hours => n % 2000), ARRAY['warm'],
           CASE n % 2 WHEN 0 THEN 'ana@acme.example' ELSE 'ben@acme.example' END,
           CASE n % 3 WHEN 0 THEN 'accepted' ELSE 'declined' END, :at, :at
    FROM generate_series(1, :leads, 10) n
    """,
    """
    INSERT INTO task (enrollment_id, step, lead_id, kind, rep, note, at, due_at)
    SELECT :first + n - 1, 'call', n, 'call', 'ana@acme.example', 'Ring them', :at, :at
    FROM generate_series(1, :leads, 50) n
    """,
    # These were all there before any of this: no id is given out twice.
    "SELECT setval(pg_get_serial_sequence('lead', 'id'), :leads)",
)


def _waiting(made: Stack) -> int:
    return made.count("SELECT coalesce(sum(coalesce(cardinality(bodies), 1)), 0) FROM beacon")


def _count(made: Stack, what: str) -> int:
    return made.count(f"SELECT count(*) FROM {what}")


def dashboard(made: Stack) -> dict[str, float]:
    """By page, in how many seconds 19 of 20 answers came."""
    pool = urllib3.PoolManager(retries=False)
    page = pool.request("GET", f"{made.web}/login")
    csrf = page.data.decode().partition('name="csrf" value="')[2].partition('"')[0]
    cookie = page.headers["set-cookie"].partition(";")[0]
    form = {"csrf": csrf, "password": made.environ["DASHBOARD_PASSWORD"]}
    entered = pool.request(
        "POST", f"{made.web}/login", fields=form, encode_multipart=False, headers={"Cookie": cookie}, redirect=False
    )
    headers = {"Cookie": entered.headers["set-cookie"].partition(";")[0]}
    headers["Authorization"] = f"Bearer {made.environ['API_TOKEN']}"
    return {name: _p95(pool, made.web + path.format(lead=1), headers) for name, path in PAGES_ASKED.items()}


def _p95(pool: urllib3.PoolManager, url: str, headers: dict[str, str]) -> float:
    took = []
    for _ in range(ASKED):
        began = time.perf_counter()
        answer = pool.request("GET", url, headers=headers, redirect=False)
        took.append(time.perf_counter() - began)
        assert answer.status == 200, (url, answer.status)
    return round(sorted(took)[int(ASKED * 0.95) - 1], 3)


if __name__ == "__main__":
    sys.exit(main())

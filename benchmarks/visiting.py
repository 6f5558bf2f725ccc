"""How fast visits of the site are stored and become events, and how much memory that takes.

    python -m benchmarks.visiting                       # small: a minute
    python -m benchmarks.visiting --events 5000000      # what issue 6 asks

PostgreSQL, Valkey, the web, two worker processes and a clock, as on dynos. Another process posts beacons of five pages
each, as browsers do, over some connections. One visitor in five turns out to be a lead by a link of ours, and what they
looked at before becomes theirs. Then every visit is looked for: as an event, or kept without a name. While the workers
are at it, and afterwards, the dashboard is asked for.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import orjson
import urllib3
from sqlalchemy import text

from benchmarks import chaos_workspace
from benchmarks.chaos_watch import Watch
from benchmarks.report import environment
from benchmarks.stack import Stack, stack
from sequencer.core.token import mint
from sequencer.services.release import deploy
from sequencer.store import clock
from sequencer.store.partitions import SHIFT, ensure

PAGES = 5
"""Of a beacon."""
BEACONS = 4
"""Of a visitor."""
KNOWN = 5
"""One visitor in so many is a lead; the last of their beacons says so."""
CONNECTIONS = 16
ASKED = 10
"""How often the dashboard is asked for."""
HOST = "www.acme.example"
PATHS = ("/", "/pricing", "/pricing/eu", "/contact", "/blog", "/customers", "/careers", "/docs/start")

_SIGNALS = 'points:\n  - {when: visited("/pricing*"), points: 20, half_life: 14 days, at_most: 60}\n'


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.visiting", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    report = run(chosen.events)
    print(json.dumps(report, indent=2))
    return 1 if report["problems"] else 0


def run(events: int) -> dict[str, Any]:
    visitors = max(1, events // (PAGES * BEACONS))
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
        try:
            began, used = time.monotonic(), made.processor_seconds()
            asked = {
                "url": f"{made.web}/t",
                "visitors": visitors,
                "first_id": first_id,
                "secret": made.environ["SECRET_KEY"],
            }
            sent = subprocess.run(
                [sys.executable, "-m", "benchmarks.visiting", "--post"],
                input=json.dumps(asked),
                text=True,
                capture_output=True,
            )
            if sent.returncode:
                raise RuntimeError(f"the beacons could not be sent\n{sent.stderr}")
            posted = json.loads(sent.stdout)
            during = dashboard(made)
            made.until("the end of the processing", lambda: not _count(made, "beacon"), 60 + events / 500)
            seconds = time.monotonic() - began
            used = {name: now - used[name] for name, now in made.processor_seconds().items()}
            afterwards = dashboard(made)
        finally:
            watch.stop()
        told = visitors * BEACONS * PAGES
        stored, kept = _count(made, "event"), _count(made, "visit")
        problems = [] if stored + kept == told else [f"{told} visits were told, {stored} + {kept} are there"]
        return {
            "environment": about | {"load after": f"{os.getloadavg()[0]:.1f}"},
            "visits": {"told": told, "events of leads": stored, "kept without a name": kept},
            "door": {
                "seconds": round(posted["seconds"], 1),
                "beacons/s": round(visitors * BEACONS / posted["seconds"]),
                "visits/s stored raw": round(told / posted["seconds"]),
                "answers": posted["answers"],
                "answer p99, seconds": posted["p99"],
            },
            "all": {"seconds": round(seconds, 1), "visits/s stored": round(told / seconds)},
            "processor, µs a visit": {name: round(value * 1e6 / told, 1) for name, value in used.items()},
            "dashboard, seconds": {"meanwhile": during, "afterwards": afterwards},
            "memory, MB": {
                kind: {name: round(value) for name, value in asdict(memory).items()}
                for kind, memory in sorted(watch.memory.items())
            },
            "problems": problems,
        }


def prepare(made: Stack, leads: int, first_id: int) -> None:
    """A deployed workspace, and leads who were sent one mail."""
    files = chaos_workspace.files(1, 1)
    files["sequences/workspace.yaml"] += f"\nsite: {{hosts: [{HOST}]}}\n"
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
    """
    INSERT INTO lead (id, email, stage, created_at, updated_at)
    SELECT n, 'lead' || n || '@company' || n % 5000 || '.example', 'lead', :at, :at FROM generate_series(1, :leads) n
    """,
    """
    INSERT INTO message (enrollment_id, step, lead_id, sequence, deployment, content, email, sender, subject, state,
                         attempt, fence, request_id, sent_at)
    SELECT :first + n - 1, 'one', n, :sequence, 1, 'one', 'x@y.example', 'marketing', 'A mail', 'accepted', 1, 1,
           'r', :at
    FROM generate_series(1, :leads) n
    """,
)


def _count(made: Stack, table: str) -> int:
    where = " WHERE kind = 'visited'" if table == "event" else ""
    with made.engine.connect() as conn:
        return int(conn.execute(text(f"SELECT count(*) FROM {table}{where}")).scalar_one())


def dashboard(made: Stack) -> float:
    """The median answer."""
    pool = urllib3.PoolManager(retries=False)
    page = pool.request("GET", f"{made.web}/login")
    csrf = page.data.decode().partition('name="csrf" value="')[2].partition('"')[0]
    cookie = page.headers["set-cookie"].partition(";")[0]
    form = {"csrf": csrf, "password": made.environ["DASHBOARD_PASSWORD"]}
    entered = pool.request(
        "POST", f"{made.web}/login", fields=form, encode_multipart=False, headers={"Cookie": cookie}, redirect=False
    )
    headers = {"Cookie": entered.headers["set-cookie"].partition(";")[0]}
    took = []
    for _ in range(ASKED):
        began = time.perf_counter()
        answer = pool.request("GET", f"{made.web}/dashboard", headers=headers, redirect=False)
        took.append(time.perf_counter() - began)
        assert answer.status == 200, answer.status
    return round(statistics.median(took), 3)


def post(url: str, visitors: int, first_id: int, secret: str) -> dict[str, Any]:
    """Posts all of it as fast as the door answers, each connection as a caller of its own would."""
    import threading

    pool = urllib3.PoolManager(maxsize=CONNECTIONS, retries=False, timeout=30.0)
    answers: dict[str, int] = {}
    took: list[float] = []
    lock = threading.Lock()
    todo = iter(range(visitors * BEACONS))

    def run() -> None:
        while True:
            with lock:
                number = next(todo, None)
            if number is None:
                return
            visitor, round_ = number % visitors, number // visitors
            body: dict[str, Any] = {"v": f"{visitor:032x}"}
            body["p"] = [[PATHS[(number + n) % len(PATHS)], 60_000 * round_ + 5_000 * n] for n in range(PAGES)]
            if visitor % KNOWN == 0 and round_ == BEACONS - 1:
                body["s"] = f"{mint(secret.encode(), first_id + visitor // KNOWN, 'one').link}.1"
            headers = {
                "Origin": f"https://{HOST}",
                "User-Agent": "Mozilla/5.0 (Macintosh) Version/17.4",
                "Content-Type": "text/plain",
                # Nobody posts so much from one place: the limit for each address is not what is measured.
                "X-Forwarded-For": f"10.{visitor >> 16 & 255}.{visitor >> 8 & 255}.{visitor & 255}",
            }
            began = time.perf_counter()
            status = str(pool.request("POST", url, body=orjson.dumps(body), headers=headers).status)
            with lock:
                took.append(time.perf_counter() - began)
                answers[status] = answers.get(status, 0) + 1

    began = time.perf_counter()
    threads = [threading.Thread(target=run) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "answers": answers, "p99": round(sorted(took)[int(len(took) * 0.99)], 3)}


if __name__ == "__main__":
    if sys.argv[1:] == ["--post"]:
        print(json.dumps(post(**json.load(sys.stdin))))
    else:
        sys.exit(main())

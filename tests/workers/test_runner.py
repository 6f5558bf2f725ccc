"""`python -m workers` and `python -m workers.clock` as processes: they start, take work, and stop when told."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, text

from sequencer.hints import Hints
from sequencer.providers import Provider
from sequencer.services.context import Context
from sequencer.services.release import Releases
from sequencer.store.engine import connect
from sequencer.wiring import Nowhere
from workers import clock

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def environ(database_url: str, urls: dict[str, str]) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": ":".join(path for path in sys.path if path),
        "DATABASE_URL": database_url,
        "REDIS_URL": urls["valkey"],
        "SECRET_KEY": "a secret of the tests",
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "SENDGRID_API_KEY": "SG.key",
        "WORKER_POLL": "10",
    }


@pytest.fixture
def start(environ: dict[str, str]) -> Iterator[Start]:
    """Starts `python -m MODULE`; whatever still runs at the end is killed."""
    running: list[subprocess.Popen[str]] = []

    def run(module: str, **more: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            env=environ | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        return process

    yield run
    for process in running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def await_line(process: "subprocess.Popen[str]", part: str, count: int = 1) -> list[str]:
    """Reads what a process says until a part of a line came so many times. A timer ends it if it never does, and its
    children, who could go on holding the pipe."""
    timer = threading.Timer(60, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if sum(part in said for said in lines) == count:
            timer.cancel()
            return lines
    timer.cancel()
    raise AssertionError(f"{part!r} was not said:\n{''.join(lines)}")


def pending(engine: Engine, state: str) -> int:
    with engine.connect() as conn:
        return int(
            conn.execute(text("SELECT count(*) FROM intake WHERE state = :state"), {"state": state}).scalar_one()
        )


def test_a_worker_stops_on_the_first_sigterm_and_ignores_the_second(start: Start) -> None:
    worker = start("workers", WORKER_PROCESSES="1")
    await_line(worker, "working, ", 2)
    worker.send_signal(signal.SIGTERM)
    await_line(worker, "stopping")
    worker.send_signal(signal.SIGTERM)
    await_line(worker, "stopped")
    assert 0 == worker.wait(10)


def test_several_processes_start_and_stop_together_and_one_of_them_is_for_what_stops_mail(start: Start) -> None:
    workers = start("workers", WORKER_PROCESSES="2", WORKER_THREADS="3")
    said = [line.rpartition(" pid=")[0].partition("working, ")[2] for line in await_line(workers, "working, ", 3)]
    assert ["part=rest threads=3", "part=rest threads=3", "part=urgent threads=1"] == sorted(filter(None, said))
    os.killpg(workers.pid, signal.SIGTERM)  # as Heroku does: every process of the dyno
    await_line(workers, "stopped", 3)
    assert 0 == workers.wait(10)


@pytest.mark.parametrize("part", ["rest", "urgent"])
def test_a_process_that_was_killed_is_replaced_by_one_for_the_same_work(start: Start, part: str) -> None:
    workers = start("workers", WORKER_PROCESSES="1")
    found = next(line for line in await_line(workers, "working, ", 2) if f"part={part} " in line)
    os.kill(int(found.rpartition("pid=")[2]), signal.SIGKILL)
    await_line(workers, f"working, part={part} ")
    workers.send_signal(signal.SIGTERM)
    await_line(workers, "stopped", 2)
    assert 0 == workers.wait(10)


def test_who_sends_yields_the_processor_to_who_takes_in_what_stops_mail(start: Start) -> None:
    workers = start("workers", WORKER_PROCESSES="1")
    lines = [line for line in await_line(workers, "working, ", 2) if "working, " in line]
    niceness = {
        line.partition("part=")[2].partition(" ")[0]: os.getpriority(os.PRIO_PROCESS, int(line.rpartition("pid=")[2]))
        for line in lines
    }
    assert niceness["urgent"] < niceness["rest"]


@pytest.mark.parametrize(("module", "variable"), [("workers", "SECRET_KEY"), ("workers.clock", "REDIS_URL")])
def test_a_missing_variable_is_named_and_nothing_starts(start: Start, module: str, variable: str) -> None:
    process = start(module, **{variable: ""})
    output, _ = process.communicate(timeout=20)
    assert (1, True) == (process.returncode, output.startswith(f"Error: {variable} not set: expected"))


def test_the_clock_stops_on_sigterm(start: Start) -> None:
    process = start("workers.clock")
    await_line(process, "ticking")
    process.send_signal(signal.SIGTERM)
    await_line(process, "stopped")
    assert 0 == process.wait(10)


def context(engine: Engine, hint: Callable[..., None], provider: Provider | None = None) -> Context:
    return Context(
        engine=engine,
        provider=provider or Nowhere(),
        releases=Releases(),
        secret=b"a secret of the tests",
        public_url="http://127.0.0.1:8000",
        hint=hint,
    )


def post_body(engine: Engine, urgent: bool) -> None:
    with engine.begin() as conn:
        conn.execute(
            text("INSERT INTO intake (door, body, urgent, at) VALUES ('events', '[]', :urgent, clock_timestamp())"),
            {"urgent": urgent},
        )


def test_a_tick_hints_what_is_due_the_urgent_first(engine: Engine) -> None:
    given: list[tuple[Any, ...]] = []
    post_body(engine, urgent=False)
    post_body(engine, urgent=True)
    assert 2 == clock.tick(context(engine, lambda *hint: given.append(hint)))
    assert [("intake", True), ("intake", False)] == given


def test_the_clock_outlives_an_outage_of_the_database(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    given: list[tuple[Any, ...]] = []
    arrived = threading.Event()
    stopping = threading.Event()

    def hint(*args: Any) -> None:
        given.append(args)
        arrived.set()

    nowhere = connect("postgresql+psycopg://u:hunter2@127.0.0.1:1/none", pool_size=1)
    broken = context(nowhere, hint)
    healthy = replace(broken, engine=engine)
    current = iter([broken, broken])

    class Changing:
        """A context whose database comes back at the third look."""

        def __getattr__(self, name: str) -> Any:
            return getattr(next(current, healthy) if name == "engine" else healthy, name)

    post_body(engine, urgent=True)
    thread = threading.Thread(target=clock.run, args=(Changing(), stopping, 0.01))
    thread.start()
    assert arrived.wait(10)
    stopping.set()
    thread.join(10)
    nowhere.dispose()
    said = [record.getMessage() for record in caplog.records if record.name == "workers.clock"]
    assert 2 == len(said), said  # once that it began, once that it is over
    assert said[0].startswith("no look at what is due (OperationalError in ")
    assert said[1].startswith("over after 0 s: ")
    assert "hunter2" not in "".join(said)
    assert ("intake", True) == given[0]


def test_a_webhook_body_that_is_hinted_is_processed_by_a_worker_process(
    start: Start, engine: Engine, environ: dict[str, str]
) -> None:
    with engine.begin() as conn:
        _deploy(conn)
    worker = start("workers")
    await_line(worker, "working, part=urgent")
    hints = Hints(environ["REDIS_URL"])
    post_body(engine, urgent=True)
    hints.hint("intake", True)  # nothing else brings it: no clock runs. How soon: benchmarks.chaos
    deadline = time.monotonic() + 20
    while pending(engine, "pending"):
        assert time.monotonic() < deadline, worker.poll()
    hints.close()
    assert 1 == pending(engine, "done")


def _deploy(conn: Any) -> None:
    from pathlib import Path

    from sequencer.services.release import deploy
    from sequencer.store.clock import now
    from sequencer.workspace.load import read_files

    deploy(conn, read_files(Path(__file__).parents[2]), now(conn))

"""What happens to dynos and their add-ons: told to go, killed, Redis and PostgreSQL away. Real processes throughout."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import Engine, text

from sequencer.local import Postgres, ports
from sequencer.store.engine import connect
from sequencer.store.migrate import upgrade
from tests.databases import dialect
from tests.e2e.conftest import HTTP, Stack, stacked
from tests.workspaces import files

pytestmark = pytest.mark.long

PLAIN = """
title: Plain
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
steps:
  - email: one
  - wait: 1 second
  - email: two
  - wait: 1 second
  - email: three
"""
MAILS = ("One", "Two", "Three")


def rows(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as conn:
        return list(conn.execute(text(query)))


def states(engine: Engine) -> Counter[str]:
    """Ledger rows by state."""
    return Counter(dict(rows(engine, "SELECT state, count(*) FROM message GROUP BY state")))  # type: ignore[arg-type]


def stranded(engine: Engine) -> list[Any]:
    """Enrollments that run and will never be looked at again."""
    return rows(engine, "SELECT id FROM enrollment WHERE status IN ('active', 'paused') AND due_at IS NULL")


def running(engine: Engine) -> int:
    """People inside, and mails under way: who gets their last one has finished already."""
    inside = rows(engine, "SELECT 1 FROM enrollment WHERE status IN ('active', 'paused')")
    return len(inside) + len(rows(engine, "SELECT 1 FROM message WHERE state = 'sending'"))


def enroll(stack: Stack, count: int, host: str = "harbor.example") -> list[str]:
    """People in `plain`, by the command that people use."""
    people = [f"p{n}@{host}" for n in range(count)]
    csv = stack.folder / "leads.csv"
    csv.write_text("email\n" + "\n".join(people) + "\n")
    stack.run("leads", "import", str(csv), "--enroll", "plain")
    return people


def post(stack: Stack, email: str) -> None:
    """The same by the web process."""
    answer = stack.api("/api/leads", {"email": email, "enroll": "plain"})
    assert answer["enrolled"] == {"plain": {"entered": True}}


def sent(stack: Stack) -> Counter[tuple[str, str]]:
    """What the provider has accepted, by its own record."""
    return Counter((m["to"], m["subject"]) for m in stack.messages())


def each_once(people: list[str]) -> Counter[tuple[str, str]]:
    return Counter((person, subject) for person in people for subject in MAILS)


def await_sending(stack: Stack, engine: Engine) -> None:
    stack.until("a request under way", lambda: states(engine)["sending"])


def test_a_dyno_told_to_go_under_load_finishes_its_batches_and_the_next_goes_on(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    with stacked(database_url, tmp_path, WORKER_PROCESSES="2") as stack:
        stack.deploy(files(plain=PLAIN))
        stack.faults({"kind": "slow", "seconds": 1})
        people = enroll(stack, 300)
        people.append("last@harbor.example")
        post(stack, people[-1])
        await_sending(stack, engine)
        stack.signal("worker", signal.SIGTERM)
        stack.signal("worker", signal.SIGTERM)
        assert (0, 0) == (stack.ended("worker", 20), states(engine)["sending"])
        assert [] == stranded(engine)
        assert 3 == len(stack.said(" stopped, pid="))
        stack.start("worker")
        stack.faults()
        stack.until("the last mail", lambda: running(engine) == 0)
        assert each_once(people) == sent(stack)
        assert set(states(engine)) <= {"accepted", "delivered"}


def test_a_request_that_hangs_when_the_dyno_is_told_to_go_is_waited_for_and_recorded(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    with stacked(database_url, tmp_path) as stack:
        stack.deploy(files(plain=PLAIN))
        stack.faults({"kind": "timeout", "seconds": 3, "times": 1})
        post(stack, "hangs@harbor.example")
        await_sending(stack, engine)
        stack.signal("worker", signal.SIGTERM)
        assert 0 == stack.ended("worker", 20)
        assert {"unknown": 1} == states(engine)
        assert [] == stranded(engine)


def test_a_killed_dyno_is_recovered_and_what_it_was_sending_never_goes_twice(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    with stacked(database_url, tmp_path, WORKER_PROCESSES="2") as stack:
        stack.deploy(files(plain=PLAIN))
        stack.faults({"kind": "accept_then_timeout", "seconds": 30, "times": 1})
        post(stack, "doubt@harbor.example")
        await_sending(stack, engine)
        stack.until("the provider's acceptance", lambda: stack.messages("doubt@harbor.example"))
        stack.signal("worker", signal.SIGKILL)
        assert -signal.SIGKILL == stack.ended("worker")
        people = enroll(stack, 50)
        with engine.begin() as conn:  # a minute later
            conn.execute(text("UPDATE request SET lease_until = clock_timestamp() WHERE lease_until IS NOT NULL"))
        stack.start("worker")
        # Also their last ones, after which nobody is waited for. The doubtful one may be proved meanwhile.
        others = (
            "SELECT 1 FROM enrollment e JOIN lead l ON l.id = e.lead_id WHERE l.email <> 'doubt@harbor.example'"
            " AND (e.status IN ('active', 'paused')"
            " OR EXISTS (SELECT 1 FROM message m WHERE m.enrollment_id = e.id AND m.state = 'sending'))"
        )
        stack.until("the mails of everybody else", lambda: not rows(engine, others))
        assert each_once(people) == sent(stack) - Counter({("doubt@harbor.example", s): 1 for s in MAILS})
        stack.until("an end of all requests", lambda: not states(engine)["sending"])
        assert {1} == set(sent(stack).values())


def test_workers_whose_supervisor_was_killed_finish_and_go(database_url: str, engine: Engine, tmp_path: Path) -> None:
    with stacked(database_url, tmp_path, WORKER_PROCESSES="2") as stack:
        stack.deploy(files(plain=PLAIN))
        stack.faults({"kind": "slow", "seconds": 1})
        people = enroll(stack, 100)
        people.append("last@harbor.example")
        post(stack, people[-1])
        await_sending(stack, engine)
        supervisor = psutil.Process(stack.pid("worker"))
        orphans = supervisor.children()
        assert 3 == len(orphans)
        supervisor.kill()
        _, alive = psutil.wait_procs(orphans, timeout=20)
        assert ([], 0, []) == (alive, states(engine)["sending"], stranded(engine))
        assert 3 == len(stack.said("the process that watched this one is gone"))
        stack.start("worker")
        stack.until("the last mail", lambda: running(engine) == 0)
        assert each_once(people) == sent(stack)


def test_work_goes_on_while_redis_stalls_is_full_is_flushed_and_restarts(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    import redis

    with stacked(database_url, tmp_path) as stack, redis.Redis.from_url(stack.broker.url) as client:
        stack.deploy(files(plain=PLAIN))
        people: list[str] = []

        def through(what: str) -> None:
            """Somebody enters by the web and gets all mails, in this state of Redis."""
            people.append(f"{what}@harbor.example")
            post(stack, people[-1])
            stack.until(f"the last mail while Redis is {what}", lambda: len(stack.messages(people[-1])) == 3)

        through("well")
        post(stack, "flushed@harbor.example")
        people.append("flushed@harbor.example")
        stack.until("the first mail", lambda: stack.messages("flushed@harbor.example"))
        client.flushall()
        stack.until("the last mail after a flush", lambda: len(stack.messages("flushed@harbor.example")) == 3)
        os.kill(stack.broker.pid, signal.SIGSTOP)
        try:
            through("stalled")
        finally:
            os.kill(stack.broker.pid, signal.SIGCONT)
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")
        through("full")
        client.config_set("maxmemory", "0")
        stack.broker.stop()
        through("away")
        stack.broker.start()
        stack.until("hints again", lambda: client.exists("dramatiq:__heartbeats__"))
        through("back")
        assert each_once(people) == sent(stack)
        said = [line for line in stack.log if "Redis" in line]
        assert 0 < len(said) <= 16, said
        assert [] == [line for line in stack.log if "Traceback" in line or "CRITICAL" in line or "dramatiq" in line]


def test_everything_starts_and_works_without_redis_and_takes_it_up_when_it_comes(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    import redis

    with stacked(database_url, tmp_path, broker=False) as stack:
        stack.deploy(files(plain=PLAIN))
        post(stack, "early@harbor.example")
        stack.until("the last mail", lambda: len(stack.messages("early@harbor.example")) == 3)
        stack.broker.start()
        with redis.Redis.from_url(stack.broker.url) as client:
            stack.until("the worker's return", lambda: client.exists("dramatiq:__heartbeats__"))
        post(stack, "late@harbor.example")
        stack.until("the last mail", lambda: len(stack.messages("late@harbor.example")) == 3)
        assert each_once(["early@harbor.example", "late@harbor.example"]) == sent(stack)


def test_work_goes_on_without_a_clock(database_url: str, engine: Engine, tmp_path: Path) -> None:
    with stacked(database_url, tmp_path) as stack:
        stack.deploy(files(plain=PLAIN))
        stack.until("the clock's first look", lambda: rows(engine, "SELECT 1 FROM heartbeat"))
        stack.signal("clock", signal.SIGKILL)
        stack.ended("clock")
        with engine.begin() as conn:  # a quarter of a minute later
            conn.execute(text("UPDATE heartbeat SET at = at - interval '15 seconds'"))
        post(stack, "alone@harbor.example")
        stack.until("the last mail", lambda: len(stack.messages("alone@harbor.example")) == 3)
        assert each_once(["alone@harbor.example"]) == sent(stack)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    """A PostgreSQL that a test may crash; the provider's record lies elsewhere."""
    found = Postgres(tmp_path / "postgres", port=ports.free(0, frozenset({0})), throwaway=True)
    yield found.start()
    found.stop()


def test_postgresql_away_at_start_and_crashing_in_mid_run_loses_and_doubles_nothing(
    server: Postgres, database_url: str, tmp_path: Path
) -> None:
    url = dialect(server.url)
    upgrade(url)
    engine = connect(url, 1)
    with stacked(url, tmp_path, start=("sandbox",), sandbox_database=database_url) as stack:
        stack.deploy(files(plain=PLAIN))
        server.crash()
        for name in ("web", "worker", "clock"):
            stack.start(name)
        stack.until("the web's word", lambda: health(stack) == 503)
        stack.until("the clock's word", lambda: stack.said("no look at what is due"))
        server.start()
        stack.until("the web's recovery", lambda: health(stack) == 200)
        people = enroll(stack, 200)
        for _ in range(2):
            await_sending(stack, engine)
            server.crash()
            server.start()
            engine.dispose()

        def settled() -> bool:
            """The rest waits behind a mail of which nobody can know whether it went."""
            with engine.begin() as conn:  # a minute later
                conn.execute(text("UPDATE request SET lease_until = clock_timestamp() WHERE lease_until IS NOT NULL"))
            return running(engine) == states(engine)["unknown"]

        stack.until("the last mail", settled)
        found = sent(stack)
        assert found == found & each_once(people)
        # The ledger knows every mail that the provider took, and none that it did not, but for those held as unknown.
        known = Counter(
            (r.email, r.subject)
            for r in rows(engine, "SELECT email, subject FROM message WHERE state IN ('accepted', 'delivered')")
        )
        assert known == known & found
        assert sum((found - known).values()) <= states(engine)["unknown"]
        assert {"web", "worker", "clock", "sandbox"} == set(stack.children.pids())
    engine.dispose()


def health(stack: Stack) -> int:
    import urllib3

    try:
        return HTTP.request("GET", f"{stack.web}/healthz").status
    except urllib3.exceptions.HTTPError:
        return 0


def held(engine: Engine) -> Counter[str]:
    """Connections to this database, by who holds them."""
    query = """
        SELECT application_name, count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name IN
            ('sequencer web', 'sequencer worker', 'sequencer clock') GROUP BY 1
    """
    return Counter(dict(rows(engine, query)))  # type: ignore[arg-type]


def test_web_worker_and_clock_hold_nine_connections_at_most_under_load(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    with stacked(database_url, tmp_path) as stack:
        stack.deploy(files(**{f"plain{n or ''}": PLAIN for n in range(8)}))
        people = [f"p{n}@harbor.example" for n in range(160)]

        def enter(number: int) -> None:
            stack.api("/api/leads", {"email": people[number], "enroll": f"plain{number % 8 or ''}"})

        most: Counter[str] = Counter()

        def done() -> bool:
            most.update(held(engine) - most)  # the larger of both
            entered = len(rows(engine, "SELECT 1 FROM enrollment"))
            return entered == len(people) and not running(engine)

        with ThreadPoolExecutor(12) as pool:
            entering = pool.map(enter, range(len(people)))
            stack.until("everybody's mails", done)
            list(entering)
        assert {"sequencer web", "sequencer worker", "sequencer clock"} == set(most)
        assert most["sequencer web"] <= 3 and most["sequencer worker"] <= 5 and most["sequencer clock"] <= 1, most
        assert each_once(people) == sent(stack)


def test_every_process_makes_its_own_connections(database_url: str, engine: Engine, tmp_path: Path) -> None:
    with stacked(database_url, tmp_path, WEB_CONCURRENCY="2", WORKER_PROCESSES="2") as stack:
        stack.deploy(files(plain=PLAIN))
        enroll(stack, 20)
        stack.until("the last mail", lambda: running(engine) == 0)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: health(stack), range(64)))
        for name, count in (("web", 2), ("worker", 3)):
            parent = psutil.Process(stack.pid(name))
            theirs = {child.pid: connections(child) for child in parent.children(recursive=True)}
            holders = [ports_ for ports_ in theirs.values() if ports_]
            assert count == len(holders), theirs
            assert set() == connections(parent)
            assert sum(map(len, holders)) == len(set[int]().union(*holders)), theirs


def connections(process: psutil.Process) -> set[int]:
    """The local ports of its connections to servers; callers' end at the port that it listens on."""
    found = process.net_connections("tcp")
    listening = {c.laddr.port for c in found if c.status == psutil.CONN_LISTEN}
    return {c.laddr.port for c in found if c.status == psutil.CONN_ESTABLISHED} - listening

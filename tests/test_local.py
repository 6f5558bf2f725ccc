"""PostgreSQL and Valkey from their wheels: started, found again after a crash, on other ports when theirs are taken."""

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
import redis

from sequencer.local import Postgres, Valkey, ports, postgres, valkey
from sequencer.local.process import command_of


def ask(url: str, question: LiteralString) -> str:
    with psycopg.connect(url) as conn:
        row = conn.execute(question).fetchone()
    assert row is not None
    return str(row[0])


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Whatever runs on it when the test ends is ended, and its data removed."""
    yield tmp_path
    for state in (tmp_path, *filter(Path.is_dir, tmp_path.iterdir())):
        server = Postgres(state)
        with contextlib.suppress(FileNotFoundError):
            os.kill(int((server.data / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
        server.forget()


def test_a_second_start_goes_on_where_the_first_one_was(folder: Path) -> None:
    for expected in ("1", "2"):
        server = Postgres(folder).start()
        ask(server.url, "SELECT lo_create(0)")
        assert expected == ask(server.url, "SELECT count(*) FROM pg_largeobject_metadata")
        server.stop()


def test_what_a_killed_one_left_running_is_ended_and_its_data_recovered(folder: Path) -> None:
    first = Postgres(folder).start()
    ask(first.url, "SELECT lo_create(7)")
    second = Postgres(folder).start()
    assert "7" == ask(second.url, "SELECT oid FROM pg_largeobject_metadata")
    assert "" == command_of(first.pid) or first._process.poll() is not None  # type: ignore[union-attr]
    first.stop()
    second.stop()


def test_a_killed_server_recovers(folder: Path) -> None:
    server = Postgres(folder).start()
    ask(server.url, "SELECT lo_create(7)")
    os.kill(server.pid, signal.SIGKILL)
    again = Postgres(folder).start()
    assert "7" == ask(again.url, "SELECT oid FROM pg_largeobject_metadata")
    again.stop()
    server.stop()


def test_the_process_id_of_a_stranger_is_left_alone(folder: Path) -> None:
    server = Postgres(folder).start()
    server.stop()
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data}\n")
    again = Postgres(folder).start()
    assert "1" == ask(again.url, "SELECT 1")
    again.stop()


def test_taken_ports_are_avoided(folder: Path) -> None:
    with socket.create_server((ports.HOST, 0)) as taken:
        port = taken.getsockname()[1]
        server, broker = Postgres(folder / "p", port, throwaway=True).start(), Valkey(folder / "v", port).start()
        assert port not in (server.port, broker.port)
        assert "1" == ask(server.url, "SELECT 1")
        server.stop()
        broker.stop()


def test_it_wants_its_password(folder: Path) -> None:
    with postgres(folder) as url:
        stranger = url.replace(url.split(":")[2].split("@")[0], "guess")
        try:
            psycopg.connect(stranger).close()
        except psycopg.OperationalError as refused:
            assert "password authentication failed" in str(refused)
        else:
            raise AssertionError("a wrong password was accepted")


def test_a_throwaway_server_leaves_nothing_behind(folder: Path) -> None:
    server = Postgres(folder, throwaway=True).start()
    server.stop()
    assert not server.data.exists()


def test_folders_above_the_data_are_not_opened(folder: Path) -> None:
    private = folder / "private"
    private.mkdir(mode=0o700)
    with postgres(private / "state") as url:
        assert "1" == ask(url, "SELECT 1")
    assert 0o700 == private.stat().st_mode & 0o777


def test_valkey_starts_anew_after_a_crash(folder: Path) -> None:
    first = Valkey(folder).start()
    with valkey(folder) as url, redis.Redis.from_url(url) as client:
        assert client.ping()
        assert "valkey-server" not in command_of(first.pid) or first._process.poll() is not None  # type: ignore[union-attr]
    first.stop()

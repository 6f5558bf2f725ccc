"""Numbers what a process asks of the database, the provider and Redis, and lets one of these operations go wrong.

The hooks sit in psycopg, urllib3, http.client and redis-py, below everything that is ours; the product knows nothing of
them.
"""

import functools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPResponse
from typing import Any, Literal

import psycopg
import redis
import urllib3
from urllib3.connection import HTTPConnection

Way = Literal["die before", "die after", "fail before", "fail after", "silence before", "silence after"]
DEATHS: tuple[Way, ...] = ("die before", "die after")
FAILURES: tuple[Way, ...] = ("fail before", "fail after")
SILENCES: tuple[Way, ...] = ("silence before", "silence after")
"""The same as a failure, but by a timeout: for the provider only, where the two are told apart."""
KILLED = 137


@dataclass(slots=True)
class Gate:
    """Everything passes here. `at`: the number of the operation that goes wrong, from 1; 0 for none."""

    at: int = 0
    way: Way = "die before"
    struck: Callable[[str], None] = lambda label: None
    """Told what goes wrong, just before it does."""
    labels: list[str] = field(default_factory=list)
    """What was asked, in order."""
    nothing_between: list[bool] = field(default_factory=list)
    """Of each of these: since the one before was done, this process has only calculated, in its one thread. So whoever
    dies just after that one leaves behind what they leave who die just before this one."""
    _calculating: bool = False
    _shut: bool = False

    def something_happened(self) -> None:
        """Outside, and without a number: dying before it is not dying after it."""
        self._calculating = False

    @contextmanager
    def not_counted(self) -> Iterator[None]:
        """For what the outside world does: it is no part of the process under test."""
        self.something_happened()
        before, self._shut = self._shut, True
        try:
            yield
        finally:
            self._shut = before

    def through(self, label: str, act: Callable[[], Any], fault: Callable[[bool], Exception]) -> Any:
        """Does it; or dies, or fails, just before or just after. `fault(silence)`: what a failure looks like."""
        if self._shut:
            return act()
        self.labels.append(label)
        number, alone = len(self.labels), threading.current_thread() is threading.main_thread()
        self.nothing_between.append(alone and self._calculating)
        self._calculating = False
        done = self._do(number, label, act, fault)
        # Unless others, which have the later numbers, were part of it.
        self._calculating = alone and len(self.labels) == number
        return done

    def _do(self, number: int, label: str, act: Callable[[], Any], fault: Callable[[bool], Exception]) -> Any:
        if number != self.at:
            return act()
        what, _, when = self.way.partition(" ")
        self.struck(label)
        if when == "before":
            self._strike(what, fault)
        done = act()
        if when == "after":
            self._strike(what, fault)
        return done

    def _strike(self, what: str, fault: Callable[[bool], Exception]) -> None:
        if what == "die":
            os._exit(KILLED)
        raise fault(what == "silence")


def install(gate: Gate) -> None:
    """Hooks this process, for the rest of its life."""
    _database(gate)
    _provider(gate)
    _redis(gate)


def _hook(owner: Any, name: str, around: Callable[..., Any]) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def hooked(*args: Any, **options: Any) -> Any:
        return around(functools.partial(original, *args, **options), *args)

    setattr(owner, name, hooked)


def _database(gate: Gate) -> None:
    def broken(connection: "psycopg.Connection[Any] | None") -> Callable[[bool], Exception]:
        def fault(silence: bool) -> Exception:
            # Closed as well: what was not committed is rolled back by the server, as when a network breaks.
            if connection is not None:
                connection.close()
            return psycopg.OperationalError("the connection is lost (by the test)")

        return fault

    def connect(act: Callable[[], Any], *args: Any) -> Any:
        made: list[psycopg.Connection[Any]] = []

        def fault(silence: bool) -> Exception:
            return broken(made[0] if made else None)(silence)

        def acting() -> Any:
            made.append(act())
            return made[0]

        return gate.through("db connect", acting, fault)

    def execute(act: Callable[[], Any], cursor: Any, query: Any, *args: Any) -> Any:
        label = " ".join((query.decode() if isinstance(query, bytes) else str(query)).split())[:70]
        return gate.through(f"db {label}", act, broken(cursor.connection))

    _hook(psycopg, "connect", connect)
    _hook(psycopg.Cursor, "execute", execute)
    _hook(psycopg.Cursor, "executemany", execute)
    for name in ("commit", "rollback"):
        _hook(
            psycopg.Connection,
            name,
            lambda act, connection, name=name: gate.through(f"db {name}", act, broken(connection)),
        )


def _provider(gate: Gate) -> None:
    def connect(act: Callable[[], Any], connection: Any) -> Any:
        def fault(silence: bool) -> Exception:
            if silence:
                return urllib3.exceptions.ConnectTimeoutError(connection, "no connection (by the test)")
            return urllib3.exceptions.NewConnectionError(connection, "refused (by the test)")

        return gate.through("http connect", act, fault)

    def lost(silence: bool) -> Exception:
        return TimeoutError("no answer (by the test)") if silence else ConnectionResetError("reset (by the test)")

    _hook(HTTPConnection, "connect", connect)
    _hook(HTTPConnection, "send", lambda act, *args: gate.through("http write", act, lost))
    _hook(HTTPResponse, "begin", lambda act, *args: gate.through("http read", act, lost))


def _redis(gate: Gate) -> None:
    def lost(silence: bool) -> Exception:
        # Before: nothing answers. After: it was done, and the answer is lost.
        after = gate.way.endswith("after")
        return redis.TimeoutError("no answer (by the test)") if after else redis.ConnectionError("gone (by the test)")

    def command(act: Callable[[], Any], client: Any, name: Any, *args: Any) -> Any:
        return gate.through(f"redis {name}", act, lost)

    _hook(redis.Redis, "execute_command", command)
    _hook(redis.client.Pipeline, "execute", lambda act, *args: gate.through("redis pipeline", act, lost))

"""Connections to PostgreSQL."""

import select
from typing import Any

import orjson
from psycopg import Connection as Driver
from psycopg.adapt import Loader
from sqlalchemy import Engine, create_engine, event

_PATIENCE = {
    "connect_timeout": 5,
    # A server that vanished without a word (a failover, a cut line) is noticed within half a minute, not after the
    # kernel's two hours: in seconds, and for what was written and is not acknowledged, in milliseconds (Linux).
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""libpq's settings, each below half a lease: who waits for a dead server must not outlive what it was about."""


_OFTEN = 5
"""Times that a connection executes a statement before it prepares it (psycopg's own measure)."""


_BY_INDEX = "-c enable_seqscan=off"

KEEPS_PLANS = "set_config('plan_cache_mode', 'force_generic_plan', true)"
"""Asked first in a transaction that only looks up what it has the keys of: what is prepared is planned once.

By itself, PostgreSQL plans a statement anew each time where it hopes for little of it, as of a ledger that is young:
with the keys of a batch that takes some milliseconds, more than to run it.
"""


def connect(url: str, pool_size: int = 3, role: str = "cli", by_index: bool = False) -> Engine:
    """An engine that holds at most `pool_size` connections: small plans allow 20 in all, and deploys overlap.

    It opens none before the first is needed, and replaces those that a restart of the server broke. `role`: PostgreSQL
    lists them as `sequencer ROLE` (pg_stat_activity.application_name), so that an operator sees who holds what.

    Statements are prepared unless a pooler stands between, such as pgbouncer in transaction mode, which may lead each
    transaction to another server process. Errors do not quote parameters: they end in logs.

    `by_index`: for who only looks up what is due, in batches. A plan that was prepared while a table was young, as the
    ledger's is on the first of a month, would go through all of it for each batch until the table is analysed.
    """
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        json_serializer=_dump,
        json_deserializer=orjson.loads,
        connect_args={
            "prepare_threshold": None,
            "options": f"-c timezone=utc {_BY_INDEX if by_index else ''}".strip(),
            "application_name": f"sequencer {role}",
            **_PATIENCE,
        },
    )
    event.listen(engine, "connect", _prepare)
    engine.dialect.do_ping = _stands  # type: ignore[method-assign,assignment]
    return engine


def _stands(driver: Driver[Any]) -> bool:
    """Whether the server has not ended the connection. It says so, and nothing else unasked: no need to ask it."""
    said = select.poll()
    said.register(driver.fileno(), select.POLLIN)
    return not said.poll(0)


def _prepare(driver: Driver[Any], _: object) -> None:
    """A pooler hands out numbers of its own: only who speaks to the server itself was told the right one."""
    driver.adapters.register_loader("jsonb", _Json)
    [told] = driver.execute("SELECT pg_backend_pid()").fetchone() or [0]
    driver.rollback()
    if told == driver.info.backend_pid:
        driver.prepare_threshold = _OFTEN


class _Json(Loader):
    """Reads jsonb by orjson at once: psycopg's own takes a third longer, by a method in Python around each value."""

    load = staticmethod(orjson.loads)  # type: ignore[assignment]


def _dump(value: Any) -> str:
    return orjson.dumps(value).decode()

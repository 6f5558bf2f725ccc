"""Connections to PostgreSQL."""

from typing import Any

import orjson
from sqlalchemy import Engine, create_engine

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


def connect(url: str, pool_size: int = 3, role: str = "cli") -> Engine:
    """An engine that holds at most `pool_size` connections: small plans allow 20 in all, and deploys overlap.

    It opens none before the first is needed, and replaces those that a restart of the server broke. `role`: PostgreSQL
    lists them as `sequencer ROLE` (pg_stat_activity.application_name), so that an operator sees who holds what.

    Prepared statements are left to the server's side of a pooler being absent: `prepare_threshold=None` keeps it
    working behind pgbouncer in transaction mode. Errors do not quote parameters: they end in logs.
    """
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        json_serializer=_dump,
        json_deserializer=orjson.loads,
        connect_args={
            "prepare_threshold": None,
            "options": "-c timezone=utc",
            "application_name": f"sequencer {role}",
            **_PATIENCE,
        },
    )


def _dump(value: Any) -> str:
    return orjson.dumps(value).decode()

"""Connections to PostgreSQL."""

from typing import Any

import orjson
from sqlalchemy import Engine, create_engine


def connect(url: str, pool_size: int = 3) -> Engine:
    """An engine that holds at most `pool_size` connections: small plans allow 20 in all, and deploys overlap.

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
        connect_args={"prepare_threshold": None, "options": "-c timezone=utc"},
    )


def _dump(value: Any) -> str:
    return orjson.dumps(value).decode()

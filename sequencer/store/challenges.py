"""Challenges of forms that were used, for as long as they could be used again."""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

_USE: Final = text(
    """
    INSERT INTO used_challenge AS used (nonce, trace, until) VALUES (:nonce, :trace, :until)
    ON CONFLICT (nonce) DO UPDATE SET trace = used.trace RETURNING trace
    """
)


def use(conn: Connection, nonce: str, trace: bytes, until: datetime) -> bool:
    """Remembers what a challenge was used for. False: it was for something else before, in this process or another,
    whose transaction is waited for.
    """
    values = {"nonce": nonce, "trace": trace, "until": until}
    return bytes(conn.execute(_USE, values).scalar_one()) == trace


_OLD: Final = "SELECT nonce FROM used_challenge WHERE until < statement_timestamp() - interval '1 hour'"
"""An hour longer than needed: whoever found it valid at the last moment may still be at it."""


def has_old(conn: Connection) -> bool:
    """Whether there are some that nobody can use any more."""
    return bool(conn.execute(_ANY_OLD).scalar_one())


_ANY_OLD: Final = text(f"SELECT EXISTS ({_OLD})")
_DELETE: Final = text(
    f"""
    WITH old AS MATERIALIZED ({_OLD} ORDER BY until LIMIT :limit FOR UPDATE SKIP LOCKED)
    DELETE FROM used_challenge u USING old WHERE u.nonce = old.nonce
    """
)


def delete_old(conn: Connection, limit: int) -> int:
    """Removes these, at most so many; says how many."""
    return int(conn.execute(_DELETE, {"limit": limit}).rowcount)

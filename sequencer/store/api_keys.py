"""Keys of the API, without their secrets."""

from collections.abc import Collection

from sqlalchemy import Connection, func, select, update

from sequencer.core.api_key import ApiKey, Minted
from sequencer.store.tables import api_key

_COLUMNS = (
    api_key.c.id,
    api_key.c.name,
    api_key.c.scopes,
    api_key.c.digest,
    api_key.c.per_minute,
    api_key.c.created_at,
    api_key.c.used_at,
    api_key.c.revoked_at,
)


def put(conn: Connection, minted: Minted, name: str, scopes: Collection[str], per_minute: int) -> None:
    values = {"id": minted.id, "name": name, "scopes": sorted(scopes), "digest": minted.digest}
    conn.execute(api_key.insert().values(**values, per_minute=per_minute, created_at=func.clock_timestamp()))


def find(conn: Connection, id_: str) -> ApiKey | None:
    """A key that may be used; None: there is none, or it was revoked."""
    query = select(*_COLUMNS).where(api_key.c.id == id_, api_key.c.revoked_at.is_(None))
    row = conn.execute(query).first()
    return _of(row) if row is not None else None


def digests(conn: Connection) -> frozenset[bytes]:
    """Of all keys that may be used."""
    return frozenset(conn.execute(select(api_key.c.digest).where(api_key.c.revoked_at.is_(None))).scalars())


def used(conn: Connection, id_: str) -> None:
    """It was used just now; this is noted once a minute, so that a busy key costs no writes."""
    lately = func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 0, 1)
    noted = api_key.c.used_at.is_(None) | (api_key.c.used_at < lately)
    conn.execute(update(api_key).where(api_key.c.id == id_, noted).values(used_at=func.clock_timestamp()))


def listed(conn: Connection) -> list[ApiKey]:
    """All of them, the oldest first."""
    return [_of(row) for row in conn.execute(select(*_COLUMNS).order_by(api_key.c.created_at, api_key.c.id))]


def revoke(conn: Connection, id_: str) -> bool:
    """From the next request on it opens nothing. False: there is no such key that could be revoked."""
    mine = (api_key.c.id == id_, api_key.c.revoked_at.is_(None))
    return conn.execute(update(api_key).where(*mine).values(revoked_at=func.clock_timestamp())).rowcount > 0


def _of(row: object) -> ApiKey:
    found = ApiKey._make(row)  # type: ignore[arg-type]
    return found._replace(scopes=frozenset(found.scopes))

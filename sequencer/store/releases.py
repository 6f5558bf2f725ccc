"""Releases by content hash, and the numbered deployments that point at them."""

from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from sequencer.store.tables import deployment, release

_CURRENT = select(deployment.c.number, deployment.c.release).order_by(deployment.c.number.desc()).limit(1)


def current(conn: Connection) -> tuple[int, str] | None:
    """Number and hash of the newest deployment."""
    row = conn.execute(_CURRENT).first()
    return (row.number, row.release) if row else None


def hash_of(conn: Connection, number: int) -> str | None:
    return conn.execute(select(deployment.c.release).where(deployment.c.number == number)).scalar()


def bundle(conn: Connection, digest: str) -> bytes:
    found: bytes = conn.execute(select(release.c.bundle).where(release.c.hash == digest)).scalar_one()
    return found


def put(conn: Connection, digest: str, packed: bytes, now: datetime) -> None:
    conn.execute(insert(release).values(hash=digest, bundle=packed, created_at=now).on_conflict_do_nothing())


def deploy(conn: Connection, digest: str, now: datetime) -> int:
    """Makes a release the current one and returns its number. The unique key lets one of two racing deploys fail."""
    number: int = conn.execute(select(func.coalesce(func.max(deployment.c.number), 0) + 1)).scalar_one()
    conn.execute(deployment.insert().values(number=number, release=digest, at=now))
    return number

"""Releases by content hash, and the numbered deployments that point at them."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, text
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
    query = select(func.coalesce(func.max(deployment.c.number), 0) + 1, func.max(deployment.c.spread_to))
    number, spread_to = conn.execute(query).one()
    conn.execute(deployment.insert().values(number=number, release=digest, at=now, spread_to=spread_to))
    return int(number)


_RESERVE = text(
    """
    UPDATE deployment SET spread_to = greatest(coalesce(spread_to, :now), :now) + :span
    WHERE number = :number RETURNING spread_to - :span
    """
)


def reserve(conn: Connection, number: int, now: datetime, span: timedelta) -> datetime:
    """Takes so much of the time over which those are spread who fall due by an edit; returns its beginning."""
    begin: datetime = conn.execute(_RESERVE, {"number": number, "now": now, "span": span}).scalar_one()
    return begin


def spread_to(conn: Connection, number: int) -> datetime | None:
    """Until when the last of them is looked at; None: nobody was spread."""
    return conn.execute(select(deployment.c.spread_to).where(deployment.c.number == number)).scalar()

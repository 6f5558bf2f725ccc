"""Open requests to the provider: those of whose messages some are `sending`, or nobody knows whether they went.

One row a request, where two index entries a message would do the same: so that no index holds what changes about a
message, and writing what became of it touches its row alone. Whoever locks a request and its messages locks the
request first.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from sequencer.store.arrays import array
from sequencer.store.clock import BUSINESS
from sequencer.store.engine import KEEPS_PLANS

BEING_MADE = "SELECT unnest(enrollment_ids) AS id FROM request WHERE lease_until IS NOT NULL"
"""The enrollments whose mails are on their way to the provider."""
SWEPT = 100
"""Requests that are looked at for being over, in one go."""

BEGIN = """
    INSERT INTO request (id, lease_until, enrollment_ids)
    SELECT r.id, clock_timestamp() + make_interval(secs => :lease), CAST(r.ids AS bigint[])
    FROM unnest(CAST(:requests AS text[]), CAST(:members AS text[])) r(id, ids)
    """
"""Opens requests (see `opened`), as part of the statement that begins their messages. `lease`: seconds of operating
time after which whoever makes a request is taken for gone.
"""


def opened(messages: Iterable[tuple[str, Sequence[int]]]) -> dict[str, str]:
    """The requests that messages (request, their enrollments) are about to go by, as BEGIN takes them."""
    members = defaultdict[str, list[int]](list)
    for request_id, numbers in messages:
        members[request_id] += numbers
    return {"requests": array(members), "members": array([array(sorted(ids)) for ids in members.values()])}


def begun(conn: Connection, id: str) -> datetime:
    """Locks one if it is open still, waiting for whoever holds it; gives the business time."""
    moment: datetime = conn.execute(_BEGUN, {"id": id}).scalar_one()
    return moment


_BEGUN = text(
    f"""
    WITH taken AS MATERIALIZED (SELECT id FROM request WHERE id = :id FOR NO KEY UPDATE)
    SELECT {BUSINESS} FROM (SELECT count(*), {KEEPS_PLANS} FROM taken) waited
    """
)


def take(conn: Connection, ids: Iterable[str]) -> list[int]:
    """Locks those that are open, waiting for whoever holds them; gives the enrollments of their messages."""
    query = text(
        "SELECT enrollment_ids FROM request WHERE id = ANY(CAST(:ids AS text[])) ORDER BY id FOR NO KEY UPDATE"
    )
    return [number for found in conn.execute(query, {"ids": array(sorted(set(ids)))}).scalars() for number in found]


def abandoned(conn: Connection, limit: int) -> Mapping[str, Sequence[int]]:
    """Locks requests whose lease ran out, as far as nobody holds them; with the enrollments of their messages."""
    query = text(
        "SELECT id, enrollment_ids FROM request WHERE lease_until < clock_timestamp()"
        " ORDER BY id LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED"
    )
    return {row.id: row.enrollment_ids for row in conn.execute(query, {"limit": limit})}


def close(conn: Connection, ids: Iterable[str]) -> None:
    """It is known of all their messages what became of them."""
    conn.execute(text("DELETE FROM request WHERE id = ANY(CAST(:ids AS text[]))"), {"ids": array(ids)})


def doubt(conn: Connection, ids: Iterable[str]) -> None:
    """Nobody makes them any more, and of some of their messages it is not known whether they went."""
    query = text("UPDATE request SET lease_until = NULL WHERE id = ANY(CAST(:ids AS text[]))")
    conn.execute(query, {"ids": array(ids)})


def sweep(conn: Connection) -> None:
    """Closes requests in doubt of whose messages none is any more, because something else told."""
    conn.execute(
        text(
            """
            DELETE FROM request WHERE id IN (
                SELECT r.id FROM (
                    SELECT * FROM request WHERE lease_until IS NULL ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
                ) r
                WHERE NOT EXISTS (
                    SELECT 1 FROM message m
                    WHERE m.enrollment_id = ANY(r.enrollment_ids) AND m.request_id = r.id
                      AND m.state IN ('sending', 'unknown')
                )
            )
            """
        ),
        {"limit": SWEPT},
    )

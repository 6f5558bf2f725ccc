"""Open requests to the provider: those of whose messages some are `sending`, or nobody knows whether they went.

One row a request, where two index entries a message would do the same: so that no index holds what changes about a
message, and writing what became of it touches its row alone. Whoever locks a request and its messages locks the
request first.
"""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, text

from sequencer.store.arrays import array

SWEPT = 100
"""Requests that are looked at for being over, in one go."""

_BEGIN = text(
    """
    INSERT INTO request (id, lease_until, enrollment_ids)
    SELECT v.request_id, clock_timestamp() + make_interval(secs => :lease), array_agg(v.id ORDER BY v.id)
    FROM unnest(CAST(:request_ids AS text[]), CAST(:ids AS bigint[])) v(request_id, id)
    GROUP BY v.request_id
    """
)


def begin(conn: Connection, messages: Sequence[tuple[str, int]], lease: float) -> None:
    """Opens the requests that these messages (request, enrollment) are about to go by.

    `lease`: seconds of operating time after which whoever makes a request is taken for gone.
    """
    if messages:
        values = {"request_ids": array(m[0] for m in messages), "ids": array(m[1] for m in messages), "lease": lease}
        conn.execute(_BEGIN, values)


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

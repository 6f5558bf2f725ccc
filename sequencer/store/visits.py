"""Visits of our pages: as browsers told of them, of whom nobody knows yet, and whose browser is whose."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Connection, text

from sequencer.store.arrays import array, blobs


class Told(NamedTuple):
    """A beacon as it came."""

    body: bytes
    lead_id: int | None
    """Who sent a form with this browser; None: a page told it."""
    at: datetime
    """Business time of arrival."""


class Visitor(NamedTuple):
    """A browser."""

    id: str
    lead_id: int | None
    proven: bool = False
    """A link that only the lead was sent was followed in it; else somebody only typed the lead's address."""
    answered: frozenset[str] = frozenset()
    first_touch: Mapping[str, str] | None = None
    last_touch: Mapping[str, str] | None = None


class Visit(NamedTuple):
    visitor: str
    at: datetime
    page: str


TOGETHER: Final = 20
"""Bodies in a row."""

_PUT = text(
    """
    INSERT INTO beacon (bodies, at) SELECT array_agg(body ORDER BY place), :at
    FROM unnest(CAST(:bodies AS bytea[])) WITH ORDINALITY v(body, place) GROUP BY (place - 1) / :together
    """
)


def put(conn: Connection, bodies: Sequence[bytes], at: datetime) -> None:
    """Stores what pages tell raw; what is in it is looked at later."""
    conn.execute(_PUT, {"bodies": blobs(bodies), "at": at, "together": TOGETHER})


def put_ours(conn: Connection, body: bytes, lead_id: int, at: datetime) -> None:
    """The browser that `body` names is this lead's, because a form says so."""
    conn.execute(
        text("INSERT INTO beacon (body, lead_id, at) VALUES (:body, :lead, :at)"),
        {"body": body, "lead": lead_id, "at": at},
    )


WAITING = "SELECT 1 FROM beacon ORDER BY id LIMIT 1"

_TAKE = text(
    """
    WITH c AS MATERIALIZED (SELECT id FROM beacon ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED)
    DELETE FROM beacon b USING c WHERE b.id = c.id RETURNING b.id, coalesce(b.bodies, ARRAY[b.body]), b.lead_id, b.at
    """
)


def take(conn: Connection, limit: int) -> tuple[list[Told], bool]:
    """Takes so many rows of beacons away, in the order they came; what others are at is passed over.

    And whether there may be more of them.
    """
    rows = sorted(conn.execute(_TAKE, {"limit": limit}).all())
    return [Told(body, lead_id, at) for _, bodies, lead_id, at in rows for body in bodies], len(rows) == limit


# In the order of the ids: nobody who meets some of the same waits for us while we wait for them.
_MEET = text(
    """
    INSERT INTO visitor (id, first_touch, last_touch, seen_on)
    SELECT CAST(id AS uuid), CAST(first AS jsonb), CAST(last AS jsonb), :today
    FROM unnest(CAST(:ids AS text[]), CAST(:first AS text[]), CAST(:last AS text[])) v(id, first, last)
    ORDER BY 1
    ON CONFLICT (id) DO UPDATE SET
        first_touch = coalesce(visitor.first_touch, excluded.first_touch),
        last_touch = coalesce(excluded.last_touch, visitor.last_touch),
        seen_on = greatest(visitor.seen_on, excluded.seen_on)
    RETURNING replace(CAST(id AS text), '-', ''), lead_id, proven, answered, first_touch, last_touch
    """
)

Touches = Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]]
"""By visitor: the first and the last of what led them here just now."""


def meet(conn: Connection, ids: Iterable[str], touches: Touches, today: date) -> dict[str, Visitor]:
    """Locks these visitors, with what is known of them; they are made where nobody has seen them before."""
    wanted = sorted(ids)
    if not wanted:
        return {}
    both = [touches.get(one) for one in wanted]
    values = {
        "ids": array(wanted),
        "first": array(orjson.dumps(dict(one[0])).decode() if one else None for one in both),
        "last": array(orjson.dumps(dict(one[1])).decode() if one else None for one in both),
        "today": today,
    }
    return {row[0]: Visitor(row[0], row[1], row[2], frozenset(row[3]), *row[4:]) for row in conn.execute(_MEET, values)}


def bind(conn: Connection, changed: Sequence[Visitor]) -> None:
    """Writes whose browser each is. The caller has met them."""
    if not changed:
        return
    conn.execute(
        text(
            """
            UPDATE visitor SET lead_id = v.lead_id, proven = v.proven, answered = string_to_array(v.answered, ' ')
            FROM unnest(CAST(:ids AS text[]), CAST(:leads AS bigint[]), CAST(:proven AS boolean[]),
                        CAST(:answered AS text[])) v(id, lead_id, proven, answered)
            WHERE visitor.id = CAST(v.id AS uuid)
            """
        ),
        {
            "ids": array(one.id for one in changed),
            "leads": array(one.lead_id for one in changed),
            "proven": array(one.proven for one in changed),
            "answered": array(" ".join(sorted(one.answered)) for one in changed),
        },
    )


def known(conn: Connection, visitor: str) -> Visitor | None:
    """What is known of a browser; None: nobody has seen it."""
    row = conn.execute(
        text("SELECT lead_id, proven, answered, first_touch, last_touch FROM visitor WHERE id = CAST(:id AS uuid)"),
        {"id": visitor},
    ).first()
    return Visitor(visitor, row[0], row[1], frozenset(row[2]), row[3], row[4]) if row is not None else None


_KEEP = text(
    """
    INSERT INTO visit (visitor, at, page)
    SELECT CAST(v.visitor AS uuid), v.at, v.page
    FROM unnest(CAST(:visitors AS text[]), CAST(:ats AS timestamptz[]), CAST(:pages AS text[])) v(visitor, at, page)
    ON CONFLICT DO NOTHING
    """
)


def keep(conn: Connection, visits: Sequence[Visit]) -> None:
    """Remembers what visitors looked at of whom nobody knows who they are."""
    if visits:
        visitors, ats, pages = zip(*sorted(visits), strict=True)
        conn.execute(_KEEP, {"visitors": array(visitors), "ats": array(ats), "pages": array(pages)})


MOST: Final = 1000
"""Visits of before that become a lead's; who has more is no reader."""

_JOIN = text(
    """
    WITH gone AS (
        DELETE FROM visit WHERE visitor = ANY (CAST(CAST(:ids AS text[]) AS uuid[])) RETURNING visitor, at, page
    )
    SELECT replace(CAST(visitor AS text), '-', ''), at, page
    FROM (SELECT *, row_number() OVER (PARTITION BY visitor ORDER BY at DESC, page) AS number FROM gone) numbered
    WHERE number <= :most
    """
)


def join(conn: Connection, ids: Sequence[str]) -> list[Visit]:
    """Takes away what these visitors, whom the caller has met, looked at before, and gives the last of it."""
    if not ids:
        return []
    return sorted(Visit(*row) for row in conn.execute(_JOIN, {"ids": array(sorted(ids)), "most": MOST}))


_TOUCHED = text(
    """
    UPDATE lead l SET
        first_touch = CASE WHEN l.first_touch ->> 'at' <= v.first ->> 'at' THEN l.first_touch ELSE v.first END,
        last_touch = CASE WHEN l.last_touch ->> 'at' > v.last ->> 'at' THEN l.last_touch ELSE v.last END
    FROM (SELECT id, CAST(first AS jsonb) AS first, CAST(last AS jsonb) AS last
          FROM unnest(CAST(:ids AS bigint[]), CAST(:first AS text[]), CAST(:last AS text[])) u(id, first, last)) v
    WHERE l.id = v.id
    """
)


def touched(conn: Connection, touches: Mapping[int, tuple[Mapping[str, str], Mapping[str, str]]]) -> None:
    """Writes what led locked leads to us, first and last, as far as it is earlier or later than what was known."""
    if touches:
        conn.execute(
            _TOUCHED,
            {
                "ids": array(touches),
                "first": array(orjson.dumps(dict(first)).decode() for first, _ in touches.values()),
                "last": array(orjson.dumps(dict(last)).decode() for _, last in touches.values()),
            },
        )


_FIRST_TOUCHES = text(
    "SELECT id, first_touch FROM lead WHERE id = ANY(CAST(:ids AS bigint[])) AND first_touch IS NOT NULL"
)


def first_touches(conn: Connection, lead_ids: Collection[int]) -> dict[int, Any]:
    """What first led leads to us, as far as known."""
    if not lead_ids:
        return {}
    return {row.id: row.first_touch for row in conn.execute(_FIRST_TOUCHES, {"ids": array(lead_ids)})}


def touches_of(conn: Connection, lead_id: int) -> tuple[Any, Any]:
    """What led a lead to us, first and last; None where nobody knows."""
    row = conn.execute(text("SELECT first_touch, last_touch FROM lead WHERE id = :id"), {"id": lead_id}).one()
    return row[0], row[1]


_FORGET_VISITS = text(
    """
    DELETE FROM visit WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM visit WHERE at < :visits ORDER BY at LIMIT :limit FOR UPDATE SKIP LOCKED
    ))
    """
)
_FORGET_VISITORS = text(
    """
    DELETE FROM visitor WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM visitor
        WHERE seen_on < :visitors AND (lead_id IS NULL OR seen_on < :browsers) ORDER BY seen_on LIMIT :limit
        FOR UPDATE SKIP LOCKED
    ))
    """
)


def any_met(conn: Connection) -> bool:
    """Whether anybody was ever seen who may have to be forgotten."""
    return bool(conn.execute(text("SELECT EXISTS (SELECT 1 FROM visitor)")).scalar_one())


def forget(conn: Connection, visits: datetime, browsers: date, limit: int) -> int:
    """Removes visits of before then, visitors nobody knows who were not seen since, and leads' browsers not seen since
    `browsers`: at most so many of each. Says of how many visits and visitors.
    """
    people = {"visitors": visits.date(), "browsers": browsers, "limit": limit}
    gone: int = conn.execute(_FORGET_VISITS, {"visits": visits, "limit": limit}).rowcount
    return gone + conn.execute(_FORGET_VISITORS, people).rowcount

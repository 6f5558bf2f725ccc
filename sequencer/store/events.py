"""Events: stored once each, looked up by lead."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import IntegrityError

from sequencer.core.event import CLICKED, Event
from sequencer.store.arrays import array
from sequencer.store.tables import event

COLUMNS = (
    event.c.kind,
    event.c.at,
    event.c.lead_id,
    event.c.key,
    event.c.source,
    event.c.enrollment_id,
    event.c.step,
    event.c.machine,
    event.c.data,
)


Key = tuple[int, datetime, str]
"""What an event is known by, the primary key: lead, time, and the key that whoever tells of it gives."""


_KEY: Callable[[Event], Key] = attrgetter("lead_id", "at", "key")

_INSERT = """
    INSERT INTO event (at, lead_id, key, kind, source, enrollment_id, step, machine, data)
    SELECT v.at, v.lead_id, v.key, v.kind, v.source, v.enrollment_id, v.step, v.machine, v.data
    FROM ROWS FROM (
        unnest(
            CAST(:at AS timestamptz[]), CAST(:lead_id AS bigint[]), CAST(:key AS text[]), CAST(:kind AS text[]),
            CAST(:source AS text[]), CAST(:enrollment_id AS bigint[]), CAST(:step AS text[]),
            CAST(:machine AS boolean[])),
        jsonb_array_elements(CAST(:data AS jsonb))
    ) v(at, lead_id, key, kind, source, enrollment_id, step, machine, data)
    """
_INSERT_SOUGHT = text(_INSERT)
_INSERT_ANY = text(
    f"""
    WITH new AS (
        {_INSERT}
        ON CONFLICT (lead_id, at, key) DO NOTHING
        RETURNING at, lead_id, key
    ), counted AS (SELECT count(*) AS new FROM new)
    SELECT counted.new, named.at, named.lead_id, named.key
    -- When all are new, as nearly always, it need not be said which.
    FROM counted LEFT JOIN new named ON counted.new < :expected
    """
)


def insert(conn: Connection, events: Sequence[Event], sought: bool = False) -> list[Event]:
    """Stores what is new and returns it; a repeat carries the same time and key and counts once.

    In the order of the key: nobody who stores some of the same waits for us while we wait for them. `sought`: a moment
    ago none of them was stored. So they are not looked for once more, unless somebody did store one since.
    """
    unique = dict(zip(map(_KEY, events), events, strict=True))
    if not unique:
        return []
    order = sorted(unique)
    rows = [unique[place] for place in order]
    *columns, data = zip(*rows, strict=True)
    values: dict[str, Any] = dict(zip(Event._fields, map(array, columns), strict=False))
    values |= {"data": orjson.dumps(data, default=dict).decode(), "expected": len(rows)}
    if sought:
        try:
            with conn.begin_nested():
                conn.execute(_INSERT_SOUGHT, values)
            return rows
        except IntegrityError as error:  # stored by somebody else meanwhile
            # SQLAlchemy's error and the frames it went through refer to each other, and so does all that the callers
            # have in hand, a whole batch: it would stay in memory until such circles are looked for.
            error.__traceback__ = None
    done = conn.execute(_INSERT_ANY, values).all()
    if done[0].new == len(rows):
        return rows
    new = {(row.lead_id, row.at, row.key) for row in done}
    return [e for place, e in zip(order, rows, strict=True) if place in new]


def of_leads(
    conn: Connection, lead_ids: Sequence[int], kinds: Collection[str], since: datetime | None
) -> dict[int, list[Event]]:
    """What people did, oldest first; machines' events are left out."""
    e = event.c
    query = (
        select(*COLUMNS)
        .where(e.lead_id == func.any(list(lead_ids)), e.kind == func.any(list(kinds)), ~e.machine)
        .order_by(e.at, e.key)
    )
    if since is not None:
        query = query.where(e.at >= since)
    found: dict[int, list[Event]] = {}
    for row in conn.execute(query).all():
        found.setdefault(row.lead_id, []).append(Event(*row))
    return found


def last_of(conn: Connection, lead_ids: Sequence[int], kind: str, since: datetime) -> dict[int, datetime]:
    """By lead: when such an event came last, unless that is longer ago; machines' events are left out."""
    e = event.c
    query = (
        select(e.lead_id, func.max(e.at))
        .where(e.lead_id == func.any(list(lead_ids)), e.at >= since, e.kind == kind, ~e.machine)
        .group_by(e.lead_id)
    )
    return {row[0]: row[1] for row in conn.execute(query)}


# One look-up in the index for each, as in _STORED.
_LATEST = text(
    f"""
    SELECT {", ".join(f"e.{column.name}" for column in COLUMNS)}
    FROM unnest(CAST(:ids AS bigint[])) v(id)
    CROSS JOIN LATERAL (
        SELECT * FROM event
        WHERE lead_id = v.id AND at >= :since AND kind = ANY(CAST(:kinds AS text[])) AND NOT machine
        ORDER BY at DESC, key LIMIT 1
    ) e
    """
)


def latest(conn: Connection, lead_ids: Collection[int], kinds: Collection[str], since: datetime) -> dict[int, Event]:
    """By lead, the last of such events, unless that is longer ago; machines' events are left out."""
    values = {"ids": array(sorted(lead_ids)), "kinds": array(sorted(kinds)), "since": since}
    return {row.lead_id: Event(*row) for row in conn.execute(_LATEST, values)}


def known_since(conn: Connection, lead_id: int, key: str, since: datetime) -> bool:
    """Whether the lead has an event of this key that is not older; for callers whose repeats bear another time."""
    e = event.c
    query = select(e.key).where(e.lead_id == lead_id, e.at >= since, e.key == key).limit(1)
    return conn.execute(query).first() is not None


# One look-up in the index for each: as a join it would be a hash join, which reads the whole partition for it.
# The bounds say nothing new; they let the planner know how few partitions it is about.
_STORED = text(
    """
    SELECT array_agg(v.place)
    FROM unnest(CAST(:at AS timestamptz[]), CAST(:lead_id AS bigint[]), CAST(:key AS text[]))
        WITH ORDINALITY v(at, lead_id, key, place)
    CROSS JOIN LATERAL (
        SELECT 1 FROM event e
        WHERE e.at = v.at AND e.lead_id = v.lead_id AND e.key = v.key AND e.at BETWEEN :first AND :last LIMIT 1
    ) known
    """
)


def stored(conn: Connection, keys: Collection[Key]) -> list[Key]:
    """Which of these are stored already."""
    if not keys:
        return []
    asked = sorted(keys)
    lead_id, at, key = zip(*asked, strict=True)
    values = {"at": array(at), "lead_id": array(lead_id), "key": array(key), "first": min(at), "last": max(at)}
    places = conn.execute(_STORED, values).scalar_one()
    return [asked[place - 1] for place in places or ()]


def stored_at_any_time(conn: Connection, keys: Collection[tuple[int, str]]) -> dict[tuple[int, str], datetime]:
    """Which of these (lead, key) are stored, and the time that they were given, which may be another."""
    if not keys:
        return {}
    lead_ids, names = zip(*keys, strict=True)
    e = event.c
    query = select(e.lead_id, e.key, e.at).where(e.lead_id == func.any(list(lead_ids)), e.key == func.any(list(names)))
    return {(lead_id, key): at for lead_id, key, at in conn.execute(query) if (lead_id, key) in keys}


class Span(NamedTuple):
    """Some time of one message."""

    lead_id: int
    enrollment_id: int
    step: str
    since: datetime
    until: datetime


# One look-up in the index for each, as in _STORED.
_CLICKS = text(
    f"""
    SELECT {", ".join(f"e.{column.name}" for column in COLUMNS)}
    FROM unnest(CAST(:lead_id AS bigint[]), CAST(:enrollment_id AS bigint[]), CAST(:step AS text[]),
                CAST(:since AS timestamptz[]), CAST(:until AS timestamptz[])) v(lead_id, id, step, since, until)
    CROSS JOIN LATERAL (
        SELECT * FROM event
        WHERE lead_id = v.lead_id AND at BETWEEN v.since AND v.until AND at BETWEEN :first AND :last
          AND kind = '{CLICKED}' AND enrollment_id = v.id AND step = v.step
        OFFSET 0
    ) e
    """
)


def clicks(conn: Connection, spans: Sequence[Span]) -> list[Event]:
    """Clicks on messages, each within some time, also those that are known to be machines'."""
    if not spans:
        return []
    columns = dict(zip(Span._fields, map(array, zip(*spans, strict=True)), strict=True))
    bounds = {"first": min(s.since for s in spans), "last": max(s.until for s in spans)}
    return [Event(*row) for row in conn.execute(_CLICKS, columns | bounds)]


def call_machine(conn: Connection, wrong: Sequence[Event]) -> None:
    """These were software after all; they stay stored, and count for nothing any more."""
    if wrong:
        conn.execute(
            text(
                "UPDATE event e SET machine = true"
                " FROM unnest(CAST(:at AS timestamptz[]), CAST(:lead AS bigint[]), CAST(:key AS text[]))"
                " v(at, lead_id, key) WHERE e.at = v.at AND e.lead_id = v.lead_id AND e.key = v.key"
            ),
            {
                "at": array(e.at for e in wrong),
                "lead": array(e.lead_id for e in wrong),
                "key": array(e.key for e in wrong),
            },
        )


def history(conn: Connection, lead_id: int, limit: int) -> list[Event]:
    """Everything known of one lead, newest first."""
    e = event.c
    query = select(*COLUMNS).where(e.lead_id == lead_id).order_by(e.at.desc(), e.key).limit(limit)
    return [Event(*row) for row in conn.execute(query)]


def counts(conn: Connection) -> dict[str, int]:
    """How many events of each kind; machines' kinds end in ` (machine)`."""
    query = select(event.c.kind, event.c.machine, func.count()).group_by(event.c.kind, event.c.machine)
    return {f"{row[0]} (machine)" if row[1] else row[0]: row[2] for row in conn.execute(query)}

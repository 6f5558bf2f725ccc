"""Events: stored once each, looked up by lead."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, func, select, text

from sequencer.core.event import CLICKED, Event
from sequencer.store.arrays import array
from sequencer.store.tables import event

_COLUMNS = (
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


class Key(NamedTuple):
    """What an event is known by: the primary key."""

    at: datetime
    lead_id: int
    key: str


_INSERT = text(
    """
    INSERT INTO event (at, lead_id, key, kind, source, enrollment_id, step, machine, data)
    SELECT v.at, v.lead_id, v.key, v.kind, v.source, v.enrollment_id, v.step, v.machine, CAST(v.data AS jsonb)
    FROM unnest(
        CAST(:at AS timestamptz[]), CAST(:lead_id AS bigint[]), CAST(:key AS text[]), CAST(:kind AS text[]),
        CAST(:source AS text[]), CAST(:enrollment_id AS bigint[]), CAST(:step AS text[]), CAST(:machine AS boolean[]),
        CAST(:data AS text[])
    ) v(at, lead_id, key, kind, source, enrollment_id, step, machine, data)
    ON CONFLICT (at, lead_id, key) DO NOTHING
    RETURNING at, lead_id, key
    """
)


def insert(conn: Connection, events: Sequence[Event]) -> list[Event]:
    """Stores what is new and returns it; a repeat carries the same time and key and counts once."""
    unique = list({(e.at, e.lead_id, e.key): e for e in events}.values())
    if not unique:
        return []
    columns = {
        name: array(getattr(e, name) for e in unique)
        for name in ("at", "lead_id", "key", "kind", "source", "enrollment_id", "step", "machine")
    }
    columns["data"] = array(orjson.dumps(dict(e.data)).decode() for e in unique)
    new = {(row.at, row.lead_id, row.key) for row in conn.execute(_INSERT, columns)}
    return [e for e in unique if (e.at, e.lead_id, e.key) in new]


def of_leads(
    conn: Connection, lead_ids: Sequence[int], kinds: Collection[str], since: datetime | None
) -> dict[int, list[Event]]:
    """What people did, oldest first; machines' events are left out."""
    e = event.c
    query = (
        select(*_COLUMNS)
        .where(e.lead_id == func.any(list(lead_ids)), e.kind == func.any(list(kinds)), ~e.machine)
        .order_by(e.at, e.key)
    )
    if since is not None:
        query = query.where(e.at >= since)
    found: dict[int, list[Event]] = {}
    for row in conn.execute(query):
        found.setdefault(row.lead_id, []).append(Event(*row))
    return found


def known_since(conn: Connection, lead_id: int, key: str, since: datetime) -> bool:
    """Whether the lead has an event of this key that is not older; for callers whose repeats bear another time."""
    e = event.c
    query = select(e.key).where(e.lead_id == lead_id, e.at >= since, e.key == key).limit(1)
    return conn.execute(query).first() is not None


# One look-up in the index for each: as a join it would be a hash join, which reads the whole partition for it.
_STORED = text(
    """
    SELECT v.place
    FROM unnest(CAST(:at AS timestamptz[]), CAST(:lead_id AS bigint[]), CAST(:key AS text[]))
        WITH ORDINALITY v(at, lead_id, key, place)
    CROSS JOIN LATERAL (
        SELECT 1 FROM event e WHERE e.at = v.at AND e.lead_id = v.lead_id AND e.key = v.key LIMIT 1
    ) known
    """
)


def stored(conn: Connection, keys: Collection[Key]) -> list[Key]:
    """Which of these are stored already."""
    if not keys:
        return []
    asked = list(keys)
    at, lead_id, key = zip(*asked, strict=True)
    places = conn.execute(_STORED, {"at": array(at), "lead_id": array(lead_id), "key": array(key)}).scalars()
    return [asked[place - 1] for place in places]


def stored_at_any_time(conn: Connection, keys: Collection[tuple[int, str]]) -> set[tuple[int, str]]:
    """Which of these (lead, key) are stored, whatever time they were given; for events stored under another time."""
    if not keys:
        return set()
    lead_ids, names = zip(*keys, strict=True)
    e = event.c
    query = select(e.lead_id, e.key).where(e.lead_id == func.any(list(lead_ids)), e.key == func.any(list(names)))
    return {(row[0], row[1]) for row in conn.execute(query)} & set(keys)


def clicks(conn: Connection, lead_ids: Sequence[int], first: datetime, last: datetime) -> list[Event]:
    """Clicks on mails of these leads between two moments, also those that are known to be machines'."""
    e = event.c
    query = select(*_COLUMNS).where(e.lead_id == func.any(list(lead_ids)), e.at >= first, e.at <= last)
    rows = conn.execute(query.where(e.kind == CLICKED, e.enrollment_id.is_not(None)))
    return [Event(*row) for row in rows]


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
    query = select(*_COLUMNS).where(e.lead_id == lead_id).order_by(e.at.desc(), e.key).limit(limit)
    return [Event(*row) for row in conn.execute(query)]


def counts(conn: Connection) -> dict[str, int]:
    """How many events of each kind; machines' kinds end in ` (machine)`."""
    query = select(event.c.kind, event.c.machine, func.count()).group_by(event.c.kind, event.c.machine)
    return {f"{row[0]} (machine)" if row[1] else row[0]: row[2] for row in conn.execute(query)}

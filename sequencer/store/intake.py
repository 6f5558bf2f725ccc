"""Webhook bodies as they came, until they are processed, and some time after."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, func, select, text, update

from sequencer.store.arrays import any_in, array
from sequencer.store.clock import BUSINESS
from sequencer.store.tables import intake

PENDING: Final = "pending"
SET_ASIDE: Final = "set_aside"


class Body(NamedTuple):
    id: int
    door: str
    """events | inbound | crm:NAME"""
    body: bytes
    content_type: str
    at: datetime
    """Business time of arrival."""


_BODY = (intake.c.id, intake.c.door, intake.c.body, intake.c.content_type, intake.c.at)


_PUT = text(
    f"""
    INSERT INTO intake (door, body, content_type, urgent, at)
    SELECT :door, CAST(:body AS bytea), :content_type, CAST(:urgent AS boolean), {BUSINESS}
    WHERE CAST(:signed AS timestamptz) IS NULL OR CAST(:signed AS timestamptz)
          BETWEEN clock_timestamp() - CAST(:oldest AS interval) AND clock_timestamp() + CAST(:ahead AS interval)
    """
)
OLDEST: Final = timedelta(hours=26)
"""Honest repeats carry the first attempt's time for up to 24 hours. What comes twice counts once anyway."""
AHEAD: Final = timedelta(minutes=10)
"""How far the clock of who signs may be ahead of ours."""


def put(
    conn: Connection, door: str, body: bytes, content_type: str, urgent: bool, signed: datetime | None = None
) -> bool:
    """Stores a body raw, as of now; what is in it is looked at later.

    False: it was not, because by operating time it was not `signed` lately. All in one statement, so that who answers
    a webhook need not ask four times.
    """
    values = {"door": door, "body": body, "content_type": content_type, "urgent": urgent}
    values |= {"signed": signed, "oldest": OLDEST, "ahead": AHEAD}
    return conn.execute(_PUT, values).rowcount == 1


_CLAIM = (
    select(intake.c.id, func.octet_length(intake.c.body))
    .where(intake.c.state == PENDING, intake.c.urgent == bindparam("urgent"), intake.c.id > bindparam("after"))
    .order_by(intake.c.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)


def claim(conn: Connection, urgent: bool, limit: int, size: int) -> list[Body]:
    """Takes pending bodies in the order they came; what others hold is passed over.

    At most `limit`, and `size` bytes together unless the first alone is larger. They are looked for in growing
    numbers, so that few more are locked, and kept from others, than are taken.
    """
    taken: list[int] = []
    room, step = size, 1
    while (step := min(step, limit - len(taken))) > 0:
        values = {"urgent": urgent, "after": taken[-1] if taken else 0, "limit": step}
        found = conn.execute(_CLAIM, values).all()
        for body_id, length in found:
            if taken and length > room:
                return _bodies(conn, taken)
            taken.append(body_id)
            room -= length
        if len(found) < step or room < length:
            break
        step *= 4
    return _bodies(conn, taken)


_RETAKE = (
    select(intake.c.id)
    .where(intake.c.id == any_in("ids"), intake.c.state == bindparam("state"))
    .order_by(intake.c.id)
    .with_for_update(skip_locked=True)
)


def retake(conn: Connection, ids: Sequence[int], state: str) -> set[int]:
    """Takes these bodies once more, as far as they still are in this state and nobody else has them."""
    return set(conn.execute(_RETAKE, {"ids": array(ids), "state": state}).scalars())


def by_id(conn: Connection, body_id: int) -> Body | None:
    row = conn.execute(select(*_BODY).where(intake.c.id == body_id)).first()
    return Body(*row) if row is not None else None


_BODIES = """
    SELECT id, door, body, content_type, at FROM intake WHERE id = ANY(CAST(%(ids)s AS bigint[])) ORDER BY id
"""


def _bodies(conn: Connection, ids: Sequence[int]) -> list[Body]:
    """Read in PostgreSQL's binary format: as text, each byte of a body would come as two digits."""
    if not ids:
        return []
    driver = conn.connection.driver_connection
    assert driver is not None
    with driver.cursor(binary=True) as cursor:
        return [Body(*row) for row in cursor.execute(_BODIES, {"ids": array(ids)})]


_CALM = update(intake).where(intake.c.id == any_in("ids")).values(urgent=False)
_DONE = update(intake).where(intake.c.id == any_in("ids")).values(state="done", problem=None)


def calm(conn: Connection, ids: Collection[int]) -> None:
    """What stops mail has been taken out of these bodies: the rest of them is not urgent."""
    if ids:
        conn.execute(_CALM, {"ids": array(sorted(ids))})


def done(conn: Connection, ids: Sequence[int]) -> None:
    """Everything in these bodies counts. The caller has taken them."""
    if ids:
        conn.execute(_DONE, {"ids": array(ids)})


def set_aside(conn: Connection, problems: Mapping[int, str]) -> None:
    """Bodies of which something could not be processed, and what; kept for `sequencer events replay`."""
    if problems:
        conn.execute(
            text(
                "UPDATE intake SET state = 'set_aside', problem = v.problem"
                " FROM unnest(CAST(:ids AS bigint[]), CAST(:problems AS text[])) v(id, problem) WHERE intake.id = v.id"
            ),
            {"ids": list(problems), "problems": list(problems.values())},
        )


class Aside(NamedTuple):
    """A body that is set aside, without what is in it."""

    id: int
    door: str
    at: datetime
    """Business time of arrival."""
    size: int
    """Bytes."""
    problem: str


_ASIDE = (intake.c.id, intake.c.door, intake.c.at, func.octet_length(intake.c.body), intake.c.problem)


def asides(conn: Connection, limit: int) -> list[Aside]:
    """What is set aside, the oldest first."""
    query = select(*_ASIDE).where(intake.c.state == SET_ASIDE).order_by(intake.c.id).limit(limit)
    return [Aside(*row) for row in conn.execute(query)]


def aside(conn: Connection, body_id: int) -> Aside | None:
    """The body of this id, when it is set aside."""
    row = conn.execute(select(*_ASIDE).where(intake.c.state == SET_ASIDE, intake.c.id == body_id)).first()
    return Aside(*row) if row is not None else None


def aside_ids(conn: Connection) -> list[int]:
    """Of all that is set aside, the oldest first."""
    return list(conn.execute(select(intake.c.id).where(intake.c.state == SET_ASIDE).order_by(intake.c.id)).scalars())


def set_aside_count(conn: Connection) -> int:
    """How many bodies are set aside, in whole or in part."""
    count: int = conn.execute(select(func.count()).select_from(intake).where(intake.c.state == SET_ASIDE)).scalar_one()
    return count


def pending(conn: Connection) -> dict[bool, int]:
    """How many bodies wait, by urgency."""
    query: Any = select(intake.c.urgent, func.count()).where(intake.c.state == PENDING).group_by(intake.c.urgent)
    return {row[0]: row[1] for row in conn.execute(query)}


def lag(conn: Connection) -> float:
    """Seconds of operating time that the oldest pending body has waited; 0 when none does."""
    oldest = select(func.min(intake.c.received_at)).where(intake.c.state == PENDING).scalar_subquery()
    waited = func.extract("epoch", func.clock_timestamp() - oldest)
    return float(conn.execute(select(func.coalesce(waited, 0))).scalar_one())


def has_old(conn: Connection, before: datetime) -> bool:
    """Whether there are processed bodies that came before then."""
    query = select(select(intake.c.id).where(intake.c.state == "done", intake.c.at < before).exists())
    return bool(conn.execute(query).scalar_one())


def delete_old(conn: Connection, before: datetime, limit: int) -> int:
    """Removes processed bodies that came before then, at most so many; says how many. What is set aside stays."""
    done = conn.execute(
        text(
            """
            WITH old AS MATERIALIZED (
                SELECT id FROM intake WHERE state = 'done' AND at < :before
                ORDER BY at LIMIT :limit FOR UPDATE SKIP LOCKED
            )
            DELETE FROM intake i USING old WHERE i.id = old.id
            """
        ),
        {"before": before, "limit": limit},
    )
    return done.rowcount

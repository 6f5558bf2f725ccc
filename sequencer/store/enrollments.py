"""Enrollments: claims, set-based writes, look-ups."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Text, and_, bindparam, cast, exists, func, or_, select, text
from sqlalchemy import update as update_

from sequencer.core.enrollment import HOLDOUT, RUNNING, Enrollment, Outcome, Status, made
from sequencer.core.fate import Standing
from sequencer.core.lanes import Other
from sequencer.core.lead import Lead
from sequencer.core.message import State
from sequencer.store import leads, requests
from sequencer.store.arrays import any_in, array
from sequencer.store.partitions import SHIFT
from sequencer.store.tables import company, enrollment, lead, message

COLUMNS = (
    enrollment.c.id,
    enrollment.c.lead_id,
    enrollment.c.sequence,
    enrollment.c.deployment,
    enrollment.c.entered_at,
    enrollment.c.position,
    enrollment.c.since,
    enrollment.c.due_at,
    enrollment.c.status,
    enrollment.c.reason,
    cast(enrollment.c.outcomes, Text).label("outcomes"),
    enrollment.c.paused_at,
    enrollment.c.resume_at,
    enrollment.c.ended_at,
    enrollment.c.expected_at,
    enrollment.c.pinned,
)
_RUNNING = sorted(RUNNING)
_STATUSES = {status.value: status for status in Status}
_HELD_OUT = [{"step": HOLDOUT}]
"""What the history of whoever gets nothing holds."""
_BEING_MADE = text(requests.BEING_MADE).columns(enrollment.c.id)
"""By way of the requests, for whoever asks for all of them."""
_LAST_IS_OUT = and_(
    enrollment.c.status == Status.FINISHED,
    exists().where(message.c.enrollment_id == enrollment.c.id, message.c.state == State.SENDING),
)
"""Finished with a last mail that is on its way to the provider, and so still running: should that surely not be sent,
it is reopened, and whatever ended or paused it meanwhile must be known then. By way of the ledger, for whoever asks for
some leads: how many others are mailed at the moment costs them nothing."""


Row = tuple[Enrollment, Lead]


def of(row: Sequence[Any]) -> Enrollment:
    """The enrollment in the first columns of a row that was selected with COLUMNS."""
    return made((*row[:8], _STATUSES[row[8]], row[9], _passed(row[10]), *row[11 : len(COLUMNS)]))


@lru_cache(maxsize=1024)
def _passed(history: str) -> tuple[Outcome, ...]:
    """Whoever was mailed in one batch has the same behind them."""
    return tuple(
        [
            Outcome(o["step"], o["outcome"], datetime.fromisoformat(o["at"]), o.get("detail", ""))
            for o in orjson.loads(history)
        ]
    )


_DUE_HERE = (
    select(*COLUMNS, *leads.COLUMNS)
    .join(lead, lead.c.id == enrollment.c.lead_id)
    .where(enrollment.c.sequence == bindparam("sequence"), enrollment.c.position == bindparam("position"))
    .where(enrollment.c.due_at <= bindparam("now"), enrollment.c.status.in_(_RUNNING))
    .order_by(enrollment.c.due_at, enrollment.c.lead_id)
    .limit(bindparam("limit"))
    # The lead before the enrollment: that of a lead who is passed over would stay locked, and whoever has the lead, and
    # waits for it, may have mails of others that are waited for here.
    .with_for_update(key_share=True, skip_locked=True, of=[lead, enrollment])
)
_DUE_SINCE = _DUE_HERE.where(enrollment.c.due_at >= bindparam("floor"))
_AT_A_TIME = 100
"""Rows that are read before what they say is put together: those of a whole batch are more than a processor's nearest
memory holds."""


def claim(
    conn: Connection,
    sequence: str,
    position: str,
    now: datetime,
    floor: datetime | None,
    limit: int,
    but: Collection[int] = (),
) -> list[Row]:
    """Takes due enrollments at one place, each with its lead locked; what others hold is passed over.

    `floor`: nothing due before it is looked for, so that the index's dead entries are not read again and again.
    `but`: companies whose people are left where they are.
    """
    values: dict[str, Any] = {"sequence": sequence, "position": position, "now": now, "limit": limit}
    query = _DUE_HERE
    if floor is not None:
        query, values["floor"] = _DUE_SINCE, floor
    if but:
        query, values["ids"] = query.where(~func.coalesce(lead.c.company_id == any_in("ids"), False)), array(but)
    # The driver's own tuples: what SQLAlchemy puts around each takes a tenth of the claim.
    found = conn.execute(query, values).cursor
    assert found is not None
    taken: list[Row] = []
    while rows := found.fetchmany(_AT_A_TIME):
        taken += [(of(row), leads.of(row[len(COLUMNS) :])) for row in rows]
    return taken


DUE_PLACES = """
    WITH RECURSIVE place AS (
        (SELECT sequence, position, due_at FROM enrollment WHERE due_at IS NOT NULL
         ORDER BY sequence, position, due_at LIMIT 1)
        UNION ALL
        SELECT next.* FROM place CROSS JOIN LATERAL (
            SELECT sequence, position, due_at FROM enrollment
            WHERE due_at IS NOT NULL AND (sequence, position) > (place.sequence, place.position)
            ORDER BY sequence, position, due_at LIMIT 1
        ) next
    )
    SELECT sequence, position, due_at FROM place ORDER BY due_at, sequence, position
"""
"""Every place where somebody waits, and when the first there is due; a walk from key to key through the index.

Once through each place: what lies in front of its first are the dead entries of those who went on, which are read one
by one while any transaction could still see them.
"""


def places(conn: Connection) -> list[tuple[str, str, datetime]]:
    """(sequence, position, when the first there is due), earliest first."""
    return [(row.sequence, row.position, row.due_at) for row in conn.execute(text(DUE_PLACES))]


_RUNNING_OF = (
    select(*COLUMNS)
    .where(enrollment.c.lead_id == any_in("ids"), or_(enrollment.c.status.in_(_RUNNING), _LAST_IS_OUT))
    .order_by(enrollment.c.id)
    # In this order, because whoever records refusals dates several enrollments without their leads' locks.
    .with_for_update(key_share=True)
)


def running_of(conn: Connection, lead_ids: Sequence[int]) -> list[Enrollment]:
    """Running enrollments of leads that the caller has locked; locks them too, in order."""
    found = [of(row) for row in conn.execute(_RUNNING_OF, {"ids": array(lead_ids)}).all()]
    return [e if e.status in RUNNING else e.reopened() for e in found]


def all_of(conn: Connection, lead_ids: Sequence[int]) -> list[Enrollment]:
    query = select(*COLUMNS).where(enrollment.c.lead_id == func.any(list(lead_ids))).order_by(enrollment.c.id)
    return [of(row) for row in conn.execute(query)]


def lead_of(conn: Connection, ids: Sequence[int]) -> dict[int, int]:
    """Whose each of these enrollments is, as far as there are such."""
    rows = conn.execute(select(enrollment.c.id, enrollment.c.lead_id).where(enrollment.c.id == func.any(list(ids))))
    return {row[0]: row[1] for row in rows}


def of_sequence(conn: Connection, lead_ids: Sequence[int], sequence: str) -> list[Enrollment]:
    """Running and ended ones; one whose last mail is on its way runs: nobody may enter anew who may be reopened."""
    e = enrollment.c
    query = select(*COLUMNS, _LAST_IS_OUT).where(e.lead_id == func.any(list(lead_ids)), e.sequence == sequence)
    return [of(row).reopened() if row[-1] else of(row) for row in conn.execute(query)]


def others(conn: Connection, lead_ids: Sequence[int], sequences: Sequence[str]) -> dict[int, list[Other]]:
    """By lead: enrollments in these sequences that run, or came to their goal."""
    e = enrollment.c
    query = (
        select(e.lead_id, e.id, e.sequence, e.status, e.entered_at, e.ended_at, e.outcomes.contains(_HELD_OUT))
        .where(e.lead_id == func.any(list(lead_ids)), e.sequence == func.any(list(sequences)))
        .where(e.status == func.any([*_RUNNING, Status.CONVERTED]))
        .order_by(e.id)
    )
    found: dict[int, list[Other]] = {}
    for lead_id, number, sequence, status, *rest in conn.execute(query):
        found.setdefault(lead_id, []).append(Other(number, sequence, Status(status), *rest))
    return found


def wake(conn: Connection, ids: Sequence[int], now: datetime) -> None:
    """Has running enrollments looked at again that the caller has locked; who waits for an answer only is not."""
    e = enrollment.c
    running = e.id == func.any(list(ids)), e.status.in_(_RUNNING)
    conn.execute(update_(enrollment).where(*running).values(due_at=now))


_INSERT = text(
    """
    INSERT INTO enrollment (
        id, lead_id, sequence, deployment, position, since, due_at, status, origin, entered_at, bucket, outcomes)
    SELECT (:millis << :shift) | (nextval('enrollment_number') & :mask), v.lead_id, :sequence, :deployment, :position,
           :now, v.due_at, 'active', :origin, :now, l.bucket,
           CASE WHEN v.lead_id = ANY(CAST(:held_out AS bigint[])) THEN CAST(:history AS jsonb) ELSE '[]' END
    FROM unnest(CAST(:lead_ids AS bigint[]), CAST(:dues AS timestamptz[])) v(lead_id, due_at)
    JOIN lead l ON l.id = v.lead_id
    ON CONFLICT (lead_id, sequence) WHERE status IN ('active', 'paused') DO NOTHING
    RETURNING lead_id
    """
)


def insert(
    conn: Connection,
    sequence: str,
    deployment: int,
    position: str,
    entries: Sequence[tuple[int, datetime]],
    origin: str,
    now: datetime,
    held_out: Collection[int] = (),
) -> set[int]:
    """Enrols leads (id, due) that the caller has locked; returns those who entered.

    `held_out`: those of them who go through it without getting anything.
    """
    if not entries:
        return set()
    done = conn.execute(
        _INSERT,
        {
            "millis": int(now.timestamp() * 1000),
            "shift": SHIFT,
            "mask": (1 << SHIFT) - 1,
            "sequence": sequence,
            "deployment": deployment,
            "position": position,
            "origin": origin,
            "now": now,
            "lead_ids": [lead_id for lead_id, _ in entries],
            "dues": [due for _, due in entries],
            "held_out": sorted(held_out),
            "history": _history((Outcome(HOLDOUT, "held_out", now),)),
        },
    )
    return set(done.scalars())


_UPDATE = text(
    """
    UPDATE enrollment e
    SET position = s.position, since = s.since, due_at = s.due_at, status = s.status, reason = s.reason,
        outcomes = s.outcomes, paused_at = s.paused_at, resume_at = s.resume_at, ended_at = s.ended_at,
        deployment = s.deployment, expected_at = s.expected_at, pinned = s.pinned
    FROM unnest(
        CAST(:members AS text[]), CAST(:deployment AS int[]), CAST(:position AS text[]), CAST(:since AS timestamptz[]),
        CAST(:due_at AS timestamptz[]), CAST(:status AS text[]), CAST(:reason AS text[]), CAST(:outcomes AS jsonb[]),
        CAST(:paused_at AS timestamptz[]), CAST(:resume_at AS timestamptz[]), CAST(:ended_at AS timestamptz[]),
        CAST(:expected_at AS timestamptz[]), CAST(:pinned AS int[])
    ) s(ids, deployment, position, since, due_at, status, reason, outcomes, paused_at, resume_at, ended_at, expected_at,
        pinned)
    -- One walk through the index for all who stand alike, where a join would look up each row by itself.
    WHERE e.id = ANY(CAST(s.ids AS bigint[]))
    """
)
_STANDS = (
    "deployment",
    "position",
    "since",
    "due_at",
    "status",
    "reason",
    "outcomes",
    "paused_at",
    "resume_at",
    "ended_at",
    "expected_at",
    "pinned",
)
_stand = itemgetter(*map(Enrollment._fields.index, _STANDS))


Alike = tuple[Enrollment, list[int]]
"""One of those who stand alike, and the ids of all of them."""


def alike(changed: Iterable[Enrollment]) -> list[Alike]:
    """Most of a batch stand alike afterwards: how they stand is decided and told once for all who do."""
    members: dict[tuple[Any, ...], Alike] = {}
    for one in changed:
        stand = _stand(one)
        if (known := members.get(stand)) is None:
            known = members[stand] = (one, [])
        known[1].append(one.id)
    return list(members.values())


def update(conn: Connection, changed: Iterable[Enrollment]) -> None:
    """Writes enrollments whose leads the caller has locked, in one statement."""
    write(conn, alike(changed))


def write(conn: Connection, changed: Sequence[Alike]) -> None:
    """The same of those who were put together already."""
    if not changed:
        return
    told = dict(zip(_STANDS, zip(*[_stand(one) for one, _ in changed], strict=True), strict=True))
    told["outcomes"] = tuple(map(_history, told["outcomes"]))
    told["status"] = tuple(status.value for status in told["status"])
    values = {name: array(column) for name, column in told.items()}
    conn.execute(_UPDATE, values | {"members": array([array(ids) for _, ids in changed])})


_REOPEN = text(
    """
    WITH held AS MATERIALIZED (
        SELECT id, status FROM enrollment WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE enrollment e SET status = 'active', reason = '', due_at = :now, ended_at = NULL
    FROM held WHERE e.id = held.id AND held.status = 'finished'
    """
)


def reopen(conn: Connection, ids: Collection[int], now: datetime) -> None:
    """Those of these that finished with a mail which was not sent, or of which nobody knows, are to be looked at again.

    In the transaction that says so of their messages; until then `running_of` finds them, so that who was ended or
    paused meanwhile stays so. Locks all of them, in order.
    """
    if ids:
        conn.execute(_REOPEN, {"ids": array(ids), "now": now})


def _history(outcomes: Sequence[Outcome]) -> str:
    return orjson.dumps(
        [
            {"step": o.step, "outcome": o.outcome, "at": o.at, "detail": o.detail}
            if o.detail
            else {"step": o.step, "outcome": o.outcome, "at": o.at}
            for o in outcomes
        ]
    ).decode()


_REDATE = """
    WITH again AS MATERIALIZED (
        SELECT e.id, v.due_at
        FROM enrollment e JOIN unnest(CAST(:ids AS bigint[]), CAST(:dues AS timestamptz[])) v(id, due_at) ON v.id = e.id
        WHERE e.status IN ('active', 'paused') ORDER BY e.id FOR NO KEY UPDATE OF e %s
    )
    UPDATE enrollment e SET due_at = again.due_at, expected_at = NULL FROM again WHERE e.id = again.id RETURNING e.id
    """
_REDATE_ALL, _REDATE_FREE = text(_REDATE % ""), text(_REDATE % "SKIP LOCKED")


def redate(conn: Connection, dues: Mapping[int, datetime], wait: bool = True) -> set[int]:
    """Dates enrollments anew, when what was sent is due again or at last known. Returns those that still run.

    Not `wait`: those that somebody holds are passed over.
    """
    if not dues:
        return set()
    query = _REDATE_ALL if wait else _REDATE_FREE
    return set(conn.execute(query, {"ids": list(dues), "dues": list(dues.values())}).scalars())


def any_running(conn: Connection, first_id: int, after_id: int) -> bool:
    """Whether anybody with an id from the first to before the other is still on the way."""
    e = enrollment.c
    inside = select(e.id).where(e.id >= first_id, e.id < after_id, e.status == func.any(_RUNNING))
    number = _BEING_MADE.subquery().c.id
    out = select(number).where(number >= first_id, number < after_id)
    return bool(conn.execute(select(or_(inside.exists(), out.exists()))).scalar_one())


def overdue(conn: Connection, now: datetime) -> int:
    """How many are due now."""
    query = select(func.count()).where(enrollment.c.due_at <= now, enrollment.c.status == func.any(_RUNNING))
    return int(conn.execute(query).scalar_one())


_PUT_OFF = text(
    """
    WITH late AS MATERIALIZED (
        SELECT id, due_at FROM enrollment
        WHERE id > :after AND due_at <= :now AND status IN ('active', 'paused')
        ORDER BY id LIMIT :limit FOR NO KEY UPDATE
    )
    UPDATE enrollment e
    SET expected_at = coalesce(e.expected_at, late.due_at),
        due_at = :now + :window * (1 - (hashint8(e.id)::bigint + 2147483648) / 4294967296.0)
    FROM late WHERE e.id = late.id
    RETURNING e.id
    """
)


def put_off(conn: Connection, now: datetime, window: timedelta, after: int, limit: int) -> list[int]:
    """Spreads overdue enrollments evenly over the window, keeping when they were expected. Returns ids, ascending.

    `after`: only ids above it, so that a caller goes through all of them piece by piece.
    """
    values = {"now": now, "window": window, "after": after, "limit": limit}
    return sorted(conn.execute(_PUT_OFF, values).scalars())


_LET_GO = text(
    """
    WITH held AS MATERIALIZED (
        SELECT id FROM enrollment
        WHERE id > :after AND sequence = :sequence AND status = 'paused' AND reason = :reason
        ORDER BY id LIMIT :limit FOR NO KEY UPDATE
    )
    UPDATE enrollment e
    SET reason = '', due_at = :now + :window * (1 - (hashint8(e.id)::bigint + 2147483648) / 4294967296.0)
    FROM held WHERE e.id = held.id
    RETURNING e.id
    """
)


def let_go(
    conn: Connection, sequence: str, reason: str, now: datetime, window: timedelta, after: int, limit: int
) -> list[int]:
    """Dates those who are held for this reason, spread evenly over the window. Returns ids, ascending.

    `after`: only ids above it, so that a caller goes through all of them piece by piece.
    """
    values = {"sequence": sequence, "reason": reason, "now": now, "window": window, "after": after, "limit": limit}
    return sorted(conn.execute(_LET_GO, values).scalars())


def held(conn: Connection, sequence: str, reason: str) -> int:
    """How many are held for this reason."""
    query = select(func.count()).where(
        enrollment.c.sequence == sequence, enrollment.c.status == Status.PAUSED, enrollment.c.reason == reason
    )
    return int(conn.execute(query).scalar_one())


def behind(conn: Connection, deployment: int, limit: int) -> list[tuple[Enrollment, Lead]]:
    """Running enrollments of an older deployment, each with its lead locked; those that began first come first.

    Which ones are taken follows where rows happen to lie: an index by both would cost every claim's writes.
    """
    query = (
        select(*COLUMNS, *leads.COLUMNS)
        .join(lead, lead.c.id == enrollment.c.lead_id)
        .where(enrollment.c.deployment < deployment, enrollment.c.status.in_(_RUNNING))
        .order_by(enrollment.c.deployment)
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True, of=[lead, enrollment])  # as in a claim
    )
    rows = [(of(row), leads.of(row[len(COLUMNS) :])) for row in conn.execute(query)]
    return sorted(rows, key=lambda row: row[0].id)


_CARRY = text("UPDATE enrollment SET deployment = :deployment WHERE id = ANY(CAST(:ids AS bigint[]))")


def carry(conn: Connection, ids: Sequence[int], deployment: int) -> None:
    """Notes of enrollments whose leads the caller has locked that a deployment leaves them as they are."""
    if ids:
        conn.execute(_CARRY, {"ids": array(ids), "deployment": deployment})


def left_behind(conn: Connection, deployment: int) -> int:
    """How many running enrollments are still of an older deployment."""
    query = (
        select(func.count())
        .where(enrollment.c.deployment < deployment, enrollment.c.status.in_(_RUNNING))
        .select_from(enrollment)
    )
    return int(conn.execute(query).scalar_one())


_PINNED = text(
    f"""
    WITH RECURSIVE kept AS (
        (SELECT sequence, pinned FROM enrollment WHERE pinned IS NOT NULL AND status IN ('active', 'paused')
         ORDER BY sequence, pinned LIMIT 1)
        UNION ALL
        SELECT next.* FROM kept CROSS JOIN LATERAL (
            SELECT sequence, pinned FROM enrollment
            WHERE pinned IS NOT NULL AND status IN ('active', 'paused')
              AND (sequence, pinned) > (kept.sequence, kept.pinned)
            ORDER BY sequence, pinned LIMIT 1
        ) next
    )
    SELECT sequence, pinned FROM kept
    UNION
    SELECT sequence, pinned FROM enrollment
    WHERE pinned IS NOT NULL AND status = 'finished'
      AND id IN ({requests.BEING_MADE})
    """
)


def pinned(conn: Connection) -> list[tuple[str, int]]:
    """Every sequence and older deployment whose steps somebody inside keeps; a walk from key to key.

    Also who finished with a mail that is on its way: should it go again, then by these steps.
    """
    return [(row.sequence, row.pinned) for row in conn.execute(_PINNED)]


def oldest_deployment(conn: Connection) -> int | None:
    """The oldest from which somebody inside is still to be taken over, or would be whose last mail is on its way; None:
    nobody is.
    """
    e = enrollment.c
    inside = select(func.min(e.deployment)).where(e.status.in_(_RUNNING))
    out = select(func.min(e.deployment)).where(e.status == Status.FINISHED, e.id.in_(_BEING_MADE))
    query = select(func.least(inside.scalar_subquery(), out.scalar_subquery()))
    found: int | None = conn.execute(query).scalar()
    return found


_STANDING = text(
    """
    SELECT e.sequence, e.deployment, e.position, e.status, e.passed, count(*), e.pinned
    FROM (
        SELECT sequence, deployment, position, status, pinned,
               (SELECT jsonb_agg(jsonb_build_array(o -> 'step', o -> 'outcome') ORDER BY n)
                FROM jsonb_array_elements(outcomes) WITH ORDINALITY passed(o, n)) AS passed
        FROM enrollment WHERE status IN ('active', 'paused')
    ) e
    GROUP BY e.sequence, e.deployment, e.position, e.status, e.passed, e.pinned
    ORDER BY e.sequence, e.deployment, e.position, e.status, e.passed, e.pinned
    """
)


def standing(conn: Connection) -> list[Standing]:
    """How many people are at each place of each sequence, told apart by what they have behind them."""
    return [
        Standing(
            sequence, deployment, position, status, tuple((step, outcome) for step, outcome in passed or ()), *rest
        )
        for sequence, deployment, position, status, passed, *rest in conn.execute(_STANDING)
    ]


def page(conn: Connection, sequences: Sequence[str], after: int, limit: int) -> list[Row]:
    """Running enrollments in these sequences by id, for walking through all of them in bounded memory."""
    query = (
        select(*COLUMNS, *leads.COLUMNS)
        .join(lead, lead.c.id == enrollment.c.lead_id)
        .where(enrollment.c.id > after, enrollment.c.sequence == func.any(list(sequences)))
        .where(enrollment.c.status.in_(_RUNNING))
        .order_by(enrollment.c.id)
        .limit(limit)
    )
    return [(of(row), leads.of(row[len(COLUMNS) :])) for row in conn.execute(query)]


class Count(NamedTuple):
    """How many are alike."""

    sequence: str
    status: str
    position: str
    pinned: int | None
    people: int


def counts(conn: Connection) -> list[Count]:
    """Everybody, for `status` and the dashboard."""
    e = enrollment.c
    alike = e.sequence, e.status, e.position, e.pinned
    return [Count._make(row) for row in conn.execute(select(*alike, func.count()).group_by(*alike))]


def ownerless(conn: Connection, sequences: Sequence[str], reps: Sequence[str], shared: bool) -> dict[str, int]:
    """By sequence: how many running are of leads that none of these reps owns; `shared`: nor their company."""
    owns, inherited = func.any(list(reps)), func.any(list(reps) if shared else [])
    query = (
        select(enrollment.c.sequence, func.count())
        .join(lead, lead.c.id == enrollment.c.lead_id)
        .join(company, company.c.id == lead.c.company_id, isouter=True)
        .where(enrollment.c.sequence == func.any(list(sequences)), enrollment.c.status == func.any(_RUNNING))
        .where(~func.coalesce(lead.c.owner == owns, False), ~func.coalesce(leads.COMPANY_OWNER == inherited, False))
        .group_by(enrollment.c.sequence)
    )
    return {row[0]: row[1] for row in conn.execute(query)}


_COMING = """
    SELECT lead_id FROM enrollment WHERE status IN ('active', 'paused')
    UNION
    SELECT lead_id FROM watch WHERE due_at <= :until AND rule IN (SELECT id FROM watch_rule WHERE NOT gone)
"""


_HOW_MANY_COME = text(f"SELECT count(*) FROM ({_COMING}) lead")
_WHO_COMES = text(
    f"SELECT lead_id FROM ({_COMING}) lead WHERE (hashint8(lead_id) & 2147483647) % :every = 0 ORDER BY 1"
)


def coming(conn: Connection, until: datetime) -> int:
    """How many leads are in some sequence, or may be let into one by time until then."""
    return int(conn.execute(_HOW_MANY_COME, {"until": until}).scalar_one())


def coming_of(conn: Connection, until: datetime, every: int) -> list[int]:
    """Their ids, ascending; of every so many one, always the same ones."""
    return list(conn.execute(_WHO_COMES, {"until": until, "every": every}).scalars())

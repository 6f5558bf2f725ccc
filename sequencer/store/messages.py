"""The ledger: one row for each email to one lead for one step."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Text, bindparam, func, select, text, tuple_
from sqlalchemy.exc import IntegrityError

from sequencer.core.made import maker
from sequencer.core.message import MAYBE_SENT, Message, State
from sequencer.store import requests
from sequencer.store.arrays import any_in, array, numbered
from sequencer.store.tables import message, request

COLUMNS = (
    message.c.enrollment_id,
    message.c.step,
    message.c.lead_id,
    message.c.state,
    message.c.attempt,
    message.c.content,
    message.c.sent_at,
    message.c.accepted_at,
    message.c.retry_at,
    message.c.opened_at,
    message.c.clicked_at,
    message.c.clicked,
    message.c.failure,
)


def of(row: Sequence[Any]) -> Message:
    values = list(row[: len(COLUMNS)])
    values[3] = State(values[3])
    values[11] = tuple(values[11])
    return Message(*values)


_OF_ENROLLMENTS = (
    select(*COLUMNS)
    # The bounds leave few partitions of a plan that was made once: a list of keys does only where it is planned anew.
    .where(
        message.c.enrollment_id == any_in("ids"), message.c.enrollment_id.between(bindparam("first"), bindparam("last"))
    )
    .order_by(message.c.sent_at)
)
_COUNTED = message.c.state.in_(sorted(MAYBE_SENT))
_MAILED_AT = (
    select(message.c.lead_id, message.c.sent_at)
    .where(message.c.lead_id == any_in("ids"), message.c.sent_at >= bindparam("since"), ~message.c.exempt, _COUNTED)
    .order_by(message.c.sent_at)
)
_RECEIVED = select(message.c.lead_id, message.c.content).where(
    message.c.lead_id == any_in("ids"), message.c.content == any_in("contents", Text), _COUNTED
)


def of_enrollments(conn: Connection, ids: Sequence[int]) -> dict[int, dict[str, Message]]:
    """Ledger rows by enrollment and step, in the order they were sent."""
    found: dict[int, dict[str, Message]] = {}
    if not ids:
        return found
    values = {"ids": array(ids), "first": min(ids), "last": max(ids)}
    for row in conn.execute(_OF_ENROLLMENTS, values).all():
        known = of(row)
        found.setdefault(known.enrollment_id, {})[known.step] = known
    return found


def mailed_at(conn: Connection, lead_ids: Sequence[int], since: datetime) -> dict[int, list[datetime]]:
    """When leads were mailed, as far as it counts for gap and caps; oldest first."""
    found: dict[int, list[datetime]] = {}
    for lead_id, sent_at in conn.execute(_MAILED_AT, {"ids": array(lead_ids), "since": since}).all():
        found.setdefault(lead_id, []).append(sent_at)
    return found


def received(conn: Connection, lead_ids: Sequence[int], contents: Sequence[str]) -> dict[int, set[str]]:
    """Which of these contents each lead has got, from any sequence."""
    found: dict[int, set[str]] = {}
    for row in conn.execute(_RECEIVED, {"ids": array(lead_ids), "contents": array(contents)}).all():
        found.setdefault(row.lead_id, set()).add(row.content)
    return found


_HEADS = select(message.c.enrollment_id, message.c.step, message.c.subject, message.c.message_id).where(
    message.c.enrollment_id == any_in("ids"),
    message.c.step == any_in("steps", Text),
    _COUNTED,
    message.c.message_id != "",
)


class Head(NamedTuple):
    """How a mail can be answered."""

    subject: str
    message_id: str


def heads(conn: Connection, ids: Sequence[int], steps: Collection[str]) -> dict[tuple[int, str], Head]:
    """By enrollment and step, of the mails of these that went, or may have."""
    rows = conn.execute(_HEADS, {"ids": array(ids), "steps": array(steps)}).all()
    return {(enrollment_id, step): Head(*head) for enrollment_id, step, *head in rows}


@dataclass(frozen=True, slots=True, eq=False)
class Common:
    """What most attempts of a batch have in common; it is told once for all who share it."""

    step: str
    sequence: str
    deployment: int
    content: str
    sender: str
    exempt: bool
    state: State
    attempt: int
    request_id: str
    failure: str | None = None


class Attempt(NamedTuple):
    """A row to be written when an attempt begins (`sending`), or when rendering failed (`refused`)."""

    enrollment_id: int
    lead_id: int
    email: str
    subject: str
    message_id: str
    common: Common

    @property
    def step(self) -> str:
        return self.common.step


_OWN = Attempt._fields[:-1]
_COMMON = tuple(one.name for one in fields(Common))
_common = attrgetter(*_COMMON)

_BEGIN = f"""
    WITH opened AS ({requests.BEGIN})
    INSERT INTO message (
        enrollment_id, step, lead_id, sequence, deployment, content, email, sender, subject, message_id, exempt, state,
        attempt, request_id, failure, fence, sent_at)
    SELECT v.enrollment_id, s.step, v.lead_id, s.sequence, s.deployment, s.content, v.email, s.sender, v.subject,
           v.message_id, s.exempt, s.state, s.attempt, s.request_id, s.failure, :fence, :now
    FROM unnest(
        CAST(:enrollment_id AS bigint[]), CAST(:lead_id AS bigint[]), CAST(:email AS text[]), CAST(:subject AS text[]),
        CAST(:message_id AS text[]), CAST(:commons AS int[])
    ) v(enrollment_id, lead_id, email, subject, message_id, common)
    JOIN unnest(
        CAST(:step AS text[]), CAST(:sequence AS text[]), CAST(:deployment AS int[]), CAST(:content AS text[]),
        CAST(:sender AS text[]), CAST(:exempt AS boolean[]), CAST(:state AS text[]), CAST(:attempt AS smallint[]),
        CAST(:request_id AS text[]), CAST(:failure AS text[])
    ) WITH ORDINALITY s(step, sequence, deployment, content, sender, exempt, state, attempt, request_id, failure,
                        number) ON s.number = v.common
    """
_BEGIN_FIRST = text(_BEGIN)
_BEGIN_ANY = text(
    f"""
    {_BEGIN}
    ON CONFLICT (enrollment_id, step) DO UPDATE
    SET state = excluded.state, attempt = excluded.attempt, fence = excluded.fence,
        request_id = excluded.request_id, sent_at = excluded.sent_at, email = excluded.email, sender = excluded.sender,
        subject = excluded.subject, message_id = excluded.message_id, failure = excluded.failure, retry_at = NULL,
        deployment = excluded.deployment, content = excluded.content
    WHERE message.state = 'retry' AND message.attempt = excluded.attempt - 1
    """
)
"""Looks for the key of each row before writing it, a quarter of the time."""
_BEGUN = select(message.c.enrollment_id, message.c.step).where(
    message.c.enrollment_id == any_in("ids"), message.c.fence == bindparam("fence")
)


class BegunBefore(Exception):
    """A first attempt was begun before: the transaction is over, and is to be repeated by who looks for each key."""


def begin(
    conn: Connection, attempts: Sequence[Attempt], fence: int, lease: float, now: datetime, look: bool = True
) -> Sequence[Attempt]:
    """Writes the attempts. Only those returned may be sent: the key lets nobody begin a step twice.

    `lease`: seconds of operating time after which the reaper may call the attempt unknown. Not `look`: where all are
    first attempts, they are written without a look for the key of each. Raises BegunBefore where one was there.
    """
    if not attempts:
        return ()
    *own, shared = zip(*attempts, strict=True)
    commons, numbers = numbered(shared)
    columns = dict(zip(_OWN, map(array, own), strict=True))
    columns |= dict(zip(_COMMON, map(array, zip(*map(_common, commons), strict=True)), strict=True))
    columns["commons"] = array(numbers)
    sharing = defaultdict[Common, list[int]](list)
    for common, enrollment_id in zip(shared, own[0], strict=True):
        sharing[common].append(enrollment_id)
    opened = requests.opened((c.request_id, ids) for c, ids in sharing.items() if c.state is State.SENDING)
    values = columns | opened | {"lease": lease, "fence": fence, "now": now}
    if not look and all(common.attempt == 1 for common in commons):
        try:
            conn.execute(_BEGIN_FIRST, values)
        except IntegrityError as error:
            raise BegunBefore from error
        return attempts
    done = conn.execute(_BEGIN_ANY, values).rowcount
    if done == len(attempts):
        return attempts
    ours = set(map(tuple, conn.execute(_BEGUN, {"ids": columns["enrollment_id"], "fence": fence})))
    return [a for a in attempts if (a.enrollment_id, a.step) in ours]


_ACCEPT = """
    WITH %s ours AS MATERIALIZED (
        SELECT enrollment_id FROM message
        WHERE request_id = :request_id AND state IN ('sending', 'unknown')
            AND enrollment_id = ANY(CAST(:ids AS bigint[]))
        ORDER BY enrollment_id, step FOR NO KEY UPDATE
    )
    UPDATE message SET state = 'accepted', accepted_at = coalesce(accepted_at, :now), failure = NULL,
                       provider_id = CAST(:provider_ids AS jsonb) ->> CAST(enrollment_id AS text)
    WHERE request_id = :request_id AND state IN ('sending', 'unknown')
        -- One walk through the index, where a join would look up each row by itself.
        AND enrollment_id = ANY(ARRAY(SELECT enrollment_id FROM ours))
    """
_ACCEPT_SOME = text(_ACCEPT % "")
_ACCEPT_ALL = text(_ACCEPT % "closed AS (DELETE FROM request WHERE id = :request_id),")


def accept(conn: Connection, request_id: str, provider_ids: Mapping[int, str], now: datetime, close: bool) -> int:
    """The provider took them. Always wins over `unknown`, also after a lost lease; later states are left alone.

    `provider_ids`: by enrollment. `close`: these are all that the request was about, which is over with it.
    """
    known = orjson.dumps(provider_ids, option=orjson.OPT_NON_STR_KEYS).decode()
    values = {"request_id": request_id, "ids": array(provider_ids), "provider_ids": known, "now": now}
    return conn.execute(_ACCEPT_ALL if close else _ACCEPT_SOME, values).rowcount


_SETTLE = text(
    """
    WITH ours AS MATERIALIZED (
        SELECT enrollment_id, step FROM message
        WHERE request_id = :request_id AND fence = :fence AND state = 'sending' AND enrollment_id = ANY(:ids)
        ORDER BY enrollment_id, step FOR NO KEY UPDATE
    )
    UPDATE message m SET state = v.state, failure = v.failure, retry_at = v.retry_at
    FROM ours, unnest(CAST(:ids AS bigint[]), CAST(:states AS text[]), CAST(:failures AS text[]),
                CAST(:retries AS timestamptz[])) v(id, state, failure, retry_at)
    WHERE m.enrollment_id = ours.enrollment_id AND m.step = ours.step AND v.id = ours.enrollment_id
    RETURNING m.enrollment_id
    """
)


@dataclass(frozen=True, slots=True)
class Settled:
    """What an attempt ended as, when it was not accepted."""

    enrollment_id: int
    state: State
    failure: str
    retry_at: datetime | None = None


def settle(conn: Connection, request_id: str, fence: int, settled: Sequence[Settled]) -> set[int]:
    """Records attempts that were not accepted; only the owner of the fence may, and only while they are `sending`."""
    if not settled:
        return set()
    done = conn.execute(
        _SETTLE,
        {
            "ids": [s.enrollment_id for s in settled],
            "states": [s.state.value for s in settled],
            "failures": [s.failure for s in settled],
            "retries": [s.retry_at for s in settled],
            "request_id": request_id,
            "fence": fence,
        },
    )
    return set(done.scalars())


def release(conn: Connection, request_ids: Sequence[str], now: datetime) -> dict[int, str]:
    """Attempts that were never handed over (the commit's outcome was in doubt): surely not sent, due again at once.

    Returns their steps by enrollment.
    """
    ids = requests.take(conn, request_ids)
    done = conn.execute(
        text(
            "UPDATE message SET state = 'retry', retry_at = :now, failure = 'never handed over'"
            " WHERE enrollment_id = ANY(CAST(:ids AS bigint[])) AND request_id = ANY(CAST(:request_ids AS text[]))"
            " AND state = 'sending' RETURNING enrollment_id, step"
        ),
        {"ids": array(ids), "request_ids": array(request_ids), "now": now},
    )
    found = {enrollment_id: step for enrollment_id, step in done}
    requests.close(conn, request_ids)
    return found


def reopen(conn: Connection, keys: Sequence[tuple[int, str]]) -> None:
    """Unknown messages that are to go again all the same, in the transaction that begins their next attempt."""
    if keys:
        conn.execute(
            text(
                "UPDATE message m SET state = 'retry'"
                " FROM unnest(CAST(:ids AS bigint[]), CAST(:steps AS text[])) v(id, step)"
                " WHERE m.enrollment_id = v.id AND m.step = v.step AND m.state = 'unknown'"
            ),
            {"ids": [k[0] for k in keys], "steps": [k[1] for k in keys]},
        )


def reap(conn: Connection, limit: int) -> tuple[list[int], bool]:
    """Attempts whose lease ran out become `unknown`: whoever made them is gone, and nobody knows what was sent.

    `limit`: requests at a time. Returns their enrollments, and whether there may be more.
    """
    found = requests.abandoned(conn, limit)
    done = conn.execute(
        text(
            """
            WITH dead AS MATERIALIZED (
                SELECT enrollment_id, step FROM message
                WHERE enrollment_id = ANY(CAST(:ids AS bigint[])) AND request_id = ANY(CAST(:request_ids AS text[]))
                    AND state = 'sending'
                ORDER BY enrollment_id, step FOR NO KEY UPDATE
            )
            UPDATE message m SET state = 'unknown', failure = 'no answer was recorded before the lease ended'
            FROM dead WHERE m.enrollment_id = dead.enrollment_id AND m.step = dead.step
            RETURNING m.enrollment_id
            """
        ),
        {"ids": array(number for ids in found.values() for number in ids), "request_ids": array(found)},
    )
    reaped = list(done.scalars())
    requests.doubt(conn, found)
    requests.sweep(conn)
    return reaped, len(found) == limit


def cancel(conn: Connection, keys: Sequence[tuple[int, str]]) -> None:
    """Mails that were due to go again will not: their lead was halted, or the step skipped."""
    if not keys:
        return
    conn.execute(
        text(
            "UPDATE message m SET state = 'cancelled', retry_at = NULL"
            " FROM unnest(CAST(:ids AS bigint[]), CAST(:steps AS text[])) v(id, step)"
            " WHERE m.enrollment_id = v.id AND m.step = v.step AND m.state = 'retry'"
        ),
        {"ids": [k[0] for k in keys], "steps": [k[1] for k in keys]},
    )


def cancel_rest(conn: Connection, ended: Sequence[int]) -> None:
    """What was to go again in these enrollments will not: they ended."""
    if ended:
        conn.execute(
            text(
                "UPDATE message SET state = 'cancelled', retry_at = NULL"
                " WHERE enrollment_id = ANY(:ids) AND state = 'retry'"
            ),
            {"ids": list(ended)},
        )


@dataclass(slots=True)
class Engagement:
    """What a batch of events says of one message. Facts only grow, states only advance: what was known before the
    message was locked need not be said again.
    """

    request_id: str | None = None
    accepted_at: datetime | None = None
    delivered_at: datetime | None = None
    opened_at: datetime | None = None
    clicked_at: datetime | None = None
    clicked: tuple[str, ...] = ()
    state: State | None = None
    """BOUNCED or DROPPED, when an event said so."""
    failure: str | None = None


_HOLD = text(
    """
    WITH held AS MATERIALIZED (
        SELECT enrollment_id, step, state FROM message
        WHERE enrollment_id = ANY(CAST(:ids AS bigint[])) AND enrollment_id BETWEEN :first AND :last
            -- Not a join: see below. Without the truth value it would become one.
            AND ((enrollment_id, step) IN (
                SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:steps AS text[])))) IS TRUE
        ORDER BY enrollment_id, step FOR NO KEY UPDATE
    )
    SELECT enrollment_id, step FROM held WHERE state IN ('sending', 'unknown', 'retry')
    """
)


def _hold(conn: Connection, keys: Collection[tuple[int, str]]) -> set[tuple[int, str]]:
    """Locks messages, in order, before a statement that joins them; gives those of them that are open.

    PostgreSQL looks once more at a row that somebody changed since a statement began. 18.6 then forgets the rows after
    it, or ends with signal 11, where the plan leaves out partitions both at its start and for each row of a join, and
    which plan that is depends on how long the tables are. Of rows that are held nothing can change.
    """
    ids, steps = zip(*keys, strict=True)
    values = {"ids": array(ids), "steps": array(steps), "first": min(ids), "last": max(ids)}
    return {(enrollment_id, step) for enrollment_id, step in conn.execute(_HOLD, values)}


_APPLY = text(
    """
    UPDATE message m
    SET state = CASE
            WHEN 'bounced' IN (m.state, v.state) THEN 'bounced'
            WHEN 'dropped' IN (m.state, v.state) THEN 'dropped'
            WHEN v.delivered_at IS NOT NULL THEN 'delivered'
            WHEN m.state IN ('sending', 'unknown', 'retry', 'cancelled', 'refused') THEN 'accepted'
            ELSE m.state END,
        retry_at = NULL,
        accepted_at = coalesce(m.accepted_at, v.accepted_at),
        delivered_at = least(m.delivered_at, v.delivered_at),
        opened_at = least(m.opened_at, v.opened_at),
        clicked_at = least(m.clicked_at, v.clicked_at),
        clicked = CASE WHEN v.clicked = '' THEN m.clicked ELSE
            (SELECT coalesce(array_agg(DISTINCT name ORDER BY name), '{}')
             FROM unnest(m.clicked || string_to_array(v.clicked, chr(31))) name) END,
        failure = CASE
            WHEN m.state = 'bounced' OR (m.state = 'dropped' AND v.state IS DISTINCT FROM 'bounced') THEN m.failure
            ELSE v.failure END
    FROM unnest(
        CAST(:ids AS bigint[]), CAST(:steps AS text[]), CAST(:accepted AS timestamptz[]),
        CAST(:delivered AS timestamptz[]),
        CAST(:opened AS timestamptz[]), CAST(:clicked_at AS timestamptz[]), CAST(:clicked AS text[]),
        CAST(:states AS text[]), CAST(:failures AS text[])
    ) v(id, step, accepted_at, delivered_at, opened_at, clicked_at, clicked, state, failure)
    WHERE m.enrollment_id = v.id AND m.step = v.step AND (m.state <> 'refused' OR m.attempt > 1)
        -- Says nothing new, and leaves the planner few partitions.
        AND m.enrollment_id BETWEEN :first AND :last
    """
)


def apply(
    conn: Connection, said: Mapping[tuple[int, str], Engagement], also: Collection[tuple[int, str]] = ()
) -> set[int]:
    """Writes what events say of their messages, in statements whose number does not grow with them.

    An event proves that the message went, whatever we or an operator thought: also one that was to go again will not.
    Also where a later attempt was refused: it speaks of the one before. Returns the enrollments whose message was open
    until now.

    `also`: messages that the caller writes afterwards. They are locked together with these, in one order: locked later,
    two who do so could wait for each other.
    """
    if not said:
        return set()
    keys = sorted(said)
    ids, steps = zip(*keys, strict=True)
    rows = [said[key] for key in keys]
    columns = {
        "ids": array(ids),
        "first": ids[0],
        "last": ids[-1],
        "steps": array(steps),
        "accepted": array(r.accepted_at for r in rows),
        "delivered": array(r.delivered_at for r in rows),
        "opened": array(r.opened_at for r in rows),
        "clicked_at": array(r.clicked_at for r in rows),
        "clicked": array("\x1f".join(r.clicked) for r in rows),
        "states": array(r.state.value if r.state else None for r in rows),
        "failures": array(r.failure for r in rows),
    }
    open_before = _hold(conn, {*keys, *also})
    conn.execute(_APPLY, columns)
    return {key[0] for key in open_before if key in said}


def recount_clicks(conn: Connection, keys: Collection[tuple[int, str]]) -> None:
    """Writes the facts about clicks anew from events, after some turned out to be a machine's. Leads are locked."""
    if not keys:
        return
    _hold(conn, keys)
    conn.execute(
        text(
            """
            UPDATE message m
            SET clicked_at = counted.first, clicked = coalesce(counted.links, '{}')
            FROM unnest(CAST(:ids AS bigint[]), CAST(:steps AS text[])) v(id, step)
            JOIN message own ON own.enrollment_id = v.id AND own.step = v.step
            CROSS JOIN LATERAL (
                SELECT min(e.at) AS first, array_agg(DISTINCT e.data ->> 'link') FILTER (WHERE e.data ? 'link') AS links
                FROM event e
                WHERE e.lead_id = own.lead_id AND e.enrollment_id = v.id AND e.step = v.step
                  AND e.kind = 'clicked' AND NOT e.machine
            ) counted
            WHERE m.enrollment_id = v.id AND m.step = v.step
            """
        ),
        {"ids": [key[0] for key in keys], "steps": [key[1] for key in keys]},
    )


def prove(conn: Connection, request_ids: Sequence[str], now: datetime) -> set[int]:
    """The join that reconciles: an event for any message of a request proves that the provider took all of it.

    Returns the enrollments whose message was open until now.
    """
    ids = requests.take(conn, request_ids) if request_ids else []
    if not ids:
        return set()  # nothing of them is open any more
    done = conn.execute(
        text(
            """
            WITH proven AS MATERIALIZED (
                SELECT enrollment_id, step FROM message
                WHERE enrollment_id = ANY(CAST(:ids AS bigint[])) AND request_id = ANY(CAST(:request_ids AS text[]))
                    AND state IN ('sending', 'unknown')
                ORDER BY enrollment_id, step FOR NO KEY UPDATE
            )
            UPDATE message m SET state = 'accepted', accepted_at = coalesce(accepted_at, :now), failure = NULL
            FROM proven WHERE m.enrollment_id = proven.enrollment_id AND m.step = proven.step
            RETURNING m.enrollment_id
            """
        ),
        {"ids": array(ids), "request_ids": array(request_ids), "now": now},
    )
    requests.close(conn, request_ids)
    return set(done.scalars())


class Origin(NamedTuple):
    """Where a message came from (whom it went to, which attempt it was, the content of which deployment), and what is
    known of what became of it.
    """

    lead_id: int
    attempt: int
    deployment: int
    content: str
    erased: bool
    """Whether the person was erased: what is still said of it is kept nowhere."""
    sure: bool
    """Whether the ledger says that the provider took it, so that one more proof of that changes nothing."""
    delivered_at: datetime | None
    opened_at: datetime | None


_origin = maker(Origin)
_ORIGINS = text(
    """
    SELECT v.place, m.lead_id, m.attempt, m.deployment, m.content, m.email = '',
           m.accepted_at IS NOT NULL AND (
               m.state IN ('bounced', 'dropped') OR m.state IN ('accepted', 'delivered') AND m.failure IS NULL),
           CASE WHEN m.state <> 'accepted' THEN m.delivered_at END, m.opened_at
    FROM unnest(CAST(:ids AS bigint[]), CAST(:steps AS text[])) WITH ORDINALITY v(id, step, place)
    CROSS JOIN LATERAL (
        SELECT * FROM message
        -- The bounds leave the planner few partitions.
        WHERE enrollment_id = v.id AND step = v.step AND enrollment_id BETWEEN :first AND :last LIMIT 1
    ) m
    """
)


def origins(conn: Connection, keys: Collection[tuple[int, str]]) -> dict[tuple[int, str], Origin]:
    """By enrollment and step, for what webhooks say of them."""
    if not keys:
        return {}
    asked = sorted(keys)
    ids, steps = zip(*asked, strict=True)
    values = {"ids": array(ids), "steps": array(steps), "first": ids[0], "last": ids[-1]}
    return {asked[row[0] - 1]: _origin(row[1:]) for row in conn.execute(_ORIGINS, values).all()}


_DESCRIBED = (
    select(message)
    .where(message.c.enrollment_id == any_in("ids"), message.c.email != "")
    .order_by(message.c.sent_at, message.c.step)
)


def described(conn: Connection, enrollment_ids: Sequence[int]) -> list[Any]:
    """Whole ledger rows, for what people read and answer; not those of people who were erased."""
    return list(conn.execute(_DESCRIBED, {"ids": array(enrollment_ids)}))


def counts(conn: Connection) -> list[tuple[str, str, str, int]]:
    """(sequence, step, state, how many)."""
    m = message.c
    query = select(m.sequence, m.step, m.state, func.count()).group_by(m.sequence, m.step, m.state)
    return [(row[0], row[1], row[2], row[3]) for row in conn.execute(query)]


class Doubt(NamedTuple):
    """A message of which nobody knows whether it went."""

    enrollment_id: int
    step: str
    lead_id: int


_IS_UNKNOWN = (
    message.c.enrollment_id == func.any(func.array(select(func.unnest(request.c.enrollment_ids)).scalar_subquery()))
) & (message.c.state == State.UNKNOWN)
"""By way of the open requests: they are few, and the ledger is long."""


def in_doubt(
    conn: Connection,
    lead_ids: Sequence[int] | None,
    steps: Sequence[tuple[str, str]] | None,
    sequence: str | None,
    limit: int,
) -> list[Doubt]:
    """Unknown messages, oldest first: of these leads (None: of all), these steps (sequence, key) and this sequence."""
    m = message.c
    query = select(m.enrollment_id, m.step, m.lead_id).where(_IS_UNKNOWN).order_by(m.sent_at, m.step)
    if lead_ids is not None:
        query = query.where(m.lead_id == func.any(list(lead_ids)))
    if steps is not None:
        query = query.where(tuple_(m.sequence, m.step).in_(steps))
    if sequence is not None:
        query = query.where(m.sequence == sequence)
    return [Doubt(*row) for row in conn.execute(query.limit(limit))]


_RESOLVE = text(
    """
    UPDATE message m
    SET state = :state, failure = :failure,
        accepted_at = CASE WHEN :state = 'accepted' THEN m.sent_at ELSE m.accepted_at END,
        retry_at = CASE WHEN :state = 'retry' THEN CAST(:now AS timestamptz) END
    FROM unnest(CAST(:ids AS bigint[]), CAST(:steps AS text[])) v(id, step)
    WHERE m.enrollment_id = v.id AND m.step = v.step AND m.state = 'unknown'
    RETURNING m.enrollment_id
    """
)


def resolve(conn: Connection, doubts: Sequence[Doubt], state: State, failure: str | None, now: datetime) -> set[int]:
    """Writes what somebody decided of unknown messages, whose leads the caller has locked. Returns the enrollments."""
    values = {
        "ids": [d.enrollment_id for d in doubts],
        "steps": [d.step for d in doubts],
        "state": state.value,
        "failure": failure,
        "now": now,
    }
    if doubts:
        _hold(conn, [(d.enrollment_id, d.step) for d in doubts])
    moved = set(conn.execute(_RESOLVE, values).scalars())
    requests.sweep(conn)
    return moved


def unknown(conn: Connection) -> int:
    """How many messages nobody knows of whether they went."""
    query = select(func.count()).select_from(message).where(_IS_UNKNOWN)
    return int(conn.execute(query).scalar_one())


def held(conn: Connection, limit: int) -> list[Any]:
    """Messages of which nobody knows whether they went, oldest first."""
    query = select(message).where(_IS_UNKNOWN).order_by(message.c.sent_at).limit(limit)
    return list(conn.execute(query))

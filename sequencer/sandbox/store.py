"""What the mail door and the reactor ask of the tables: accept a request, draw a fault, claim and settle reactions."""

import secrets
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, Integer, bindparam, delete, func, insert, select, text

from sequencer.sandbox import tables
from sequencer.sandbox.compose import Mail, Shared
from sequencer.sandbox.faults import Fault, strikes
from sequencer.sandbox.reaction import Due, Reaction, Told, told_of
from sequencer.sandbox.tables import MAILS, REACTIONS
from sequencer.store.arrays import array

GIVE_UP = timedelta(hours=24)
"""How long a post is repeated, in operating time, as SendGrid does."""


@dataclass(frozen=True, slots=True)
class Received:
    """One request, as the rules judged it."""

    at: datetime
    body: bytes
    size: int
    status: int
    problem: str | None = None
    fault: str | None = None


_MESSAGE = "id number to_email words custom_args".split()
_REACTION = "id kind due_at data suppresses".split()
_SUPPRESSING = {
    "bounce": "Bounced Address",
    "spamreport": "Spam Reporting Address",
    "unsubscribe": "Unsubscribed Address",
}
"""Kinds of events, and the reason that SendGrid gives when it drops a later mail to the address."""

_SUPPRESSED = text(
    "SELECT suppresses, min(kind) FROM sandbox.reaction"
    " WHERE suppresses = ANY(:emails) AND state = 'posted' GROUP BY suppresses"
)

_RECORD = insert(tables.request).returning(tables.request.c.number)


def record(conn: Connection, received: Received, shared: Shared | None = None, count: int = 0) -> tuple[int, str]:
    """Keeps the request, refused or not; gives its number and its X-Message-Id."""
    public = secrets.token_urlsafe(16)
    kept = {
        "id": public,
        "at": received.at,
        "bytes": received.size,
        "count": count,
        "status": received.status,
        "problem": _storable(received.problem),
        "fault": received.fault,
        "body": zlib.compress(received.body, 1),
        "categories": list(shared.categories) if shared is not None else [],
    }
    return conn.execute(_RECORD, kept).scalar_one(), public


def add_messages(conn: Connection, request: int, mails: Sequence[Mail]) -> range:
    """Gives their ids."""
    ids = range(request * MAILS, request * MAILS + len(mails))
    lines = []
    for number, mail in zip(ids, mails, strict=True):
        words = f"{mail.subject} {mail.to_name} {mail.to_email} {mail.from_name} {mail.from_email}"
        args = orjson.dumps(mail.custom_args).decode()
        lines.append(f"{number}\t{mail.number}\t{_copied(mail.to_email)}\t{_copied(words)}\t{_copied(args)}\n")
    _copy(conn, "sandbox.message", _MESSAGE, lines)
    return ids


def add_reactions(conn: Connection, followed: Iterable[tuple[int, str, Sequence[Reaction]]]) -> None:
    """All that follows messages that are new: (id, recipient's address, what).

    Equal due times are posted in this order.
    """
    lines = []
    for message, email, several in followed:
        for number, (kind, due_at, data) in enumerate(several, message * REACTIONS):
            told = _copied(orjson.dumps(data).decode()) if data else _NULL
            suppresses = _copied(email.lower()) if kind in _SUPPRESSING else _NULL
            lines.append(f"{number}\t{kind}\t{due_at}\t{told}\t{suppresses}\n")
    _copy(conn, "sandbox.reaction", _REACTION, lines)


_ADD = text(
    """
    INSERT INTO sandbox.reaction (id, kind, due_at, data, suppresses)
    SELECT coalesce(max(id) + 1, :first), :kind, :due_at, CAST(:data AS json), :suppresses
    FROM sandbox.reaction WHERE id BETWEEN :first AND :last RETURNING id
    """
)


def add_reaction(conn: Connection, message: int, email: str, told: Reaction) -> int:
    """One more that follows a message; gives its id. Ask for `reacting` before the message is looked at."""
    first, last = of_message(message)
    suppresses = email.lower() if told.kind in _SUPPRESSING else None
    values = {"first": first, "last": last, "kind": told.kind, "due_at": told.due_at, "data": _data(told)}
    number: int = conn.execute(_ADD, values | {"suppresses": suppresses}).scalar_one()
    return number


def of_message(message: int) -> tuple[int, int]:
    """The first and the last id that its reactions may have."""
    return message * REACTIONS, message * REACTIONS + REACTIONS - 1


def _data(told: Reaction) -> str | None:
    return orjson.dumps(told.data).decode() if told.data else None


_NULL = r"\N"


def _copy(conn: Connection, table: str, columns: Sequence[str], lines: Sequence[str]) -> None:
    """Inserts by COPY, in its text format: a request may bring a thousand mails, and each of them several reactions."""
    driver = conn.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        copy.write("".join(lines))


def _copied(value: str) -> str:
    """A text in COPY's format. (By `replace`: `translate` looks at every letter.)"""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def suppressed(conn: Connection, emails: Iterable[str]) -> dict[str, str]:
    """Addresses that SendGrid would no longer mail, and the reason it gives when it drops a mail to them."""
    found = conn.execute(_SUPPRESSED, {"emails": [email.lower() for email in emails]})
    return {email: _SUPPRESSING[kind] for email, kind in found}


_FAULTS = select(tables.fault).order_by(tables.fault.c.position).with_for_update()
_CLOCK = select(func.clock_timestamp())


def draw_fault(conn: Connection, seed: int) -> Fault | None:
    """The first fault of the list that strikes this request; each draws by how many requests it has seen."""
    seen: list[int] = []
    found: Fault | None = None
    for row in conn.execute(_FAULTS).all():
        if row.times is not None and row.fired >= row.times:
            continue
        seen.append(row.position)
        if strikes(seed, row.position, row.seen, row.rate):
            found = Fault(row.kind, row.rate, row.times, row.seconds)
            break
    if seen:
        conn.execute(_DREW, {"seen": seen, "struck": seen[-1] if found is not None else None})
    return found


_DREW = text(
    "UPDATE sandbox.fault SET seen = seen + 1, fired = fired + (position IS NOT DISTINCT FROM :struck)::int"
    " WHERE position = ANY(:seen)"
).bindparams(bindparam("struck", type_=Integer))


def set_faults(conn: Connection, faults: Sequence[Fault]) -> None:
    """Replaces the list; counting begins anew."""
    conn.execute(_FAULTS)  # in the order in which whoever draws locks them
    conn.execute(delete(tables.fault))
    for position, fault in enumerate(faults):
        conn.execute(
            insert(tables.fault).values(
                position=position, kind=fault.kind, rate=fault.rate, times=fault.times, seconds=fault.seconds
            )
        )


def faults(conn: Connection) -> list[dict[str, Any]]:
    chosen = text("SELECT kind, rate, times, seconds, seen, fired FROM sandbox.fault ORDER BY position")
    return [dict(row) for row in conn.execute(chosen).mappings()]


_DUE = text(
    """
    SELECT id, kind, due_at, CAST(data AS text), attempts FROM sandbox.reaction
    WHERE state = 'pending' AND due_at <= :now AND (retry_at IS NULL OR retry_at <= clock_timestamp())
    ORDER BY due_at, id LIMIT :n
    """
)
_TOLD = text(
    f"""
    SELECT m.id, q.id, m.number, m.to_email, m.custom_args, q.categories
    FROM sandbox.message m JOIN sandbox.request q ON q.number = m.id / {MAILS} WHERE m.id = ANY(:ids)
    """
)


def due(conn: Connection, now: datetime, limit: int, known: dict[int, Told]) -> list[Due]:
    """Reactions whose time has come, in order. They stay pending until `posted` or `failed`: only one process posts.

    `known`: messages by id, as they were read before; what is missing is added.
    """
    rows = conn.execute(_DUE, {"now": now, "n": limit}).all()
    of = [row[0] // REACTIONS for row in rows]
    if missing := set(of) - known.keys():
        for message, *told in conn.execute(_TOLD, {"ids": list(missing)}).all():
            known[message] = told_of(*told)
    return [
        Due(number, kind, due_at, told, attempts, known[message])
        for (number, kind, due_at, told, attempts), message in zip(rows, of, strict=True)
        if message in known  # else it was forgotten in between
    ]


_POSTED = text(
    """
    UPDATE sandbox.reaction r
    SET state = 'posted', attempts = attempts + 1, retry_at = NULL, problem = NULL, answered_at = v.at
    FROM unnest(CAST(:ids AS bigint[]), CAST(:at AS timestamptz[])) v(id, at) WHERE r.id = v.id
    """
)


def posted(conn: Connection, answered: Mapping[int, datetime]) -> None:
    """`answered`: operating time of the answer, by reaction."""
    conn.execute(_POSTED, {"ids": array(answered), "at": array(answered.values())})


def postpone(conn: Connection, ids: Sequence[int], seconds: float, problem: str) -> None:
    """To be tried again after so many seconds of operating time; given up after 24 hours."""
    conn.execute(
        text(
            """
            UPDATE sandbox.reaction
            SET retry_at = clock_timestamp() + make_interval(secs => :seconds), problem = :problem,
                attempts = attempts + 1, tried_at = coalesce(tried_at, clock_timestamp()),
                state = CASE WHEN clock_timestamp() - tried_at > :give_up THEN 'failed' ELSE 'pending' END
            WHERE id = ANY(:ids)
            """
        ),
        {"ids": list(ids), "seconds": seconds, "problem": problem, "give_up": GIVE_UP},
    )


def failed(conn: Connection, ids: Sequence[int], problem: str) -> None:
    """Refused for good: the other side will not take it."""
    conn.execute(
        text("UPDATE sandbox.reaction SET state = 'failed', retry_at = NULL, problem = :problem WHERE id = ANY(:ids)"),
        {"ids": list(ids), "problem": problem},
    )


def next_due(conn: Connection) -> datetime | None:
    """Business time of the earliest pending reaction."""
    r = tables.reaction.c
    moment: datetime | None = conn.execute(select(func.min(r.due_at)).where(r.state == text("'pending'"))).scalar_one()
    return moment


def operating_time(conn: Connection) -> datetime:
    """By the database's clock: for signatures and rate limits, never for events."""
    moment: datetime = conn.execute(_CLOCK).scalar_one()
    return moment


_REACTING = text("LOCK TABLE sandbox.reaction IN SHARE ROW EXCLUSIVE MODE")


def reacting(conn: Connection) -> None:
    """Until this transaction ends no message is forgotten, and nobody else adds reactions: for who looks at a message
    and adds one to it then."""
    conn.execute(_REACTING)


def clear(conn: Connection) -> None:
    """Forgets every request, message and reaction. Ids go on counting.

    Nobody writes reactions meanwhile, so that none is left without its message; whoever reads goes on reading. A
    request that is just being recorded is not seen yet and stays, whole.
    """
    conn.execute(_REACTING)
    for table in (tables.reaction, tables.message, tables.request):
        conn.execute(delete(table))


def _storable(value: str | None) -> str | None:
    """PostgreSQL's text holds every character but NUL."""
    return value.replace("\0", "") if value else value


def storable(value: Any) -> Any:
    """The same for everything inside a parsed body."""
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, Mapping):
        return {_storable(name): storable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [storable(inner) for inner in value]
    return value


def parse(raw: bytes) -> Any:
    """JSON that the tables can hold; raises ValueError for what is not JSON (or nested beyond reason)."""
    body = orjson.loads(raw)
    return storable(body) if b"\\u0000" in raw else body

"""What the mail door and the reactor ask of the tables: accept a request, draw a fault, claim and settle reactions."""

import secrets
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, delete, func, insert, select, text, update

from sequencer.sandbox import tables
from sequencer.sandbox.compose import Mail, Shared
from sequencer.sandbox.faults import Fault, strikes
from sequencer.sandbox.reaction import Due, Reaction

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


_MESSAGES = text(
    """
    INSERT INTO sandbox.message (id, request, number, to_email, to_name, from_email, from_name, reply_to, subject,
                                 headers, custom_args, substitutions, accepted_at)
    SELECT id, :request, number, to_email, to_name, from_email, from_name, reply_to, subject,
           headers, custom_args, substitutions, :at
    FROM jsonb_to_recordset(:rows) AS m(
        id bigint, number integer, to_email text, to_name text, from_email text, from_name text, reply_to text,
        subject text, headers jsonb, custom_args jsonb, substitutions jsonb)
    """
).bindparams(bindparam("rows", type_=tables.message.c.headers.type))

_REACTIONS = text(
    """
    INSERT INTO sandbox.reaction (message, email, kind, due_at, data)
    SELECT message, email, kind, due_at, data
    FROM ROWS FROM (
        jsonb_to_recordset(:rows) AS (message bigint, email text, kind text, due_at timestamptz, data jsonb)
    ) WITH ORDINALITY AS r(message, email, kind, due_at, data, number)
    ORDER BY number
    RETURNING id
    """
).bindparams(bindparam("rows", type_=tables.reaction.c.data.type))

_SUPPRESSED = text(
    """
    SELECT email, min(kind) FROM sandbox.reaction
    WHERE email = ANY(:emails) AND state = 'posted' AND kind IN ('bounce', 'spamreport', 'unsubscribe')
    GROUP BY email
    """
)


def record(conn: Connection, received: Received, shared: Shared | None = None, count: int = 0) -> tuple[int, str]:
    """Keeps the request, refused or not; gives its number and its X-Message-Id."""
    public = secrets.token_urlsafe(16)
    kept: dict[str, Any] = {}
    if shared is not None:
        kept = {
            "text": _storable(shared.text),
            "html": _storable(shared.html),
            "categories": list(shared.categories),
            "track_opens": shared.track_opens,
            "track_clicks": shared.track_clicks,
        }
    number = conn.execute(
        insert(tables.request)
        .values(
            id=public,
            at=received.at,
            bytes=received.size,
            count=count,
            status=received.status,
            problem=_storable(received.problem),
            fault=received.fault,
            body=zlib.compress(received.body, 1),
            **kept,
        )
        .returning(tables.request.c.number)
    ).scalar_one()
    return number, public


def add_messages(conn: Connection, request: int, at: datetime, mails: Sequence[Mail]) -> list[int]:
    """One INSERT for all of them; gives their ids, ascending in the mails' order."""
    ids = sorted(
        conn.execute(
            text("SELECT nextval('sandbox.message_id') FROM generate_series(1, :n)"), {"n": len(mails)}
        ).scalars()
    )
    rows = [
        {
            "id": number,
            "number": mail.number,
            "to_email": mail.to_email,
            "to_name": mail.to_name,
            "from_email": mail.from_email,
            "from_name": mail.from_name,
            "reply_to": mail.reply_to,
            "subject": mail.subject,
            "headers": mail.headers,
            "custom_args": mail.custom_args,
            "substitutions": mail.substitutions,
        }
        for number, mail in zip(ids, mails, strict=True)
    ]
    conn.execute(_MESSAGES, {"request": request, "at": at, "rows": rows})
    return ids


def add_reactions(conn: Connection, reactions: Iterable[tuple[int, str, Reaction]]) -> list[int]:
    """(message id, recipient's address, reaction) in the order in which equal due times are posted."""
    rows = [
        {
            "message": message,
            "email": email.lower(),
            "kind": reaction.kind,
            "due_at": reaction.due_at.isoformat(),
            "data": reaction.data,
        }
        for message, email, reaction in reactions
    ]
    return list(conn.execute(_REACTIONS, {"rows": rows}).scalars()) if rows else []


def suppressed(conn: Connection, emails: Iterable[str]) -> dict[str, str]:
    """Addresses that SendGrid would no longer mail, and the reason it gives when it drops a mail to them."""
    reasons = {
        "bounce": "Bounced Address",
        "spamreport": "Spam Reporting Address",
        "unsubscribe": "Unsubscribed Address",
    }
    found = conn.execute(_SUPPRESSED, {"emails": [email.lower() for email in emails]})
    return {email: reasons[kind] for email, kind in found}


def draw_fault(conn: Connection, seed: int) -> Fault | None:
    """The first fault of the list that strikes this request; each draws by how many requests it has seen."""
    f = tables.fault.c
    for row in conn.execute(select(tables.fault).order_by(f.position).with_for_update()).all():
        if row.times is not None and row.fired >= row.times:
            continue
        struck = strikes(seed, row.position, row.seen, row.rate)
        conn.execute(
            update(tables.fault)
            .where(f.position == row.position)
            .values(seen=row.seen + 1, fired=row.fired + (1 if struck else 0))
        )
        if struck:
            return Fault(row.kind, row.rate, row.times, row.seconds)
    return None


def set_faults(conn: Connection, faults: Sequence[Fault]) -> None:
    """Replaces the list; counting begins anew."""
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
    SELECT r.id, r.kind, r.due_at, r.data, r.attempts, q.id AS request_id, m.number, m.to_email, m.custom_args,
           q.categories, coalesce(letter.to_name, ''), coalesce(letter.from_email, ''), letter.reply_to,
           coalesce(letter.subject, ''), coalesce(letter.headers, '{}')
    FROM (
        SELECT id, message, kind, due_at, data, attempts FROM sandbox.reaction
        WHERE state = 'pending' AND due_at <= :now AND (retry_at IS NULL OR retry_at <= clock_timestamp())
        ORDER BY due_at, id LIMIT :n
    ) r
    JOIN sandbox.message m ON m.id = r.message
    JOIN sandbox.request q ON q.number = m.request
    LEFT JOIN sandbox.message letter ON letter.id = r.message AND r.kind IN ('reply', 'auto_reply', 'one_click')
    ORDER BY r.due_at, r.id
    """
)


def due(conn: Connection, now: datetime, limit: int) -> list[Due]:
    """Reactions whose time has come, in order. They stay pending until `posted` or `failed`: only one process posts."""
    return [Due(*row) for row in conn.execute(_DUE, {"now": now, "n": limit})]


def posted(conn: Connection, ids: Sequence[int], at: datetime) -> None:
    """`at`: operating time of the answer."""
    conn.execute(
        text(
            "UPDATE sandbox.reaction SET state = 'posted', attempts = attempts + 1, retry_at = NULL, problem = NULL,"
            " answered_at = :at WHERE id = ANY(:ids)"
        ),
        {"ids": list(ids), "at": at},
    )


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
    moment: datetime = conn.execute(select(func.clock_timestamp())).scalar_one()
    return moment


def clear(conn: Connection) -> None:
    """Forgets every request, message and reaction. Ids go on counting."""
    conn.execute(text("TRUNCATE sandbox.request, sandbox.message, sandbox.reaction"))


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

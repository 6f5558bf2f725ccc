"""Reading what was accepted: messages as their recipients see them, requests, and what followed."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from sequencer.sandbox.compose import Mail, Shared, compose, header, one_click_url, substitute
from sequencer.sandbox.links import Link, links
from sequencer.sandbox.store import of_message, parse
from sequencer.sandbox.tables import MAILS, REACTIONS

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Message:
    """One accepted mail. `text` and `html` are what the recipient reads."""

    id: int
    number: int
    to_email: str
    to_name: str
    from_email: str
    from_name: str
    reply_to: str | None
    subject: str
    text: str | None
    html: str | None
    headers: Mapping[str, str]
    custom_args: Mapping[str, str]
    categories: Sequence[str]
    accepted_at: datetime
    request_id: str
    track_opens: bool
    track_clicks: bool

    @property
    def links(self) -> list[Link]:
        return links(self.html, self.text)

    @property
    def one_click_url(self) -> str | None:
        return one_click_url(self.headers)

    @property
    def message_id(self) -> str | None:
        return header(self.headers, "Message-ID")

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "to": self.to_email,
            "to_name": self.to_name,
            "from": self.from_email,
            "from_name": self.from_name,
            "reply_to": self.reply_to,
            "subject": self.subject,
            "text": self.text,
            "html": self.html,
            "headers": self.headers,
            "custom_args": self.custom_args,
            "categories": self.categories,
            "accepted_at": self.accepted_at,
            "request_id": self.request_id,
        }


def messages(conn: Connection, to: str | None = None, after: int = 0, limit: int | None = None) -> Iterator[Message]:
    """In order of acceptance, read in chunks: a run may hold more than fits into memory."""
    left = limit
    while left is None or left > 0:
        size = _CHUNK if left is None else min(_CHUNK, left)
        condition = "id > :after" + (" AND lower(to_email) = lower(:to)" if to else "")
        query = text(f"SELECT id FROM sandbox.message WHERE {condition} ORDER BY id LIMIT :n")
        ids = conn.execute(query, {"after": after, "n": size, **({"to": to} if to else {})}).scalars().all()
        yield from _read(conn, ids).values()
        if len(ids) < size:
            return
        after = ids[-1]
        left = None if left is None else left - len(ids)


def message(conn: Connection, number: int) -> Message | None:
    return _read(conn, [number]).get(number)


_REQUESTS = text("SELECT number, id, at, body FROM sandbox.request WHERE number = ANY(:numbers) AND count > 0")


def _read(conn: Connection, ids: Sequence[int]) -> dict[int, Message]:
    """Messages by id, in this order, as their requests tell of them; without those that there are not."""
    found: dict[int, tuple[RowMapping, Shared, list[Mail]]] = {}
    for row in conn.execute(_REQUESTS, {"numbers": sorted({number // MAILS for number in ids})}).mappings():
        found[row["number"]] = (row, *compose(parse(zlib.decompress(row["body"]))))
    read: dict[int, Message] = {}
    for number in ids:
        request, place = divmod(number, MAILS)
        if request in found and place < len(found[request][2]):
            row, shared, mails = found[request]
            read[number] = _message(number, row, shared, mails[place])
    return read


@dataclass(frozen=True, slots=True)
class Line:
    """A mail as the inbox lists it; `followed` are the kinds of what was posted for it."""

    message: Message
    followed: frozenset[str]


def page(conn: Connection, to: str, search: str, before: int | None, size: int) -> list[Line]:
    """Newest first. `search` looks into subjects, names and addresses; `to` is one recipient's address."""
    conditions = ["true"]
    found: dict[str, Any] = {"n": size}
    if before is not None:
        conditions.append("m.id < :before")
        found["before"] = before
    if to:
        conditions.append("lower(m.to_email) = lower(:to)")
        found["to"] = to
    if search:
        conditions.append("m.words ILIKE :search")
        found["search"] = "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    query = text(
        f"""
        SELECT m.id, ARRAY(
            SELECT DISTINCT r.kind || CASE WHEN r.data->>'sg_machine_open' = 'true' THEN ' by machine' ELSE '' END
            FROM sandbox.reaction r
            WHERE r.id BETWEEN m.id * {REACTIONS} AND m.id * {REACTIONS} + {REACTIONS - 1} AND r.state = 'posted')
        FROM sandbox.message m WHERE {" AND ".join(conditions)} ORDER BY m.id DESC LIMIT :n
        """
    )
    followed = {row[0]: frozenset(row[1]) for row in conn.execute(query, found)}
    return [Line(one, followed[one.id]) for one in _read(conn, list(followed)).values()]


def reactions(conn: Connection, message: int, now: datetime) -> list[dict[str, Any]]:
    """What followed a mail until now, in order; what the audience will yet do stays hidden."""
    query = text(
        """
        SELECT id, kind, due_at, data, state, problem FROM sandbox.reaction
        WHERE id BETWEEN :first AND :last AND due_at <= :now ORDER BY due_at, id
        """
    )
    first, last = of_message(message)
    rows = conn.execute(query, {"first": first, "last": last, "now": now}).mappings()
    return [{**row, "data": row["data"] or {}} for row in rows]


def states(conn: Connection, ids: Sequence[int]) -> set[str]:
    query = text("SELECT DISTINCT state FROM sandbox.reaction WHERE id = ANY(:ids)")
    return set(conn.execute(query, {"ids": list(ids)}).scalars())


def requests(conn: Connection) -> list[dict[str, Any]]:
    query = text("SELECT id, at, count, bytes, status, problem, fault FROM sandbox.request ORDER BY number")
    return [dict(row) for row in conn.execute(query).mappings()]


def request_body(conn: Connection, public: str) -> bytes | None:
    """The body as it was received, compressed by zlib."""
    body: bytes | None = conn.execute(
        text("SELECT body FROM sandbox.request WHERE id = :id"), {"id": public}
    ).scalar_one_or_none()
    return body


def pending(conn: Connection, now: datetime) -> dict[str, Any]:
    """`due`: not yet received though their time has come. `next_at`: business time of the earliest pending one."""
    query = text(
        "SELECT count(*) FILTER (WHERE due_at <= :now) AS due, min(due_at) AS next_at "
        "FROM sandbox.reaction WHERE state = 'pending'"
    )
    return dict(conn.execute(query, {"now": now}).mappings().one())


def _message(number: int, row: RowMapping, shared: Shared, mail: Mail) -> Message:
    values = mail.substitutions
    return Message(
        id=number,
        number=mail.number,
        to_email=mail.to_email,
        to_name=mail.to_name,
        from_email=mail.from_email,
        from_name=mail.from_name,
        reply_to=mail.reply_to,
        subject=mail.subject,
        text=None if shared.text is None else substitute(shared.text, values),
        html=None if shared.html is None else substitute(shared.html, values),
        headers=mail.headers,
        custom_args=mail.custom_args,
        categories=shared.categories,
        accepted_at=row["at"],
        request_id=row["id"],
        track_opens=shared.track_opens,
        track_clicks=shared.track_clicks,
    )

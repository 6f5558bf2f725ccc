"""Reading what was accepted: messages as their recipients see them, requests, and what followed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from sequencer.sandbox.compose import header, one_click_url, substitute
from sequencer.sandbox.links import Link, links

_COLUMNS = """
    m.id, m.number, m.to_email, m.to_name, m.from_email, m.from_name, m.reply_to, m.subject, m.headers, m.custom_args,
    m.substitutions, m.accepted_at, q.id AS request_id, q.text AS text_part, q.html AS html_part, q.categories,
    q.track_opens, q.track_clicks
"""
_FROM = "FROM sandbox.message m JOIN sandbox.request q ON q.number = m.request"
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
        condition = "m.id > :after" + (" AND lower(m.to_email) = lower(:to)" if to else "")
        query = text(f"SELECT {_COLUMNS} {_FROM} WHERE {condition} ORDER BY m.id LIMIT :n")
        rows = conn.execute(query, {"after": after, "n": size, **({"to": to} if to else {})}).mappings().all()
        for row in rows:
            yield _message(row)
        if len(rows) < size:
            return
        after = rows[-1]["id"]
        left = None if left is None else left - len(rows)


def message(conn: Connection, number: int) -> Message | None:
    row = conn.execute(text(f"SELECT {_COLUMNS} {_FROM} WHERE m.id = :id"), {"id": number}).mappings().first()
    return None if row is None else _message(row)


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
        conditions.append("concat_ws(' ', m.subject, m.to_name, m.to_email, m.from_name, m.from_email) ILIKE :search")
        found["search"] = "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    query = text(
        f"""
        SELECT {_COLUMNS}, ARRAY(
            SELECT DISTINCT r.kind || CASE WHEN r.data->>'sg_machine_open' = 'true' THEN ' by machine' ELSE '' END
            FROM sandbox.reaction r WHERE r.message = m.id AND r.state = 'posted') AS followed
        {_FROM} WHERE {" AND ".join(conditions)} ORDER BY m.id DESC LIMIT :n
        """
    )
    return [Line(_message(row), frozenset(row["followed"])) for row in conn.execute(query, found).mappings()]


def reactions(conn: Connection, message: int, now: datetime) -> list[dict[str, Any]]:
    """What followed a mail until now, in order; what the audience will yet do stays hidden."""
    query = text(
        """
        SELECT id, kind, due_at, data, state, problem FROM sandbox.reaction
        WHERE message = :message AND due_at <= :now ORDER BY due_at, id
        """
    )
    return [dict(row) for row in conn.execute(query, {"message": message, "now": now}).mappings()]


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


def _message(row: RowMapping) -> Message:
    values = row["substitutions"]
    return Message(
        id=row["id"],
        number=row["number"],
        to_email=row["to_email"],
        to_name=row["to_name"],
        from_email=row["from_email"],
        from_name=row["from_name"],
        reply_to=row["reply_to"],
        subject=row["subject"],
        text=None if row["text_part"] is None else substitute(row["text_part"], values),
        html=None if row["html_part"] is None else substitute(row["html_part"], values),
        headers=row["headers"],
        custom_args=row["custom_args"],
        categories=row["categories"],
        accepted_at=row["accepted_at"],
        request_id=row["request_id"],
        track_opens=row["track_opens"],
        track_clicks=row["track_clicks"],
    )

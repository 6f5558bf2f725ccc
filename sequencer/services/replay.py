"""What is set aside of webhooks: shown to an operator, and taken up again."""

from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection

from sequencer.core import aside
from sequencer.errors import NotFound
from sequencer.providers import inbound, sendgrid_events
from sequencer.services import ingest
from sequencer.services.context import Context
from sequencer.store import intake

LISTED = 100
"""Bodies that are listed; the count is complete."""
LONGEST = 4000
"""Characters that are shown of a body that cannot be read."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of one body."""

    id: int
    new: int
    """Events that had not counted before."""
    problem: str | None
    """Why something of it is still set aside; None: all of it counts."""


def listed(conn: Connection) -> dict[str, Any]:
    """All that is set aside, as far as it is listed: id, when, door, why and of how many events."""
    return {
        "set_aside": intake.set_aside_count(conn),
        "bodies": [_summary(row) for row in intake.asides(conn, LISTED)],
    }


def shown(conn: Connection, body_id: int) -> dict[str, Any]:
    """One body with what is set aside of it, readable. Raises NotFound."""
    row, body = intake.aside(conn, body_id), intake.by_id(conn, body_id)
    if row is None or body is None:
        raise _nothing(body_id)
    return _summary(row) | {"said": _said(body, row.problem)}


def replay(context: Context, body_id: int) -> Replayed:
    """Takes one body up at once. All of it: what counts already cannot count twice. Raises NotFound."""
    taken = ingest.again(context, body_id)
    if taken is None:
        raise _nothing(body_id)
    with context.engine.connect() as conn:
        left = intake.aside(conn, body_id)
    return Replayed(body_id, taken.new, left.problem if left is not None else None)


def _nothing(body_id: int) -> NotFound:
    return NotFound(f"there is no webhook {body_id} that is set aside; `sequencer events list` shows those there are")


def _summary(row: intake.Aside) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": row.at.isoformat(),
        "door": row.door,
        "bytes": row.size,
        "events": len(aside.numbers(row.problem)) or None,
        "problem": row.problem,
    }


def _said(body: intake.Body, problem: str) -> Any:
    """The events that are set aside, by their number; an email's fields; else the beginning of the text."""
    try:
        if body.door == "inbound":
            received = inbound.parse(body.body, body.content_type)
            return {
                "from": received.sender,
                "to": list(received.recipients),
                "subject": received.subject,
                "text": received.text[:LONGEST],
            }
        items = sendgrid_events.items(body.body)
        return {str(number): items[number - 1] for number in aside.numbers(problem)}
    except (inbound.NotAnEmail, sendgrid_events.NotEvents, IndexError):
        return body.body[: 4 * LONGEST].decode("utf-8", "replace")[:LONGEST]


def readable(said: Any) -> list[str]:
    """Lines for a terminal."""
    if isinstance(said, str):
        return said.splitlines()
    return orjson.dumps(said, option=orjson.OPT_INDENT_2).decode().splitlines()

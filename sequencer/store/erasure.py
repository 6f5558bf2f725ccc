"""Takes a person out of what is stored, table by table, and leaves what is counted."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from sequencer.core.lead import erased_address
from sequencer.store.arrays import array
from sequencer.store.suppressions import ALL, OPERATOR

_OF_LEAD: Final = ("watch", "signal_count", "unmet", "colleague_news")
"""Tables of which nothing is counted once the lead is gone, and that nobody looks at."""

_GONE: Final = {
    "events": "event WHERE lead_id = :lead",
    "visits": "visit WHERE visitor IN (SELECT id FROM visitor WHERE lead_id = :lead)",
    "browsers": "visitor WHERE lead_id = :lead",
    "alerts": "alert WHERE lead_id = :lead",
    "calls to other systems": "call_out WHERE lead_id = :lead",
    "CRM contacts": "crm_contact WHERE lead_id = :lead",
    "consents": "consent WHERE email = :email",
    "webhook bodies": "intake WHERE id = ANY(CAST(:bodies AS bigint[]))",
}
"""By what people call it, what goes."""

_EMPTIED: Final = {
    "messages": ("message", "email = '', subject = '', message_id = '', failure = NULL"),
    "handoffs": (
        "handoff",
        """note = '', until = NULL, due_at = NULL,
        answer = CASE WHEN state <> 'waiting' AND answer = '' OR state = 'expired'
                           OR answer = ANY(CAST(:declared AS text[])) THEN answer ELSE 'erased' END,
        answered_at = CASE WHEN state = 'waiting' THEN CAST(:now AS timestamptz) ELSE answered_at END,
        state = CASE WHEN state = 'waiting' THEN 'closed' ELSE state END""",
    ),
    "tasks": ("task", "note = ''"),
    "reviews": ("review", "subject = NULL, body = NULL"),
}
"""The same: rows that stay, as reports count them, without the person in them."""

_LEAD = text(
    """
    UPDATE lead SET email = :erased, first_name = NULL, last_name = NULL, title = NULL, zone = NULL, country = NULL,
        status = NULL, owner = NULL, owner_before = NULL, company_id = NULL, suppressed = true, fields = '{}',
        first_touch = NULL, last_touch = NULL, sources = '{}', updated_at = :now
    WHERE id = :lead
    """
)
# Of the suppressions only that of everything is needed, and who said so is nobody's business any more.
_SUPPRESSIONS = (
    text(f"DELETE FROM suppression WHERE email = :email AND topic <> '{ALL}'"),
    text(f"UPDATE suppression SET source = '{OPERATOR}' WHERE email = :email"),
)
_COUNTED = _GONE | {name: f"{table} WHERE lead_id = :lead" for name, (table, _) in _EMPTIED.items()}
_COUNT = {name: text(f"SELECT count(*) FROM {rows}") for name, rows in _COUNTED.items()}
_ERASE = (
    *(text(f"DELETE FROM {table} WHERE lead_id = :lead") for table in _OF_LEAD),
    *(text(f"DELETE FROM {rows}") for rows in _GONE.values()),
    *(text(f"UPDATE {table} SET {emptied} WHERE lead_id = :lead") for table, emptied in _EMPTIED.values()),
    *_SUPPRESSIONS,
    _LEAD,
)
_NAMING = text(
    """
    SELECT id, state = 'pending' AS pending FROM intake
    WHERE id > :after
      AND strpos(lower(encode(body, 'escape')), lower(encode(convert_to(:email, 'UTF8'), 'escape'))) > 0
    """
)
# They become visible in almost the order of their numbers: each is stored by a short transaction.
_NEWEST = text("SELECT coalesce(max(id), 0) - 1000 FROM intake")
# Whoever works off what forms tell of browsers holds these rows before the lead.
_UNDER_WAY = text(
    """
    SELECT 'a mail to them' FROM message WHERE lead_id = :lead AND state = 'sending'
    UNION ALL SELECT 'an alert about them' FROM alert WHERE lead_id = :lead AND state = 'sending'
    UNION ALL SELECT 'a call about them' FROM call_out WHERE lead_id = :lead AND state = 'sending'
    UNION ALL SELECT 'a form of theirs' FROM beacon WHERE lead_id = :lead
    LIMIT 1
    """
)
_BROWSERS = text("SELECT id FROM visitor WHERE lead_id = :lead ORDER BY id FOR UPDATE")
_MESSAGES = text("SELECT 1 FROM message WHERE lead_id = :lead ORDER BY enrollment_id, step FOR NO KEY UPDATE")


def newest_body(conn: Connection) -> int:
    """No webhook body that comes from now on has a number up to this one; nor have those that are being stored."""
    return int(conn.execute(_NEWEST).scalar_one())


def naming(conn: Connection, email: str, after: int = 0) -> tuple[list[int], bool]:
    """Webhook bodies that name the address, and whether one of them is yet to be processed. It reads all bodies whose
    number is above `after`.
    """
    rows = conn.execute(_NAMING, {"email": email, "after": after}).all()
    return [row.id for row in rows], any(row.pending for row in rows)


def hold_browsers(conn: Connection, lead_id: int) -> None:
    """Locks the lead's browsers, as whoever works off visits does before the lead."""
    conn.execute(_BROWSERS, {"lead": lead_id})


def hold_messages(conn: Connection, lead_id: int) -> None:
    """Locks the lead's messages, in order, as whoever records what became of them does before their enrollments."""
    conn.execute(_MESSAGES, {"lead": lead_id})


def under_way(conn: Connection, lead_id: int) -> str | None:
    """What of the lead is being handed over at this moment; the caller holds its lock and its messages'."""
    return conn.execute(_UNDER_WAY, {"lead": lead_id}).scalar()


def counts(conn: Connection, lead_id: int, email: str, bodies: list[int]) -> dict[str, int]:
    """How much there is of what goes, and of what is emptied."""
    values = {"lead": lead_id, "email": email, "bodies": array(bodies)}
    return {name: int(conn.execute(query, values).scalar_one()) for name, query in _COUNT.items()}


def erase(
    conn: Connection, lead_id: int, email: str, bodies: list[int], declared: tuple[str, ...], now: datetime
) -> None:
    """Takes out the person; the caller holds the locks of their browsers, the lead and the messages, in this order.

    `declared`: why handoffs may be declined, as signals.yaml has it; other answers are somebody's own words.
    """
    values: Mapping[str, object] = {
        "lead": lead_id,
        "email": email,
        "bodies": array(bodies),
        "declared": array(declared),
        "erased": erased_address(lead_id),
        "now": now,
    }
    for statement in _ERASE:
        conn.execute(statement, values)

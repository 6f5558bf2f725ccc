"""Addresses and topics that must not be mailed, and consent that was given."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Text, bindparam, delete, literal, select, text, union_all
from sqlalchemy.dialects.postgresql import insert

from sequencer.core.snapshot import Consent
from sequencer.store.arrays import any_in, array
from sequencer.store.tables import consent, suppression

ALL = ""
"""The topic that stands for every topic."""

UNSUBSCRIBED = "unsubscribed"
UNCONFIRMED = "unconfirmed"
"""Nobody knows whether the address belongs to whoever gave it; of topics alone, so that it can be asked."""
OPERATOR = "operator"
"""The reason that `halt` gives and `halt --lift` takes back."""


_STRENGTH = (UNCONFIRMED, UNSUBSCRIBED, OPERATOR, "bounced", "complained")
"""The later weighs more: of several reasons it is the one that is told."""


_ADD = text(
    """
    INSERT INTO suppression (email, topic, reason, at, source)
    SELECT * FROM unnest(CAST(:emails AS text[]), CAST(:topics AS text[]), CAST(:reasons AS text[]),
                         CAST(:ats AS timestamptz[]), CAST(:sources AS text[]))
    ON CONFLICT DO NOTHING
    """
)


def add(conn: Connection, rows: Sequence[tuple[str, str, str, datetime, str]]) -> None:
    """Suppresses (email, topic, reason, at, source). Each reason is kept by itself, as it first came."""
    if rows:
        columns = zip(("emails", "topics", "reasons", "ats", "sources"), zip(*sorted(rows), strict=True), strict=True)
        conn.execute(_ADD, {name: array(values) for name, values in columns})


def remove(conn: Connection, email: str, topic: str, reason: str) -> bool:
    """Takes one reason back. False: it was not there. Other reasons stay."""
    row = suppression.c
    gone = conn.execute(delete(suppression).where(row.email == email, row.topic == topic, row.reason == reason))
    return gone.rowcount > 0


_OF = select(suppression).where(suppression.c.email == any_in("emails", Text))
_HAS = select(suppression.c.email).where(
    suppression.c.email == bindparam("email"),
    suppression.c.topic == bindparam("topic"),
    suppression.c.reason == bindparam("reason"),
)
_SAID = union_all(
    select(literal(True), suppression.c.email, suppression.c.topic).where(
        suppression.c.email == any_in("emails", Text), suppression.c.topic != ALL
    ),
    select(literal(False), consent.c.email, consent.c.topic).where(consent.c.email == any_in("emails", Text)),
)


def confirm(conn: Connection, email: str) -> None:
    """The address belongs to whoever gave it: what was held back until then is not any more."""
    conn.execute(delete(suppression).where(suppression.c.email == email, suppression.c.reason == UNCONFIRMED))


def of(conn: Connection, emails: Sequence[str]) -> dict[tuple[str, str], str]:
    """The strongest reason by (email, topic)."""
    rows = conn.execute(_OF, {"emails": array(emails)})
    return {(row.email, row.topic): row.reason for row in sorted(rows, key=lambda r: _STRENGTH.index(r.reason))}


def has(conn: Connection, email: str, topic: str, reason: str) -> bool:
    """Whether this reason is among those that stand."""
    return conn.execute(_HAS, {"email": email, "topic": topic, "reason": reason}).first() is not None


def consents(conn: Connection, emails: Sequence[str]) -> dict[str, Consent]:
    """What each address said about topics; addresses that said nothing are absent."""
    refused: dict[str, set[str]] = {}
    given: dict[str, set[str]] = {}
    for no, email, topic in conn.execute(_SAID, {"emails": array(emails)}):
        (refused if no else given).setdefault(email, set()).add(topic)
    return {
        email: Consent(frozenset(refused.get(email, ())), frozenset(given.get(email, ())))
        for email in refused.keys() | given.keys()
    }


def give(conn: Connection, email: str, topic: str, at: datetime, source: str) -> None:
    """The lead asked for this topic."""
    conn.execute(insert(consent).values(email=email, topic=topic, at=at, source=source).on_conflict_do_nothing())
    remove(conn, email, topic, UNSUBSCRIBED)


def withdraw(conn: Connection, email: str, topic: str) -> None:
    conn.execute(delete(consent).where(consent.c.email == email, consent.c.topic == topic))

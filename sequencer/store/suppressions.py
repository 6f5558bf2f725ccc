"""Addresses and topics that must not be mailed, and consent that was given."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from sequencer.core.snapshot import Consent
from sequencer.store.arrays import any_of
from sequencer.store.tables import consent, suppression

ALL = ""
"""The topic that stands for every topic."""

UNSUBSCRIBED = "unsubscribed"
OPERATOR = "operator"
"""The reason that `halt` gives and `halt --lift` takes back."""


_STRENGTH = (UNSUBSCRIBED, OPERATOR, "bounced", "complained")
"""The later weighs more: of several reasons it is the one that is told."""


def add(conn: Connection, rows: Sequence[tuple[str, str, str, datetime, str]]) -> None:
    """Suppresses (email, topic, reason, at, source). Each reason is kept by itself, as it first came."""
    if rows:
        values = [dict(zip(("email", "topic", "reason", "at", "source"), row, strict=True)) for row in sorted(rows)]
        conn.execute(insert(suppression).values(values).on_conflict_do_nothing())


def remove(conn: Connection, email: str, topic: str, reason: str) -> bool:
    """Takes one reason back. False: it was not there. Other reasons stay."""
    row = suppression.c
    gone = conn.execute(delete(suppression).where(row.email == email, row.topic == topic, row.reason == reason))
    return gone.rowcount > 0


def of(conn: Connection, emails: Sequence[str]) -> dict[tuple[str, str], str]:
    """The strongest reason by (email, topic)."""
    rows = conn.execute(select(suppression).where(suppression.c.email == func.any(list(emails))))
    return {(row.email, row.topic): row.reason for row in sorted(rows, key=lambda r: _STRENGTH.index(r.reason))}


def has(conn: Connection, email: str, topic: str, reason: str) -> bool:
    """Whether this reason is among those that stand."""
    row = suppression.c
    wanted = (row.email == email) & (row.topic == topic) & (row.reason == reason)
    return conn.execute(select(row.email).where(wanted)).first() is not None


def consents(conn: Connection, emails: Sequence[str]) -> dict[str, Consent]:
    """What each address said about topics; addresses that said nothing are absent."""
    refused: dict[str, set[str]] = {}
    given: dict[str, set[str]] = {}
    for row in conn.execute(
        select(suppression.c.email, suppression.c.topic).where(
            suppression.c.email == any_of(emails), suppression.c.topic != ALL
        )
    ):
        refused.setdefault(row.email, set()).add(row.topic)
    for row in conn.execute(select(consent.c.email, consent.c.topic).where(consent.c.email == any_of(emails))):
        given.setdefault(row.email, set()).add(row.topic)
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

"""Stops a lead everywhere, at once."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from sequencer.core.enrollment import Status
from sequencer.errors import NotFound
from sequencer.store import enrollments, leads, messages, reviews, suppressions, tasks
from sequencer.store.suppressions import OPERATOR


@dataclass(frozen=True, slots=True)
class Halted:
    """What the halt ended."""

    email: str
    sequences: tuple[str, ...]


def halt(conn: Connection, email: str, now: datetime) -> Halted:
    """Suppresses the address and ends every enrollment; effective when the transaction commits. Raises NotFound."""
    lead_id = leads.ids_by_email(conn, [email]).get(email)
    if lead_id is None:
        raise NotFound(f"there is no lead with the address {email}")
    leads.lock(conn, [lead_id])
    suppressions.add(conn, [(email, suppressions.ALL, OPERATOR, now, OPERATOR)])
    leads.suppress(conn, [lead_id])
    running = enrollments.running_of(conn, [lead_id])
    enrollments.update(conn, [e.ended(Status.STOPPED, OPERATOR, now) for e in running])
    messages.cancel_rest(conn, [e.id for e in running])
    tasks.drop(conn, [e.id for e in running], now)
    reviews.drop(conn, [e.id for e in running], now)
    return Halted(email, tuple(e.sequence for e in running))


@dataclass(frozen=True, slots=True)
class Lifted:
    """What became of taking a halt back."""

    lifted: bool
    """False: no operator halted the address."""
    still: str | None
    """The reason that goes on forbidding all mail; None: it may be mailed."""


def lift(conn: Connection, email: str) -> Lifted:
    """Takes an operator's halt back; other suppressions stay, and enrollments stay ended. Raises NotFound."""
    lead_id = leads.ids_by_email(conn, [email]).get(email)
    if lead_id is None:
        raise NotFound(f"there is no lead with the address {email}")
    leads.lock(conn, [lead_id])
    lifted = suppressions.remove(conn, email, suppressions.ALL, OPERATOR)
    still = suppressions.of(conn, [email]).get((email, suppressions.ALL))
    if lifted and still is None:
        leads.release(conn, lead_id)
    return Lifted(lifted, still)

"""Erases a person: what is known of them goes, what is counted stays without them, and nobody mails them again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from sequencer.core.handoff import policy_of
from sequencer.core.release import Release
from sequencer.errors import NotFound, SequencerError
from sequencer.services.halt import halt
from sequencer.services.inspect import lead_by_email
from sequencer.store import erasure, leads


@dataclass(frozen=True, slots=True)
class Erasure:
    """What goes, or went, of whom."""

    lead_id: int
    counts: Mapping[str, int]


def look(conn: Connection, email: str) -> Erasure:
    """What would go. Raises NotFound."""
    lead = lead_by_email(conn, email)
    bodies, _ = erasure.naming(conn, lead.email)
    return Erasure(lead.id, erasure.counts(conn, lead.id, lead.email, bodies))


def erase(conn: Connection, release: Release, email: str, now: datetime) -> Erasure:
    """Takes the person out of everything, in the caller's transaction; the address stays suppressed, and there alone.

    Raises NotFound, and SequencerError while something of theirs is under way.
    """
    lead = lead_by_email(conn, email)
    # All are read before anybody is locked, as that may take minutes; what came meanwhile is few.
    newest = erasure.newest_body(conn)
    bodies = _processed(conn, lead.email)
    erasure.hold_browsers(conn, lead.id)
    locked = leads.lock(conn, [lead.id]).get(lead.id)
    if locked is None or locked.email != lead.email:
        raise NotFound(f"there is no lead with the address {email} any more")
    erasure.hold_messages(conn, lead.id)
    if (what := erasure.under_way(conn, lead.id)) is not None:
        raise SequencerError(f"{what} is on its way: try again in a minute")
    bodies += _processed(conn, lead.email, newest)
    found = Erasure(lead.id, erasure.counts(conn, lead.id, lead.email, bodies))
    halt(conn, lead.email, now)
    erasure.erase(conn, lead.id, lead.email, bodies, tuple(policy_of(release.workspace).declines), now)
    return found


def _processed(conn: Connection, email: str, after: int = 0) -> list[int]:
    """Webhook bodies that name the address. Raises SequencerError while one of them is yet to be processed."""
    bodies, waits = erasure.naming(conn, email, after)
    if waits:
        raise SequencerError("a webhook that names them is yet to be processed: try again in a minute")
    return bodies

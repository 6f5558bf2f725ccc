"""Removes what is kept for a time only: webhook bodies, all of which is in the ledger and in events by then, and visits
of people whom nobody knows.
"""

from datetime import timedelta

from sequencer.services import visits
from sequencer.services.context import Context
from sequencer.store import clock, intake

KEPT = timedelta(days=30)
"""Business time for which a processed body can still be looked at. What is set aside stays until it is replayed."""
AT_ONCE = 200
"""Bodies in one transaction; each holds up to some megabytes."""


def tidy(context: Context) -> bool:
    """Removes a piece of what is old. True: there may be more."""
    with context.engine.begin() as conn:
        now = clock.now(conn)
        release = context.releases.deployed(conn)
        more = release is not None and visits.forget(conn, release, now)
        return intake.delete_old(conn, now - KEPT, AT_ONCE) == AT_ONCE or more

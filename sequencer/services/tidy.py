"""Removes webhook bodies that were processed long ago: everything they said is in the ledger and in events."""

from datetime import timedelta

from sequencer.services.context import Context
from sequencer.store import clock, intake

KEPT = timedelta(days=30)
"""Business time for which a processed body can still be looked at. What is set aside stays until it is replayed."""
AT_ONCE = 200
"""Bodies in one transaction; each holds up to some megabytes."""


def tidy(context: Context) -> bool:
    """Removes a piece of what is old. True: there may be more."""
    with context.engine.begin() as conn:
        return intake.delete_old(conn, clock.now(conn) - KEPT, AT_ONCE) == AT_ONCE

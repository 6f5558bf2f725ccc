"""Attempts whose maker is gone. (What proves them is joined in `ingest`, event by event.)"""

import logging

from sequencer.services.context import Context
from sequencer.store import clock, enrollments, messages

log = logging.getLogger(__name__)


REQUESTS = 20
"""Looked at in one transaction; each may stand for a thousand messages."""


def reap(context: Context) -> bool:
    """Calls attempts whose lease ran out `unknown`. True: there may be more."""
    with context.engine.begin() as conn:
        found, more = messages.reap(conn, REQUESTS)
        enrollments.reopen(conn, found, clock.now(conn))
    if found:
        log.warning("%d messages are unknown: their lease ran out before an answer was recorded", len(found))
    return more

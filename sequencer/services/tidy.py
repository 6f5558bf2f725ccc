"""Removes what is kept for a time only: webhook bodies, all of which is in the ledger and in events by then, calls that
other systems took, visits of people whom nobody knows, challenges of forms that were used, and turns of companies that
nobody mails any more.
"""

from datetime import datetime, timedelta

from sequencer.core.release import Release
from sequencer.services import visits
from sequencer.services.context import Context
from sequencer.store import calls_out, challenges, clock, intake, turns

KEPT = timedelta(days=30)
"""Business time for which a processed body, or a call that was taken, can still be looked at. What is set aside, and
calls that nobody took, stay until they are replayed."""
TURNS_KEPT = timedelta(days=1)
"""Beyond the time within which they count."""
AT_ONCE = 200
"""Bodies, calls or challenges in one transaction; a body holds up to some megabytes."""
TURNS_AT_ONCE = 5_000
"""They are small, and each piece looks for them among those that count."""


def tidy(context: Context) -> bool:
    """Removes a piece of what is old. True: there may be more."""
    with context.engine.begin() as conn:
        now = clock.now(conn)
        release = context.releases.deployed(conn)
        more = release is not None and visits.forget(conn, release, now)
        more |= calls_out.delete_old(conn, now - KEPT, AT_ONCE) == AT_ONCE
        more |= challenges.delete_old(conn, AT_ONCE) == AT_ONCE
        more |= turns.delete_old(conn, turns_over(release, now), TURNS_AT_ONCE) == TURNS_AT_ONCE
        return intake.delete_old(conn, now - KEPT, AT_ONCE) == AT_ONCE or more


def turns_over(release: Release | None, now: datetime) -> datetime:
    """Turns that were until then are kept no longer."""
    cap = release.workspace.pressure.company if release is not None else None
    return now - TURNS_KEPT - (cap.within if cap is not None else timedelta())

"""Whether webhooks demonstrably came through: what allows to take silence for an answer."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

STUCK = timedelta(minutes=5)
"""Operating time after which a body that waits says that processing stands still."""
LOOK_BACK = 25
"""Hours."""

_SEEN = text(
    """
    SELECT EXISTS (SELECT 1 FROM intake WHERE state = 'pending' AND received_at < clock_timestamp() - :stuck),
           (SELECT max(at) FROM intake WHERE state = 'set_aside' AND at > :horizon AND door = 'events'),
           -- Hour by hour: a busy one has thousands of bodies, and the first tells.
           ARRAY(SELECT hour FROM generate_series(0, :hours - 1) hour WHERE EXISTS (
                 SELECT 1 FROM intake WHERE at > :now - make_interval(hours => hour + 1)
                 AND at <= :now - make_interval(hours => hour) AND door = 'events' AND state = 'done'))
    """
)


def sound_since(conn: Connection, now: datetime) -> datetime | None:
    """Since when event posts came in every single hour, none of them waits and none is set aside. None: not now.

    Looks 25 hours back at most. A quiet hour counts as unsound: silence proves nothing.
    """
    horizon = now - timedelta(hours=LOOK_BACK)
    values = {"now": now, "horizon": horizon, "stuck": STUCK, "hours": LOOK_BACK}
    stuck, aside, hours = conn.execute(_SEEN, values).one()
    unbroken = next(hour for hour in range(LOOK_BACK + 1) if hour not in hours)
    if stuck or unbroken == 0:
        return None
    since = now - timedelta(hours=unbroken)
    return max(since, aside) if aside is not None else since

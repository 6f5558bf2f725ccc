"""Counts what leads do that counts, with the events that say so."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from sequencer.core.event import Event
from sequencer.core.intent import behaviours_of, day_of, is_deed
from sequencer.core.release import Release
from sequencer.store import readiness, watches
from sequencer.store.readiness import Place


def count(conn: Connection, release: Release, happened: Iterable[Event], now: datetime, times: int = 1) -> None:
    """Counts each event so many times (-1 takes it back), and has its lead looked at. The caller holds their locks.

    Asks the database nothing where no signals are declared, or nothing of this matters to them.
    """
    signals = release.workspace.signals
    if signals is None:
        return
    stirring = [e for e in happened if e.kind in signals.stirred_by and not e.machine]
    more: Counter[Place] = Counter()
    deeds: dict[int, datetime] = {}
    for e in stirring:
        behaviours = behaviours_of(release.workspace, e)
        for name in behaviours:
            more[e.lead_id, name, day_of(e)] += times
        if times > 0 and is_deed(signals, e, behaviours):
            deeds[e.lead_id] = max(e.at, deeds.get(e.lead_id, e.at))
    readiness.count(conn, more)
    watches.touch_signals(conn, {e.lead_id for e in stirring}, now, deeds)

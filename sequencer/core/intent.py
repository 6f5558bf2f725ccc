"""Which behaviours an event is, and what each event of a lead counts for."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date
from typing import Final, NamedTuple

from sequencer.core import event as kinds
from sequencer.core.event import Event
from sequencer.core.facts import LeadFacts
from sequencer.core.lead import Lead
from sequencer.core.score import Counts, worth
from sequencer.core.signals import Signal, Signals
from sequencer.core.snapshot import Snapshot, Standing
from sequencer.core.workspace import Workspace

_NOBODY: Final = Lead(0, "")
"""Behaviours ask nothing about who does them."""


def behaviours_of(workspace: Workspace, e: Event) -> tuple[str, ...]:
    """The behaviours of signals.yaml that an event is, by name. What software did is none."""
    if e.machine or workspace.signals is None:
        return ()
    candidates = workspace.signals.by_kind.get(e.kind)
    if not candidates:
        return ()
    alone = LeadFacts(workspace, Snapshot(_NOBODY, None, None, events=(e,)), e.at)
    return tuple(name for name in candidates if workspace.signals.behaviours[name].test(alone))


def is_deed(signals: Signals, e: Event, behaviours: Iterable[str]) -> bool:
    """Whether a lead does something by which sales may come to talk to them: it is worth points, or a reason asks.

    `behaviours`: those that the event is.
    """
    return not e.machine and (e.kind in signals.deeds or not signals.worthy.isdisjoint(behaviours))


def counted(workspace: Workspace, events: Iterable[Event]) -> Counts:
    """How often each behaviour is among a lead's events, by day."""
    found: Counter[tuple[str, date]] = Counter()
    for e in events:
        for name in behaviours_of(workspace, e):
            found[name, day_of(e)] += 1
    return found


def day_of(e: Event) -> date:
    """The UTC day to which an event counts."""
    return e.at.astimezone(UTC).date()


def standing(workspace: Workspace, events: Iterable[Event]) -> Standing:
    """How a lead stands by what is known to have happened alone, without the others of their company."""
    if workspace.signals is None:
        return Standing()
    known = list(events)
    return Standing(counted(workspace, known), any(e.kind == kinds.SALES_READY for e in known))


class Deed(NamedTuple):
    """One event, as a part of the score."""

    event: Event
    signal: Signal
    units: int
    """What it counts now, in units of the score. Those of one signal add up to what it comes to before its cap."""


def explained(workspace: Workspace, events: Iterable[Event], today: date) -> list[Deed]:
    """Every event of a lead that counts on a day, the weightiest first."""
    worthy = {signal.name: signal for signal in workspace.signals.points} if workspace.signals is not None else {}
    found = [
        Deed(e, worthy[name], worth(worthy[name], (today - day_of(e)).days))
        for e in events
        if day_of(e) <= today
        for name in behaviours_of(workspace, e)
        if name in worthy
    ]
    return sorted(found, key=lambda deed: (-abs(deed.units), deed.event.at, deed.event.key, deed.signal.name))

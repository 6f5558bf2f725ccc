"""Chooses content for a lead: the best that it has not had yet, from any sequence."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from sequencer.core.lead import Lead
from sequencer.core.sequence import Candidate, Pick
from sequencer.core.snapshot import Snapshot


def best(pick: Pick, snapshot: Snapshot, today: date) -> str | None:
    """The content; None when nothing is left that is for this lead, and no fallback either.

    What is for others is never picked: content whose tags name other pains, say, than the lead's. The more of the
    lead's tags it has, the better; then the newest, then by name, so that the same is picked whenever it is asked.
    """
    seen = {*snapshot.received, *(message.content for message in snapshot.messages.values())}
    fitting = [
        (-fit, -(item.published or date.min).toordinal(), item.id)
        for item in pick.candidates
        if item.id not in seen
        and (fit := _fit(item, pick.match, snapshot.lead)) is not None
        and _is_new(item, pick, today)
    ]
    if fitting:
        return min(fitting)[2]
    return pick.fallback if pick.fallback not in seen else None


def _fit(item: Candidate, match: Iterable[str], lead: Lead) -> int | None:
    """In how many tags it meets the lead; None when it is for others."""
    met = 0
    for name in match:
        for_whom, own = item.tags.get(name), _values(lead.get(name))
        if not for_whom or not own:
            continue
        if not for_whom & own:
            return None
        met += 1
    return met


def _values(value: Any) -> frozenset[str]:
    if value is None:
        return frozenset()
    return frozenset(map(str, value)) if isinstance(value, list | tuple) else frozenset({str(value)})


def _is_new(item: Candidate, pick: Pick, today: date) -> bool:
    if pick.published is None:
        return True
    span = timedelta(days=pick.published.elapsed.days)
    return item.published is not None and today - span <= item.published <= today

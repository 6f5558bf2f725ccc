"""What behaviour teaches of a lead, and what of that may be written: answers always win.

It is defined over the same counts as the score, by behaviour and UTC day. So it is the same in whatever order events
arrived, and what is taken back, a scanner's click, is unlearned.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from sequencer.core import event as kinds
from sequencer.core.condition_run import known
from sequencer.core.event import Event
from sequencer.core.explain import plain
from sequencer.core.lead import Lead
from sequencer.core.score import Counts
from sequencer.core.signals import Lesson
from sequencer.core.workspace import Workspace

SOURCE: Final = "signals"
"""Who wrote what was inferred."""

Source = Mapping[str, Any]
"""Who wrote a field and when: `by` and `at`; of what was inferred also `confidence` and `because`."""


class Inference(NamedTuple):
    """What behaviour says of one field."""

    value: Any
    day: date
    """UTC; the last one on which the behaviour said so."""
    confidence: int
    """Per cent: as often as it was seen, against one time that would have said otherwise;
    of several values the lowest."""
    because: tuple[tuple[str, int], ...]
    """Which behaviours, and how often each."""

    @property
    def source(self) -> Source:
        because = [list(one) for one in self.because]
        return {"by": SOURCE, "at": self.day.isoformat(), "confidence": self.confidence, "because": because}


class _Seen(NamedTuple):
    """A lesson's last window of time in which it was seen often enough."""

    day: date
    times: int
    lesson: Lesson

    @property
    def confidence(self) -> int:
        return round(100 * self.times / (self.times + 1))

    @property
    def because(self) -> tuple[str, int]:
        return self.lesson.name, self.times


def learned(workspace: Workspace, counts: Counts) -> dict[str, Inference]:
    """By field, all that the counts teach."""
    by_name: dict[str, list[tuple[date, int]]] = {}
    for (name, day), times in counts.items():
        if times > 0:
            by_name.setdefault(name, []).append((day, times))
    by_field: dict[str, list[_Seen]] = {}
    for lesson in workspace.signals.learn if workspace.signals is not None else ():
        seen = _seen(lesson, sorted(by_name.get(lesson.name, ())))
        if seen is not None:
            by_field.setdefault(lesson.field, []).append(seen)
    return {name: _inference(workspace, name, several) for name, several in by_field.items()}


def _seen(lesson: Lesson, days: list[tuple[date, int]]) -> _Seen | None:
    """`days`: with how often on each, the oldest first."""
    for number in range(len(days) - 1, -1, -1):
        last = days[number][0]
        times = sum(
            times
            for day, times in days[: number + 1]
            if lesson.within is None or day >= last - timedelta(days=lesson.within)
        )
        if times >= lesson.at_least:
            return _Seen(last, times, lesson)
    return None


def _inference(workspace: Workspace, name: str, several: list[_Seen]) -> Inference:
    declared = workspace.fields[name]
    if declared.type == "some_of":
        taught = {seen.lesson.value for seen in several}
        because = tuple(dict.fromkeys(seen.because for seen in several))
        return Inference(
            [choice for choice in declared.choices if choice in taught],
            max(seen.day for seen in several),
            min(seen.confidence for seen in several),
            because,
        )
    # What was seen last; of the same day, what was seen more often, then what stands first in the file.
    best = max(several, key=lambda seen: (seen.day, seen.times))
    return Inference(best.lesson.value, best.day, best.confidence, (best.because,))


class Taught(NamedTuple):
    """What of a lead is to be written."""

    fields: Mapping[str, Any]
    sources: Mapping[str, Source]
    gone: tuple[str, ...] = ()
    """Fields that nothing tells any more."""

    def applied(self, lead: Lead) -> Lead:
        kept = {name: value for name, value in lead.fields.items() if name not in self.gone}
        return lead._replace(fields=kept | dict(self.fields))


def teaches(lead: Lead, sources: Mapping[str, Source], inferences: Mapping[str, Inference]) -> Taught | None:
    """What the lead's behaviour, as it was `learned`, changes in what is known; None: nothing. What anybody answered
    stays as it is, and of a guess that another made what is no less sure."""
    fields: dict[str, Any] = {}
    said: dict[str, Source] = {}
    gone = []
    # What was only guessed, of a time zone or a language, is not taken away by behaviour that does not tell it.
    for name in sorted(inferences.keys() | {name for name, source in sources.items() if source["by"] == SOURCE}):
        if known(lead.fields.get(name)) and not is_inferred(sources.get(name)):
            continue
        found = inferences.get(name)
        if found is None:
            gone.append(name)
        elif known(lead.fields.get(name)) and _outweighed(found, sources.get(name)):
            continue
        elif found.value != lead.fields.get(name) or found.source != sources.get(name):
            fields[name], said[name] = found.value, found.source
    return Taught(fields, said, tuple(gone)) if fields or gone else None


def _outweighed(found: Inference, source: Source | None) -> bool:
    """Whether it is no surer than what somebody else guessed."""
    return source is not None and source["by"] != SOURCE and found.confidence <= source["confidence"]


def learnt(lead: Lead, taught: Taught, now: datetime) -> list[Event]:
    """An event for each field that gets another value. `lead`: as it was before."""
    after = {**dict.fromkeys(taught.gone), **taught.fields}
    return [
        Event(
            kind=kinds.CHANGED,
            at=now,
            lead_id=lead.id,
            # At one moment a field may be learned twice, and differently.
            key=f"{SOURCE}.{name}.{now.isoformat()}.{plain(lead.get(name))}.{plain(value)}",
            source=SOURCE,
            data={"field": name, "before": lead.get(name), "after": value, **_grounds(taught.sources.get(name))},
        )
        for name, value in after.items()
        if lead.get(name) != value
    ]


def _grounds(source: Source | None) -> Mapping[str, Any]:
    return {name: source[name] for name in ("confidence", "because")} if source is not None else {"because": []}


def is_inferred(source: Source | None) -> bool:
    return source is not None and "confidence" in source

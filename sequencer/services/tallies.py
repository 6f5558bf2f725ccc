"""Who is inside, counted so that nobody is told from others: for a plan where there is no database.

Two counts, never joined: at which place since which hour, by what a date depends on; and in which sequence, by the few
fields that say what ends a passage.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from sequencer.core.condition import Condition
from sequencer.core.engine import departure
from sequencer.core.fate import Standing
from sequencer.core.lead import Lead
from sequencer.core.people import owner_of
from sequencer.core.plan import Looks
from sequencer.core.release import Release
from sequencer.core.schedule import UntilDate
from sequencer.core.sequence import Sequence
from sequencer.core.snapshot import Consent, Snapshot
from sequencer.core.workspace import Workspace
from sequencer.services.migrate import Edits, with_companies
from sequencer.services.release import Releases
from sequencer.store import enrollments

PAGE: Final = 2_000
"""People looked at together."""
ENDING: Final = ("stage", "status")
"""Fields that are counted whether a condition asks for them or not: by these, sequences end."""
_COUNTED: Final = frozenset({"one_of", "some_of", "flag"})
"""Types of fields whose values say nothing about who somebody is."""
_HOUR: Final = timedelta(hours=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Dated(NamedTuple):
    """What dates of people at one place depend on. Moments are whole hours since 1970, UTC, cut off."""

    standing: Standing
    """Of one of them; its `people` counts nothing."""
    since: int
    due: int | None
    resumes: bool
    """A pause that is over at some moment."""
    put_off: bool
    """Due already, and put off after a downtime."""
    zone: str | None
    country: str | None
    owner: str | None
    """The rep whose clock counts where the zone is not known."""
    dates: tuple[str | None, ...]
    """Of the fields that waits name."""


class Told(NamedTuple):
    """What people who are not due yet have in common that may end their passage."""

    sequence: str
    pinned: int | None
    values: tuple[Any, ...]
    """Of the fields that are counted; several values as a tuple."""


class Tally(NamedTuple):
    """Everybody inside, as of `now`, in whole hours."""

    now: datetime
    dates: tuple[str, ...]
    fields: tuple[str, ...]
    dated: Mapping[Dated, int]
    told: Mapping[Told, int]

    @property
    def standing(self) -> list[Standing]:
        """Who stands where; those who are due already are in it, too."""
        found: Counter[Standing] = Counter()
        for one, people in self.dated.items():
            found[one.standing] += people
        every = [one._replace(people=people) for one, people in found.items()]
        return sorted(every, key=lambda one: (one[:5], one.pinned or 0))


def tally(conn: Connection, known: Releases, current: Release, now: datetime) -> Tally:
    """Counts all who are inside, taken to the current deployment as the workers will."""
    dates, fields = _dates(current.workspace), _fields(current.workspace)
    names = sorted({one.sequence for one in enrollments.counts(conn)})
    edits = Edits(partial(known.at, conn), current)
    dated: Counter[Dated] = Counter()
    told: Counter[Told] = Counter()
    last = 0
    while page := enrollments.page(conn, names, last, PAGE):
        last = page[-1][0].id
        for snapshot in with_companies(conn, page):
            before = snapshot.enrollment
            assert before is not None
            after = edits.migrated(before)
            again = None if edits.untouched(before) else edits.due(before, after, snapshot, now)
            due = again or after.due_at
            place = Standing(
                *(after.sequence, after.deployment, after.position, after.status.value),
                *(tuple((o.step, o.outcome) for o in after.outcomes), 0, after.pinned),
            )
            lead = snapshot.lead
            owner = owner_of(current.workspace, snapshot) if not lead.zone else None
            one = Dated(
                standing=place,
                since=_hours(after.since),
                due=_hours(due) if due is not None else None,
                resumes=after.resume_at is not None,
                put_off=after.expected_at is not None and again is None,
                zone=lead.zone,
                country=lead.country,
                owner=owner.email if owner is not None else None,
                dates=tuple(_day(lead.get(name)) for name in dates),
            )
            dated[one] += 1
            if one.due is None or one.due > _hours(now):
                told[Told(after.sequence, after.pinned, tuple(_value(lead.get(name)) for name in fields))] += 1
    return Tally(_moment(_hours(now)), dates, fields, dated, told)


def looks(counted: Tally, known: Mapping[int, Release], to: Release) -> Mapping[str, Looks]:
    """By sequence, who has to be looked at once this is deployed, and who leaves at that.

    `known`: the deployment that runs, and those whose steps somebody keeps.
    """
    numbers = sorted(known)
    edits = Edits(lambda number: known.get(max((n for n in numbers if n <= number), default=0)), to)
    soon: Counter[str] = Counter()
    untold: dict[str, dict[str, None]] = {}
    asked: set[tuple[str, int | None, int | None]] = set()
    for one, people in counted.dated.items():
        before = one.standing.enrollment()._replace(
            since=_moment(one.since),
            due_at=_moment(one.due) if one.due is not None else None,
            resume_at=counted.now if one.resumes else None,
            expected_at=counted.now if one.put_off else None,
        )
        if edits.untouched(before) or before.sequence not in to.workspace.sequences:
            continue
        after = edits.migrated(before)
        series = to.steps_of(after).sequence
        place = series.places.get(after.position)
        wanted = {wait.field for wait in place.waits if isinstance(wait, UntilDate)} if place is not None else set()
        for name in sorted(wanted - set(counted.dates)):
            untold.setdefault(before.sequence, {})[f"until {name}"] = None
        at = edits.due(before, after, Snapshot(_dated_lead(one, counted.dates), None, before), counted.now)
        if at is not None and at <= counted.now:
            soon[before.sequence] += people
            if edits.may_end(before, after):
                asked.add((before.sequence, before.pinned, after.pinned))
    leaving: Counter[str] = Counter()
    for name, was, pinned in sorted(asked, key=str):
        alike = (one.standing for one in counted.dated)
        inside = next(one for one in alike if (one.sequence, one.pinned) == (name, was)).enrollment()
        inside = inside._replace(pinned=pinned)
        series, old = to.steps_of(inside).sequence, known[max(numbers)].workspace.sequences.get(name)
        told, left_out = _tellable(series, old, counted.fields)
        untold.setdefault(name, {}).update(dict.fromkeys(left_out))
        for group, people in counted.told.items():
            if (group.sequence, group.pinned) == (name, was):
                lead = _told_lead(group, counted.fields)
                snapshot = Snapshot(lead, None, inside, consent=Consent(given=frozenset({series.topic})))
                leaving[name] += people * (departure(to.workspace, told, snapshot, counted.now) is not None)
    found = {name: Looks(people, leaving[name], tuple(untold.pop(name, ()))) for name, people in soon.items()}
    return found | {name: Looks(untold=tuple(names)) for name, names in untold.items()}


def _tellable(series: Sequence, old: Sequence | None, fields: Iterable[str]) -> tuple[Sequence, list[str]]:
    """The sequence with those of its ends that the counted fields decide, and the others in words.

    What ended it before is no news: whoever it is true of has left.
    """
    before = {c.source for c in _ends(old)} if old is not None else set()
    told = {c.source for c in _ends(series) if _asks_only(c, frozenset(fields))}
    kept = replace(
        series,
        goal=series.goal if series.goal is not None and series.goal.source in told else None,
        exit_on=tuple(c for c in series.exit_on if c.source in told),
        never=tuple(c for c in series.never if c.source in told),
    )
    left_out = [c.source for c in _ends(series) if c.source not in told | before]
    if old is not None and old.topic != series.topic:
        left_out.append(f'not consent("{series.topic}")')
    return kept, left_out


def _ends(series: Sequence) -> tuple[Condition, ...]:
    return (*series.never, *((series.goal,) if series.goal is not None else ()), *series.exit_on)


def _asks_only(condition: Condition, fields: frozenset[str]) -> bool:
    asks = condition.asks
    others = asks.company | asks.steps | asks.events | asks.contents | asks.topics | asks.standing
    return not others and asks.fields <= fields


def _dates(workspace: Workspace) -> tuple[str, ...]:
    """The fields that waits name."""
    places = [place for series in workspace.sequences.values() for place in series.places.values()]
    return tuple(sorted({wait.field for place in places for wait in place.waits if isinstance(wait, UntilDate)}))


def _fields(workspace: Workspace) -> tuple[str, ...]:
    """Of the lead, those that are counted: what ends a passage asks for them, and their values are declared."""
    asked = {name for series in workspace.sequences.values() for c in _ends(series) for name in c.asks.fields}
    declared = {name for name in asked if name in workspace.fields and workspace.fields[name].type in _COUNTED}
    return (*ENDING, *sorted(declared - set(ENDING)))


def _dated_lead(one: Dated, names: Iterable[str]) -> Lead:
    return Lead(
        0, "", zone=one.zone, country=one.country, owner=one.owner, fields=dict(zip(names, one.dates, strict=True))
    )


def _told_lead(group: Told, names: Iterable[str]) -> Lead:
    stage, status, *others = group.values
    fields = dict(
        zip(list(names)[len(ENDING) :], (list(v) if isinstance(v, tuple) else v for v in others), strict=True)
    )
    return Lead(0, "", stage=stage, status=status, fields=fields)


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _day(value: Any) -> str | None:
    return value.isoformat() if isinstance(value, date) else value


def _hours(moment: datetime) -> int:
    return (moment - _EPOCH) // _HOUR


def _moment(hours: int) -> datetime:
    return _EPOCH + hours * _HOUR

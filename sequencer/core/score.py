"""The score: what a lead's behaviour is worth on a day.

It is defined over counts: how often a lead did what counts, by signal and UTC day. Points of a day are multiplied by a
whole number of millionths that depends on the half-life and the age in whole days alone, and added up as integers. So
a score is the same in whatever order the events arrived, taking one back leaves what there would be without it, and
nothing has to be rewritten when points or half-lives change.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias, TypeVar

from jinja2 import nodes

from sequencer.core.condition import Condition
from sequencer.core.condition_parse import parse
from sequencer.core.signals import Signal, Signals

UNIT: Final = 1_000_000
"""Of which a point has so many. A score is whole points, rounded down."""

Counts: TypeAlias = Mapping[tuple[str, date], int]
"""How often a lead did what counts: by signal and UTC day."""

_EXACT: Final = Context(prec=40, rounding=ROUND_HALF_EVEN)
"""Python's decimals are the same on every machine; its floats' powers are not."""


@lru_cache(maxsize=100_000)
def left(half_life: int, age: int) -> int:
    """Millionths of a point that are left after so many days; 0 in the end. Never more than at a lower age."""
    power = _EXACT.power(Decimal(2), _EXACT.divide(Decimal(-age), Decimal(half_life)))
    return int(_EXACT.multiply(power, Decimal(UNIT)).to_integral_value(ROUND_HALF_EVEN))


class Part(NamedTuple):
    """What one signal comes to."""

    signal: Signal
    times: int
    uncapped: int
    """Millionths of a point."""
    units: int
    """The same, `at_most` so many."""


def parts(signals: Signals, counts: Counts, today: date) -> Iterator[Part]:
    """What makes up the score of a day, by signal. Days after it do not count yet."""
    return _parts(_by_signal(signals, counts), today)


_Days: TypeAlias = list[tuple[date, int]]


def _by_signal(signals: Signals, counts: Counts) -> list[tuple[Signal, _Days]]:
    by_name: dict[str, _Days] = {}
    for (name, day), times in counts.items():
        if times:
            by_name.setdefault(name, []).append((day, times))
    return [(signal, by_name[signal.name]) for signal in signals.points if signal.name in by_name]


def _parts(counted: Iterable[tuple[Signal, _Days]], today: date) -> Iterator[Part]:
    for signal, every in counted:
        days = [one for one in every if one[0] <= today]
        if days:
            units = sum(times * worth(signal, (today - day).days) for day, times in days)
            yield Part(signal, sum(times for _, times in days), units, capped(signal, units))


def worth(signal: Signal, age: int) -> int:
    """Millionths of a point that one such behaviour counts after so many days."""
    return signal.points * (UNIT if signal.half_life is None else left(signal.half_life, age))


def capped(signal: Signal, units: int) -> int:
    if signal.at_most is None:
        return units
    return max(-signal.at_most * UNIT, min(units, signal.at_most * UNIT))


def score(signals: Signals, counts: Counts, today: date) -> int:
    """Whole points, rounded down."""
    return _whole(_by_signal(signals, counts), today)


def _whole(counted: Iterable[tuple[Signal, _Days]], today: date) -> int:
    units = 0
    for signal, days in counted:
        of_signal = 0
        for day, times in days:
            age = (today - day).days
            if age >= 0:
                of_signal += times * worth(signal, age)
        units += capped(signal, of_signal)
    return units // UNIT


def thresholds(conditions: Iterable[Condition]) -> frozenset[int]:
    """The scores at which one of these may change: from the first whole number of points that a comparison tells from
    the one below.
    """
    found: set[int] = set()
    for condition in conditions:
        tree = parse(condition.source)
        for compare in (tree, *tree.find_all(nodes.Compare)):
            if isinstance(compare, nodes.Compare):
                sides = [compare.expr, *(part.expr for part in compare.ops)]
                if any(isinstance(side, nodes.Name) and side.name == "score" for side in sides):
                    numbers = [number for side in sides if (number := _number(side)) is not None]
                    # Both neighbours: which of them tells depends on `>` or `>=`, and one too many does no harm.
                    found |= {whole for number in numbers for whole in (-int(-number // 1), int(number // 1) + 1)}
    return frozenset(found)


def _number(node: nodes.Expr) -> int | float | None:
    negative = isinstance(node, nodes.Neg)
    inner = node.node if isinstance(node, nodes.Neg) else node
    if isinstance(inner, nodes.Const) and type(inner.value) in (int, float):
        number: int | float = inner.value
        return -number if negative else number
    return None


Found = TypeVar("Found")


def once(reckon: Callable[[Counts], Found]) -> Callable[[Counts], Found]:
    """The same for a batch: who did the same as somebody before is not reckoned again. Many of a batch did."""
    known: dict[frozenset[tuple[tuple[str, date], int]], Found] = {}

    def reckoned(counts: Counts) -> Found:
        key = frozenset(counts.items())
        if key not in known:
            known[key] = reckon(counts)
        return known[key]

    return reckoned


def changes_on(signals: Signals, counts: Counts, marks: Collection[int], today: date) -> date | None:
    """The first day after today on which time alone takes the score across one of these marks; None: it never will.

    Upwards it goes as negative points fade, downwards as others do.
    """
    if not marks or not any(counts.values()):
        return None
    counted = _by_signal(signals, counts)
    last = max(day for (_, day), times in counts.items() if times)
    now = _whole(counted, today)
    below = max((mark for mark in marks if mark <= now), default=None)
    above = min((mark for mark in marks if mark > now), default=None)

    def crossed(day: date) -> bool:
        reached = _whole(counted, day)
        return (above is not None and reached >= above) or (below is not None and reached < below)

    only_falls = all(signal.points > 0 and times > 0 for signal, days in counted for _, times in days)
    day = today
    while day < last or _may_reach(_parts(counted, day), below, above):
        if day >= last and only_falls:
            return _first(crossed, day)
        day += timedelta(days=1)
        if crossed(day):
            return day
    return None


def _first(crossed: Callable[[date], bool], after: date) -> date:
    """The first day on which that is so, as it is on some day and stays so."""
    most = 1
    while not crossed(after + timedelta(days=most)):
        most *= 2
    ages = range(most // 2 + 1, most + 1)
    return after + timedelta(days=ages[bisect_left(ages, True, key=lambda age: crossed(after + timedelta(days=age)))])


def _may_reach(parts: Iterable[Part], below: int | None, above: int | None) -> bool:
    """Whether the score may still come to `above` or under `below`, once no day is still to come.

    From then on every part only shrinks towards what never fades.
    """
    found = list(parts)
    highest = sum(part.units if part.signal.points > 0 else _lasting(part) for part in found) // UNIT
    lowest = sum(part.units if part.signal.points < 0 else _lasting(part) for part in found) // UNIT
    return (above is not None and highest >= above) or (below is not None and lowest < below)


def _lasting(part: Part) -> int:
    return part.units if part.signal.half_life is None else 0

"""The score is exact: by definition over single events, in any order, and whatever is taken back."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, getcontext
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sequencer.core.condition import Names, compile_condition
from sequencer.core.event import Event
from sequencer.core.intent import behaviours_of, counted, day_of, explained
from sequencer.core.mark import Mark
from sequencer.core.score import UNIT, changes_on, left, once, parts, score, thresholds
from sequencer.core.signals import Signal, Signals
from sequencer.core.workspace import Brand, Workspace

MARK = Mark("sequences/signals.yaml", 1, 1)
MONDAY = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
TODAY = MONDAY.date()
NAMES = Names(
    tags={"cost": frozenset({"sales/price", "sales/roi"})}, scope="ever", standing=frozenset({"score", "fit"})
)


def signal(when: str, points: int, half_life: int | None = None, at_most: int | None = None) -> Signal:
    return Signal(when, MARK, compile_condition(when, MARK, NAMES), points, half_life, at_most)


DECLARED = Signals(
    (
        signal('visited("/contact")', 25, 14, 50),
        signal('visited("/pricing*")', 20, 7, 60),
        signal('visited("/*")', 1),
        signal('clicked_kind("pricing", "faq")', 10, 21),
        signal('clicked_tag("cost")', 7, 3),
        signal('submitted("demo") or submitted("trial")', 100),
        signal("replied()", 30, 30),
        signal('visited("/careers*")', -30, 5),
        signal("unsubscribed()", -100, 40, 150),
        signal('did("meeting_booked")', 40, 60),
    )
)


def workspace(signals: Signals | None = DECLARED) -> Workspace:
    return Workspace(Brand("", "", ""), (), {}, {}, {}, {}, {}, {}, signals=signals)


ALL = workspace()


def event(kind: str, /, days: float = 0.0, machine: bool = False, **data: Any) -> Event:
    at = MONDAY - timedelta(days=days)
    return Event(kind, at, 1, f"{kind} {days} {sorted(data.items())}", "test", machine=machine, data=data)


@pytest.mark.parametrize(
    ("happened", "expected"),
    [
        (event("visited", page="/contact"), ['visited("/contact")', 'visited("/*")']),
        (event("visited", page="/pricing/eu"), ['visited("/pricing*")', 'visited("/*")']),
        (event("visited", page="/contact", machine=True), []),
        (event("clicked", content="sales/roi", kind="faq"), ['clicked_kind("pricing", "faq")', 'clicked_tag("cost")']),
        (event("clicked", content="sales/other", kind="article"), []),
        (event("submitted", form="trial"), ['submitted("demo") or submitted("trial")']),
        (event("submitted", form="ebook"), []),
        (event("replied"), ["replied()"]),
        (event("meeting_booked"), ['did("meeting_booked")']),
        (event("opened"), []),
    ],
)
def test_an_event_is_the_signals_whose_behaviour_it_is(happened: Event, expected: list[str]) -> None:
    assert list(behaviours_of(ALL, happened)) == expected
    assert behaviours_of(workspace(None), happened) == ()


def test_points_fade_by_half_lives_in_whole_days() -> None:
    assert [left(14, age) for age in (0, 1, 14, 28, 140)] == [1_000_000, 951_695, 500_000, 250_000, 977]
    assert left(14, 14 * 22) == 0
    counts = {('visited("/contact")', TODAY): 1}
    assert [score(DECLARED, counts, TODAY + timedelta(days=age)) for age in (0, 1, 14, 28)] == [25, 23, 12, 6]


def test_a_cap_holds_for_what_is_left_and_a_negative_one_from_below() -> None:
    many = {('visited("/contact")', TODAY): 4, ("unsubscribed()", TODAY): 3}
    assert [(part.times, part.uncapped // UNIT, part.units // UNIT) for part in parts(DECLARED, many, TODAY)] == [
        (4, 100, 50),
        (3, -300, -150),
    ]
    after = TODAY + timedelta(days=14)
    assert next(parts(DECLARED, many, after)).units == 50 * UNIT, "half of a hundred"


def test_what_is_still_to_come_does_not_count_yet() -> None:
    assert score(DECLARED, {("replied()", TODAY + timedelta(days=1)): 1}, TODAY) == 0


@given(st.integers(1, 400), st.integers(0, 3000))
@example(1, 0)
def test_what_is_left_is_the_power_of_two_to_the_millionth(half_life: int, age: int) -> None:
    getcontext().prec = 60
    exact = Decimal(2) ** (Decimal(-age) / Decimal(half_life)) * UNIT
    assert abs(Decimal(left(half_life, age)) - exact) <= Decimal("0.5")
    assert left(half_life, age + 1) <= left(half_life, age)


HAPPENED = st.lists(
    st.builds(
        lambda at, what, number: Event(
            what[0], MONDAY + timedelta(hours=at), 1, f"k{number}", "test", machine=what[2], data=what[1]
        ),
        st.integers(-24 * 90, 24 * 4),
        st.sampled_from(
            [
                ("visited", {"page": "/contact"}, False),
                ("visited", {"page": "/pricing"}, False),
                ("visited", {"page": "/pricing"}, True),
                ("visited", {"page": "/careers"}, False),
                ("clicked", {"content": "sales/price", "kind": "pricing"}, False),
                ("submitted", {"form": "demo"}, False),
                ("replied", {}, False),
                ("unsubscribed", {}, False),
                ("meeting_booked", {}, False),
                ("opened", {}, False),
            ]
        ),
        st.integers(0, 1_000_000),
    ),
    max_size=14,
)


def brute(events: Sequence[Event], today: date) -> int:
    """The score by its definition, event by event, in fractions."""
    total = Fraction(0)
    for one in DECLARED.points:
        mine = [e for e in events if one.name in behaviours_of(ALL, e) and day_of(e) <= today]
        ages = [(today - day_of(e)).days for e in mine]
        worth = sum(
            Fraction(one.points * (UNIT if one.half_life is None else left(one.half_life, a)), UNIT) for a in ages
        )
        total += worth if one.at_most is None else max(Fraction(-one.at_most), min(worth, Fraction(one.at_most)))
    return total.numerator // total.denominator


@given(HAPPENED, st.randoms(), st.integers(-100, 400))
def test_any_order_of_arrival_gives_the_score_of_the_definition(events: list[Event], random: Any, later: int) -> None:
    today = TODAY + timedelta(days=later)
    expected = brute(events, today)
    counts: Counter[Any] = Counter()
    for e in random.sample(events, len(events)):
        counts.update(counted(ALL, [e]))  # one at a time, as batches would
    assert score(DECLARED, counts, today) == expected == score(DECLARED, counted(ALL, events), today)


@given(HAPPENED, HAPPENED, st.integers(0, 200))
def test_taking_back_what_was_judged_anew_leaves_what_there_would_be_without_it(
    kept: list[Event], wrong: list[Event], later: int
) -> None:
    today = TODAY + timedelta(days=later)
    counts = Counter(counted(ALL, [*kept, *wrong]))
    counts.subtract(counted(ALL, wrong))
    assert score(DECLARED, counts, today) == score(DECLARED, counted(ALL, kept), today)


@given(HAPPENED, st.integers(0, 60))
def test_single_events_add_up_to_the_whole(events: list[Event], later: int) -> None:
    today = TODAY + timedelta(days=later)
    deeds = explained(ALL, events, today)
    by_signal = {part.signal.name: part.uncapped for part in parts(DECLARED, counted(ALL, events), today)}
    found: Counter[str] = Counter()
    for deed in deeds:
        found[deed.signal.name] += deed.units
    assert dict(found) == by_signal
    assert all(abs(one.units) >= abs(other.units) for one, other in pairwise(deeds))


def test_changed_points_and_half_lives_hold_for_what_was_counted_before() -> None:
    counts = counted(ALL, [event("replied", days=30)])
    assert score(DECLARED, counts, TODAY) == 15
    faster = Signals((signal("replied()", 100, 10),))
    assert score(faster, counts, TODAY) == 12
    assert score(Signals(()), counts, TODAY) == 0


CHANGES = settings(max_examples=40, deadline=None)


@CHANGES
@given(HAPPENED, st.sets(st.integers(-150, 150), min_size=1, max_size=3))
@example([event("visited", page="/careers"), event("replied")], {20})
@example([event("visited", page="/careers"), *[event("replied", days=day) for day in (0, 1, 2)]], {75})
def test_the_day_on_which_time_alone_crosses_a_mark_is_found_exactly(events: list[Event], marks: set[int]) -> None:
    counts = counted(ALL, events)

    def over(day: date) -> set[int]:
        return {mark for mark in marks if score(DECLARED, counts, day) >= mark}

    now = over(TODAY)
    days = (TODAY + timedelta(days=number) for number in range(1, 1_400))
    expected = next((day for day in days if over(day) != now), None)
    assert changes_on(DECLARED, counts, marks, TODAY) == expected


def test_a_fading_negative_signal_lets_the_score_rise() -> None:
    counts = counted(ALL, [event("visited", page="/careers"), event("submitted", form="demo")])
    assert score(DECLARED, counts, TODAY) == 71
    crossed = changes_on(DECLARED, counts, {90}, TODAY)
    assert crossed == TODAY + timedelta(days=8)
    assert changes_on(DECLARED, counts, {102}, TODAY) is None
    assert changes_on(DECLARED, {}, {1}, TODAY) is None


@given(st.integers(1, 40), st.integers(1, 600), st.integers(1, 2_000))
def test_the_day_on_which_points_that_only_fade_fall_below_a_mark_is_found_among_years(
    times: int, half_life: int, mark: int
) -> None:
    fades = Signals((signal("replied()", 30, half_life), signal('submitted("demo")', 100)))
    counts = {("replied()", TODAY): times, ('submitted("demo")', TODAY - timedelta(days=3)): 1}
    found = changes_on(fades, counts, {mark}, TODAY)
    if mark <= 100 or mark > 100 + 30 * times:
        assert found is None
        return
    assert found is not None and score(fades, counts, found) < mark
    assert score(fades, counts, found - timedelta(days=1)) >= mark


def test_whoever_did_the_same_is_reckoned_once() -> None:
    asked: list[Mapping[Any, int]] = []
    reckon = once(lambda counts: asked.append(counts) or score(DECLARED, counts, TODAY))
    one, other = {("replied()", TODAY): 1}, {("replied()", TODAY): 2}
    assert [reckon(counts) for counts in (one, other, dict(one))] == [30, 60, 30]
    assert asked == [one, other]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("score >= 30", {30, 31}),
        ("score > 30 and fit >= 20", {30, 31}),
        ("score >= 30.5", {31}),
        ("30 <= score < 60 or replied()", {30, 31, 60, 61}),
        ("not (score < -5)", {-5, -4}),
        ("fit > 3", set()),
    ],
)
def test_the_marks_of_a_condition_are_where_it_may_change(source: str, expected: set[int]) -> None:
    assert thresholds([compile_condition(source, MARK, NAMES)]) == expected


def test_no_condition_has_no_marks() -> None:
    assert thresholds([]) == frozenset()


def test_days_are_utc_days() -> None:
    late = event("replied")._replace(at=datetime.fromisoformat("2026-11-02T23:30:00-05:00"))
    assert day_of(late) == date(2026, 11, 3)
    found: Mapping[Any, int] = counted(ALL, [late])
    assert found == {("replied()", date(2026, 11, 3)): 1}

"""What behaviour teaches is the same in whatever order things happened, and answers always win."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.core import explain
from sequencer.core.condition import Names, compile_condition
from sequencer.core.event import Event
from sequencer.core.field import Field
from sequencer.core.intent import counted, day_of
from sequencer.core.lead import Lead
from sequencer.core.learn import Inference, Source, Taught, learned, learnt, teaches
from sequencer.core.mark import Mark
from sequencer.core.score import Counts
from sequencer.core.signals import Lesson, Signals
from sequencer.core.workspace import Brand, Workspace

MARK = Mark("sequences/signals.yaml", 1, 1)
NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
TODAY = NOW.date()
NAMES = Names(tags={"cost": frozenset({"a"}), "risk": frozenset({"b"})}, scope="ever")
COST, RISK = 'clicked_tag("cost")', 'clicked_tag("risk")'


def lesson(when: str, field: str, value: object, at_least: int = 1, within: int | None = None) -> Lesson:
    return Lesson(when, MARK, compile_condition(when, MARK, NAMES), field, value, at_least, within)


LESSONS = (
    lesson(COST, "pains", "cost", 2, 60),
    lesson(RISK, "pains", "risk", 3, 5),
    lesson(COST, "role", "finance"),
    lesson(RISK, "role", "operations"),
    lesson('visited("/api*")', "role", "it", 2),
)
FIELDS = {
    "pains": Field("pains", "some_of", ("risk", "cost")),
    "role": Field("role", "one_of", ("finance", "operations", "it")),
}


def workspace(lessons: tuple[Lesson, ...] = LESSONS) -> Workspace:
    return Workspace(Brand("", "", ""), (), {}, FIELDS, {}, {}, {}, {}, signals=Signals(learn=lessons))


def days(**times: Sequence[int]) -> Counts:
    """How many days ago, by `cost` and `risk`."""
    names = {"cost": COST, "risk": RISK, "api": 'visited("/api*")'}
    return Counter((names[name], TODAY - timedelta(days=ago)) for name, several in times.items() for ago in several)


def seen(value: Any, ago: int, confidence: int, *because: tuple[str, int]) -> Inference:
    return Inference(value, TODAY - timedelta(days=ago), confidence, because)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (days(), {}),
        (days(cost=[70]), {"role": seen("finance", 70, 50, (COST, 1))}),
        (days(cost=[70, 9]), {"role": seen("finance", 9, 67, (COST, 2))}),
        (
            days(cost=[69, 9]),
            {"pains": seen(["cost"], 9, 67, (COST, 2)), "role": seen("finance", 9, 67, (COST, 2))},
        ),
        (
            days(cost=[200, 200, 9]),
            {"pains": seen(["cost"], 200, 67, (COST, 2)), "role": seen("finance", 9, 75, (COST, 3))},
        ),
        (
            days(cost=[9, 9], risk=[4, 4, 4, 4]),
            {
                "pains": seen(["risk", "cost"], 4, 67, (COST, 2), (RISK, 4)),
                "role": seen("operations", 4, 80, (RISK, 4)),
            },
        ),
        (days(cost=[4], risk=[4]), {"role": seen("finance", 4, 50, (COST, 1))}),
        (days(cost=[4], risk=[4, 4]), {"role": seen("operations", 4, 67, (RISK, 2))}),
        (days(api=[9, 300], risk=[8]), {"role": seen("operations", 8, 50, (RISK, 1))}),
        (days(api=[7, 300], risk=[8]), {"role": seen("it", 7, 67, ('visited("/api*")', 2))}),
    ],
)
def test_what_is_seen_often_enough_is_learned_and_the_newest_of_what_excludes_each_other(
    counts: Counts, expected: dict[str, Inference]
) -> None:
    assert learned(workspace(), counts) == expected


SAID: Source = {"by": "import", "at": "2026-10-01T00:00:00+00:00"}
INFERRED = seen("finance", 3, 50, (COST, 1))


@pytest.mark.parametrize(
    ("fields", "sources", "counts", "expected"),
    [
        ({}, {}, days(cost=[3]), Taught({"role": "finance"}, {"role": INFERRED.source})),
        ({"role": "finance"}, {"role": INFERRED.source}, days(cost=[3]), None),
        ({"role": "it"}, {}, days(cost=[3]), None),
        ({"role": "finance"}, {"role": SAID}, days(cost=[3]), None),
        ({"role": ""}, {"role": SAID}, days(cost=[3]), Taught({"role": "finance"}, {"role": INFERRED.source})),
        (
            {"role": "finance"},
            {"role": INFERRED.source},
            days(cost=[3, 90]),
            Taught({"role": "finance"}, {"role": seen("finance", 3, 67, (COST, 2)).source}),
        ),
        (
            {"role": "finance"},
            {"role": INFERRED.source},
            days(cost=[3], risk=[1]),
            Taught({"role": "operations"}, {"role": seen("operations", 1, 50, (RISK, 1)).source}),
        ),
        ({"role": "finance", "x": "y"}, {"role": INFERRED.source}, days(), Taught({}, {}, ("role",))),
        (
            {"pains": ["risk"]},
            {"pains": SAID},
            days(cost=[1, 1]),
            Taught({"role": "finance"}, {"role": seen("finance", 1, 67, (COST, 2)).source}),
        ),
    ],
)
def test_answers_always_win_and_what_was_inferred_follows_what_is_known(
    fields: dict[str, Any], sources: dict[str, Source], counts: Counts, expected: Taught | None
) -> None:
    lead = Lead(1, "k@b.example", fields=fields)
    found = teaches(lead, sources, learned(workspace(), counts))
    assert found == expected
    if found is not None:
        again = found.applied(lead)
        noted = {name: source for name, source in sources.items() if name not in found.gone} | dict(found.sources)
        assert teaches(again, noted, learned(workspace(), counts)) is None, "once written, nothing is left to write"


@pytest.mark.parametrize(("confidence", "replaced"), [(90, False), (50, False), (40, True)])
def test_what_behaviour_tells_takes_the_place_of_a_guess_that_is_less_sure(confidence: int, replaced: bool) -> None:
    lead = Lead(1, "k@b.example", fields={"role": "it"})
    guessed = {"by": "browser", "at": "2026-11-01T00:00:00Z", "confidence": confidence, "because": []}
    expected = Taught({"role": "finance"}, {"role": INFERRED.source}) if replaced else None
    assert teaches(lead, {"role": guessed}, learned(workspace(), days(cost=[3]))) == expected


def test_a_rule_that_is_gone_teaches_nothing_any_more() -> None:
    lead = Lead(1, "k@b.example", fields={"role": "finance"})
    assert teaches(lead, {"role": INFERRED.source}, learned(workspace(()), days(cost=[3]))) == Taught({}, {}, ("role",))
    nothing = replace(workspace(), signals=None)
    assert teaches(lead, {"role": SAID}, learned(nothing, days(cost=[3]))) is None


def test_each_field_that_gets_another_value_is_an_event_with_what_it_was_learned_from() -> None:
    lead = Lead(1, "k@b.example", fields={"role": "finance", "pains": ["cost"]})
    known = {"role": INFERRED.source, "pains": seen(["cost"], 9, 67, (COST, 2)).source}
    taught = teaches(lead, known, learned(workspace(), days(cost=[3, 2], risk=[1, 1, 1])))
    assert taught is not None
    told = learnt(lead, taught, NOW)
    assert [explain.event(e) for e in told] == [
        "was understood: pains became risk, cost, 67 % sure "
        "(clicked in a mail about cost twice, clicked in a mail about risk 3 times)",
        "was understood: role became operations, 75 % sure (clicked in a mail about risk 3 times)",
    ]
    assert len({e.key for e in told}) == 2
    gone = teaches(lead, known, learned(workspace(()), {}))
    assert gone is not None
    assert [explain.event(e) for e in learnt(lead, gone, NOW)] == [
        f"{name} is unknown again: what it was learned from was taken back" for name in ("pains", "role")
    ]
    fake = Event("changed", NOW, 1, "k", "api", data={"field": "role", "after": "x", "because": "a lie"})
    assert explain.event(fake) == "role became x"


HAPPENED = st.lists(
    st.builds(
        lambda at, data, machine, number: Event(
            "clicked", NOW + timedelta(hours=at), 1, f"k{number}", "test", machine=machine, data={"content": data}
        ),
        st.integers(-24 * 9, 24),
        st.sampled_from(["a", "b", "b", "c"]),
        st.sampled_from([False, False, False, True]),
        st.integers(0, 1_000_000),
    ),
    max_size=12,
    unique_by=lambda e: e.key,
)


def brute(events: list[Event]) -> dict[str, Any]:
    """The values by their definition, event by event."""
    people = sorted((e for e in events if not e.machine), key=lambda e: e.at)
    last: dict[str, list[tuple[date, int, int]]] = {}
    for number, one in enumerate(LESSONS):
        mine = [day_of(e) for e in people if {COST: "a", RISK: "b"}.get(one.name) == e.data["content"]]
        for day in mine:
            first = day - timedelta(days=one.within) if one.within is not None else date.min
            times = sum(first <= other <= day for other in mine)
            if times >= one.at_least:
                last.setdefault(one.field, []).append((day, times, -number))
    best = {field: max(found) for field, found in last.items() if field != "pains"}
    values: dict[str, Any] = {field: LESSONS[-number].value for field, (_, _, number) in best.items()}
    pains = {LESSONS[-number].value for _, _, number in last.get("pains", ())}
    return values | ({"pains": [choice for choice in FIELDS["pains"].choices if choice in pains]} if pains else {})


@given(HAPPENED, st.randoms(), st.sampled_from([None, "role", "pains"]))
def test_any_order_of_arrival_and_of_answers_ends_in_the_same_profile(
    events: list[Event], random: Any, answered: str | None
) -> None:
    """One event at a time, some of them taken back later, an answer anywhere in between."""
    mistaken = [e for e in events if not e.machine and random.random() < 0.2]
    steps: list[tuple[str, Event | None]] = [("happened", e) for e in events] + [("answered", None)]
    random.shuffle(steps)
    steps += [("mistaken", e) for e in mistaken]
    lead, sources = Lead(1, "k@b.example"), dict[str, Source]()
    counts: Counter[Any] = Counter()
    answer = {"role": "it", "pains": ["risk"]}
    for what, e in steps:
        if what == "answered" and answered is not None:
            lead = lead._replace(fields={**lead.fields, answered: answer[answered]})
            sources[answered] = SAID
        for place, times in counted(workspace(), [e] if e is not None else []).items():
            counts[place] += times if what == "happened" else -times
        taught = teaches(lead, sources, learned(workspace(), counts))
        if taught is not None:
            lead = taught.applied(lead)
            sources = {name: said for name, said in sources.items() if name not in taught.gone} | dict(taught.sources)
    stay = [e for e in events if e not in mistaken]
    expected = brute(stay) | ({answered: answer[answered]} if answered is not None else {})
    assert dict(lead.fields) == expected

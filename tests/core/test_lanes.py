"""Who makes way for whom, as a table and as laws."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.core.enrollment import Enrollment, Status
from sequencer.core.lanes import Other, concerned, held_up, holder, holders, may_hold
from sequencer.core.mark import Mark
from sequencer.core.sequence import Arm, Lane, Sequence, SequenceState
from sequencer.workspace.ahead import check_ahead
from tests.core.test_engine import HEAD, MONDAY, Passage

AT = Mark("sequences/x.yaml", 1, 1)


def sequence(name: str, lane: str = "", priority: int = 50, pauses: str = "") -> Sequence:
    return Sequence(
        name,
        AT,
        name,
        SequenceState.LIVE,
        "guides",
        "marketing",
        Arm("", ()),
        (),
        lane=Lane(lane, priority, AT) if lane else None,
        pauses=dict.fromkeys(pauses.split(), AT),
    )


def enrollment(name: str, number: int) -> Enrollment:
    at = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(hours=number // 2)
    return Enrollment(number, 1, name, 1, at, ":end", at, at)


def held(sequences: Mapping[str, Sequence], inside: list[Enrollment]) -> dict[str, str | None]:
    others = [Other(e.id, e.sequence, e.status, e.entered_at) for e in inside]
    return {e.sequence: holder(sequences, sequences[e.sequence], e, others) for e in inside}


@pytest.mark.parametrize(
    ("one", "other", "waits"),
    [
        (sequence("a"), sequence("b"), []),
        (sequence("a", "x"), sequence("b", "y", 80), []),
        (sequence("a", "x"), sequence("b", "x", 80), ["a"]),
        (sequence("a", "x", 80), sequence("b", "x"), ["b"]),
        (sequence("a", "x"), sequence("b", "x"), ["b"]),
        (sequence("a", pauses="b"), sequence("b"), ["b"]),
        (sequence("a"), sequence("b", pauses="a"), ["a"]),
        (sequence("a", "x", 80), sequence("b", "x", 20, pauses="a"), ["a"]),
    ],
    ids=["nothing", "other lanes", "priority", "lower", "equals", "pauses", "paused", "pauses beats priority"],
)
def test_which_of_two_waits_when_a_lead_entered_a_first(one: Sequence, other: Sequence, waits: list[str]) -> None:
    found = held({"a": one, "b": other}, [enrollment("a", 1), enrollment("b", 2)])
    assert [name for name, by in found.items() if by] == waits


NAMES = "abcde"
SEQUENCES = st.fixed_dictionaries(
    {
        name: st.builds(
            sequence,
            st.just(name),
            st.sampled_from(["", "x", "x", "y"]),
            st.sampled_from([20, 50, 80]),
            st.lists(st.sampled_from([n for n in NAMES if n != name]), max_size=2).map(" ".join),
        )
        for name in NAMES
    }
)


@given(SEQUENCES)
def test_all_pairs_at_once_say_what_each_pair_says(sequences: dict[str, Sequence]) -> None:
    pairs = {one.id: {other.id for other in sequences.values() if may_hold(one, other)} for one in sequences.values()}
    assert held_up(sequences) == pairs
    turned = {name: {one for one in sequences if name in pairs[one]} for name in sequences}
    assert holders(sequences) == {name: those for name, those in turned.items() if those}


@given(SEQUENCES, st.permutations(NAMES), st.integers(1, 5))
def test_whatever_check_lets_pass_somebody_always_goes_on_and_of_a_lane_one(
    sequences: dict[str, Sequence], order: list[str], count: int
) -> None:
    found = held(sequences, [enrollment(name, number) for number, name in enumerate(order[:count])])
    if any(problem.code == "pauses-circle" for problem in check_ahead(sequences)):
        return
    going = [name for name, by in found.items() if by is None]
    assert going
    lanes = [lane.name for name in going if (lane := sequences[name].lane) is not None]
    assert len(lanes) == len(set(lanes))


@given(SEQUENCES, st.permutations(NAMES), st.integers(1, 5))
def test_who_begins_or_ceases_to_be_held_is_looked_at_again(
    sequences: dict[str, Sequence], order: list[str], count: int
) -> None:
    there = [enrollment(name, number) for number, name in enumerate(order[:count])]
    *stayed, moved = there
    with_it, without = held(sequences, there), held(sequences, stayed)
    changed = {name for name in with_it if bool(with_it[name]) != bool(without.get(name))}
    for running in (there, stayed):
        woken = {e.sequence for e in concerned(holders(sequences), running, [(1, moved.sequence)])}
        assert changed & {e.sequence for e in running} <= woken
    assert concerned(holders(sequences), there, [(2, moved.sequence)]) == []


WAITING = "pressure: exempt\nsteps:\n  - email: one\n  - wait: 3 days\n  - email: two\n"


class Pair(Passage):
    """`it`, and an enrollment in `other`, which goes before it."""

    rival: Other | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        other = replace(self.workspace.sequences["other"], pauses={"it": AT})
        self.workspace = replace(self.workspace, sequences={"it": self.sequence, "other": other})

    def snapshot(self):  # type: ignore[no-untyped-def]
        return super().snapshot()._replace(others=(self.rival,) if self.rival is not None else ())

    def rival_is(self, status: Status) -> "Pair":
        self.rival = Other(9, "other", status, MONDAY, None if status is Status.ACTIVE else self.now)
        self.look()
        return self


def test_the_rest_of_a_wait_is_left_when_the_other_sequence_is_over() -> None:
    it = Pair(HEAD + WAITING)
    it.after(days=1)
    it.rival_is(Status.ACTIVE).after(days=10)
    assert (it.steps, it.enrollment.status, it.enrollment.reason, it.why) == (
        ["one"],
        Status.PAUSED,
        "behind other",
        "behind",
    )
    it.rival_is(Status.FINISHED).after(days=3)
    assert it.sent == [("one", MONDAY), ("two", MONDAY + timedelta(days=13))]


def test_the_goal_of_the_sequence_that_paused_it_ends_it() -> None:
    it = Pair(HEAD + WAITING)
    it.after(days=1)
    it.rival_is(Status.ACTIVE).after(days=1)
    it.rival_is(Status.CONVERTED)
    assert (it.enrollment.status, it.enrollment.reason) == (Status.LEFT, "goal-elsewhere: other")


def test_a_goal_from_before_it_began_does_not() -> None:
    it = Pair(HEAD + WAITING)
    it.rival = Other(9, "other", Status.CONVERTED, MONDAY - timedelta(days=9), MONDAY - timedelta(days=1))
    assert it.after(days=4).steps == ["one", "two"]

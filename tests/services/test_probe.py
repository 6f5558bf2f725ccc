"""How much may be under way at once after an outage."""

import pytest

from sequencer.core.mail import Answer
from sequencer.services.probe import AT_ONCE, LONGEST_WAIT, Probe

A, R, X, U, N = Answer.ACCEPTED, Answer.RETRY, Answer.REFUSED, Answer.UNKNOWN, Answer.UNTRIED


@pytest.mark.parametrize(
    ("batches", "limits"),
    [
        ([[A], [A, A]], [None, None]),
        ([[R], [X]], [None, None]),
        ([[U], [A], [A], [A]], [1, 10, 100, None]),
        ([[U], [U], [A]], [1, 1, 10]),
        ([[U], [A], [A], [U], [A]], [1, 10, 100, 1, 10]),
        ([[U], [R], [X], [], [A]], [1, 1, 1, 1, 10]),
        ([[A, X, U], [A, X, R]], [1, 10]),
        ([[A, U, A, A], [A]], [100, None]),
        ([[A, U, A, A, A, A]], [None]),
        ([[A, U, A, U], [A]], [1, 10]),
        ([[U], [A], [A], [A], [A]], [1, 10, 100, None, None]),
    ],
)
def test_an_unclear_answer_limits_what_is_under_way_and_clear_ones_widen_it_again(
    batches: list[list[Answer]], limits: list[int | None]
) -> None:
    probe, seen = Probe(), []
    for answers in batches:
        probe.answered(answers)
        seen.append(probe.limit)
    assert seen == limits


def test_a_probe_that_saw_nothing_limits_nothing() -> None:
    assert Probe().limit is None


def test_single_mishaps_delay_nobody_and_an_outage_is_asked_about_less_and_less_often() -> None:
    seconds = [0.0]
    probe, waits = Probe(lambda: seconds[0]), []
    for _ in range(AT_ONCE):
        probe.answered([U])
        assert not probe.waits
    for _ in range(8):
        probe.answered([U])
        began = seconds[0]
        while probe.waits:
            seconds[0] += 0.5
        waits.append(seconds[0] - began)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_WAIT, LONGEST_WAIT, LONGEST_WAIT]
    probe.answered([A])
    probe.answered([U])
    assert not probe.waits


@pytest.mark.parametrize(("answer", "goes_on"), [(A, True), (R, True), (X, True), (N, False), (U, False)])
def test_one_thread_tries_whether_an_outage_is_over_and_the_others_wait_for_what_it_is_told(
    answer: Answer, goes_on: bool
) -> None:
    seconds = [0.0]
    probe = Probe(lambda: seconds[0])
    probe.answered([U] * (AT_ONCE + 3))
    seconds[0] += LONGEST_WAIT
    assert [True, False, False] == [probe.lets(1) for _ in range(3)]
    assert probe.waits
    probe.answered([answer])
    assert goes_on == (not probe.waits)

"""What an operator does by hand to one lead's passage."""

from datetime import UTC, datetime, timedelta

import pytest

from sequencer.core import halts, operate
from sequencer.core.engine import decide
from sequencer.core.enrollment import Enrollment, Status
from sequencer.core.lead import Lead
from sequencer.core.operate import Impossible
from sequencer.core.snapshot import Snapshot
from tests.core.test_engine import HEAD, workspace
from tests.core.test_migrate import BRANCHED, NOW, PLAIN, sequence, standing

LATER = NOW + timedelta(days=3)
KIM = Lead(1, "kim@harbor.example", created_at=NOW)


def looked_at(enrollment: Enrollment, at: datetime, steps: str = PLAIN) -> Enrollment:
    known = workspace(HEAD + "pressure: exempt\nsteps:\n" + steps)
    return decide(known, known.sequences["it"], Snapshot(KIM, None, enrollment), at).enrollment


@pytest.mark.parametrize(
    ("steps", "enrollment", "position", "skipped", "passed"),
    [
        (PLAIN, standing("two", ("one", "sent")), "three", "`two`", "two"),
        (PLAIN, standing("three"), ":end", "`three`", "three"),
        # A fork with all its arms.
        (BRANCHED, standing("fork", ("one", "sent")), "four", "`fork`", "fork"),
        # The wait at the end of an arm.
        (BRANCHED, standing("fork:then", ("fork", "then")), "four", "the wait after `fork:then`", "fork"),
    ],
)
def test_skipping_leads_past_what_comes_next(
    steps: str, enrollment: Enrollment, position: str, skipped: str, passed: str
) -> None:
    after, what = operate.skip(sequence(steps), enrollment, LATER)
    assert (after.position, after.since, after.due_at, what) == (position, LATER, LATER, skipped)
    assert after.outcomes[-1].step == passed


def test_a_skipped_step_is_never_done_and_what_follows_keeps_its_wait() -> None:
    after, _ = operate.skip(sequence(PLAIN), standing("two", ("one", "sent")), LATER)
    waiting = looked_at(after, LATER)
    assert (waiting.position, waiting.due_at) == ("three", LATER + timedelta(days=1))


def test_at_the_end_nothing_is_left_to_skip() -> None:
    with pytest.raises(Impossible, match="stands at the end of the sequence: nothing is left to skip"):
        operate.skip(sequence(PLAIN), standing(":end"), LATER)


def test_moving_begins_the_waits_before_the_step_anew() -> None:
    after = operate.move(sequence(PLAIN), standing("one"), "three", LATER)
    assert (after.position, looked_at(after, LATER).due_at) == ("three", LATER + timedelta(days=1))


def test_moved_back_nobody_gets_a_mail_twice() -> None:
    after = operate.move(sequence(PLAIN), standing("three", ("one", "sent"), ("two", "sent")), "two", LATER)
    due = LATER + timedelta(days=1)
    assert looked_at(after, due).position == "three"


def test_moved_into_an_arm_it_counts_as_taken_and_into_the_other_nobody_is_moved() -> None:
    after = operate.move(sequence(BRANCHED), standing("one"), "three", LATER)
    assert [(o.step, o.outcome, o.detail) for o in after.outcomes] == [("fork", "else", "operator")]
    with pytest.raises(Impossible, match="`two` is in the arm `then` of `fork`, and this lead went down `else` there"):
        operate.move(sequence(BRANCHED), after, "two", LATER)


def test_a_paused_lead_waits_for_the_operator_whatever_wakes_it() -> None:
    waiting = looked_at(standing("two", ("one", "sent")), NOW)
    paused = operate.pause(waiting, None, NOW + timedelta(hours=6))
    asleep = looked_at(paused._replace(due_at=LATER), LATER)
    assert (asleep.status, asleep.due_at, asleep.since) == (Status.PAUSED, None, NOW)
    on = looked_at(operate.resume(asleep, LATER), LATER)
    # 18 of the 24 hours of the wait were left.
    assert (on.status, on.due_at) == (Status.ACTIVE, LATER + timedelta(hours=18))


def test_a_pause_until_a_day_is_over_by_itself() -> None:
    paused = operate.pause(standing("two", ("one", "sent")), LATER, NOW)
    assert looked_at(paused, NOW + timedelta(days=1)).due_at == LATER
    assert looked_at(paused, LATER).due_at == LATER + timedelta(days=1)


def test_a_reply_does_not_end_a_pause_of_an_operator() -> None:
    known = workspace(HEAD + "steps:\n" + PLAIN)
    paused = operate.pause(standing("two"), None, NOW)
    assert halts.after_reply(known, known.sequences["it"], paused, KIM, UTC, NOW) == paused  # type: ignore[arg-type]


def test_moved_while_paused_the_wait_is_whole_afterwards() -> None:
    paused = operate.pause(standing("one"), None, NOW)
    moved = operate.move(sequence(PLAIN), paused, "three", LATER)
    on = looked_at(operate.resume(moved, LATER + timedelta(days=5)), LATER + timedelta(days=5))
    assert on.due_at == LATER + timedelta(days=6)

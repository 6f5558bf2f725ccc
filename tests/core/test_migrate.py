"""Editing a sequence under people: cases from the design, and laws over random programs and edits."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.core.enrollment import RUNNING, Enrollment, Outcome
from sequencer.core.lead import Lead
from sequencer.core.migrate import migrate
from sequencer.core.sequence import Sequence
from tests.core.test_engine import HEAD, Passage, programs, workspace

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def sequence(steps: str) -> Sequence:
    return workspace(HEAD + "pressure: exempt\nsteps:\n" + steps).sequences["it"]


def standing(position: str, *passed: tuple[str, str]) -> Enrollment:
    outcomes = tuple(Outcome(step, outcome, NOW) for step, outcome in passed)
    return Enrollment(1, 1, "it", 1, NOW, position, NOW, NOW, outcomes=outcomes)


PLAIN = "  - email: one\n  - wait: 1 day\n  - email: two\n  - wait: 1 day\n  - email: three\n"
BRANCHED = (
    "  - email: one\n"
    '  - id: fork\n    if: did("asked")\n'
    "    then:\n      - email: two\n    else:\n      - email: three\n"
    "  - email: four\n"
)

RED = '      red:\n        if: did("asked")\n        steps:\n          - email: two\n'
BLUE = '      blue:\n        if: lead.stage == "mql"\n        steps:\n          - email: three\n'
CHOSEN = "  - email: one\n  - id: track\n    choose:\n" + RED + BLUE + "  - email: four\n"
DEALT = (
    (CHOSEN.replace('if: did("asked")', "share: 50").replace('if: lead.stage == "mql"', "share: 50"))
    .replace("choose:", "test:")
    .replace("  - email: one\n", "")
)


@pytest.mark.parametrize(
    ("old", "new", "enrollment", "position"),
    [
        (PLAIN, PLAIN, standing("two", ("one", "sent")), "two"),
        # A step that is gone: the next sibling.
        (PLAIN, PLAIN.replace("  - email: two\n  - wait: 1 day\n", ""), standing("two", ("one", "sent")), "three"),
        # The last step is gone: the end.
        (PLAIN, PLAIN.replace("  - wait: 1 day\n  - email: three\n", ""), standing("three"), ":end"),
        # A mail replaced in place reaches those who stood before it.
        (PLAIN, PLAIN.replace("two", "four"), standing("two", ("one", "sent")), "four"),
        # A new mail before a step that stays is not sent to those who stand at that step.
        (PLAIN, PLAIN.replace("  - email: two", "  - email: four\n  - email: two"), standing("two"), "two"),
        # A branch is gone: its surviving inner steps.
        (BRANCHED, "  - email: one\n  - email: three\n  - email: four\n", standing("fork", ("one", "sent")), "three"),
        # An arm's mail is gone: on to the end of the arm, never into the other one.
        (
            BRANCHED,
            BRANCHED.replace("      - email: two\n", "      - id: s\n        set: {stage: mql}\n"),
            standing("two", ("one", "sent"), ("fork", "then")),
            "s",
        ),
        # The step moved into an arm that was not chosen: after the branch.
        (
            BRANCHED,
            "  - email: one\n"
            '  - id: fork\n    if: did("asked")\n'
            "    then:\n      - id: s\n        set: {stage: mql}\n    else:\n      - email: two\n      - email: three\n"
            "  - email: four\n",
            standing("two", ("one", "sent"), ("fork", "then")),
            "four",
        ),
        # The step moved into a branch that was never decided: before the branch.
        (
            PLAIN,
            '  - email: one\n  - id: fork\n    if: did("asked")\n    then:\n      - email: two\n  - email: three\n',
            standing("two", ("one", "sent")),
            "fork",
        ),
        # An arm is gone, with all that was in it: on to what follows the fork.
        (CHOSEN, CHOSEN.replace(RED, ""), standing("two", ("one", "sent"), ("track", "red")), "four"),
        # An arm is called otherwise now: it is another arm, and nobody is led into it.
        (CHOSEN, CHOSEN.replace("red:", "pink:"), standing("two", ("one", "sent"), ("track", "red")), "four"),
        # The shares change: who was dealt out stays where they are.
        (DEALT, DEALT.replace("50", "0", 1).replace("50", "100"), standing("two", ("track", "red")), "two"),
        # A fork of another kind: its arms are others, and the choice does not count for them.
        (CHOSEN, DEALT.replace("red:", "pink:"), standing("two", ("one", "sent"), ("track", "red")), "four"),
        # A step moved from one arm into the other is not reached from the first.
        (
            CHOSEN,
            CHOSEN.replace("- email: two", "- id: s\n            set: {stage: mql}").replace(
                "          - email: three\n", "          - email: three\n          - email: two\n"
            ),
            standing("two", ("one", "sent"), ("track", "red")),
            "four",
        ),
    ],
)
def test_where_somebody_stands_after_an_edit(old: str, new: str, enrollment: Enrollment, position: str) -> None:
    moved = migrate(sequence(old), sequence(new), enrollment, 2)
    assert (moved.position, moved.deployment) == (position, 2)


@pytest.mark.parametrize(
    ("old", "new", "enrollment", "sent"),
    [
        # A fork that was passed is followed as recorded, however it is decided now.
        (DEALT, DEALT.replace("50", "0", 1).replace("50", "100"), standing("track", ("track", "red")), ["two", "four"]),
        (CHOSEN, CHOSEN.replace('"mql"', '"lead"'), standing("track", ("track", "blue")), ["three", "four"]),
        # Its arm is gone: none of the others is entered.
        (CHOSEN, CHOSEN.replace(RED, ""), standing("track", ("track", "red")), ["four"]),
        (BRANCHED, CHOSEN.replace("track", "fork"), standing("fork", ("fork", "then")), ["four"]),
    ],
)
def test_a_passed_fork_is_followed_as_recorded(old: str, new: str, enrollment: Enrollment, sent: list[str]) -> None:
    it = Passage(HEAD + "pressure: exempt\nsteps:\n" + new)
    it.enrollment = migrate(sequence(old), it.sequence, enrollment, 2)
    it.until(NOW + timedelta(days=10))
    assert it.steps == sent


@given(programs(), programs(), st.integers(0, 20 * 24), st.booleans())
def test_nobody_is_lost_mailed_twice_or_led_into_an_arm_they_did_not_take(
    before: str, after: str, hours: int, asked: bool
) -> None:
    it = Passage(before, lead=Lead(1, "k@b.example", zone="Europe/London", stage="mql" if asked else None))
    it.until(NOW + timedelta(hours=hours))
    if it.enrollment.status not in RUNNING:
        return
    taken = {o.step: o.outcome for o in it.enrollment.outcomes}
    it.enrollment = migrate(it.sequence, workspace(after).sequences["it"], it.enrollment, 2)
    it.sequence, it.workspace = workspace(after).sequences["it"], workspace(after)
    place = it.sequence.places[it.enrollment.position]
    while place.fork is not None:
        assert taken.get(place.fork.id) == place.arm.name
        place = it.sequence.places[place.fork.id]
    it.look()
    it.until(NOW + timedelta(days=400))
    assert it.enrollment.status not in RUNNING
    assert len(it.steps) == len(set(it.steps))

"""What an edit is said to do to people is what it does: cases, and laws over random programs and edits."""

import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sequencer.core.enrollment import RUNNING, Enrollment
from sequencer.core.event import Event
from sequencer.core.fate import Fate, fate
from sequencer.core.lead import Lead
from sequencer.core.migrate import migrate
from sequencer.core.redate import Version, redating
from tests.core.test_engine import CONDITIONS, HEAD, HOURS, MONDAY, WAITS, Passage, programs, workspace
from tests.core.test_migrate import BRANCHED, CHOSEN, PLAIN, RED, sequence, standing

WITHOUT_TWO = PLAIN.replace("  - email: two\n  - wait: 1 day\n", "")


@pytest.mark.parametrize(
    ("old", "new", "enrollment", "expected"),
    [
        (PLAIN, PLAIN, standing("two", ("one", "sent")), Fate("two")),
        # A mail that is gone never comes to whoever did not have it yet.
        (PLAIN, WITHOUT_TWO, standing("one"), Fate("one", removed=("two",))),
        (PLAIN, WITHOUT_TWO, standing("two", ("one", "sent")), Fate("three", removed=("two",))),
        (PLAIN, WITHOUT_TWO, standing("three", ("one", "sent"), ("two", "sent")), Fate("three")),
        # One that takes its place comes to them instead.
        (
            PLAIN,
            PLAIN.replace("two", "four"),
            standing("two", ("one", "sent")),
            Fate("four", removed=("two",), new=("four",)),
        ),
        # A new one at the beginning comes too late.
        (PLAIN, "  - email: four\n" + PLAIN, standing("two", ("one", "sent")), Fate("two", missed=("four",))),
        # One that was moved before the place where somebody stands never comes.
        (
            PLAIN,
            "  - email: three\n  - email: one\n  - email: two\n",
            standing("two", ("one", "sent")),
            Fate("two", passed_by=("three",)),
        ),
        # Nothing is left.
        (
            PLAIN,
            PLAIN.replace("  - wait: 1 day\n  - email: three\n", ""),
            standing("three", ("one", "sent"), ("two", "sent")),
            Fate(":end", removed=("three",), finishes=True),
        ),
        # Before a fork both arms may come, in an arm only that one.
        (BRANCHED, "  - email: one\n  - email: four\n", standing("one"), Fate("one", removed=("two", "three"))),
        (CHOSEN, CHOSEN.replace(RED, ""), standing("two", ("track", "red")), Fate("four", removed=("two",))),
        (CHOSEN, CHOSEN.replace(RED, ""), standing("three", ("track", "blue")), Fate("three")),
    ],
)
def test_what_an_edit_means_for_somebody(old: str, new: str, enrollment: Enrollment, expected: Fate) -> None:
    assert expected == fate(sequence(old), sequence(new), enrollment)


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, str]:
    """A program, and another version of it: with other waits, conditions or hours, or another program altogether."""
    before: str = draw(programs())
    if draw(st.booleans()):
        return before, draw(programs())

    def either(kind: str, choices: tuple[str, ...], text: str) -> str:
        return re.sub(rf"(?<={kind}: ).*", lambda found: draw(st.sampled_from((found[0], *choices))), text)

    after = either("wait", WAITS, before)
    after = either("within", ("1 day", "5 hours", "3 business days"), after)
    after = either(" if", CONDITIONS, after)
    if draw(st.booleans()):
        after = after.replace("pressure: exempt\n", "").replace("steps:\n", HOURS + "steps:\n", 1)
    return before, after if after.count("hours:") <= 1 else before


def inside(text: str, hours: int, asked: int | None, lead: Lead) -> Passage:
    """Somebody after so many hours, who asked so many hours after the start."""
    it = Passage(text, lead=lead)
    tells(it, MONDAY + timedelta(hours=hours), asked)
    return it


def tells(it: Passage, until: datetime, asked: int | None) -> None:
    """Lets time pass; what happens on the way wakes whoever waits for it."""
    at = MONDAY + timedelta(hours=asked) if asked is not None else None
    if at is not None and it.now <= at < until:
        it.until(at)
        it.events.append(Event("asked", at, 1, "a", "api"))
        if it.enrollment.status in RUNNING:
            it.now = at
            it.look()
    it.until(until)


leads = st.builds(
    lambda mql, date: Lead(
        1, "k@b.example", zone="Europe/London", stage="mql" if mql else None, fields={"next_attempt": date}
    ),
    st.booleans(),
    st.sampled_from([None, "2026-11-24", "2026-12-20"]),
)


@settings(max_examples=40)
@given(edits(), st.integers(0, 20 * 24), st.none() | st.integers(0, 30 * 24), leads)
def test_nobody_gets_what_they_were_said_never_to_get(
    edit: tuple[str, str], hours: int, asked: int | None, lead: Lead
) -> None:
    it = inside(edit[0], hours, asked, lead)
    if it.enrollment.status not in RUNNING:
        return
    new = workspace(edit[1])
    said = fate(it.sequence, new.sequences["it"], it.enrollment)
    before = len(it.steps)
    it.enrollment = migrate(it.sequence, new.sequences["it"], it.enrollment, 2)._replace(due_at=it.now)
    assert said.position == it.enrollment.position
    it.sequence, it.workspace = new.sequences["it"], new
    tells(it, MONDAY + timedelta(days=400), asked)
    assert it.enrollment.status not in RUNNING
    came = {step.partition(":")[0] for step in it.steps[before:]}
    assert not came & {*said.removed, *said.passed_by, *said.missed}
    assert not (said.finishes and came)


def series(up_to: int, head: str = "", at: str = "") -> str:
    """A series, one mail every three days, and a mail after it."""
    step = f"  - id: tips\n    series: {{pick: guide}}\n    every: 3 days\n    up_to: {up_to}\n{at}"
    return f"{HEAD}{head}steps:\n{step}  - email: one\n"


@pytest.mark.parametrize(
    ("edited", "at_once"),
    [
        (series(2), True),
        (series(2, at="    at: tue 10:00\n"), True),
        (series(2, "pressure: exempt\n"), True),
        (series(3), False),
        (series(5), False),
    ],
)
def test_who_had_as_many_mails_as_a_series_still_has_is_dated_at_once(edited: str, at_once: bool) -> None:
    it = Passage(series(4)).after(days=4)
    assert it.steps == ["tips:1", "tips:2"]
    new = workspace(edited)
    then = Version(new, new.sequences["it"])
    after = migrate(it.sequence, then.sequence, it.enrollment, 2)
    found = redating(Version(it.workspace, it.sequence), then).due(it.enrollment, after, it.snapshot(), it.now)
    assert found == (it.enrollment.since if at_once else None)


@settings(max_examples=40)
@given(edits(), st.integers(0, 20 * 24), st.none() | st.integers(0, 30 * 24), leads)
@example((series(2), series(1)), 54, None, Lead(1, "k@b.example", zone="Europe/London"))
@example(
    (series(2, "pressure: exempt\n"), series(1, at="    at: tue 10:00\n")),
    54,
    None,
    Lead(1, "k@b.example", zone="Europe/London"),
)
def test_a_date_that_an_edit_leaves_is_as_good_as_a_look_at_once(
    edit: tuple[str, str], hours: int, asked: int | None, lead: Lead
) -> None:
    # A series that `until` ends does so at the next look, edit or not.
    text, edited = (re.sub(r"\n *until: did.*", "", one) for one in edit)
    it = inside(text, hours, asked, lead)
    if it.enrollment.status not in RUNNING:
        return
    new = workspace(edited)
    old, then = Version(it.workspace, it.sequence), Version(new, new.sequences["it"])
    before = it.enrollment
    after = migrate(old.sequence, then.sequence, before, 2)
    due = redating(old, then).due(before, after, it.snapshot(), it.now)
    dated = after if due is None else after._replace(due_at=due)
    passages = []
    for enrollment in (dated, after._replace(due_at=it.now)):
        one = replace(it, events=list(it.events), messages=dict(it.messages), done=[], sent=list(it.sent))
        one.workspace, one.sequence, one.enrollment = *then, enrollment
        tells(one, MONDAY + timedelta(days=400), asked)
        passages.append(one)
    kept, looked = passages
    assert looked.sent == kept.sent
    assert [o[:2] for o in looked.enrollment.outcomes] == [o[:2] for o in kept.enrollment.outcomes]

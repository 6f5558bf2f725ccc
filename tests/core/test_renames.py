"""`was`: a new name changes what people read and write, and nothing of what becomes of anybody."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.core.edit import compare
from sequencer.core.enrollment import RUNNING
from sequencer.core.graph import mermaid
from sequencer.core.lead import Lead
from sequencer.core.migrate import migrate
from sequencer.core.renames import lost_names
from sequencer.core.scenario import unreached
from sequencer.core.script import read_line, wrong
from sequencer.core.simulate import Case, simulate
from tests.core.test_engine import HEAD, Passage, programs, workspace

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

OLD = """
  - id: hello
    email: one
  - id: looked
    if: clicked("hello", "price")
    within: 2 days
    then:
      - email: two
        thread: hello
      - wait: 1 day
    else:
      - email: three
  - wait: 1 day
  - email: four
"""
NEW = """
  - id: greeting
    was: hello
    email: one
  - id: interested
    was: looked
    if: clicked("greeting", "price")
    within: 2 days
    then:
      - id: second
        was: two
        email: two
        thread: greeting
      - wait: 1 day
    else:
      - email: three
  - wait: 1 day
  - email: four
"""
AGAIN = NEW.replace("id: greeting\n    was: hello", "id: salute\n    was: [hello, greeting]").replace(
    '"greeting"', '"salute"'
)
AGAIN = AGAIN.replace("thread: greeting", "thread: salute")


def text(steps: str) -> str:
    return HEAD + "pressure: exempt\nsteps:" + steps


def renamed(program: str, which: list[bool]) -> str:
    """The program with new names for some of its steps."""
    turn = iter(which)

    def other(line: re.Match[str]) -> str:
        indent, key, name = line.groups()
        if not next(turn, False):
            return line[0]
        mail = f"\n{indent}  email: {name}" if key == "email" else ""
        return f"{indent}- id: {name}-now\n{indent}  was: {name}{mail}"

    return re.sub(r"^( *)- (id|email): ([a-z0-9]+)$", other, program, flags=re.MULTILINE)


@given(programs(), programs(), st.lists(st.booleans(), max_size=12), st.integers(0, 20 * 24), st.booleans())
def test_an_edit_with_new_names_does_with_everybody_what_it_does_without(
    before: str, after: str, which: list[bool], hours: int, asked: bool
) -> None:
    def passage(then: str) -> Passage:
        it = Passage(before, lead=Lead(1, "k@b.example", zone="Europe/London", stage="mql" if asked else None))
        it.until(NOW + timedelta(hours=hours))
        if it.enrollment.status in RUNNING:
            old, it.workspace = it.sequence, workspace(then)
            it.sequence = it.workspace.sequences["it"]
            it.enrollment = migrate(old, it.sequence, it.enrollment, 2)
            it.look()
            it.until(NOW + timedelta(days=400))
        return it

    plain, other = passage(after), passage(renamed(after, which))
    assert (other.enrollment, other.sent) == (plain.enrollment, plain.sent)
    assert len(other.steps) == len(set(other.steps))


@pytest.mark.parametrize("steps", [NEW, AGAIN])
def test_clicks_conversations_and_places_are_those_of_the_step_however_it_is_called(steps: str) -> None:
    old, new = workspace(text(OLD)).sequences["it"], workspace(text(steps)).sequences["it"]
    assert list(new.places) == list(old.places)
    assert new.asks == old.asks
    assert [email.thread for email in new.emails()] == ["", "hello", "", ""]
    assert list(lost_names(old, new)) == []


def test_a_mail_may_follow_the_new_name_of_its_content() -> None:
    it = workspace(text("\n  - email: one\n  - wait: 1 day\n  - email: three\n    was: two\n")).sequences["it"]
    assert (it.body.steps[-1].id, list(it.names)) == ("two", ["one", "three"])


def test_what_people_read_and_write_is_the_new_name() -> None:
    here = workspace(text(AGAIN))
    it = here.sequences["it"]
    assert [it.shown(p) for p in it.places][:4] == ["salute", "interested", "second", "interested:then"]
    assert (it.key("salute"), it.key("interested:then"), it.key("three")) == ("hello", "looked:then", "three")
    drawn = mermaid(it)
    assert "salute" in drawn
    assert "hello" not in drawn

    cue = read_line("1h after salute clicked salute price")
    came = simulate(here, it, {}, Case(Lead(1, "k@b.example"), NOW, cues=(cue,)))
    said = "\n".join(entry.says for entry in came.timeline.entries)
    assert "sends salute" in said and "clicked price in salute" in said and "sends second" in said
    assert "hello" not in said
    assert [one.step for one in unreached(it, [came])] == ["interested", "three"]
    [(code, message)] = wrong(read_line("1d clicked greeting"), here, it, {})
    assert (code, message) == ("unknown-step", "there is no mail `greeting`: it is called `salute` now")


def test_an_edit_that_gives_new_names_says_that_and_no_more() -> None:
    [change] = compare(workspace(text(OLD)), workspace(text(NEW)), {}, {}).sequences
    assert [(step.step, step.kinds[0], step.details[0][1:]) for step in change.steps] == [
        ("greeting", "renamed", ("hello", "greeting")),
        ("interested", "renamed", ("looked", "interested")),
        ("second", "renamed", ("two", "second")),
    ]


def test_a_plan_asks_whether_a_new_step_is_one_that_is_gone() -> None:
    forgotten = (
        OLD.replace("id: hello\n", "id: greeting\n").replace('"hello"', '"greeting"').replace(" hello", " greeting")
    )
    steps = compare(workspace(text(OLD)), workspace(text(forgotten)), {}, {}).sequences[0].steps
    [added] = [step for step in steps if step.kinds == ("added",)]
    assert (added.step, added.details[0].after) == ("greeting", "hello, if it is that step with another name")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        # Taken out again: those who passed it would be taken for some who have not.
        (NEW, NEW.replace("    was: hello\n", ""), "`greeting` was called `hello`, and people inside have it by that"),
        # Only the last of its names.
        (NEW, AGAIN.replace("[hello, greeting]", "greeting"), "expected `was: [hello, greeting]`"),
        # A step that is known already cannot have been another.
        (OLD, OLD.replace("- email: four", "- email: four\n    was: five"), "`four` is deployed already, under this"),
        # A slip of the pen.
        (OLD, NEW.replace("was: hello", "was: helo"), "no step `helo` is deployed, did you mean `hello`?"),
        # Back to the first name, or nothing at all: nothing is lost.
        (NEW, OLD, None),
        (NEW, NEW, None),
        # What was renamed before it was ever deployed.
        (OLD, OLD + "  - wait: 1 day\n  - id: five\n    was: fifth\n    email: four\n", None),
    ],
)
def test_names_by_which_a_step_would_be_taken_for_another_are_refused(old: str, new: str, said: str | None) -> None:
    found = [p.message for p in lost_names(*(workspace(text(t)).sequences["it"] for t in (old, new)))]
    assert len(found) == (said is not None)
    assert said is None or said in found[0]

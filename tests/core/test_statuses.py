"""What a lead's status means for its sequences: which it runs, and which wait as long as the lead has it."""

from typing import Any

import pytest

from sequencer.core.lead_input import read
from sequencer.core.mark import Problem
from sequencer.core.script import read_line
from sequencer.core.simulate import Case, Simulation, person, simulate
from sequencer.core.workspace import Workspace
from sequencer.services.compile import Compiled, compile_workspace
from tests.core.test_simulate import MONDAY, said, sent, status
from tests.workspaces import files

COURSE = """
title: Course
state: live
topic: guides
pressure: exempt
enroll:
  when: submitted("form")
  if: lead.stage == "lead"
from: marketing
steps:
  - email: one
  - wait: 4 days
  - email: two
"""


def compiled(working: str, **sequences: str) -> Compiled:
    """`working`: what the status of that name means."""
    texts = files(**sequences)
    meant = texts["sequences/workspace.yaml"].replace("working: Working", f"working: {{label: Working, {working}}}")
    return compile_workspace({**texts, "sequences/workspace.yaml": meant})


def problems(working: str, course: str) -> list[Problem]:
    return [problem for problem in compiled(working, course=course).problems if problem.code != "unused-content"]


def workspace(working: str, **sequences: str) -> tuple[Workspace, Compiled]:
    found = compiled(working, **sequences)
    assert found.workspace is not None, "\n".join(map(str, found.problems))
    return found.workspace, found


def run(working: str, *happens: str, enrolled: bool = True, course: str = COURSE, **lead: Any) -> Simulation:
    whole, found = workspace(working, course=course)
    given, company = person(
        read({"email": "kim@harbor.example", "time_zone": "Europe/London", "stage": "lead", **lead}, whole), MONDAY
    )
    case = Case(given, MONDAY, company, cues=tuple(map(read_line, happens)), enrolled=enrolled)
    return simulate(whole, whole.sequences["course"], found.contents, case)


def test_a_sequence_waits_as_long_as_the_lead_has_a_status_that_pauses_it_and_keeps_the_rest_of_its_wait() -> None:
    came = run("pauses: [course]", "1 day: changed status working", "11 days: changed status idle-timing")
    assert [("one", "Mon 23 09:00"), ("two", "Mon 07 09:00")] == sent(came)
    assert "Tue 24 09:00 waits as long as the lead's status is Working" in said(came)


def test_who_enters_with_such_a_status_waits_from_the_beginning_and_nothing_is_lost() -> None:
    came = run("pauses: [course]", "2 days: submitted form", enrolled=False, status="working")
    assert [] == sent(came)
    assert [("paused", "status working")] == status(came, "course")
    gone = run(
        "pauses: [course]",
        "2 days: submitted form",
        "3 days: changed status idle-timing",
        enrolled=False,
        status="working",
    )
    assert [("one", "Thu 26 09:00"), ("two", "Mon 30 09:00")] == sent(gone)


@pytest.mark.parametrize(
    ("happens", "end"),
    [("3 days: changed stage customer", ("left", 'exit_on: lead.stage == "customer"')), ("3 days: halted", None)],
)
def test_what_ends_a_sequence_ends_it_also_while_a_status_pauses_it(happens: str, end: tuple[str, str] | None) -> None:
    leaving = COURSE.replace("steps:", 'exit_on:\n  - lead.stage == "customer"\nsteps:')
    came = run("pauses: [course]", "1 day: changed status working", happens, course=leaving)
    assert [end or ("stopped", "operator")] == status(came, "course")


def test_a_pause_by_an_answer_and_one_by_a_status_hold_until_both_are_over() -> None:
    came = run(
        "pauses: [course]", "1 day: replied", "2 days: changed status working", "9 days: changed status idle-timing"
    )
    # 14 days from the answer on Tuesday the 24th; three of the four days were left.
    assert [("one", "Mon 23 09:00"), ("two", "Fri 11 09:00")] == sent(came)


def test_who_gets_the_status_is_entered_whatever_the_doors_of_the_file_ask_for() -> None:
    came = run("runs: [course]", "2 days: changed status working", enrolled=False, stage="mql")
    assert [("one", "Wed 25 09:00"), ("two", "Sun 29 09:00")] == sent(came)
    assert "Wed 25 09:00 enters" in said(came)


def test_who_was_in_it_before_is_not_entered_again_unless_the_file_says_so() -> None:
    twice = ("1 day: changed status working", "30 days: changed status idle-timing", "40 days: changed status working")
    assert ["one", "two"] == [step for step, _ in sent(run("runs: [course]", *twice, enrolled=False))]
    again = COURSE.replace("from:", "  again: after 20 days\nfrom:")
    came = run("runs: [course]", *twice, enrolled=False, course=again)
    assert ["one", "two", "one", "two"] == [step for step, _ in sent(came)]


@pytest.mark.parametrize(
    ("working", "expected"),
    [
        ("runs: [cuorse]", "unknown-sequence: there is no sequence `cuorse`, did you mean `course`?"),
        ("pauses: [cours]", "unknown-sequence: there is no sequence `cours`, did you mean `course`?"),
        ("runs: [course], pauses: [course]", "bad-value: whoever entered `course` would wait in it"),
        ("stops: all, runs: [course]", "bad-value: `stops: all` ends every sequence of such a lead"),
        ("pause: [course]", "unknown-key: unknown key `pause`, did you mean `pauses`?"),
    ],
)
def test_what_a_status_cannot_mean_is_said_where_it_stands(working: str, expected: str) -> None:
    [problem] = problems(working, COURSE)
    assert problem.mark.file == "sequences/workspace.yaml"
    assert f"{problem.code}: {problem.message}".startswith(expected)


def test_a_circle_may_lead_through_a_status() -> None:
    circle = COURSE.replace("from:", "  again: after 1 day\nfrom:") + "  - id: again\n    set: {status: working}\n"
    assert ["circle"] == [problem.code for problem in problems("runs: [course]", circle)]

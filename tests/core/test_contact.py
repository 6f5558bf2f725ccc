"""Silence after a rep was in touch, and whose mails count for gap and caps."""

import pytest

from sequencer.core.lead_input import read
from sequencer.core.script import read_line
from sequencer.core.simulate import Case, Simulation, person, simulate
from sequencer.services.compile import compile_workspace
from tests.core.test_simulate import MONDAY, said, sent, status
from tests.workspaces import files

SERIES = """
title: Series
state: live
topic: guides
enroll:
  any:
    - when: manual
    - when: submitted("form")
from: marketing
steps:
  - email: one
  - wait: 3 days
  - email: two
"""

CALLED = """
title: Called first
state: live
topic: guides
enroll:
  when: manual
from: owner
steps:
  - id: first
    task: call
    due: 5 business days
    hold: on
  - email: three
  - wait: 30 minutes
  - email: four
"""


def run(rules: str, *happens: str, text: str = SERIES, other: str = "") -> Simulation:
    texts = files(series=text, **({"other": other} if other else {}))
    whole = compile_workspace({**texts, "sequences/workspace.yaml": f"{texts['sequences/workspace.yaml']}{rules}\n"})
    assert whole.workspace is not None, "\n".join(map(str, whole.problems))
    raw = {"email": "kim@harbor.example", "time_zone": "Europe/London", "owner_email": "ana@acme.example"}
    given, company = person(read(raw, whole.workspace), MONDAY)
    case = Case(given, MONDAY, company, cues=tuple(map(read_line, happens)))
    return simulate(whole.workspace, whole.workspace.sequences["series"], whole.contents, case)


CONTACT = "contact: {call: 3 days, meeting: 10 days, mail: 2 business days}"


@pytest.mark.parametrize(
    ("touch", "goes"),
    [
        ("call_logged", "Mon 30 00:00"),
        ("meeting_booked", "Mon 07 00:00"),
        ("meeting_held", "Mon 07 00:00"),
        ("mail_logged", "Mon 30 00:00"),
        ("opened", "Thu 26 09:00"),
    ],
)
def test_after_a_rep_was_in_touch_sequences_are_silent_and_keep_the_rest_of_their_waits(touch: str, goes: str) -> None:
    came = run(CONTACT, f"1 day: {touch}")
    assert [("one", "Mon 23 09:00"), ("two", goes)] == sent(came)


def test_the_timeline_says_how_the_rep_was_in_touch_and_until_when_it_is_silent() -> None:
    assert "Tue 24 09:00 is paused (call) until Fri 27 Nov 2026 09:00 (London)" in said(
        run(CONTACT, "1 day: call_logged")
    )


def test_without_a_time_nothing_is_silenced() -> None:
    assert [("one", "Mon 23 09:00"), ("two", "Thu 26 09:00")] == sent(
        run("contact: {reply: 10 days}", "1 day: call_logged")
    )


def test_a_later_touch_makes_the_silence_longer_and_never_shorter() -> None:
    came = run(CONTACT, "1 day: meeting_held", "2 days: call_logged")
    assert [("one", "Mon 23 09:00"), ("two", "Mon 07 00:00")] == sent(came)


def test_what_waits_for_the_call_goes_on_when_it_is_made_and_another_call_silences_it() -> None:
    came = run(CONTACT, "1 day: call_logged", text=CALLED)
    assert [("three", "Tue 24 09:00"), ("four", "Wed 25 05:00")] == sent(came)
    again = run(CONTACT, "1 day: call_logged", "1445 minutes: call_logged", text=CALLED)
    assert [("three", "Tue 24 09:00"), ("four", "Fri 27 09:30")] == sent(again)


def test_transactional_mail_is_never_silenced() -> None:
    came = run(CONTACT, "1 day: call_logged", text=SERIES.replace("from:", "pressure: exempt\nfrom:"))
    assert [("one", "Mon 23 09:00"), ("two", "Thu 26 09:00")] == sent(came)
    assert [("finished", "finished")] == status(came)


FAST = SERIES.replace("3 days", "1 hour")


@pytest.mark.parametrize(
    ("rules", "sender", "second"),
    [
        ("{}", "marketing", "Tue 24 05:00"),
        ("{counts: [marketing]}", "marketing", "Tue 24 05:00"),
        ("{counts: [sales]}", "marketing", "Mon 23 10:00"),
        ("{counts: [marketing]}", "owner", "Mon 23 10:00"),
        ("{counts: [marketing, sales]}", "owner", "Tue 24 05:00"),
    ],
)
def test_mail_of_those_who_do_not_count_neither_waits_nor_makes_wait(rules: str, sender: str, second: str) -> None:
    came = run(f"pressure: {rules}", text=FAST.replace("from: marketing", f"from: {sender}"))
    assert [("one", "Mon 23 09:00"), ("two", second)] == sent(came)


def test_what_does_not_count_holds_nobody_else_up() -> None:
    reps = SERIES.replace("from: marketing", "from: owner").replace("one", "three").replace("two", "four")
    busy = run("pressure: {}", "0 minutes: submitted form", other=reps)
    assert ["Mon 23 09:00", "Tue 24 05:00"] == [at for step, at in sent(busy) if step in ("one", "three")]
    free = run("pressure: {counts: [marketing]}", "0 minutes: submitted form", other=reps)
    assert ["Mon 23 09:00", "Mon 23 09:00"] == [at for step, at in sent(free) if step in ("one", "three")]


def test_check_counts_no_mail_that_does_not_count_against_the_cap() -> None:
    daily = SERIES.replace("3 days", "1 day").replace('"form"', '"other"') + "  - wait: 1 day\n  - email: three\n"
    other = daily.replace("one", "four").replace("from: marketing", "from: owner")
    texts = files(series=daily, other=other)

    def codes(rules: str) -> list[str]:
        whole = f"{texts['sequences/workspace.yaml']}pressure: {rules}\n"
        problems = compile_workspace({**texts, "sequences/workspace.yaml": whole}).problems
        return [problem.code for problem in problems if problem.code == "over-cap"]

    assert (codes("{week: 4}"), codes("{week: 4, counts: [sales]}")) == (["over-cap"], [])

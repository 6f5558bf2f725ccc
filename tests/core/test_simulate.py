"""One lead through a workspace on a virtual clock: what goes when, and what the timeline says of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from sequencer.core.lead_input import read
from sequencer.core.script import read_line
from sequencer.core.simulate import MOST_AT_ONCE, Case, Simulation, person, simulate
from sequencer.core.snapshot import Consent
from sequencer.core.workspace import CompanyCap, Pressure
from sequencer.services.compile import Compiled, compile_workspace
from tests.workspaces import files

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

SERIES = """
title: Series
state: live
topic: guides
goal: did("meeting_booked")
enroll:
  any:
    - when: manual
    - when: submitted("form")
  again: after 30 days
from: owner
hours: {days: mon-fri, between: "09:00-17:00"}
exit_on:
  - replied()
steps:
  - email: one
  - id: looked
    if: clicked("one", "price")
    within: 2 business days
    then:
      - id: told
        tell: owner
        note: Looked
      - email: two
    else:
      - email: three
  - wait: 4 days
  - email: four
  - id: park
    set: {status: idle-timing, next_attempt: in 60 days}
"""

OTHER = """
title: Other
state: live
topic: guides
pressure: exempt
enroll:
  any:
    - when: became("status", "idle-timing")
    - when: submitted("form")
from: marketing
steps:
  - email: four
"""

NEWS = """
title: News
state: live
topic: news
enroll: {when: manual}
from: marketing
steps:
  - email: two
"""


FORMS = """
quiz:
  title: Which one is yours?
  from: marketing
  topic: news
  event: quiz_taken
  enroll: news
"""

TAKEN = """
title: Taken
state: live
topic: guides
pressure: exempt
enroll:
  when: did("quiz_taken")
from: marketing
steps:
  - email: four
"""


@cache
def compiled(series: str) -> Compiled:
    made = files(series=series, other=OTHER, news=NEWS, taken=TAKEN) | {"sequences/forms.yaml": FORMS}
    found = compile_workspace(made)
    assert found.workspace is not None, "\n".join(map(str, found.problems))
    return found


def run(*happens: str, sequence: str = "series", text: str = SERIES, **more: Any) -> Simulation:
    lead: Mapping[str, str] = {
        "email": "kim@harbor.example",
        "time_zone": "Europe/London",
        "owner_email": "ana@acme.example",
        **more.pop("lead", {}),
    }
    found = compiled(text)
    assert found.workspace is not None
    given, company = person(read(lead, found.workspace), MONDAY)
    workspace = replace(found.workspace, pressure=more.pop("pressure", found.workspace.pressure))
    case = Case(given, more.pop("start", MONDAY), company, cues=tuple(map(read_line, happens)), **more)
    return simulate(workspace, workspace.sequences[sequence], found.contents, case)


def sent(came: Simulation) -> list[tuple[str, str]]:
    return [(letter.send.step.id, f"{letter.at.astimezone(came.zone):%a %d %H:%M}") for letter in came.letters]


def said(came: Simulation) -> list[str]:
    return [f"{entry.at.astimezone(came.zone):%a %d %H:%M} {entry.says}" for entry in came.timeline.entries]


def status(came: Simulation, sequence: str = "series") -> list[tuple[str, str]]:
    return [(e.status.value, e.reason) for e in came.enrollments if e.sequence == sequence]


def test_who_does_nothing_goes_through_to_the_end() -> None:
    came = run()
    assert [("one", "Mon 23 09:00"), ("three", "Wed 25 09:00"), ("four", "Mon 30 09:00"), ("four", "Mon 30 09:00")] == (
        sent(came)
    )
    assert ("finished", "finished") == status(came)[0]
    assert ("idle-timing", "2027-01-29") == (came.lead.status, came.lead.get("next_attempt"))


def test_the_timeline_says_what_happened_what_was_waited_for_and_why() -> None:
    looked = 'looked for `clicked("one", "price")`'
    assert [
        "Mon 23 09:00 enters",
        "Mon 23 09:00 sends one: from ana@acme.example",
        f"Mon 23 09:00 waits at {looked}, until Wed 25 Nov 2026 09:00 (London) at the latest",
        "Tue 24 06:00 clicked price in one",
        'Tue 24 06:00 goes down `then` at looked: `clicked("one", "price")` is true',
        "Tue 24 06:00 tells the owner (told): ana@acme.example",
        "Tue 24 06:00 waits for the sequence's hours: two goes Tue 24 Nov 2026 09:00 (London)",
        "Tue 24 09:00 sends two: from ana@acme.example",
        "Tue 24 09:00 waits until Mon 30 Nov 2026 09:00 (London), before four"
        " (the wait is over Sat 28 Nov 2026 09:00 (London), a quiet day)",
        "Mon 30 09:00 sends four: from ana@acme.example",
        "Mon 30 09:00 sets fields (park): status = idle-timing, next_attempt = 2027-01-29",
        "Mon 30 09:00 has come to the end",
        "Mon 30 09:00 enters",
        "Mon 30 09:00 sends four",
        "Mon 30 09:00 has come to the end",
    ] == said(run("21h after one: clicked one price"))


ENDS = [
    ("1 day: replied", ["one"], ("left", "exit_on: replied()")),
    ("1 day: replied one", ["one"], ("left", "exit_on: replied()")),
    ("1 day: meeting_booked", ["one"], ("converted", 'goal: did("meeting_booked")')),
    ("1 day: unsubscribed", ["one"], ("stopped", "suppressed")),
    ("1 day: unsubscribed guides", ["one"], ("stopped", "suppressed")),
    ("1 day: complained", ["one"], ("stopped", "suppressed")),
    ("1 minute after one: bounced", ["one"], ("stopped", "suppressed")),
    ("1 day: halted", ["one"], ("stopped", "operator")),
    ("1 day: unsubscribed news", ["one", "three", "four", "four"], ("finished", "finished")),
    ("1 day: changed status idle-timing", ["one", "four", "three", "four"], ("finished", "finished")),
]


@pytest.mark.parametrize(("happens", "mails", "end"), ENDS, ids=[case[0] for case in ENDS])
def test_what_a_lead_does_ends_it(happens: str, mails: list[str], end: tuple[str, str]) -> None:
    came = run(happens)
    assert (mails, end) == ([letter.send.step.id for letter in came.letters], status(came)[0])


def test_an_automatic_reply_pauses_until_the_day_of_return() -> None:
    assert [("one", "Mon 23 09:00"), ("three", "Fri 11 09:00")] == sent(run("1d auto_replied until 2026-12-10"))[:2]


def test_somebody_who_takes_it_back_may_be_mailed_again_about_that_topic_alone() -> None:
    came = run("1d unsubscribed", "2d resubscribed news", "31d submitted form")
    assert [("stopped", "suppressed")] == status(came)
    refused = [entry.says for entry in came.timeline.entries if entry.code == "refused"]
    assert ["does not enter: unsubscribed from guides"] * 2 == refused


def test_whoever_unsubscribes_from_the_last_topic_unsubscribes_from_everything() -> None:
    """`guides` is the only topic that a lead gets who said nothing."""
    reader = Consent(given=frozenset({"news"}))
    assert [("left", "unsubscribed: guides")] == status(run("1d unsubscribed guides", consent=reader))
    assert [("stopped", "suppressed")] == status(run("1d unsubscribed guides"))


def test_cues_wait_for_their_step_and_those_whose_step_never_comes_are_named() -> None:
    came = run("1h after three: clicked one price", "1h after two: replied")
    assert ["1 hour after two: replied"] == [str(cue) for cue in came.unplayed]
    assert "Wed 25 10:00 clicked price in one" in said(came)


def test_nobody_clicks_in_a_mail_that_has_not_come() -> None:
    assert "Mon 23 09:01 opened two: cannot be, no two was mailed by then" in said(run("1m opened two"))


def test_other_sequences_let_the_lead_in_and_share_its_caps() -> None:
    came = run("1d submitted form", enrolled=False)
    assert [("other", "four"), ("series", "one")] == [(one.sequence, one.send.step.id) for one in came.letters][:2]


@pytest.mark.parametrize(("email", "goes"), [("kim@harbor.example", "Mon 23 12:01"), ("kim@gmail.com", "Mon 23 09:00")])
def test_what_colleagues_get_counts_for_the_companys_cap(email: str, goes: str) -> None:
    capped = Pressure(company=CompanyCap(2, timedelta(hours=4)))
    mails = ["1m colleague_mailed"] * 2
    came = run(*mails, start=MONDAY - timedelta(hours=1), lead={"email": email}, pressure=capped)
    assert sent(came)[0] == ("one", goes)
    assert "Mon 23 08:01 a colleague gets a mail" in said(came)


def test_what_a_form_lets_follow_is_followed() -> None:
    came = run("1d submitted quiz", enrolled=False)
    assert sent(came) == [("four", "Tue 24 09:00"), ("two", "Tue 24 09:00")]


def test_a_typed_address_takes_back_no_unsubscription() -> None:
    came = run("1d resubscribed news", "2d unsubscribed news", "3d submitted quiz", enrolled=False)
    assert sent(came) == [("four", "Thu 26 09:00")]


def test_whoever_may_not_enter_does_not() -> None:
    assert ["Mon 23 09:00 does not enter: never asked for news"] == said(run(sequence="news"))
    assert ["two"] == [
        one.send.step.id for one in run(sequence="news", consent=Consent(given=frozenset({"news"}))).letters
    ]


def test_a_lead_without_an_owner_is_held_and_one_line_says_so() -> None:
    came = run(lead={"owner_email": "nobody@acme.example"}, span=timedelta(days=30))
    assert ["enters", "holds one: it is from the owner, and nobody known owns this lead"] == [
        entry.says for entry in came.timeline.entries
    ]
    assert [("active", "")] == status(came)


def test_what_was_received_before_counts() -> None:
    text = SERIES.replace("  - email: two\n", '  - email: two\n        unless: received("two")\n')
    happens = "1h after one: clicked one price"
    assert "two" in [one.send.step.id for one in run(happens, text=text).letters]
    assert "two" not in [one.send.step.id for one in run(happens, text=text, received=frozenset({"two"})).letters]


def test_sequences_that_start_one_another_at_once_are_cut_off() -> None:
    text = SERIES.replace("after 30 days", "after 0 days").replace("from: owner", "from: marketing\npressure: exempt")
    text = text[: text.index("hours:")] + (
        'steps:\n  - id: here\n    if: known("title")\n    then:\n      - email: one\n'
        "  - id: away\n    set: {status: working}\n  - id: back\n    set: {status: idle-timing}\n"
    )
    other = text.replace("title: Series", "title: Round")
    found = compile_workspace(
        files(
            series=text.replace("when: manual", 'when: became("status", "idle-timing")'),
            other=other.replace("when: manual", 'when: became("status", "working")'),
        )
    )
    assert found.workspace is not None
    given, company = person(read({"email": "kim@harbor.example"}, found.workspace), MONDAY)
    came = simulate(
        found.workspace, found.workspace.sequences["series"], found.contents, Case(given, MONDAY, company, told=False)
    )
    assert (came.cut, MONDAY) == (True, came.ended_at)
    assert len(came.enrollments) == MOST_AT_ONCE + 1


def test_days_are_the_leads_and_a_holiday_is_named() -> None:
    """The wait is over on Thanksgiving, and the day after it is a business day."""
    came = run(
        text=SERIES.replace("  - wait: 4 days\n", "  - wait: 8 days\n"),
        start=datetime(2026, 11, 16, 15, 0, tzinfo=UTC),
        lead={"time_zone": "America/New_York", "country": "US"},
    )
    assert [("one", "Mon 16 10:00"), ("three", "Wed 18 10:00"), ("four", "Fri 27 09:00")] == sent(came)[:3]
    assert "(the wait is over Thu 26 Nov 2026 10:00 (New York), a holiday in US)" in " ".join(said(came))


SIGNALS = """
points:
  - {when: visited("/pricing"), points: 40, half_life: 10 days}
fit:
  - if: has(lead.pains, "cost")
    points: 10
stages:
  mql: score >= 40 and fit >= 10
sales_ready:
  any:
    price: score >= 80
  again_below: score < 40
learn:
  - when: visited("/costs", at_least=2)
    add: {pains: cost}
"""
READY = """
title: Ready
state: live
topic: guides
pressure: exempt
enroll:
  when: sales_ready()
  again: after 1 day
from: marketing
steps:
  - email: four
"""


def test_what_signals_make_of_what_a_lead_does_follows_at_its_time() -> None:
    """Learned, moved forward, ready once, over as points fade, and ready again by what is new."""
    found = compile_workspace(files(series=SERIES, ready=READY) | {"sequences/signals.yaml": SIGNALS})
    assert found.workspace is not None, "\n".join(map(str, found.problems))
    given, company = person(
        read({"email": "kim@harbor.example", "time_zone": "Europe/London"}, found.workspace), MONDAY
    )
    happens = ("1d visited /pricing", "1d visited /costs", "1d visited /costs", "2d visited /pricing")
    again = ("2d visited /pricing", "4d visited /pricing", "30d visited /pricing", "30d visited /pricing")
    case = Case(given, MONDAY, company, cues=tuple(map(read_line, happens + again)), enrolled=False, told=False)
    came = simulate(found.workspace, found.workspace.sequences["ready"], found.contents, case)
    told = [line for line in said(came) if "visited /" not in line or "understood" in line]
    assert told == [
        "Tue 24 09:00 was understood: pains became cost, 67 % sure (visited /costs twice)",
        "Tue 24 09:00 stage became mql",
        "Wed 25 09:00 became sales-ready: price",
        "Wed 25 09:00 enters",
        "Wed 25 09:00 sends four",
        "Wed 25 09:00 has come to the end",
        "Wed 23 09:00 became sales-ready: price",
        "Wed 23 09:00 enters",
        "Wed 23 09:00 sends four",
        "Wed 23 09:00 has come to the end",
    ]
    assert (came.lead.stage, came.lead.fields) == ("mql", {"pains": ["cost"]})

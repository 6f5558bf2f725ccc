"""Sequences: the good one becomes what the engine walks, and mistakes are reported where they stand."""

from collections.abc import Callable, Mapping

import pytest

from sequencer.core.duration import Duration
from sequencer.core.mark import Problem
from sequencer.core.schedule import Hours, Until
from sequencer.core.sequence import Arm, Branch, Email, Exit, Handoff, Sequence, Set, Start, Step, Tell
from sequencer.workspace.sequences import load_sequences
from sequencer.workspace.settings import load_settings

from .conftest import CONTENTS
from .mistakes import broken, places

Load = Callable[[Mapping[str, str]], tuple[Problem, ...]]

# What is changed in which file, and what must be reported: line, column and code (with the file, if it is another).
MISTAKES = [
    ("an unknown key", "motivation", "exit_on:", "exit_if:", ["13:1 unknown-key"]),
    (
        "an edit that means something else",
        "motivation",
        "topic: sales",
        "topic: sales\nedits: keep",
        ["4:8 bad-value"],
    ),
    (
        "a priority without a lane",
        "motivation",
        "topic: sales",
        "topic: sales\npriority: 80",
        ["4:1 bad-value"],
    ),
    (
        "pausing what is not there, and itself",
        "motivation",
        "topic: sales",
        "topic: sales\nlane: nurture\npauses: [gide, motivation, guide]",
        ["5:10 unknown-sequence", "5:16 bad-value"],
    ),
    ("missing keys", "guide", "title: The guide\nstate: draft\n", "", ["1:1 missing-key", "1:1 missing-key"]),
    ("an empty value", "guide", "title: The guide", "title:", ["1:1 empty"]),
    ("a list for a text", "guide", "title: The guide", "title: [The, guide]", ["1:8 wrong-type"]),
    ("an unknown state", "guide", "state: draft", "state: Draft", ["2:8 bad-value"]),
    ("an unknown topic", "guide", "topic: guides", "topic: guide", ["3:8 unknown-topic"]),
    ("an unknown sender", "guide", "from: marketing", "from: markting", ["5:7 unknown-sender"]),
    ("an unknown pressure", "guide", "pressure: exempt", "pressure: none", ["6:11 bad-value"]),
    ("a bad max_lateness", "motivation", "max_lateness: 2 days", "max_lateness: two days", ["16:15 bad-duration"]),
    (
        "hours without between",
        "motivation",
        'hours: {days: mon-fri, between: "09:00-17:00"}',
        "hours: {days: mon-fri}",
        ["12:8 missing-key"],
    ),
    ("hours that end before they begin", "motivation", "09:00-17:00", "17:00-09:00", ["12:33 bad-value"]),
    ("hours with a bad weekday", "motivation", "days: mon-fri", "days: mon-fry", ["12:15 bad-value"]),
    ("hours on quiet days only", "motivation", "days: mon-fri", "days: [sat, sun]", ["12:15 never-open"]),
    (
        "goal again in exit_on",
        "motivation",
        "  - replied()",
        '  - did("meeting_booked")',
        ["14:5 goal-in-exit (warning)"],
    ),
    (
        "exit_on is no list",
        "motivation",
        'exit_on:\n  - replied()\n  - lead.stage in ["customer", "lost"]',
        "exit_on: replied()",
        ["13:10 wrong-type"],
    ),
    ("no steps", "guide", "steps:\n  - email: guides/handbook\n", "", ["1:1 missing-key"]),
    (
        "a sequence without emails",
        "guide",
        "  - email: guides/handbook",
        "  - id: leave\n    exit: done",
        ["7:1 no-emails"],
    ),
    ("enroll as text", "guide", "enroll: {when: manual}", "enroll: manual", ["4:9 wrong-type"]),
    ("an unknown trigger", "guide", "when: manual", "when: sumbitted('x')", ["4:16 bad-trigger"]),
    ("a trigger with too much", "guide", "when: manual", "when: sales_ready('x')", ["4:16 bad-trigger"]),
    (
        "a moment that no calendar knows",
        "guide",
        "enroll: {when: manual}",
        "enroll: {at: 2026-11-31 10:00}",
        ["4:14 bad-date"],
    ),
    (
        "a moment at the end of the calendar",
        "guide",
        "enroll: {when: manual}",
        "enroll: {at: 9999-12-31 23:00}",
        ["4:14 bad-date"],
    ),
    (
        "a trigger and a moment",
        "guide",
        "enroll: {when: manual}",
        "enroll: {when: manual, at: 2026-12-03 10:00}",
        ["4:24 bad-value"],
    ),
    (
        "a silence in business days",
        "motivation",
        'became("stage", "mql")',
        'silent("replied", "5 business days")',
        ["7:13 bad-duration"],
    ),
    ("a silence without a time", "motivation", 'became("stage", "mql")', 'silent("replied")', ["7:13 bad-trigger"]),
    (
        "a silence of nothing",
        "motivation",
        'became("stage", "mql")',
        'silent("replied", "0 days")',
        ["7:13 bad-duration"],
    ),
    ("a silence after no event", "motivation", 'became("stage", "mql")', 'silent("Call", "2 days")', ["7:13 bad-id"]),
    (
        "before what is no date",
        "motivation",
        'became("stage", "mql")',
        'before("stage", "2 days")',
        ["7:13 unknown-field"],
    ),
    (
        "hours before a date",
        "motivation",
        'became("stage", "mql")',
        'before("next_attempt", "2 hours")',
        ["7:13 bad-duration"],
    ),
    ("became with one argument", "motivation", 'became("stage", "mql")', 'became("stage")', ["7:13 bad-trigger"]),
    (
        "became with an unknown field",
        "motivation",
        'became("stage", "mql")',
        'became("stag", "mql")',
        ["7:13 unknown-field"],
    ),
    (
        "became with an unknown stage",
        "motivation",
        'became("stage", "mql")',
        'became("stage", "mqll")',
        ["7:13 bad-value"],
    ),
    ("when beside any", "motivation", "enroll:\n  any:", "enroll:\n  when: manual\n  any:", ["7:3 bad-value"]),
    ("again without after", "motivation", "again: after 180 days", "again: 180 days", ["10:10 bad-value"]),
    ("a bad event name", "guide", "when: manual", "when: did('Meeting booked')", ["4:16 bad-id"]),
    (
        "an unknown content",
        "motivation",
        "email: sales/pricing",
        "email: sales/pricng",
        ["18:12 unknown-content", "20:17 unknown-step"],
    ),
    ("a missing content", "guide", "email: guides/handbook", "email: news/december", ["8:12 unknown-content"]),
    (
        "a pick of a kind that no content has",
        "guide",
        "  - email: guides/handbook",
        "  - id: proof\n    email: {pick: case-study}",
        ["9:19 unknown-kind"],
    ),
    ("a pick without id", "guide", "  - email: guides/handbook", "  - email: {pick: handbook}", ["8:5 missing-id"]),
    (
        "a pick by a field that is not declared",
        "guide",
        "  - email: guides/handbook",
        "  - id: proof\n    email: {pick: handbook, match: [pains, role]}",
        ["9:44 unknown-field"],
    ),
    (
        "a fallback for what is not picked",
        "guide",
        "  - email: guides/handbook",
        "  - email: guides/handbook\n    fallback: skip",
        ["9:5 bad-value"],
    ),
    (
        "an unknown fallback",
        "guide",
        "  - email: guides/handbook",
        "  - id: proof\n    email: {pick: handbook}\n    fallback: sales/fack",
        ["10:15 unknown-content"],
    ),
    (
        "a series without an end",
        "guide",
        "  - email: guides/handbook",
        "  - id: articles\n    series: {pick: handbook}\n    every: 14 days",
        ["8:5 missing-key"],
    ),
    (
        "a series that waits for nothing that is",
        "guide",
        "  - email: guides/handbook",
        "  - id: articles\n    series: {pick: handbook}\n    every: 14 days\n    at: tuesday\n    up_to: 3\n"
        '    until: clicked("articles")',
        ["11:9 bad-value", "13:20 unknown-step"],
    ),
    (
        "a link that no content of the kind has",
        "guide",
        "  - email: guides/handbook",
        "  - id: proof\n    email: {pick: handbook}\n  - id: looked\n    if: clicked('proof', 'pricing')\n    then:\n"
        "      - id: leave\n        exit: enough",
        ["11:26 unknown-link"],
    ),
    (
        "two things in a step",
        "guide",
        "  - email: guides/handbook",
        "  - email: guides/handbook\n    wait: 3 days",
        ["9:5 bad-step"],
    ),
    ("an unknown step", "guide", "  - email: guides/handbook", "  - mail: guides/handbook", ["8:5 bad-step"]),
    (
        "a review by nobody, of no length, that then vanishes",
        "guide",
        "  - email: guides/handbook",
        "  - email: guides/handbook\n    review: {by: rep, then: vanish}",
        ["9:13 missing-key", "9:18 bad-value", "9:29 bad-value"],
    ),
    (
        "a task without a time",
        "guide",
        "  - email: guides/handbook",
        "  - email: guides/handbook\n  - id: call\n    task: call",
        ["9:5 missing-key"],
    ),
    (
        "an arm of choose without if",
        "guide",
        "  - email: guides/handbook",
        "  - id: track\n    choose:\n      cost:\n        steps:\n          - email: guides/handbook",
        ["11:9 missing-key"],
    ),
    (
        "an arm after otherwise",
        "guide",
        "  - email: guides/handbook",
        "  - id: track\n    choose:\n      otherwise:\n        steps:\n          - email: guides/handbook\n"
        '      cost:\n        if: known("industry")\n        steps:\n          - email: sales/faq',
        ["13:7 bad-arm"],
    ),
    (
        "only otherwise",
        "guide",
        "  - email: guides/handbook",
        "  - id: track\n    choose:\n      otherwise:\n        steps:\n          - email: guides/handbook",
        ["9:5 bad-arm"],
    ),
    (
        "a condition of an arm that names nothing",
        "guide",
        "  - email: guides/handbook",
        "  - id: track\n    choose:\n      cost:\n        if: lead.industri == 'retail'\n        steps:\n"
        "          - email: guides/handbook",
        ["11:18 unknown-field"],
    ),
    (
        "an arm with the name of an outcome",
        "guide",
        "  - email: guides/handbook",
        "  - id: track\n    choose:\n      sent:\n        if: known('industry')\n        steps:\n"
        "          - email: guides/handbook",
        ["10:7 bad-arm"],
    ),
    (
        "shares that do not sum to 100",
        "guide",
        "  - email: guides/handbook",
        "  - id: objections\n    test:\n      blunt:\n        share: 50\n        steps:\n"
        "          - email: guides/handbook\n      gentle:\n        share: 40\n        steps:\n"
        "          - email: sales/faq",
        ["9:5 bad-shares"],
    ),
    (
        "a share that is no number",
        "guide",
        "  - email: guides/handbook",
        "  - id: objections\n    test:\n      blunt:\n        share: half\n        steps:\n"
        "          - email: guides/handbook\n      gentle:\n        share: 50\n        steps:\n"
        "          - email: sales/faq",
        ["11:16 bad-value"],
    ),
    (
        "a test of one arm",
        "guide",
        "  - email: guides/handbook",
        "  - id: objections\n    test:\n      blunt:\n        share: 100\n        steps:\n"
        "          - email: guides/handbook",
        ["9:5 bad-shares"],
    ),
    (
        "two mails in a row where the arms join",
        "guide",
        "  - email: guides/handbook",
        "  - id: objections\n    test:\n      blunt:\n        share: 50%\n        steps:\n"
        "          - email: guides/handbook\n      gentle:\n        share: 50%\n        steps:\n"
        "          - email: sales/faq\n          - wait: 1 day\n  - email: sales/roi",
        ["19:5 no-wait (warning)"],
    ),
    (
        "a step without id",
        "motivation",
        "      - id: tell-rep\n        tell: owner",
        "      - tell: owner",
        ["23:9 missing-id"],
    ),
    ("an id with a colon", "motivation", "id: switching", "id: switch:ing", ["36:9 bad-id"]),
    (
        "the same content twice without id",
        "motivation",
        "  - id: faq-again\n    email: sales/faq",
        "  - email: sales/faq",
        ["33:12 duplicate-id"],
    ),
    (
        "waits that are called as something else is, and as nothing may be",
        "motivation",
        "  - wait: 4 business days\n  - wait: 2 hours\n",
        "  - {id: pricing, wait: 4 business days}\n  - {id: Two_hours, wait: 2 hours}\n",
        ["31:10 duplicate-id", "32:10 bad-id"],
    ),
    (
        "a wait in a condition",
        "motivation",
        'goal: did("meeting_booked")',
        'goal: opened("rest")',
        ["4:14 unknown-step"],
    ),
    ("a bad duration", "motivation", "- wait: 4 business days", "- wait: 4 busy days", ["31:11 bad-duration"]),
    ("a bad until", "motivation", "until tue 10:00", "until tuesday 10:00", ["29:15 bad-value"]),
    (
        "waiting for a date that is none",
        "motivation",
        "- wait: 4 business days",
        "- wait: until 30 days before current_tool",
        ["31:11 unknown-field"],
    ),
    (
        "waiting for an unknown date",
        "motivation",
        "- wait: 5 days",
        "- wait: {until: next_atempt}",
        ["35:19 unknown-field"],
    ),
    (
        "waiting for hours before a date",
        "motivation",
        "- wait: 5 days",
        "- wait: until 3 hours before next_attempt",
        ["35:11 bad-duration"],
    ),
    (
        "an unknown rule for a date that is past",
        "motivation",
        "- wait: 5 days",
        "- wait: {until: next_attempt, past: stop}",
        ["35:39 bad-value"],
    ),
    (
        "unless with an unknown content",
        "motivation",
        "  - email: sales/pricing",
        '  - email: sales/pricing\n    unless: received("sales/prices")',
        ["19:22 unknown-content"],
    ),
    (
        "unless on a wait",
        "motivation",
        "  - wait: 5 days",
        "  - wait: 5 days\n    unless: replied()",
        ["36:5 unknown-key"],
    ),
    (
        "an if without arms",
        "guide",
        "  - email: guides/handbook",
        "  - email: guides/handbook\n  - id: x\n    if: replied()",
        ["10:5 missing-key"],
    ),
    ("a bad within", "motivation", "within: 3 business days", "within: soon", ["21:13 bad-duration"]),
    (
        "an unknown step in clicked",
        "motivation",
        'clicked("pricing", "calculator")',
        'clicked("pricin", "calculator")',
        ["20:17 unknown-step"],
    ),
    (
        "an unknown link in clicked",
        "motivation",
        'clicked("pricing", "calculator")',
        'clicked("pricing", "calculater")',
        ["20:28 unknown-link"],
    ),
    (
        "an unknown field in a condition",
        "motivation",
        "lead.current_tool != ",
        "lead.curent_tool != ",
        ["37:40 unknown-field"],
    ),
    (
        "a condition that is no expression",
        "motivation",
        'known("current_tool") and lead.current_tool != "none"',
        "known(",
        ["37:15 condition-syntax"],
    ),
    ("tell somebody else", "motivation", "tell: owner", "tell: boss", ["24:15 bad-value"]),
    ("tell without note", "motivation", "        note: Opened the price calculator\n", "", ["23:9 missing-key"]),
    ("a broken note", "motivation", "note: Uses another tool", 'note: "{{ lead.x }}"', ["41:16 note"]),
    ("set an unknown field", "motivation", "employees: 250", "employes: 250", ["47:73 unknown-field"]),
    ("set an undeclared status", "motivation", "status: idle-timing", "status: idle", ["47:19 bad-value"]),
    ("set a text for a number", "motivation", "employees: 250", "employees: many", ["47:84 bad-value"]),
    ("set a bad date", "motivation", "next_attempt: in 60 days", "next_attempt: in two months", ["47:46 bad-duration"]),
    ("set an undeclared choice", "motivation", "pains: [cost]", "pains: [cost, time]", ["47:72 bad-value"]),
    (
        "hand off to an unknown stage",
        "motivation",
        "handoff: {stage: sql}",
        "handoff: {stage: sqll}",
        ["40:26 unknown-stage"],
    ),
    ("hand off to a stage by name", "motivation", "handoff: {stage: sql}", "handoff: sql", ["40:18 bad-value"]),
    ("start an unknown sequence", "motivation", "start: guide", "start: guides", ["45:12 unknown-sequence"]),
    ("start itself", "motivation", "start: guide", "start: motivation", ["45:12 starts-itself"]),
    ("an exit reason with spaces", "motivation", "exit: handed-over", "exit: handed over", ["43:15 bad-id"]),
    (
        "branch on opens",
        "motivation",
        'clicked("pricing", "calculator")',
        'opened("pricing")',
        ["20:9 opens-are-guesses (warning)"],
    ),
    (
        "an answer to what is no mail",
        "motivation",
        "    email: sales/faq\n",
        "    email: sales/faq\n    thread: tell-rep\n",
        ["35:13 unknown-step"],
    ),
    (
        "an answer to what comes later",
        "motivation",
        "      - email: sales/roi\n",
        "      - email: sales/roi\n        thread: faq-again\n",
        ["26:9 asked-too-early (warning)"],
    ),
    (
        "asked before sent",
        "motivation",
        'clicked("pricing", "calculator")',
        'clicked("faq-again")',
        ["20:9 asked-too-early (warning)"],
    ),
]


@pytest.mark.parametrize(("mistake", "file", "old", "new", "expected"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_reported_where_it_stands_and_nothing_else(
    mistake: str, file: str, old: str, new: str, expected: list[str], good: Mapping[str, str], problems_of: Load
) -> None:
    assert expected == places(problems_of(broken(good, file, old, new)), file)


@pytest.fixture(scope="module")
def motivation(good: Mapping[str, str]) -> Sequence:
    workspace, _ = load_settings(good)
    assert workspace is not None
    sequences, problems = load_sequences(good, workspace, CONTENTS)
    assert problems == ()
    assert sorted(sequences) == ["guide", "motivation"]
    return sequences["motivation"]


def outline(arm: Arm) -> list[object]:
    """Kinds and ids of steps, the waits between them, and the arms of branches."""
    found: list[object] = []
    for step in arm.steps:
        found += [str(wait) for wait in step.waits]
        found.append(f"{type(step).__name__} {step.id}")
        if isinstance(step, Branch):
            found += [outline(inner) for inner in step.arms]
    return found + [str(wait) for wait in arm.waits]


def test_steps_nest_and_waits_belong_to_what_follows_them(motivation: Sequence) -> None:
    assert outline(motivation.body) == [
        "Email pricing",
        "Branch looked-at-price",
        ["Tell tell-rep", "Email roi", "1 day"],
        ["tue 10:00", "Email faq"],
        "4 business days",
        "2 hours",
        "Email faq-again",
        "5 days",
        "Branch switching",
        ["Handoff to-sales", "Exit leave"],
        [],
        "Start learn",
        "Set park",
    ]


def test_a_step_carries_what_was_written(motivation: Sequence) -> None:
    def step(name: str) -> Step:
        return motivation.steps[name]

    branch = step("looked-at-price")
    assert isinstance(branch, Branch)
    assert (str(branch.condition), branch.within) == ('clicked("pricing", "calculator")', Duration(3, "business day"))
    mail, told, handed = step("faq-again"), step("tell-rep"), step("to-sales")
    left, started, written = step("leave"), step("learn"), step("park")
    assert isinstance(mail, Email) and mail.content == "sales/faq"
    assert isinstance(told, Tell) and told.note == "Opened the price calculator"
    assert isinstance(handed, Handoff) and (handed.stage, handed.note) == ("sql", "Uses another tool")
    assert isinstance(left, Exit) and left.reason == "handed-over"
    assert isinstance(started, Start) and started.sequence == "guide"
    assert isinstance(written, Set)
    assert written.values == {
        "status": "idle-timing",
        "next_attempt": Duration(60, "day"),
        "pains": ["cost"],
        "employees": 250,
        "pilot": True,
    }


def test_a_sequence_carries_what_stands_at_its_head(motivation: Sequence) -> None:
    assert (motivation.id, motivation.title, motivation.topic) == ("motivation", "Sales motivational series", "sales")
    assert (str(motivation.state), motivation.sender, motivation.exempt) == ("live", "owner", False)
    assert motivation.hours == Hours.parse("mon-fri", "09:00-17:00")
    assert (motivation.again, motivation.max_lateness) == (Duration(180, "day"), Duration(2, "day"))
    assert str(motivation.goal) == 'did("meeting_booked")'
    assert [str(c) for c in motivation.exit_on] == ["replied()", 'lead.stage in ["customer", "lost"]']
    assert [(t.kind, t.name, t.value, str(t.condition or "")) for t in motivation.enroll] == [
        ("became", "stage", "mql", ""),
        ("submitted", "demo", "", 'lead.stage in ["lead", "mql"]'),
    ]


def test_a_handoff_to_the_owner_moves_the_lead_to_sql(good: Mapping[str, str]) -> None:
    workspace, _ = load_settings(good)
    assert workspace is not None
    files = broken(good, "motivation", "handoff: {stage: sql}", "handoff: owner")
    sequences, problems = load_sequences(files, workspace, CONTENTS)
    step = sequences["motivation"].steps["to-sales"]
    assert (problems, isinstance(step, Handoff) and step.stage) == ((), "sql")


def test_a_wait_until_a_time_knows_the_weekday(motivation: Sequence) -> None:
    assert motivation.steps["faq"].waits == (Until.parse("tue 10:00"),)


WITHOUT_WAIT = """steps:
  - email: guides/handbook
  - id: knows
    if: known("industry")
    then:
      - email: sales/pricing
      - id: leave
        exit: enough
    else:
      - wait: 2 days
  - email: sales/faq
"""


def test_a_mail_that_follows_another_at_once_is_warned_about_on_that_way_only(
    good: Mapping[str, str], problems_of: Load
) -> None:
    files = broken(good, "guide", "steps:\n  - email: guides/handbook\n", WITHOUT_WAIT)
    assert places(problems_of(files), "guide") == ["12:9 no-wait (warning)"]


def test_content_with_problems_of_its_own_is_not_called_unknown(good: Mapping[str, str]) -> None:
    workspace, _ = load_settings(good)
    assert workspace is not None
    _, problems = load_sequences(good, workspace, {})
    assert problems == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sequences/Guide Two.yaml", "bad-id"),
        ("sequences/second.yml", "bad-id"),
    ],
)
def test_files_that_would_be_left_out_are_named(
    name: str, expected: str, good: Mapping[str, str], problems_of: Load
) -> None:
    problems = problems_of({**good, name: good["sequences/guide.yaml"]})
    assert [(str(problem.mark), problem.code) for problem in problems] == [(f"{name}:1:1", expected)]


def test_problems_of_several_files_are_reported_at_once(good: Mapping[str, str], problems_of: Load) -> None:
    files = broken(good, "guide", "topic: guides", "topic: guide")
    files = broken(files, "guide", "from: marketing", "from: sales")
    files = broken(files, "motivation", "tell: owner", "tell: boss")
    files = broken(files, "workspace", "locale: en", "local: en")
    assert [(problem.mark.file.removeprefix("sequences/"), problem.code) for problem in problems_of(files)] == [
        ("guide.yaml", "unknown-topic"),
        ("guide.yaml", "unknown-sender"),
        ("motivation.yaml", "bad-value"),
        ("workspace.yaml", "unknown-key"),
    ]

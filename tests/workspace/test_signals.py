"""sequences/signals.yaml: what it declares, and what is wrong with it."""

from datetime import timedelta

import pytest

from sequencer.core.content import Content
from sequencer.core.duration import Duration
from sequencer.core.handoff_policy import Decline, HandoffPolicy
from sequencer.core.mark import Problem
from sequencer.core.signals import Signals
from sequencer.workspace.audiences import load_audiences
from sequencer.workspace.settings import load_settings
from sequencer.workspace.signals import SIGNALS_FILE, load_signals
from tests.workspaces import WORKSPACE

FILE = """points:
  - {when: visited("/contact"), points: 25, half_life: 14 days, at_most: 50}
  - when: clicked_kind( "pricing",'faq' )
    points: 10
    half_life: 3 weeks
  - {when: submitted("demo") or submitted("trial"), points: 100}
  - {when: visited("/careers*"), points: -30, half_life: 60 days}
  - {when: clicked_tag("cost"), points: 5}
fit:
  - {if: in_audience("icp"), points: 20}
  - if: has(lead.pains, "cost")
    points: -5
stages:
  sql: score >= 90
  mql: score >= 30 and fit >= 20
sales_ready:
  any:
    asked: submitted("demo") or submitted("trial")
    price: score >= 60 and fit >= 20
    together: company.engaged_people("30 days") >= 3 and score >= 20
  again_below: score < 30
  needs:
    - owner
    - consent("news")
"""
DECLARED = WORKSPACE + 'audiences:\n  icp: lead.country == "DE"\n  busy: did("asked")\n'


def content(name: str, kind: str, *pains: str) -> Content:
    return Content(name, f"content/{name}.md", kind, "S", "", "<p>Hi</p>", "Hi", pains=pains)


CONTENTS = {item.id: item for item in (content("sales/price", "pricing", "cost"), content("sales/faq", "faq"))}


def loaded(text: str) -> tuple[Signals | None, tuple[Problem, ...]]:
    files = {"sequences/workspace.yaml": DECLARED, SIGNALS_FILE: text}
    workspace, problems = load_settings(files)
    assert workspace is not None and problems == ()
    workspace, problems = load_audiences(files, workspace, CONTENTS)
    assert problems == ()
    workspace, problems = load_signals(files, workspace, CONTENTS)
    return workspace.signals, problems


def test_a_file_declares_what_counts_and_when_sales_is_to_know() -> None:
    found, problems = loaded(FILE)
    assert problems == ()
    assert found is not None
    assert [(one.name, one.points, one.half_life, one.at_most) for one in found.points] == [
        ('visited("/contact")', 25, 14, 50),
        ('clicked_kind("pricing", "faq")', 10, 21, None),
        ('submitted("demo") or submitted("trial")', 100, None, None),
        ('visited("/careers*")', -30, 60, None),
        ('clicked_tag("cost")', 5, None, None),
    ]
    assert [(one.condition.source, one.points) for one in found.fit] == [
        ('in_audience("icp")', 20),
        ('has(lead.pains, "cost")', -5),
    ]
    assert list(found.stages) == ["mql", "sql"], "in the order of the stages"
    ready = found.sales_ready
    assert ready is not None and ready.again_below is not None
    assert (list(ready.reasons), ready.again_below.source) == (["asked", "price", "together"], "score < 30")
    assert (ready.needs_owner, [one.source for one in ready.needs]) == (True, ['consent("news")'])
    assert ready.reasons["together"].asks.standing == {"engaged_people", "score"}
    assert ready.reasons["together"].asks.windows == {Duration(30, "day")}
    assert {kind: len(signals) for kind, signals in found.by_kind.items()} == {
        "visited": 2,
        "clicked": 2,
        "submitted": 1,
    }


def test_what_behaviour_teaches_is_declared_with_how_often_and_within_how_long() -> None:
    found, problems = loaded(
        """learn:
  - when: clicked_tag( "cost", at_least=2, within="8 weeks")
    add: {pains: [cost, risk]}
  - when: submitted("demo") or replied()
    set: {next_attempt: 2026-12-01}
"""
    )
    assert problems == () and found is not None
    assert [(one.name, one.field, one.value, one.at_least, one.within) for one in found.learn] == [
        ('clicked_tag("cost")', "pains", "cost", 2, 56),
        ('clicked_tag("cost")', "pains", "risk", 2, 56),
        ('submitted("demo") or replied()', "next_attempt", "2026-12-01", 1, None),
    ]
    assert found.by_kind["clicked"] == ('clicked_tag("cost")',)
    without, _ = loaded("points:\n  - {when: replied(), points: 5}\n")
    with_it, _ = loaded(
        "points:\n  - {when: replied(), points: 5}\nlearn:\n  - when: replied()\n    add: {pains: cost}\n"
    )
    assert without is not None and with_it is not None and without.digest != with_it.digest
    assert with_it.by_kind["replied"] == ("replied()",), "counted once, for the points and for the lesson"


def test_without_the_file_nothing_is_declared() -> None:
    workspace, _ = load_settings({"sequences/workspace.yaml": DECLARED})
    assert workspace is not None
    assert load_signals({}, workspace, {}) == (workspace, ())


def test_one_condition_alone_is_a_rule_too() -> None:
    found, problems = loaded('sales_ready: score >= 60 or did("asked")\n')
    assert problems == () and found is not None and found.sales_ready is not None
    assert list(found.sales_ready.reasons) == ["sales-ready"]


WRONG = [
    ('points:\n  - {when: visit("/x"), points: 5}\n', "2:12 condition-name there is no `visit()`; did you mean `vi"),
    ('points:\n  - {when: replied(), point: 5}\n', "2:23 unknown-key unknown key `point`, did you mean `points`?"),
    ("points:\n  - {when: replied()}\n", "2:5 missing-key expected the key `points`"),
    ("points:\n  - {when: replied(), points: 0}\n", "2:31 bad-value expected a whole number of points"),
    ("points:\n  - {when: replied(), points: 2.5}\n", "2:31 bad-value expected a whole number of points"),
    ("points:\n  - {when: replied(), points: 5, half_life: 8 hours}\n", "2:45 bad-duration expected whole days or"),
    ("points:\n  - {when: replied(), points: 5, at_most: 0}\n", "2:43 bad-value expected a whole number from 1 on"),
    (
        'points:\n  - {when: replied(), points: 5}\n  - {when: replied( ), points: 6}\n',
        "3:12 duplicate-id `replied( )` counts already",
    ),
    (
        'points:\n  - when: visited("/x", within="3 days")\n    points: 5\n',
        "2:11 bad-value expected what a lead does",
    ),
    ("points:\n  - {when: not replied(), points: 5}\n", "2:12 bad-value expected what a lead does"),
    ('points:\n  - {when: known("country"), points: 5}\n', "2:12 bad-value expected what a lead does"),
    ('points:\n  - {when: clicked_tag("kost"), points: 5}\n', "2:24 unknown-tag expected a tag, got `kost`; did you"),
    ('points:\n  - {when: clicked_kind("faqs"), points: 5}\n', "2:25 unknown-kind expected a kind, got `faqs`; did"),
    ('points:\n  - {when: clicked("sales/pric"), points: 5}\n', "2:20 unknown-content expected a content, got `sal"),
    ('points:\n  - {when: opened("sales/faq"), points: 5}\n', "2:12 opens-are-guesses opening is a guess"),
    ('fit:\n  - {if: lead.contry == "DE", points: 5}\n', "2:15 unknown-field expected a field, got `contry`"),
    ('fit:\n  - {if: in_audience("busy"), points: 5}\n', "2:10 bad-value expected what a lead is"),
    ("fit:\n  - {if: score > 5, points: 5}\n", "2:10 condition-name `score` is not available here"),
    ("stages: {mqll: score > 5}\n", "1:10 unknown-stage there is no stage `mqll`, did you mean `mql`?"),
    ("stages: {mql: scores > 5}\n", "1:15 condition-name there is no `scores`"),
    ("stages: {mql: score > lead.email}\n", "1:23 condition-type expected a number, as `score` is"),
    ("stages: {mql: fit > score}\n", "1:21 condition-type expected a number after `fit`, got `score`"),
    ("stages: {mql: score > 5 or score <= 5}\n", "1:15 always-true this is true of every lead"),
    ("sales_ready:\n  any: {Asked: replied()}\n", "2:9 bad-id expected a reason in small letters"),
    ("sales_ready:\n  again_below: score < 3\n", "2:3 missing-key expected the key `any`"),
    (
        'sales_ready: company.engaged_people("3 hours") > 1\n',
        '1:37 condition-argument expected days or weeks, as in company.engaged_people("30 days"), got `3 hours`',
    ),
    ("sales_ready: company.engaged_people() > 1\n", "1:22 condition-argument expected company.engaged_people"),
    ("sales_ready: sales_ready()\n", "1:14 condition-name `sales_ready()` is not available here"),
    ("inquiries:\n  price: {}\n", "2:10 missing-key expected the key `phrases`, for example `phrases: {en: ["),
    ("inquiries:\n  price:\n    phrases: {en: [how much, \"*\"]}\n", "3:30 bad-value expected words as somebody"),
    ("inquiries:\n  price:\n    phrases: {e: [how much]}\n", "3:15 bad-value expected a language as `en` or `de-AT`"),
    (
        "inquiries:\n  price:\n    phrases: {en: [how much]}\n    examples: [What is the price?]\n",
        "4:16 bad-value no phrase of `price` finds this: add one, or take the example out",
    ),
    (
        "inquiries:\n  price:\n    phrases: {en: [price]}\n    not: [Hello. Not at any price!]\n",
        "4:11 bad-value `price` finds `Not at any price!` in this: make the phrase longer, or name words under",
    ),
    ("points:\n  - {when: asked_about(\"price\"), points: 5}\n", "2:24 unknown-inquiry expected an inquiry, got `pri"),
    ("handoff: {}\n", "1:1 missing-key nobody is handed off where nobody becomes ready"),
    ("learn:\n  - when: replied()\n", "2:5 missing-key expected `add` or `set`, for example `add: {pains: cost}`"),
    ("learn:\n  - when: replied()\n    add: {pain: cost}\n", "3:11 unknown-field there is no field `pain`, did you"),
    ("learn:\n  - when: replied()\n    add: {pains: kost}\n", "3:18 bad-value expected one of `cost`, `risk`, got"),
    ("learn:\n  - when: replied()\n    set: {pains: cost}\n", "3:11 bad-value expected `add` for `pains`, a field of"),
    ("learn:\n  - when: replied()\n    add: {next_attempt: x}\n", "3:11 bad-value expected `set` for `next_attempt`"),
    ("learn:\n  - when: replied()\n    set: {next_attempt: in 5 days}\n", "3:11 bad-value expected a date as"),
    (
        'learn:\n  - when: replied(within="3 hours")\n    add: {pains: cost}\n',
        "2:11 bad-duration expected days or weeks after `within`, as `60 days`, got `3 hours`",
    ),
    (
        "learn:\n  - when: replied(at_least=2) or replied()\n    add: {pains: cost}\n",
        "2:11 bad-value expected what a lead does",
    ),
    ("learn:\n  - {when: replied(at_least=2, ever=true), add: {pains: cost}}\n", "2:5 flow-style commas and quotes"),
    ("- points\n", "1:1 wrong-type expected keys, as `points:` and `sales_ready:`, got a list"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), WRONG, ids=[expected for _, expected in WRONG])
def test_what_is_wrong_is_said_with_its_place(text: str, expected: str) -> None:
    _, problems = loaded(text)
    assert len(problems) == 1, problems
    [problem] = problems
    told = f"{problem.mark.line}:{problem.mark.column} {problem.code} {problem.message}"
    assert told[: len(expected)] == expected


def test_a_half_life_is_whole_days() -> None:
    found, _ = loaded("points:\n  - {when: replied(), points: 5, half_life: 2 weeks}\n")
    assert found is not None and found.points[0].half_life == timedelta(weeks=2).days


HANDOFF = """sales_ready:
  any:
    asked: submitted("demo")
handoff:
  accept_within: 4 business hours
  then: [remind, reassign]
  decline:
    not-now: {label: Later, status: idle-timing}
    no-budget: No money
  return_status: working
  say: {asked: Ask back}
"""


def handoff(text: str) -> tuple[HandoffPolicy | None, list[str]]:
    workspace, _ = load_settings({"sequences/workspace.yaml": WORKSPACE})
    assert workspace is not None
    found, problems = load_signals({SIGNALS_FILE: text}, workspace, CONTENTS)
    said = [f"{p.mark.line}:{p.mark.column} {p.code}" for p in problems]
    return (found.signals.handoff if found.signals is not None else None), said


def test_a_handoff_is_read_with_its_time_its_turns_and_its_reasons() -> None:
    policy, problems = handoff(HANDOFF)
    assert problems == [] and policy is not None
    assert (policy.stage, str(policy.accept_within), policy.then) == ("sql", "4 business hours", ("remind", "reassign"))
    assert list(policy.declines.values()) == [
        Decline("not-now", "Later", "idle-timing"),
        Decline("no-budget", "No money"),
    ]
    assert (policy.return_status, policy.say) == ("working", {"asked": "Ask back"})
    plain, problems = handoff("sales_ready: replied()\nhandoff: {stage: customer}\n")
    assert problems == [] and plain is not None
    assert (plain.stage, plain.accept_within, [*plain.declines]) == (
        "customer",
        None,
        ["not-now", "no-budget", "wrong-person", "bad-fit"],
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("4 business hours", "soon", ["5:18 bad-duration"]),
        ("[remind, reassign]", "[call]", ["6:10 bad-value"]),
        ("status: idle-timing", "status: nowhere", ["8:37 bad-value"]),
        ("working", "never", ["10:18 bad-value"]),
        ("  return_status: working", "  targets: {a: {slack: http://x.example/}}", ["10:17 bad-webhook"]),
        ("  return_status: working", "  targets: {a: {crm: hubspott}}", ["10:22 bad-value"]),
        ("  return_status: working", "  targets: {a: {}}", ["10:13 bad-value"]),
        ("{asked: Ask back}", "{other: Ask back}", ["11:9 bad-value"]),
        ("  accept_within: 4 business hours", "  stage: nope", ["5:10 unknown-stage"]),
        ('sales_ready:\n  any:\n    asked: submitted("demo")\n', "", ["1:1 missing-key", "8:9 bad-value"]),
    ],
)
def test_a_mistake_in_a_handoff_is_reported_where_it_stands(old: str, new: str, expected: list[str]) -> None:
    assert old in HANDOFF
    assert handoff(HANDOFF.replace(old, new))[1] == expected

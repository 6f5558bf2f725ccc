"""Scenarios: what is wrong in their files and where, what fails and why, and what none of them came to."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sequencer.cli import main
from sequencer.core.scenario import Scenario, misses, unreached
from sequencer.core.simulate import Simulation, simulate
from sequencer.services.compile import Compiled, compile_workspace
from sequencer.workspace.load import read_scenarios
from sequencer.workspace.scenarios import load_scenarios
from tests.workspaces import files

ROOT = Path(__file__).parents[2]

SERIES = """
title: Series
state: live
topic: guides
enroll:
  any:
    - when: manual
    - when: did("asked")
from: marketing
hours: {days: mon-fri, between: "09:00-17:00"}
exit_on:
  - replied()
steps:
  - email: one
  - id: looked
    if: clicked("one", "price")
    within: 2 days
    then:
      - id: told
        tell: owner
        note: Looked
      - email: two
    else:
      - email: three
  - wait: 3 days
  - id: better
    set: {stage: mql, pains: [cost]}
  - email: four
"""

HEAD = """sequence: series
given:
  start: mon 2026-11-23 09:00
  lead: {stage: lead, zone: Europe/London, owner: ana@acme.example}
scenarios:
  it:
"""


@cache
def compiled() -> Compiled:
    found = compile_workspace(files(series=SERIES))
    assert found.workspace is not None
    return found


def load(text: str) -> tuple[tuple[Scenario, ...], list[str]]:
    workspace = compiled().workspace
    assert workspace is not None
    found, problems = load_scenarios({"sequences/scenarios/it.yaml": text}, workspace, compiled().contents)
    return found, [f"{one.mark.line}:{one.mark.column} {one.code} {one.message}" for one in problems]


def ran(body: str) -> tuple[Scenario, Simulation]:
    [scenario], problems = load(HEAD + body)
    assert problems == []
    workspace = compiled().workspace
    assert workspace is not None
    return scenario, simulate(workspace, workspace.sequences["series"], compiled().contents, scenario.case)


def why(body: str) -> list[str]:
    return [f"{miss.expectation} – {miss.why}" for miss in misses(*ran(body))]


CLICKS = "    happens: [{1 hour after one: clicked one price}]\n"

HOLDS = """
    happens:
      - 1 hour after one: clicked one price
    expect:
      - received: [one, two]
      - received: four
        at: mon 2026-11-30 09:00
      - told: [owner, told]
      - not_received: [three, sales/other]
      - none_on: [sat, sun, 2026-11-25]
      - ended: finished
      - entered: series
      - lead: {stage: mql, pains: [cost]}
"""


def test_what_came_as_expected_is_fine() -> None:
    assert why(HOLDS.replace(", sales/other", "").replace("[three]", "three")) == []


FAILS = [
    ("- received: [two, one]", "received: [two, one] – one came before"),
    ("- received: three", "received: three – three did not come"),
    (
        "- received: two\n        at: tue 2026-11-24 10:00",
        "received: two, at Tue 24 Nov 2026 10:00 – two came Tue 24 Nov 2026 09:00",
    ),
    ("- not_received: two", "not_received: two – two came"),
    ("- none_on: [tue]", "none_on: tue – two came Tue 2026-11-24"),
    ("- told: better", "told: better – the owner was not told by better"),
    ("- not_entered: series", "not_entered: series – entered series"),
    ("- ended: replied", "ended: replied – finished (finished)"),
    ("- lead: {status: working}", "lead: {status: working} – status is unknown"),
]


@pytest.mark.parametrize(("expects", "says"), FAILS, ids=[case[0][2:14] for case in FAILS])
def test_what_did_not_come_says_what_did(expects: str, says: str) -> None:
    assert why(f"{CLICKS}    expect:\n      {expects}\n") == [says]


def test_an_end_is_known_by_its_reason_and_one_who_is_inside_by_the_place() -> None:
    replies = "    happens: [{1 day: replied}]\n    expect: [{ended: left}, {ended: replied}]\n"
    assert why(replies) == []
    inside = "    given: {for: 3 days}\n    expect: [{ended: finished}]\n"
    assert why(inside) == ["ended: finished – is still in it, at better"]
    outside = "    given: {enrolled: no}\n    expect: [{ended: finished}]\n"
    assert why(outside) == ["ended: finished – never entered series"]


def test_a_scenario_may_differ_from_what_is_given() -> None:
    scenario, came = ran(
        "    given: {lead: {zone: America/New_York}, received: [four]}\n    expect: [{received: one}]\n"
    )
    assert ("America/New_York", "lead", "2026-11-23T14:00:00+00:00") == (
        came.zone.key,
        came.lead.stage if not came.letters else scenario.case.lead.stage,
        scenario.case.start.isoformat(),
    )


def test_what_no_scenario_came_to_is_named_once() -> None:
    _, came = ran("    happens: [{1 day: replied}]\n    expect: [{ended: replied}]\n")
    workspace = compiled().workspace
    assert workspace is not None
    series = workspace.sequences["series"]
    left = [(one.step, one.arm) for one in unreached(series, [came])]
    assert left == [("looked", ""), ("told", ""), ("two", ""), ("three", ""), ("better", ""), ("four", "")]
    _, clicked = ran(f"{CLICKS}    expect: [{{received: two}}]\n")
    assert [(one.step, one.arm) for one in unreached(series, [came, clicked])] == [("looked", "else"), ("three", "")]


MISTAKES = [
    ("    expect: [{received: threee}]", ["7:25 unknown-step there is no mail `threee`, did you mean `three`?"]),
    ("    expect: [{received: sales/on}]", ["7:25 unknown-content there is no content `sales/on`"]),
    ("    expect: [{told: tld}]", ["7:21 unknown-step there is no step `tld`, did you mean `told`?"]),
    (
        "    expect: [{none_on: [satt]}]",
        ["7:25 bad-date expected a day as `2026-11-26` or a weekday as `sat`, got `satt`"],
    ),
    ("    expect: [{ended: left, at: tue 2026-11-24 09:00}]", ["7:28 wrong-type expected `at` beside one `received`"]),
    (
        "    expect: [{received: one, at: mon 2026-11-24 09:00}]",
        ["7:34 bad-date 2026-11-24 is a tue, got `mon 2026-11-24 09:00`"],
    ),
    ("    expect: [{lead: {stge: mql}}]", ["7:22 unknown-field there is no field `stge`, did you mean `stage`?"]),
    (
        "    expect: [{lead: {stage: mqll}}]",
        ["7:22 bad-value expected one of subscriber, lead, mql, sql, customer, got `mqll`"],
    ),
    ("    expects: [{ended: left}]", ["7:5 unknown-key unknown key `expects`, did you mean `expect`?"]),
    ("    happens: [{1 day: cliked one}]\n    expect: []", ["7:23 bad-value expected what the lead does"]),
    ("    happens: [{soon: replied}]\n    expect: []", ["7:16 bad-value expected a time as `3 days`"]),
    (
        "    happens: [{1 day after tow: replied}]\n    expect: []",
        ["7:16 unknown-step there is no step `tow`; did you mean `two`?"],
    ),
    ("    happens: [{1 day: clicked one prise}]\n    expect: []", ["7:23 unknown-link there is no link `prise`"]),
    (
        "    happens: [{1 day: askd}]\n    expect: []",
        ["7:23 bad-value no sequence asks for `askd`; did you mean `asked`?"],
    ),
    ("    given: {lead: {pains: [cots]}}\n    expect: []", ["7:20 bad-value expected one of cost, risk, got `cots`"]),
    ("    given: {for: 3 business days}\n    expect: []", ["7:18 bad-duration expected seconds"]),
    (
        "    given: {consent: [nws]}\n    expect: []",
        ["7:23 unknown-topic there is no topic `nws`, did you mean `news`?"],
    ),
]


@pytest.mark.parametrize(("body", "expected"), MISTAKES, ids=[case[0].strip()[:30] for case in MISTAKES])
def test_every_mistake_is_named_with_its_place(body: str, expected: list[str]) -> None:
    _, found = load(f"{HEAD}{body}\n")
    assert [line.startswith(start) for line, start in zip(found, expected, strict=True)] == [True] * len(expected), (
        found
    )


def test_a_sequence_that_is_not_there_is_the_only_thing_said_of_a_file() -> None:
    assert load(HEAD.replace("sequence: series", "sequence: serie") + "    expect: [{received: threee}]\n")[1] == [
        "1:11 unknown-sequence there is no sequence `serie`, did you mean `series`?"
    ]


# --- the commands


def workspace_in(folder: Path, scenario: str) -> Mapping[str, str]:
    for name, text in {**files(series=SERIES), "sequences/scenarios/it.yaml": scenario}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return {"WORKSPACE_DIR": str(folder)}


def run(environ: Mapping[str, str], *arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments, env=dict(environ))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_the_shipped_scenarios_hold_and_come_to_every_step() -> None:
    result = run({"WORKSPACE_DIR": str(ROOT)}, "test")
    lines = result.stdout.splitlines()
    assert (0, "") == (result.exit_code, result.stderr)
    assert not [line for line in lines if "no scenario" in line or "without a scenario" in line]
    assert lines[-1].endswith(" scenarios fine")
    assert len(read_scenarios(ROOT)) == sum("steps and arms" in line for line in lines)


def test_a_failure_is_shown_in_the_timeline_of_what_came(tmp_path: Path) -> None:
    environ = workspace_in(
        tmp_path, f"{HEAD}    expect:\n      - received: one\n      - received: two\n      - ended: finished\n"
    )
    result = run(environ, "test")
    assert result.exit_code == 1
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[0] == "sequences/scenarios/it.yaml:6: series, it"
    sends = "Mon 23 Nov 2026 09:00 sends one sequences/series.yaml:14"
    expected = "- expected received: two – two did not come sequences/scenarios/it.yaml:9"
    assert lines[lines.index(sends) + 1] == expected
    assert lines[-1] == "0 scenarios fine, 1 failed"


def test_mistakes_are_shown_by_test_and_by_check_and_keep_nobody_from_simulating(tmp_path: Path) -> None:
    environ = workspace_in(tmp_path, f"{HEAD}    expect: [{{received: threee}}]\n")
    said = "sequences/scenarios/it.yaml:7:25: unknown-step there is no mail `threee`, did you mean `three`?"
    tested, checked = run(environ, "test"), run(environ, "check")
    assert (1, "", 1) == (tested.exit_code, tested.stdout, checked.exit_code)
    assert said in tested.stderr
    assert said in checked.stdout
    assert run(environ, "simulate", "series").exit_code == 0


def test_one_may_be_chosen_by_name(tmp_path: Path) -> None:
    environ = workspace_in(tmp_path, f"{HEAD}    expect: [{{received: one}}]\n")
    assert run(environ, "test", "series").stdout.splitlines()[-1] == "1 scenario fine"
    assert run(environ, "test", "other").stderr == "Error: no scenario is called so: other\n"

"""What happens unless it is declared otherwise: every row of the table, in a workspace that declares little.

Not among them: the rep of a company's first lead, which tests/services/test_handoffs.py holds.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sequencer.core.content import Content
from sequencer.core.enrollment import RUNNING
from sequencer.core.migrate import migrate
from sequencer.core.pin import merged
from sequencer.core.scenario import Scenario, misses
from sequencer.core.simulate import Past, simulate
from sequencer.core.workspace import Workspace
from sequencer.services.compile import compile_workspace
from sequencer.workspace.load import read_files, read_scenarios
from sequencer.workspace.scenarios import load_scenarios

FOLDER = Path(__file__).parents[1] / "defaults"
ROWS = {
    "goal",
    "exit",
    "halt",
    "finish",
    "reply",
    "waiting",
    "gap",
    "caps",
    "exempt",
    "out-of-office",
    "time zone",
    "holidays",
    "owner",
    "company",
    "already received",
    "stage",
    "edits",
}
SECOND_DAY = timedelta(days=1)

Loaded = tuple[Workspace, Mapping[str, Content], tuple[Scenario, ...]]


def loaded(files: Mapping[str, str], scenarios: Mapping[str, str]) -> Loaded:
    compiled = compile_workspace(files)
    assert compiled.workspace is not None, compiled.problems
    found, problems = load_scenarios(scenarios, compiled.workspace, compiled.contents)
    assert not problems
    return compiled.workspace, compiled.contents, tuple(found)


FILES, EDITED = read_files(FOLDER), read_files(FOLDER / "edits")
WORKSPACE, CONTENTS, SCENARIOS = loaded(FILES, read_scenarios(FOLDER))
LATER, _, OF_EDITS = loaded({**FILES, **EDITED}, read_scenarios(FOLDER / "edits"))


def test_every_row_has_a_scenario() -> None:
    assert {one.name.partition(" - ")[0] for one in (*SCENARIOS, *OF_EDITS)} == ROWS


@pytest.mark.parametrize("scenario", OF_EDITS, ids=lambda one: one.name)
def test_what_an_edit_means_for_those_inside_unless_it_is_declared_otherwise(scenario: Scenario) -> None:
    name, case = scenario.sequence, scenario.case
    before = simulate(WORKSPACE, WORKSPACE.sequences[name], CONTENTS, replace(case, span=SECOND_DAY, told=False))
    [passage] = before.enrollments
    old, new = WORKSPACE.sequences[name], LATER.sequences[name]
    if new.pins:
        new = merged(new, old)
    elif passage.status in RUNNING:
        # Looked at at once: a look that comes too early does no harm.
        passage = migrate(old, new, passage, 2)._replace(due_at=case.start + SECOND_DAY)
    past = Past((passage,), before.messages, mailed_at=tuple(letter.at for letter in before.letters))
    then = replace(case, lead=before.lead, start=case.start + SECOND_DAY, enrolled=False, past=past)
    workspace = replace(LATER, sequences={**LATER.sequences, name: new})
    came = simulate(workspace, new, CONTENTS, then)
    came.timeline.entries[:0] = before.timeline.entries
    assert [(miss.expectation, miss.why) for miss in misses(scenario, came)] == []


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_what_happens_unless_it_is_declared_otherwise(scenario: Scenario) -> None:
    came = simulate(WORKSPACE, WORKSPACE.sequences[scenario.sequence], CONTENTS, scenario.case)
    assert [(miss.expectation, miss.why) for miss in misses(scenario, came)] == []

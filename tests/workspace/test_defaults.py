"""What happens unless it is declared otherwise: every row of the table, in a workspace that declares little.

Not among them: editing under people (tests/core/test_migrate.py), the rep of a company's first lead, and handoffs.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

from sequencer.core.content import Content
from sequencer.core.scenario import Scenario, misses
from sequencer.core.simulate import simulate
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
    "already received",
    "stage",
}


def loaded() -> tuple[Workspace, Mapping[str, Content], tuple[Scenario, ...]]:
    compiled = compile_workspace(read_files(FOLDER))
    assert compiled.workspace is not None, compiled.problems
    scenarios, problems = load_scenarios(read_scenarios(FOLDER), compiled.workspace, compiled.contents)
    assert not problems
    return compiled.workspace, compiled.contents, tuple(scenarios)


WORKSPACE, CONTENTS, SCENARIOS = loaded()


def test_every_row_has_a_scenario() -> None:
    assert {one.name.partition(" - ")[0] for one in SCENARIOS} == ROWS


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_what_happens_unless_it_is_declared_otherwise(scenario: Scenario) -> None:
    came = simulate(WORKSPACE, WORKSPACE.sequences[scenario.sequence], CONTENTS, scenario.case)
    assert [(miss.expectation, miss.why) for miss in misses(scenario, came)] == []

"""`became`: a field of a known lead takes a value it did not have."""

from typing import Any

import pytest

from tests.services.conftest import World
from tests.services.test_advance import EXEMPT
from tests.workspaces import WORKSPACE, files


def became(field: str, value: str) -> dict[str, str]:
    """A workspace whose sequence `quick` waits for a field to take a value."""
    found = files(quick=EXEMPT.replace("when: manual", f'when: became("{field}", "{value}")'))
    vip = WORKSPACE.replace("next_attempt:", "vip: {flag: true}\n  next_attempt:")
    return found | {"sequences/workspace.yaml": vip}


@pytest.mark.parametrize(
    ("field", "value", "before", "after"),
    [
        ("stage", "mql", {}, {"stage": "mql"}),
        ("stage", "mql", {"stage": "lead"}, {"stage": "mql"}),
        ("pains", "cost", {}, {"pains": "cost;risk"}),
        ("pains", "cost", {"pains": "risk"}, {"pains": "risk;cost"}),
        ("vip", "true", {}, {"vip": "yes"}),
        ("vip", "true", {"vip": "no"}, {"vip": "true"}),
        ("time_zone", "Europe/Madrid", {}, {"time_zone": "Europe/Madrid"}),
    ],
)
def test_a_field_that_takes_the_value_lets_the_lead_in(
    world: World, field: str, value: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    world.deploy(became(field, value))
    world.lead(**before)
    world.lead(**after)
    world.work()
    assert world.provider.mails == [("kim@harbor.example", "one")]


@pytest.mark.parametrize(
    ("field", "value", "before", "after"),
    [
        ("stage", "mql", {"stage": "mql"}, {"stage": "mql"}),
        ("stage", "mql", {"stage": "mql"}, {"stage": "sql"}),
        ("pains", "cost", {"pains": "cost"}, {"pains": "cost;risk"}),
        ("pains", "cost", {"pains": "cost;risk"}, {"pains": "risk"}),
        ("vip", "true", {"vip": "true"}, {"vip": "no"}),
        ("vip", "true", {}, {"first_name": "true"}),
    ],
)
def test_what_was_so_before_or_is_no_longer_so_lets_nobody_in(
    world: World, field: str, value: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    world.deploy({path: text for path, text in became(field, value).items() if path != "sequences/quick.yaml"})
    world.lead(**before)
    world.deploy(became(field, value))
    world.lead(**after)
    world.work()
    assert world.provider.mails == []

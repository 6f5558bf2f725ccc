"""Audiences, `never` and lists: what they mean in conditions, and what is wrong with them."""

from typing import Any

import pytest

from sequencer.core.condition import Condition
from sequencer.core.facts import LeadFacts
from sequencer.core.lead import Company, Lead
from sequencer.core.snapshot import Snapshot
from sequencer.core.workspace import Workspace
from sequencer.services.compile import Compiled, compile_workspace
from tests.core.test_engine import HEAD, MONDAY
from tests.workspaces import WORKSPACE, files

AUDIENCES = """audiences:
  warm: has(lead.pains, "cost") or did("asked")
  near: in_audience("warm") and lead.stage in ["mql", "sql"]
never:
  - company.domain in list("rivals.txt")
  - lead.stage == "customer" and not in_audience("near")
"""
RIVALS = "# who competes with us\nEvil.example\n\nother.example   # bought by evil\n"


def compiled(audiences: str = AUDIENCES, rivals: str = RIVALS, condition: str = 'in_audience("near")') -> Compiled:
    text = HEAD + f"exit_on:\n  - {condition}\nsteps:\n  - email: one\n"
    return compile_workspace(
        files(it=text) | {"sequences/workspace.yaml": WORKSPACE + audiences, "sequences/rivals.txt": rivals}
    )


def workspace() -> Workspace:
    found = compiled()
    assert found.workspace is not None, "\n".join(map(str, found.problems))
    return found.workspace


def true_of(condition: Condition, domain: str | None = None, **lead: Any) -> bool:
    company = Company(1, domain) if domain is not None else None
    snapshot = Snapshot(Lead(1, "k@b.example", stage=lead.pop("stage", None), fields=lead), company, None)
    return condition.test(LeadFacts(workspace(), snapshot, MONDAY))


def test_an_audience_is_asked_by_its_name_and_may_name_those_above_it() -> None:
    condition = workspace().sequences["it"].exit_on[0]
    assert true_of(condition, stage="mql", pains=["cost"])
    assert not true_of(condition, stage="lead", pains=["cost"])
    assert not true_of(condition, stage="mql", pains=["risk"])
    assert not true_of(condition)
    assert (condition.asks.fields, condition.asks.events, condition.asks.ever) == ({"pains", "stage"}, {"asked"}, True)


@pytest.mark.parametrize(
    ("domain", "expected"),
    [("evil.example", True), ("other.example", True), ("kind.example", False), ("# who", False), (None, False)],
)
def test_a_list_holds_the_lines_of_its_file(domain: str | None, expected: bool) -> None:
    assert true_of(workspace().never[0], domain) is expected


def test_what_is_never_mailed_is_known_to_every_sequence() -> None:
    found = workspace()
    assert found.sequences["it"].never == found.never
    assert "asked" in found.sequences["it"].asks.events


@pytest.mark.parametrize(
    ("audiences", "rivals", "expected"),
    [
        (AUDIENCES.replace('"warm")', '"worm")'), RIVALS, ["26:21 unknown-audience"]),
        (AUDIENCES.replace("  warm:", "  later:").replace('"warm")', '"near")'), RIVALS, ["26:21 unknown-audience"]),
        (AUDIENCES.replace("rivals.txt", "rival.txt"), RIVALS, ["28:28 unknown-list"]),
        (AUDIENCES.replace('list("rivals.txt")', "list()"), RIVALS, ["28:23 condition-argument"]),
        (AUDIENCES, "# nobody yet\n", ["28:28 condition-argument"]),
        (AUDIENCES.replace("  warm: has", "  warm: haz"), RIVALS, ["25:9 condition-name"]),
        (AUDIENCES.replace("  near:", "  Near:"), RIVALS, ["26:3 bad-id", "29:50 unknown-audience"]),
        ("audiences: [a]\nnever: replied()\n", RIVALS, ["24:12 wrong-type", "25:8 wrong-type"]),
    ],
)
def test_mistakes_are_reported_where_they_stand(audiences: str, rivals: str, expected: list[str]) -> None:
    found = compiled(audiences, rivals, condition="replied()").problems
    assert [f"{p.mark.line}:{p.mark.column} {p.code}" for p in found if p.severity == "error"] == expected

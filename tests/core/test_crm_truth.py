"""Who is right where the CRM and we know different things of a lead."""

from typing import Any

import pytest

from sequencer.core.crm import Crm
from sequencer.core.crm_truth import settled, stage_of, status_of
from sequencer.core.lead import Lead
from sequencer.workspace.settings import load_settings
from tests.workspaces import files

WORKSPACE, _ = load_settings(files())
assert WORKSPACE is not None
KIM = Lead(1, "kim@harbor.example", stage="mql", status="working", owner="ana@acme.example", fields={"pains": ["cost"]})


def said(crm: Crm, **values: Any) -> dict[str, Any]:
    assert WORKSPACE is not None
    return settled(WORKSPACE, crm, KIM, values)


@pytest.mark.parametrize(
    ("truth", "values", "expected"),
    [
        ({}, {"stage": "subscriber"}, {"stage": "subscriber"}),
        ({"stage": "crm"}, {"stage": "subscriber"}, {"stage": "subscriber"}),
        ({"stage": "ours"}, {"stage": "subscriber"}, {}),
        ({"stage": "ours"}, {"stage": "customer"}, {"stage": "customer"}),
        (
            {},
            {"owner": "ben@acme.example", "status": "idle-timing"},
            {"owner": "ben@acme.example", "status": "idle-timing"},
        ),
        ({"owner": "ours"}, {"owner": "ben@acme.example"}, {}),
        ({}, {"pains": ["risk"]}, {}),
        ({"pains": "crm"}, {"pains": ["risk"]}, {"pains": ["risk"]}),
        ({}, {"first_name": "Kim"}, {"first_name": "Kim"}),
        ({}, {"stage": "mql", "pains": [], "title": None}, {}),
    ],
)
def test_what_both_know_is_settled_by_truth_and_what_one_knows_counts(
    truth: Any, values: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert said(Crm(truth), **values) == expected


@pytest.mark.parametrize("truth", ["ours", "crm"])
@pytest.mark.parametrize("pains", [["cost"], ["risk"]])
def test_what_was_only_inferred_is_not_known_and_becomes_an_answer_also_where_it_is_the_same(
    truth: Any, pains: list[str]
) -> None:
    assert WORKSPACE is not None
    assert settled(WORKSPACE, Crm({"pains": truth}), KIM, {"pains": pains}, {"pains"}) == {"pains": pains}


def test_stages_go_by_the_crms_names_and_statuses_by_id_or_label() -> None:
    assert WORKSPACE is not None
    crm = Crm(stages={"Closed Won": "customer", "Lead": "lead"})
    names = ("Closed Won", "closed won", "mql", "Qualification")
    assert [stage_of(WORKSPACE, crm, name) for name in names] == ["customer", "customer", "mql", None]
    assert [status_of(WORKSPACE, name) for name in ("idle-timing", "IDLE", "lost")] == [
        "idle-timing",
        "idle-timing",
        None,
    ]

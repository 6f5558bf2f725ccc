"""`sequencer messages`."""

import pytest
from sqlalchemy import Engine

from .conftest import Sequencer
from .test_status import lose_an_answer


@pytest.fixture
def held(deployed: Sequencer, engine: Engine) -> Sequencer:
    """One message to Ana of which nobody knows whether it went."""
    deployed("enroll", "handbook-delivery", "--where", 'lead.email == "ana@harbor.example"')
    found = deployed.json("leads", "show", "ana@harbor.example")
    lose_an_answer(engine, found["enrollments"][0]["id"], found["lead"]["id"])
    return deployed


def test_held_messages_are_listed_with_the_reason(held: Sequencer) -> None:
    assert "ana@harbor.example  no answer was recorded before the lease ended\n" in held("messages", "held")
    found = held.json("messages", "held")
    assert (found["total"], [m["to"] for m in found["held"]]) == (1, ["ana@harbor.example"])


def test_an_operator_decides_and_nothing_is_held_any_more(held: Sequencer) -> None:
    said = held("messages", "resolve", "ana@harbor.example", "--as", "sent")
    assert said == "1 resolved as sent\n"
    assert held("messages", "held") == "nothing is held\n"
    assert held.json("status")["messages"] == {"accepted": 1}


def test_who_is_not_held_cannot_be_resolved(held: Sequencer) -> None:
    said = held("messages", "resolve", "ana@harbor.example", "--as", "drop", "--step", "another", code=1)
    assert said == "nothing that fits is held\n"


@pytest.mark.parametrize("arguments", [(), ("ana@harbor.example", "--all")])
def test_it_wants_one_lead_or_all(held: Sequencer, arguments: tuple[str, ...]) -> None:
    assert "expected one lead's EMAIL, or --all" in held.refusal(
        "messages", "resolve", *arguments, "--as", "sent", code=2
    )

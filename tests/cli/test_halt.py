"""`sequencer halt`."""

from sqlalchemy import Engine

from sequencer.store import clock, leads, suppressions

from .conftest import Sequencer


def test_a_halt_ends_every_sequence_of_that_lead(deployed: Sequencer) -> None:
    deployed("enroll", "education")
    deployed("enroll", "sales-motivation")
    said = deployed("halt", " Ana@Harbor.example ")
    assert "ana@harbor.example is halted; stopped: education, sales-motivation\n" == said
    found = deployed.json("leads", "show", "ana@harbor.example")
    assert (True, ["stopped"] * 2) == (found["lead"]["suppressed"], [e["status"] for e in found["enrollments"]])


def test_a_halt_bars_the_way_back_in(deployed: Sequencer) -> None:
    assert {"email": "ana@harbor.example", "halted": True, "sequences": []} == deployed.json(
        "halt", "ana@harbor.example"
    )
    assert {"must not be mailed": 1} == deployed.json("enroll", "education")["refused"]


def test_a_lifted_halt_lets_the_lead_enter_again(deployed: Sequencer) -> None:
    deployed("halt", "ana@harbor.example")
    assert deployed.json("halt", "ana@harbor.example", "--lift")["lifted"] is True
    assert 3 == deployed.json("enroll", "education")["entered"]


def test_lifting_what_is_no_halt_changes_nothing_and_says_so(deployed: Sequencer) -> None:
    said = deployed("halt", "ana@harbor.example", "--lift", code=1)
    assert "nothing changes: no operator halted ana@harbor.example\n" == said


def test_what_the_lead_said_after_a_halt_is_not_lifted_with_it(deployed: Sequencer, engine: Engine) -> None:
    deployed("halt", "ana@harbor.example")
    with engine.begin() as conn:
        row = ("ana@harbor.example", suppressions.ALL, "unsubscribed", clock.now(conn), "event")
        suppressions.add(conn, [row, row])
    deployed("halt", "ana@harbor.example", "--lift", code=1)
    with engine.begin() as conn:
        lead = leads.by_email(conn, "ana@harbor.example")
        reasons = suppressions.of(conn, ["ana@harbor.example"])
    assert lead is not None
    assert (True, {("ana@harbor.example", ""): "unsubscribed"}) == (lead.suppressed, reasons)


def test_a_halt_does_not_hide_what_the_lead_said_before(deployed: Sequencer, engine: Engine) -> None:
    with engine.begin() as conn:
        suppressions.add(conn, [("ana@harbor.example", suppressions.ALL, "complained", clock.now(conn), "event")])
    deployed("halt", "ana@harbor.example")
    deployed("halt", "ana@harbor.example", "--lift", code=1)


def test_an_unknown_lead_is_refused(deployed: Sequencer) -> None:
    assert "there is no lead with the address x@y.example" == deployed.refusal("halt", "x@y.example")
    assert "there is no lead with the address x@y.example" == deployed.refusal("halt", "x@y.example", "--lift")

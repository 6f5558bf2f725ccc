"""`sequencer tasks`."""

from .conftest import Sequencer


def test_nothing_is_to_be_done_where_nobody_asked_for_a_call(deployed: Sequencer) -> None:
    assert deployed("tasks", "list") == "nothing is to be done\n"
    assert deployed.json("tasks", "list", "--rep", "ana@acme.example") == {"tasks": []}
    assert deployed("tasks", "done", "ana@harbor.example") == "logged; 0 tasks are done\n"
    assert "there is no lead" in deployed.refusal("tasks", "done", "nobody@harbor.example")

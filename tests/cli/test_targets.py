"""`sequencer targets`."""

from sqlalchemy import Engine

from sequencer.store import calls_out
from sequencer.store.calls_out import NewCall

from .conftest import START, Sequencer


def test_dead_calls_are_listed_and_replayed(deployed: Sequencer, engine: Engine) -> None:
    assert deployed("targets", "list").strip() == "every target took everything"
    with engine.begin() as conn:
        calls_out.insert(conn, [NewCall("crm", "handoff.created", 1, 1, {})] * 2, START)
        for row in calls_out.claim(conn, 30, 10):
            calls_out.settle(conn, row.id, row.attempts, "dead", "503")
    listed = deployed.json("targets", "list")["calls"]
    assert [(one["target"], one["state"], one["failure"]) for one in listed] == [("crm", "dead", "503")] * 2
    assert deployed("targets", "replay", str(listed[0]["id"])).strip() == "1 call to be made again"
    assert deployed("targets", "replay", "--all").strip() == "1 call to be made again"
    assert "name calls by their ids" in deployed.run("targets", "replay").output
    assert "calls to targets" in deployed("status")
    assert deployed.refusal("targets", "secret", "crm") == "there is no target `crm`; declared are: none"

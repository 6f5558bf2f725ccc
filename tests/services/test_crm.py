"""What the CRM says takes effect once, in the order in which it happened, and where it is the CRM's to say."""

from typing import Any

import orjson
import pytest
from sqlalchemy import text

from sequencer.core.lead import Lead
from sequencer.core.learn import Taught
from sequencer.services import replay
from sequencer.services.crm import REMEMBERED, TOLD
from sequencer.store import clock, crm_contacts, leads
from tests.services.conftest import World
from tests.services.webhooks import bodies, take
from tests.workspaces import WORKSPACE, files

CRM = """
crm:
  truth: {pains: ours}
  stages: {Working: mql, "Closed Won": customer}
  webhooks:
    sales:
      signed: standard
      email: email
      contact: id
      key: key
      at: at
      rep: by
      events:
        call_logged: {did: call}
        deal_won: {did: won}
      once: {call_logged: activity}
      fields: {stage: stage, owner: owner, pains: pains, next_attempt: again}
"""
WELCOME = """
title: Welcome
state: live
topic: guides
enroll:
  any:
    - when: manual
    - when: became("stage", "mql")
from: marketing
exit_on:
  - lead.stage == "customer"
  - did("call_logged")
steps:
  - email: one
  - wait: 3 days
  - email: two
"""


def workspace(**truth: str) -> dict[str, str]:
    told = CRM.replace("{pains: ours}", "{" + ", ".join(f"{k}: {v}" for k, v in truth.items()) + "}") if truth else CRM
    return {**files(welcome=WELCOME), "sequences/workspace.yaml": WORKSPACE + told}


def says(world: World, *things: dict[str, Any]) -> None:
    take(world, orjson.dumps([{"email": "kim@harbor.example", **thing} for thing in things]), door="crm:sales")


def at(hour: int) -> str:
    return f"2026-11-23T0{hour}:00:00Z"


def found(world: World, lead: Lead) -> dict[str, Any]:
    return dict(world.view(lead)["lead"])


def events(world: World, lead: Lead) -> list[str]:
    return sorted(e["event"] for e in world.view(lead)["events"])


@pytest.fixture
def kim(world: World) -> Lead:
    world.deploy(workspace())
    return world.lead(stage="lead", pains=["cost"])


def test_stage_and_owner_are_the_crms_to_say_and_what_follows_happens_with_it(world: World, kim: Lead) -> None:
    says(world, {"stage": "Working", "owner": "ben@acme.example", "pains": ["risk"], "key": "1", "at": at(7)})
    view = found(world, kim)
    assert (view["stage"], view["owner_email"], view["fields"]["pains"]) == ("mql", "ben@acme.example", ["cost"])
    assert world.status(kim, "welcome") == ("active", None), "became(stage, mql) lets them in"
    says(world, {"did": "won", "stage": "Closed Won", "key": "2", "at": at(7)})
    assert world.status(kim, "welcome")[0] == "left"
    assert bodies(world) == [("done", None), ("done", None)]


def test_what_the_crm_says_again_before_the_first_was_worked_off_counts_once(world: World, kim: Lead) -> None:
    # Each of the two bears another time.
    says(world, *({"did": "call", "key": "7", "at": at(hour)} for hour in (6, 7)))
    assert events(world, kim).count("call_logged") == 1


def test_what_happens_to_a_thing_once_counts_once_and_what_its_edits_say_of_fields_counts(
    world: World, kim: Lead
) -> None:
    for hour, stage in ((5, "Working"), (6, "Closed Won"), (7, "subscriber")):
        says(world, {"did": "call", "activity": 9, "stage": stage, "key": str(hour), "at": at(hour)})
        says(world, {"did": "call", "activity": 9, "stage": stage, "key": str(hour), "at": at(hour)})
    assert (events(world, kim).count("call_logged"), found(world, kim)["stage"]) == (1, "subscriber")
    says(world, {"did": "call", "activity": 10, "key": "8", "at": at(7)})
    assert events(world, kim).count("call_logged") == 2


def test_of_what_bears_no_time_a_post_that_comes_again_is_no_later_word_also_where_its_kinds_count_once(
    world: World, kim: Lead
) -> None:
    first = {"did": "call", "activity": 9, "stage": "Working", "key": "1"}
    says(world, first)
    world.pass_(hours=1)
    says(world, {**first, "stage": "Closed Won", "key": "2"})
    for _ in range(2):
        world.pass_(hours=1)
        says(world, first)
        assert found(world, kim)["stage"] == "customer"
    says(world, {**first, "stage": "subscriber", "key": "3"})
    assert (events(world, kim).count("call_logged"), found(world, kim)["stage"]) == (1, "subscriber")


def test_as_many_posts_of_a_lead_are_known_again_as_may_still_come_again(world: World, kim: Lead) -> None:
    thing = {"did": "call", "activity": 9, "stage": "Working"}
    says(world, *({**thing, "key": str(number)} for number in range(REMEMBERED + 2)))
    world.pass_(hours=1)
    with world.context.engine.connect() as conn:
        [word] = [said[TOLD] for said in crm_contacts.said(conn, [kim.id]).values()]
    assert len(word.keys) == REMEMBERED
    says(world, {**thing, "stage": "customer", "key": str(REMEMBERED + 1)})
    assert found(world, kim)["stage"] == "mql"


def test_the_crm_moves_a_lead_backwards_and_where_the_stage_is_ours_only_forward(world: World, kim: Lead) -> None:
    says(world, {"stage": "subscriber", "at": at(6)})
    assert found(world, kim)["stage"] == "subscriber"
    world.deploy(workspace(stage="ours"))
    says(world, {"stage": "Working", "at": at(7)})
    says(world, {"stage": "subscriber", "at": at(8)})
    assert found(world, kim)["stage"] == "mql"


def test_each_thing_counts_once_whatever_comes_twice_or_late(world: World, kim: Lead) -> None:
    first = {"stage": "Working", "did": "call", "by": "ana@acme.example", "key": "1", "at": at(5)}
    second = {"stage": "customer", "key": "2", "at": at(6)}
    says(world, second, first)
    assert found(world, kim)["stage"] == "customer", "in the order in which it happened"
    before = events(world, kim)
    says(world, first, second, first)
    says(world, {**first, "at": at(7)})
    assert events(world, kim) == before and before.count("call_logged") == 1
    [call] = [e for e in world.view(kim)["events"] if e["event"] == "call_logged"]
    assert call["data"] == {"rep": "ana@acme.example"}


def test_what_was_only_inferred_becomes_an_answer_by_the_crms_first_word_also_by_the_same(
    world: World, kim: Lead
) -> None:
    guessed = {"by": "browser", "at": at(5), "confidence": 90, "because": []}
    with world.context.engine.begin() as conn:
        leads.teach(conn, {kim.id: Taught({"pains": ["cost"]}, {"pains": guessed})}, clock.now(conn))
    says(world, {"pains": ["cost"], "key": "1", "at": at(6)}, {"pains": ["risk"], "key": "2", "at": at(7)})
    known = found(world, kim)
    assert (known["fields"]["pains"], known["sources"]["pains"]["by"]) == (["cost"], "crm")
    assert "changed" not in events(world, kim), "no field got another value"


def test_who_is_known_by_the_contacts_id_needs_no_address(world: World, kim: Lead) -> None:
    says(world, {"id": 77, "did": "call", "key": "1"})
    take(world, orjson.dumps({"id": "77", "stage": "Working"}), door="crm:sales")
    assert found(world, kim)["stage"] == "mql"
    take(world, orjson.dumps({"id": "78", "stage": "customer"}), door="crm:sales")
    take(world, orjson.dumps({"email": "nobody@harbor.example", "stage": "customer"}), door="crm:sales")
    assert found(world, kim)["stage"] == "mql"
    assert {state for state, _ in bodies(world)} == {"done"}, "who is no lead of ours is nobody's problem"


def test_of_a_thing_with_a_field_that_cannot_hold_its_value_all_else_counts_at_once(world: World, kim: Lead) -> None:
    thing = {"id": 77, "did": "call", "stage": "Working", "again": "next week", "by": "ana@acme.example", "at": at(6)}
    says(world, {"stage": "customer", "at": at(5)}, {**thing, "key": "1"})
    assert found(world, kim)["stage"] == "mql" and events(world, kim).count("call_logged") == 1
    expected = "event 2: next_attempt: expected a date as 2026-11-30, got `next week` at `again`"
    assert bodies(world) == [("set_aside", expected)]
    take(world, orjson.dumps({"id": 77, "stage": "subscriber", "at": at(7)}), door="crm:sales")
    assert found(world, kim)["stage"] == "subscriber"


def test_the_field_alone_counts_once_it_can_be_held_unless_a_later_word_came(world: World, kim: Lead) -> None:
    thing = {"did": "call", "stage": "Working", "again": "next week", "key": "1", "at": at(6)}
    says(world, thing)
    says(world, {"stage": "customer", "key": "2", "at": at(7)})
    before = events(world, kim)
    as_text = CRM.replace("next_attempt: again", "first_name: again")
    world.deploy({**workspace(), "sequences/workspace.yaml": WORKSPACE + as_text})
    with world.context.engine.connect() as conn:
        [body] = replay.listed(conn)["bodies"]
    assert replay.replay(world.context, body["id"]).problem is None
    view = found(world, kim)
    assert (view["first_name"], view["stage"]) == ("next week", "customer")
    assert events(world, kim) == sorted([*before, "changed"])


def test_what_cannot_be_kept_is_set_aside_and_the_rest_of_the_body_counts(world: World, kim: Lead) -> None:
    says(world, {"again": "tomorrow", "key": "1"}, {"stage": "Working", "key": "2"})
    assert found(world, kim)["stage"] == "mql"
    [(state, problem)] = bodies(world)
    assert state == "set_aside" and "next_attempt: expected a date" in str(problem)
    take(world, b"<xml/>", door="crm:sales")
    take(world, b"[]", door="crm:gone")
    assert [state for state, _ in bodies(world)] == ["set_aside"] * 3
    with world.context.engine.connect() as conn:
        ids = conn.execute(text("SELECT id FROM intake ORDER BY id")).scalars().all()
        assert [one["door"] for one in replay.listed(conn)["bodies"]] == ["crm:sales", "crm:sales", "crm:gone"]
    world.deploy({**workspace(), "sequences/workspace.yaml": WORKSPACE + CRM.replace("sales:", "gone:")})
    assert replay.replay(world.context, ids[-1]).problem is None

"""Webhook bodies: what they prove, what they change, and what cannot be read."""

import re
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from sequencer.core.mail import Answer, Outcome, Receipt
from sequencer.store import events
from tests.services.conftest import World
from tests.services.test_advance import BRANCH, EXEMPT, PACED
from tests.services.webhooks import TWO_LINKS, bodies, enrolled, event, links, post, reply_form, take
from tests.workspaces import files


def test_a_clicked_url_names_its_link(world: World) -> None:
    world.deploy(files(branch=BRANCH))
    kim = enrolled(world, "branch")
    post(world, event(world, "click", url=links(world)[0], useragent="Mozilla/5.0"))
    message = world.view(kim)["messages"][0]
    assert (message["clicked"], message["state"]) == (["price"], "accepted")
    world.work()
    assert [step for _, step in world.provider.mails] == ["one", "two"]


def test_a_scanner_that_follows_every_link_at_once_does_not_count(world: World) -> None:
    world.deploy(files(branch=BRANCH) | {"content/one.md": TWO_LINKS})
    kim = enrolled(world, "branch")
    found = links(world)
    assert len(found) == 2
    post(world, *(event(world, "click", url=url, useragent="Mozilla/5.0") for url in found))
    assert world.view(kim)["messages"][0]["clicked"] == []
    assert [e["machine"] for e in world.view(kim)["events"] if e["event"] == "clicked"] == [True, True]


def test_a_scanner_whose_clicks_come_in_several_posts_is_found_out_in_the_end(world: World) -> None:
    world.deploy(files(branch=BRANCH) | {"content/one.md": TWO_LINKS})
    kim = enrolled(world, "branch")
    for url in links(world):
        post(world, event(world, "click", url=url, useragent="Mozilla/5.0"))
    message = world.view(kim)["messages"][0]
    assert (message["clicked"], message["clicked_at"]) == ([], None)
    assert [e["machine"] for e in world.view(kim)["events"] if e["event"] == "clicked"] == [True, True]


def test_a_scanner_that_names_itself_does_not_count(world: World) -> None:
    world.deploy(files(branch=BRANCH))
    kim = enrolled(world, "branch")
    post(world, event(world, "click", url=links(world)[0], useragent="Barracuda Sentinel"))
    assert world.view(kim)["messages"][0]["clicked"] == []


def test_states_only_advance_whatever_the_order(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    kim = world.lead()
    world.enter("quick", kim)
    world.work()
    post(world, event(world, "delivered"))
    post(world, event(world, "processed"))
    assert [m["state"] for m in world.view(kim)["messages"]] == ["delivered"]
    post(world, event(world, "bounce", reason="550 no such user"))
    post(world, event(world, "delivered", sg_event_id="again"))
    assert [(m["state"], m["failure"]) for m in world.view(kim)["messages"]] == [("bounced", "550 no such user")]
    assert world.status(kim, "quick") == ("stopped", "suppressed")


def test_a_blocked_mail_does_not_suppress(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    kim = world.lead()
    world.enter("quick", kim)
    world.work()
    post(world, event(world, "bounce", type="blocked", reason="451 later"))
    assert world.view(kim)["lead"]["suppressed"] is False


def test_an_event_for_one_message_proves_its_whole_request(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    people = [world.lead(f"p{n}@harbor.example") for n in range(3)]
    world.enter("quick", *people)
    world.provider.answers = [Receipt(Outcome(Answer.UNKNOWN, "timeout"))]
    world.work()
    assert [world.view(p)["messages"][0]["state"] for p in people] == ["unknown"] * 3
    post(world, event(world, "processed"))
    assert [world.view(p)["messages"][0]["state"] for p in people] == ["accepted"] * 3


def test_each_event_counts_once_in_any_number_of_posts(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    kim = world.lead()
    world.enter("quick", kim)
    world.work()
    for _ in range(3):
        post(world, event(world, "delivered"), event(world, "open"), event(world, "open"))
    assert sorted(e["event"] for e in world.view(kim)["events"]) == ["delivered", "opened"]


def test_an_event_that_somebody_stored_since_it_was_looked_for_counts_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.deploy(files(branch=BRANCH))
    kim = enrolled(world, "branch")
    post(world, event(world, "open"))
    monkeypatch.setattr(events, "stored", lambda *_: [])
    post(world, event(world, "open"), event(world, "delivered"), event(world, "open", sg_event_id="another"))
    assert sorted(e["event"] for e in world.view(kim)["events"]) == ["delivered", "opened", "opened"]
    assert bodies(world) == [("done", None)] * 2


def test_a_message_is_written_only_where_an_event_is_news(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    kim = world.lead()
    world.enter("quick", kim)
    world.work()
    at = int(world.now().timestamp())

    def written(*said: dict[str, Any]) -> bool:
        query = text("SELECT xmin::text FROM message")
        with world.context.engine.connect() as conn:
            before = conn.execute(query).scalar_one()
        post(world, *said)
        with world.context.engine.connect() as conn:
            return bool(conn.execute(query).scalar_one() != before)

    def say(kind: str, later: int, **more: Any) -> dict[str, Any]:
        return event(world, kind, timestamp=at + later, sg_event_id=f"{kind} {later}", **more)

    assert written(say("delivered", 2), say("open", 20))
    assert not written(say("processed", 0), say("delivered", 3), say("open", 30))
    assert not written(say("open", 5, sg_machine_open=True), say("unsubscribe", 40))
    assert written(say("open", 10))
    assert written(say("delivered", 1))
    assert written(say("bounce", 4))
    [message] = world.view(kim)["messages"]
    assert (message["state"], message["opened_at"]) == ("bounced", datetime.fromtimestamp(at + 10, UTC).isoformat())


def test_machine_opens_are_kept_and_do_not_count(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    kim = world.lead()
    world.enter("quick", kim)
    world.work()
    post(world, event(world, "open", sg_machine_open=True))
    assert world.view(kim)["messages"][0]["opened_at"] is None


def test_what_cannot_be_read_is_set_aside_and_the_rest_goes_on(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    kim = world.lead()
    world.enter("quick", kim)
    world.work()
    good = event(world, "delivered")
    take(world, b"not json")
    take(world, b'{"event": "open"}')
    take(world, b"[" * 100_000)
    post(world, {**good, "timestamp": 10**40}, {**good, "sq_lead": "x"}, {"event": "open"}, 7, good)
    take(world, orjson.dumps([{**good, "sg_event_id": "nul\0", "useragent": "a\0b"}]))
    assert [state for state, _ in bodies(world)] == ["set_aside"] * 4 + ["done"]
    assert bodies(world)[3][1].count("event ") == 3  # type: ignore[union-attr]
    assert world.view(kim)["messages"][0]["state"] == "delivered"


def test_a_reply_ends_the_series_and_is_forwarded_to_the_rep(world: World) -> None:
    world.deploy(files(branch=BRANCH))
    kim = enrolled(world, "branch", owner_email="ana@acme.example")
    body, content_type = reply_form(world, "Please call me, ünïcode too")
    take(world, body, urgent=True, door="inbound", content_type=content_type)
    take(world, body, urgent=True, door="inbound", content_type=content_type)
    assert world.status(kim, "branch") == ("left", "exit_on: replied()")
    forwarded = [(a["kind"], a["rep"], a["note"]) for a in world.view(kim)["alerts"]]
    assert forwarded == [("reply", "ana@acme.example", "Please call me, ünïcode too")]


def test_a_reply_is_matched_by_the_message_it_answers_too(world: World) -> None:
    world.deploy(files(branch=BRANCH))
    kim = enrolled(world, "branch")
    message_id = world.provider.batches[-1].recipients[0].headers["Message-ID"]
    body, content_type = reply_form(world, "Yes", In_Reply_To=message_id)
    body = re.sub(rb"r-[a-z2-7]{32}@reply", b"sales@reply", body)
    take(world, body, urgent=True, door="inbound", content_type=content_type)
    assert world.status(kim, "branch") == ("left", "exit_on: replied()")


def test_an_out_of_office_note_pauses_until_the_return(world: World) -> None:
    world.deploy(files(branch=BRANCH.replace("pressure: exempt\n", "")))
    kim = world.lead()
    world.enter("branch", kim)
    world.pass_(hours=2)
    body, content_type = reply_form(world, "I am back on 7 December 2026.", Auto_Submitted="auto-replied")
    take(world, body, urgent=True, door="inbound", content_type=content_type)
    paused = world.view(kim)["enrollments"][0]
    assert (paused["status"], paused["reason"]) == ("paused", "out of office")
    assert paused["paused_until"].startswith("2026-12-07T00:00")


def test_a_reply_ends_the_owners_series_and_pauses_the_others(world: World) -> None:
    other = BRANCH.replace("pressure: exempt\n", "").replace("exit_on:\n  - replied()\n", "")
    world.deploy(files(paced=PACED, branch=other))
    kim = world.lead(owner_email="ana@acme.example")
    world.enter("branch", kim)
    world.enter("paced", kim)
    world.pass_(hours=2)
    body, content_type = reply_form(world, "Call me")
    take(world, body, urgent=True, door="inbound", content_type=content_type)
    assert world.status(kim, "paced") == ("left", "replied")
    assert world.status(kim, "branch") == ("paused", "replied")
    sent = len(world.provider.mails)
    world.pass_(days=13)
    assert len(world.provider.mails) == sent


def test_mail_that_answers_nothing_of_ours_is_set_aside(world: World) -> None:
    world.deploy(files(branch=BRANCH))
    enrolled(world, "branch")
    body, content_type = reply_form(world, "Buy now")
    take(
        world,
        re.sub(rb"r-[a-z2-7]{32}@reply", b"r-" + b"a" * 32 + b"@reply", body),
        urgent=True,
        door="inbound",
        content_type=content_type,
    )
    take(world, b"garbage", urgent=True, door="inbound", content_type="multipart/form-data; boundary=b")
    assert [state for state, _ in bodies(world)] == ["set_aside", "set_aside"]

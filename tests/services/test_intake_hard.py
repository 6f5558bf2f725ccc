"""Odd webhooks and odd inbound mail: nothing jams the intake, and nothing that is not about us changes anything."""

from typing import Any

import orjson
import pytest
from sqlalchemy import text

from sequencer.core.lead import Lead
from sequencer.services import ingest
from sequencer.store import intake
from tests.services.conftest import World
from tests.services.test_advance import BRANCH, EXEMPT
from tests.services.webhooks import bodies, event, post, reply_form, take
from tests.workspaces import content, files

PLAIN = BRANCH.replace('clicked("one", "price")', 'clicked("one")')


def begun(world: World, sequence: str = EXEMPT, **contents: str) -> Lead:
    """A lead who got the first mail of `quick`."""
    world.deploy(files(quick=sequence) | {f"content/{name}.md": body for name, body in contents.items()})
    kim = world.lead(owner_email="ana@acme.example")
    world.enter("quick", kim)
    world.work()
    return kim


@pytest.mark.parametrize(
    "date",
    [
        "Mon, 1 Jan 2024 00:00:00 +99999999999999",
        "Mon, 99 Jan 99999 00:00:00 +0000",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Mon, 1 Jan 2024 00:00:00",
        "yesterday",
        "",
    ],
)
def test_a_reply_counts_now_whatever_its_date_says(world: World, date: str) -> None:
    kim = begun(world)
    body, content_type = reply_form(world, "Call me", Date=date)
    take(world, body, urgent=True, door="inbound", content_type=content_type)
    assert [(e["event"], e["at"]) for e in world.view(kim)["events"]] == [("replied", world.now().isoformat())]
    assert bodies(world) == [("done", None)]


def test_no_reply_is_older_than_the_mail_it_answers(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    world.pass_(days=1)
    kim = begun(world)
    body, content_type = reply_form(world, "Call me", Date="Mon, 23 Nov 2026 09:00:00 +0000")
    take(world, body, urgent=True, door="inbound", content_type=content_type)
    assert [e["at"] for e in world.view(kim)["events"]] == [world.view(kim)["messages"][0]["sent_at"]]
    assert world.status(kim, "quick") == ("paused", "replied")


@pytest.mark.parametrize(
    ("charset", "written", "read"),
    [
        ("utf-7", "hi +2AA- there", "hi +2AA- there"),
        ("idna", "hi there", "hi there"),
        ("punycode", "hi-there", "hi-there"),
        ("rot13", "hi there", "hi there"),
        ("no-such-set", "hi there", "hi there"),
        ("utf\0-8", "hi there", "hi there"),
        ("iso-8859-1", "hi there", "hi there"),
        ("utf-8", "hi \0there", "hi there"),
    ],
)
def test_a_reply_is_read_whatever_character_set_it_names(world: World, charset: str, written: str, read: str) -> None:
    kim = begun(world)
    body, content_type = reply_form(world, written, charset=charset)
    take(world, body, urgent=True, door="inbound", content_type=content_type)
    assert [a["note"] for a in world.view(kim)["alerts"]] == [read]
    assert bodies(world) == [("done", None)]


def test_a_poisonous_body_is_set_aside_alone(world: World) -> None:
    kim = begun(world)
    with world.context.engine.begin() as conn:
        # What no check foresees: the database itself refuses one event.
        conn.execute(text("ALTER TABLE event ADD CHECK (key <> 'poison')"))
        poison: list[dict[str, Any]] = [{"sg_event_id": "poison"}, {}, {"sg_event_id": "more"}]
        for said in poison:
            body = orjson.dumps([event(world, "unsubscribe", **said)])
            intake.put(conn, "events", body, "", True)
    for urgent in (True, False):
        while ingest.process(world.context, urgent):
            pass
    assert [state for state, _ in bodies(world)] == ["set_aside", "done", "done"]
    assert world.view(kim)["lead"]["suppressed"] is True


@pytest.mark.parametrize(
    "other",
    [{"sq_enrollment": "777"}, {"sq_lead": "777"}, {"sq_lead": "777", "sq_step": "two"}],
)
def test_what_another_installation_says_of_its_own_mail_changes_nothing_here(
    world: World, other: dict[str, Any]
) -> None:
    kim = begun(world)
    post(world, event(world, "spamreport", **other), urgent=True)
    assert world.view(kim)["lead"]["suppressed"] is False
    assert world.view(kim)["events"] == []
    assert bodies(world) == [("done", None)]


def test_what_is_ours_counts_next_to_what_is_not(world: World) -> None:
    kim = begun(world)
    post(world, event(world, "delivered", sq_lead="777"), event(world, "unsubscribe"), urgent=True)
    assert world.view(kim)["lead"]["suppressed"] is True
    assert bodies(world) == [("done", None)]


def test_a_click_on_a_link_without_a_name_is_a_click(world: World) -> None:
    url = "https://www.acme.example/price"
    kim = begun(world, PLAIN, one=content("One", f"See [prices]({url})"))
    post(world, event(world, "click", url=url, useragent="Mozilla/5.0"))
    assert [(m["clicked_at"], m["clicked"]) for m in world.view(kim)["messages"]] == [(world.now().isoformat(), [])]
    world.work()
    assert [step for _, step in world.provider.mails] == ["one", "two"]


@pytest.mark.parametrize("sq", ["a" * 32 + ".99", "a" * 32 + ".0", "a" * 32 + ".1234567", "short.1", ""])
def test_a_clicked_link_that_names_none_of_ours_is_a_click_without_a_name(world: World, sq: str) -> None:
    kim = begun(world, PLAIN)
    post(world, event(world, "click", url=f"https://www.acme.example/price?sq={sq}", useragent="Mozilla/5.0"))
    assert [m["clicked"] for m in world.view(kim)["messages"]] == [[]]
    assert [e["data"].get("link") for e in world.view(kim)["events"]] == [None]


def test_why_a_mail_was_dropped_is_read_without_what_postgresql_does_not_take(world: World) -> None:
    kim = begun(world)
    post(world, event(world, "dropped", reason="Bounced\0 Address"))
    assert world.view(kim)["lead"]["suppressed"] is True
    assert bodies(world) == [("done", None)]

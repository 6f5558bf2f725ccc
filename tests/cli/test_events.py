"""`sequencer events`."""

import orjson
import pytest
from sqlalchemy import Engine, text

from sequencer.services import ingest
from sequencer.settings import Settings
from sequencer.store import intake
from sequencer.wiring import build

from .conftest import Sequencer

UNREADABLE = {"event": "open", "sq_enrollment": "7", "sq_lead": "x", "sg_event_id": "e1", "timestamp": 1795510800}


def take(deployed: Sequencer, *bodies: bytes, door: str = "events", content_type: str = "") -> None:
    """Bodies come in, and the workers look at them."""
    context = build(Settings.read(deployed.environ), connections=1)
    with context.engine.begin() as conn:
        for body in bodies:
            intake.put(conn, door, body, content_type, False)
    ingest.process(context, False)
    context.engine.dispose()
    context.provider.close()


def test_nothing_set_aside_is_said_calmly(deployed: Sequencer) -> None:
    assert "nothing is set aside\n" == deployed("events", "list")
    assert "nothing is set aside\n" == deployed("events", "replay", "--all")


def test_what_is_set_aside_is_listed_with_the_reason(deployed: Sequencer) -> None:
    take(deployed, orjson.dumps([{"event": "open"}, UNREADABLE]), b"no json")
    found = deployed.json("events", "list")
    assert (2, [1, None]) == (found["set_aside"], [body["events"] for body in found["bodies"]])
    said = deployed("events", "list")
    assert "2026-11-24T09:00  events  1 event" in said and "event 2: ValueError" in said and "all of it" in said


def test_the_events_concerned_are_shown_and_those_that_count_are_not(deployed: Sequencer) -> None:
    take(deployed, orjson.dumps([{"event": "open", "email": "other@harbor.example"}, UNREADABLE]))
    found = deployed.json("events", "show", "1")
    assert {"2": UNREADABLE} == found["said"]
    said = deployed("events", "show", "1")
    assert '"sg_event_id": "e1"' in said and "other@harbor.example" not in said


def test_what_is_no_list_of_events_is_shown_as_text_that_a_terminal_can_be_trusted_with(deployed: Sequencer) -> None:
    take(deployed, b"no \x1b[2Jjson")
    assert "no  [2Jjson" in deployed("events", "show", "1")


def test_an_email_that_answers_nothing_is_shown_by_its_fields(deployed: Sequencer) -> None:
    fields = {"headers": "Subject: Hi\n", "from": "kim@harbor.example", "subject": "Hi", "text": "Who are you?"}
    parts = [f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    body = ("".join(parts) + "--b--\r\n").encode()
    take(deployed, body, door="inbound", content_type="multipart/form-data; boundary=b")
    assert ("Hi", "Who are you?") == tuple(deployed.json("events", "show", "1")["said"][k] for k in ("subject", "text"))


def test_a_replay_says_what_came_of_it(deployed: Sequencer, engine: Engine) -> None:
    take(deployed, orjson.dumps([UNREADABLE]))
    said = deployed("events", "replay", "1", code=1)
    assert said.startswith("1: 0 new events, still set aside: event 1: ValueError")
    with engine.begin() as conn:
        conn.execute(text("UPDATE intake SET body = '[]'"))
    assert "1: 0 new events, all of it counts now\n" == deployed("events", "replay", "--all")
    assert 0 == deployed.json("events", "list")["set_aside"]


@pytest.mark.parametrize("words", [("show", "7"), ("replay", "7")])
def test_what_is_not_set_aside_is_refused(deployed: Sequencer, words: tuple[str, str]) -> None:
    assert "there is no webhook 7 that is set aside" in deployed.refusal("events", *words)


@pytest.mark.parametrize("words", [(), ("--all", "1"), ("nonsense",), ("0",)])
def test_a_replay_of_nothing_in_particular_is_wrong_use(deployed: Sequencer, words: tuple[str, ...]) -> None:
    deployed.refusal("events", "replay", *words, code=2)

"""What chats and signed webhooks get in development: taken as their receivers would, and shown."""

import orjson
import pytest

from sequencer.core.target_call import key_of, signed
from sequencer.store import clock

SECRET = b"nobody else knows this"
KEYS = {name: key_of(SECRET, name) for name in ("crm", "erp")}
BODY = orjson.dumps({"type": "handoff.created", "data": {"lead": {"name": "<b>Kim</b>"}}})


@pytest.fixture
def told(serve):
    with serve(targets=lambda _: KEYS) as running:
        yield running


@pytest.fixture
def at(engine):
    """Seconds of operating time."""
    with engine.connect() as conn:
        return int(clock.operating(conn).timestamp())


def test_a_signed_webhook_is_taken_and_says_whose_key_it_is_signed_with(told, at):
    answer = told.call("POST", "/webhooks", BODY, **signed(KEYS["erp"], 7, at, BODY))
    assert (answer.status, answer.data) == (200, b"ok")
    [posted] = told.get("/webhooks.json")
    assert (posted["target"], posted["kind"], posted["refused"]) == ("erp", "handoff.created", "")
    page = told.call("GET", "/webhooks").data.decode()
    assert "signed for erp" in page and "&lt;b&gt;Kim&lt;/b&gt;" in page and "<b>Kim" not in page


def test_a_chats_webhook_is_answered_as_slack_does(told):
    answers = [told.call("POST", "/webhooks", body) for body in ({"text": "Kim was handed to Ana"}, {"no": 1}, b"{")]
    assert [(one.status, one.data) for one in answers] == [(200, b"ok"), (400, b"no_text"), (400, b"invalid_payload")]
    assert [one["refused"] for one in told.get("/webhooks.json")] == ["", "no_text", "invalid_payload"]
    page = told.call("GET", "/webhooks").data.decode()
    assert "To a chat" in page and "Kim was handed to Ana" in page and "no_text" in page


@pytest.mark.parametrize(
    ("key", "late", "change", "more"),
    [
        (KEYS["crm"], 0, {}, b" "),
        (KEYS["crm"], 0, {"webhook-id": "msg_8"}, b""),
        (KEYS["crm"], 0, {"webhook-timestamp": "soon"}, b""),
        (KEYS["crm"], 0, {"webhook-signature": "v1,AAAA"}, b""),
        (KEYS["crm"], 600, {}, b""),
        (key_of(b"another", "crm"), 0, {}, b""),
    ],
)
def test_what_no_receiver_would_take_is_refused(told, at, key, late, change, more):
    headers = {**signed(key, 7, at - late, BODY), **change}
    answer = told.call("POST", "/webhooks", BODY + more, **headers)
    assert (answer.status, answer.data) == (401, b"invalid_signature")
    assert [one["refused"] for one in told.get("/webhooks.json")] == ["invalid_signature"]


def test_without_any_the_page_says_what_comes_there(told):
    assert "No webhook yet." in told.call("GET", "/webhooks").data.decode()

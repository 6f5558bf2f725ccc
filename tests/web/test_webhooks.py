"""Webhooks: verified before anything is looked at, stored raw, answered at once."""

from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.testclient import TestClient

from sequencer.sandbox import signing
from sequencer.services import ingest
from sequencer.web.app import build
from sequencer.web.options import WebSettings
from sequencer.web.webhooks import inbound_url
from tests.services.conftest import World
from tests.web.conftest import ADDRESS, Site

EVENTS = "/webhooks/sendgrid/events"
BODY = b'[{"event": "delivered", "email": "kim@harbor.example"}]\r\n'


def test_a_signed_body_is_stored_as_it_came_and_the_workers_are_woken(site: Site) -> None:
    answer = site.http.post(EVENTS, content=BODY, headers=site.sign(BODY))
    assert (answer.status_code, answer.content) == (204, b"")
    assert site.stored() == [("events", BODY, False)]
    assert site.world.hints == [("intake", False)]


@pytest.mark.parametrize("event", ["unsubscribe", "group_unsubscribe", "spamreport", "bounce"])
def test_a_body_that_may_have_to_stop_mail_is_urgent(site: Site, event: str) -> None:
    body = orjson.dumps([{"event": "open"}, {"event": event}])
    assert site.http.post(EVENTS, content=body, headers=site.sign(body)).status_code == 204
    assert [urgent for _, _, urgent in site.stored()] == [True]
    assert site.world.hints == [("intake", True)]


@pytest.mark.parametrize(
    "change",
    [
        {signing.SIGNATURE: ""},
        {signing.SIGNATURE: "not base64 %%"},
        {signing.SIGNATURE: "AAAA"},
        {signing.TIMESTAMP: "1"},
        {signing.TIMESTAMP: ""},
    ],
)
def test_a_wrong_signature_is_refused_and_nothing_is_stored(site: Site, change: dict[str, str]) -> None:
    answer = site.http.post(EVENTS, content=BODY, headers={**site.sign(BODY), **change})
    assert (answer.status_code, site.stored(), site.world.hints) == (403, [], [])


def test_a_body_changed_by_one_byte_is_refused(site: Site) -> None:
    assert site.http.post(EVENTS, content=BODY + b" ", headers=site.sign(BODY)).status_code == 403
    assert site.http.post(EVENTS, content=BODY).status_code == 403
    assert site.stored() == []


def test_another_key_is_refused_and_a_second_key_of_ours_is_not(site: Site) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    assert site.http.post(EVENTS, content=BODY, headers=site.sign(BODY, key=other)).status_code == 403
    rotated = build(
        site.world.context, WebSettings((ec.generate_private_key(ec.SECP256R1()).public_key(), other.public_key()))
    )
    with TestClient(rotated, base_url=ADDRESS) as http:
        assert http.post(EVENTS, content=BODY, headers=site.sign(BODY, key=other)).status_code == 204


@pytest.mark.parametrize(("age", "status"), [(25 * 3600, 204), (27 * 3600, 403), (-3600, 403), (-60, 204)])
def test_repeats_of_a_day_are_taken_and_older_bodies_are_not(site: Site, age: int, status: int) -> None:
    assert site.http.post(EVENTS, content=BODY, headers=site.sign(BODY, age)).status_code == status
    assert len(site.stored()) == (status == 204)


def test_a_body_over_4_mb_is_refused_whether_or_not_it_says_so(site: Site) -> None:
    large = b"x" * (4 * 1024 * 1024 + 1)
    assert site.http.post(EVENTS, content=large, headers=site.sign(large)).status_code == 413
    pieces = (large[i : i + 65536] for i in range(0, len(large), 65536))
    assert site.http.post(EVENTS, content=pieces, headers=site.sign(large)).status_code == 413
    assert site.stored() == []


def test_without_a_key_event_webhooks_wait_at_the_provider(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with TestClient(build(world.context, WebSettings()), base_url=ADDRESS) as http:
        assert http.post(EVENTS, content=BODY).status_code == 503
    assert "SENDGRID_WEBHOOK_PUBLIC_KEY is not set" in caplog.text


def test_an_inbound_mail_is_stored_raw_and_urgent(site: Site) -> None:
    address = inbound_url(site.world.context).removeprefix(ADDRESS)
    answer = site.http.post(address, content=b"--x raw", headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 204
    assert site.stored() == [("inbound", b"--x raw", True)]
    assert site.world.hints == [("intake", True)]


@pytest.mark.parametrize("address", ["/webhooks/sendgrid/inbound", "/webhooks/sendgrid/inbound/wrong"])
def test_an_inbound_mail_to_another_address_is_not_taken_and_not_lost(site: Site, address: str) -> None:
    assert site.http.post(address, content=b"mail").status_code == 503
    assert site.stored() == []


def test_a_reply_by_inbound_parse_ends_what_it_answers(site: Site) -> None:
    kim = site.world.lead()
    site.world.enter("welcome", kim)
    site.world.work()
    [recipient] = site.world.provider.batches[0].recipients
    form: dict[str, Any] = {
        "headers": f"From: kim@harbor.example\nIn-Reply-To: {recipient.headers['Message-ID']}\nMessage-ID: <1@x>",
        "from": "Kim <kim@harbor.example>",
        "subject": "Re: One",
        "text": "Call me.",
        "envelope": '{"to": ["r-x@reply.acme.example"], "from": "kim@harbor.example"}',
    }
    address = inbound_url(site.world.context).removeprefix(ADDRESS)
    answer = site.http.post(address, files={name: (None, value) for name, value in form.items()})
    assert answer.status_code == 204
    ingest.process(site.world.context, True)
    assert [e["event"] for e in site.world.view(kim)["events"]] == ["replied"]
    assert site.world.status(kim, "welcome") == ("left", "exit_on: replied()")

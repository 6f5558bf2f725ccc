"""POST v3/mail/send over real HTTP: what is accepted, kept, refused and told."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from sendgrid.helpers.eventwebhook import EventWebhook
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sequencer.sandbox import signing, store, tables
from sequencer.store import clock


def test_an_accepted_mail_is_kept_as_its_recipient_reads_it(sandbox, mail):
    answer = sandbox.send(mail)

    assert (202, b"") == (answer.status, answer.data)
    [kept] = sandbox.get("/messages.json")
    assert answer.headers["X-Message-Id"] == kept["request_id"]
    assert "9999" == answer.headers["X-RateLimit-Remaining"]
    assert {
        "to": "jane@acme.example",
        "to_name": "Jane",
        "from": "mara@mail.kestrel.example",
        "from_name": "Mara",
        "reply_to": "r-jane@reply.kestrel.example",
        "subject": "Hello Jane",
        "text": "Dear Jane,\nsee https://www.kestrel.example/price?sq=jane.1\n",
        "html": '<p>Dear Jane, <a href="https://www.kestrel.example/price?sq=jane.1">prices</a> and '
        '<a href="https://www.kestrel.example/faq?sq=jane.2"><b>questions</b></a></p>',
        "headers": {
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Message-ID": "<Jane@mail.kestrel.example>",
        },
        "custom_args": {"sq_sequence": "education", "sq_step": "welcome", "sq_lead": "7"},
        "categories": ["education"],
        "accepted_at": "2026-11-23T09:00:00+00:00",
    } == {name: value for name, value in kept.items() if name not in ("id", "request_id")}


def test_a_thousand_personalizations_are_accepted_in_order_and_told_by_signed_events(sandbox, sender, mail, person):
    mail["personalizations"] = [person(f"lead{n}@acme.example", f"Lead {n}") for n in range(1000)]

    assert 202 == sandbox.send(mail).status

    kept = sandbox.get("/messages.json")
    assert [f"Hello Lead {n}" for n in range(1000)] == [one["subject"] for one in kept]
    sender.wait(lambda: len(sender.events()) == 2000)
    assert 2000 == len({event["sg_event_id"] for event in sender.events()})
    assert all(len(post.body) < 768 * 1024 for post in sender.posts)


def test_messages_can_be_asked_for_by_recipient_and_in_pieces(sandbox, mail, person):
    mail["personalizations"] = [person(f"lead{n}@acme.example", str(n)) for n in range(5)]
    sandbox.send(mail)

    first = sandbox.get("/messages.json?limit=2")
    rest = sandbox.get(f"/messages.json?after={first[-1]['id']}")

    assert ["0", "1"] == [one["to_name"] for one in first]
    assert ["2", "3", "4"] == [one["to_name"] for one in rest]
    assert ["3"] == [one["to_name"] for one in sandbox.get("/messages.json?to=LEAD3@acme.example")]
    assert [] == sandbox.get("/messages.json?to=nobody@acme.example")
    assert 400 == sandbox.call("GET", "/messages.json?limit=many").status


def test_deleting_the_messages_forgets_them(sandbox, mail):
    sandbox.send(mail)

    assert 204 == sandbox.call("DELETE", "/messages").status

    assert [] == sandbox.get("/messages.json")
    assert [] == sandbox.get("/requests.json")
    assert {"due": 0, "next_at": None, "copies": 0} == sandbox.get("/pending.json")


def test_messages_are_forgotten_while_somebody_reads_them(sandbox, mail, engine):
    sandbox.send(mail)

    with engine.connect() as reader, engine.begin() as conn:
        read = reader.execute(text("SELECT count(*) FROM sandbox.reaction"))
        conn.execute(text("SET LOCAL lock_timeout = '5s'"))
        store.clear(conn)
        assert 2 == read.scalar_one()
        # The reactor reads them in this order.
        assert 1 == reader.execute(text("SELECT count(*) FROM sandbox.message")).scalar_one()
        assert 1 == reader.execute(text("SELECT count(*) FROM sandbox.request")).scalar_one()


def test_no_message_is_forgotten_while_its_reader_reacts(sandbox, mail, engine):
    sandbox.send(mail)

    with engine.begin() as reader, engine.connect() as conn:
        store.reacting(reader)
        conn.execute(text("SET LOCAL lock_timeout = '10ms'"))
        with pytest.raises(DBAPIError, match="lock timeout"):
            store.clear(conn)


def test_events_tell_business_time_and_carry_the_custom_args(sandbox, sender, mail):
    sandbox.send(mail)
    sender.wait_for_kinds("processed", "delivered")

    [kept] = sandbox.get("/messages.json")
    [processed, delivered] = sender.events()
    assert ("processed", "delivered") == (processed["event"], delivered["event"])
    expected = {
        "email": "jane@acme.example",
        "timestamp": 1795424400,
        "category": "education",
        "sq_sequence": "education",
        "sq_step": "welcome",
        "sq_lead": "7",
    }
    assert expected == {name: delivered[name] for name in expected}
    assert delivered["sg_message_id"].startswith(f"{kept['request_id']}.recvd-")


def test_sendgrids_own_verifier_accepts_the_signature(sandbox, sender, mail, public_key):
    sandbox.send(mail)
    sender.wait_for_kinds("delivered")

    verifier = EventWebhook(public_key)
    for post in sender.posts:
        signature, timestamp = post.headers[signing.SIGNATURE], post.headers[signing.TIMESTAMP]
        assert verifier.verify_signature(post.body.decode(), signature, timestamp)
        assert not verifier.verify_signature(post.body.decode() + " ", signature, timestamp)


def test_reserved_keys_win_over_custom_args(sandbox, sender, mail, person):
    mail["personalizations"] = [person("jane@acme.example", "Jane", custom_args={"event": "mine", "email": "x"})]
    sandbox.send(mail)
    sender.wait_for_kinds("delivered")

    assert [("processed", "jane@acme.example"), ("delivered", "jane@acme.example")] == [
        (event["event"], event["email"]) for event in sender.events()
    ]


def test_a_refused_request_keeps_no_mail_and_says_what_is_wrong_with_which_field(sandbox, mail, person):
    mail["personalizations"] = [person(f"lead{n}@acme.example", str(n)) for n in range(4)]
    mail["personalizations"][3]["to"][0]["email"] = "not an address"

    answer = sandbox.send(mail)

    assert 400 == answer.status
    [error] = json.loads(answer.data)["errors"]
    assert {"message", "field", "help"} == error.keys()
    assert "personalizations.3.to.0.email" == error["field"]
    assert [] == sandbox.get("/messages.json")
    [seen] = sandbox.get("/requests.json")
    assert (400, 0) == (seen["status"], seen["count"])
    assert seen["problem"].startswith("personalizations.3.to.0.email: ")


def test_every_request_is_kept_as_it_came_with_the_judgement_on_it(sandbox, mail):
    sandbox.send(mail)
    sandbox.send(b"{")

    good, bad = sandbox.get("/requests.json")

    assert (202, 1, None) == (good["status"], good["count"], good["problem"])
    assert len(orjson.dumps(mail)) == good["bytes"]
    assert mail == sandbox.get(f"/requests/{good['id']}.json")
    assert 400 == bad["status"]
    assert bad["problem"].startswith("not JSON")
    assert 404 == sandbox.call("GET", "/requests/none.json").status


def test_without_a_bearer_key_nothing_is_accepted(sandbox, mail):
    assert 401 == sandbox.call("POST", "/v3/mail/send", mail).status
    assert 401 == sandbox.call("POST", "/v3/mail/send", mail, Authorization="Basic abc").status
    assert [] == sandbox.get("/messages.json")


def test_more_than_30_megabytes_are_too_much(sandbox, mail):
    mail["content"][0]["value"] = "x" * (30 * 1024 * 1024)

    assert 413 == sandbox.send(mail).status
    assert [413] == [one["status"] for one in sandbox.get("/requests.json")]


def test_hostile_bodies_are_refused_or_kept_without_harm(sandbox, mail):
    assert 400 == sandbox.send(b'{"a":' * 100_000).status
    assert 400 == sandbox.send(b"\xff\xfe").status
    assert 400 == sandbox.send(b'{"subject": "\\ud800"}').status
    assert 400 == sandbox.send(gzip.compress(orjson.dumps(mail))).status
    assert 400 == sandbox.send([1, 2]).status
    mail["subject"] = "null \0 and <script>alert(1)</script>"
    assert 202 == sandbox.send(mail).status
    assert ["null  and <script>alert(1)</script>"] == [one["subject"] for one in sandbox.get("/messages.json")]


def test_sendgrids_sandbox_mode_validates_and_forgets(sandbox, mail):
    assert 200 == sandbox.send(mail | {"mail_settings": {"sandbox_mode": {"enable": True}}}).status
    assert [] == sandbox.get("/messages.json")


def test_a_bounced_address_is_dropped_from_then_on(sandbox, sender, mail):
    sandbox.send(mail)
    [first] = sandbox.get("/messages.json")
    sandbox.press(first["id"], "bounce")
    sender.wait_for_kinds("bounce")

    assert 202 == sandbox.send(mail).status

    sender.wait_for_kinds("dropped")
    assert ["Bounced Address"] == [event["reason"] for event in sender.events() if event["event"] == "dropped"]


def test_a_second_start_goes_on_where_the_first_was(serve, sender, mail, engine):
    with serve() as first:
        sender.answers += [500] * 1000
        first.send(mail)
        sender.wait(lambda: len(sender.posts) > 1)
    sender.answers.clear()
    sender.posts.clear()
    with engine.begin() as conn:
        conn.execute(text("UPDATE sandbox.reaction SET retry_at = NULL"))

    with serve() as second:
        sender.wait_for_kinds("processed", "delivered")
        assert ["Hello Jane"] == [one["subject"] for one in second.get("/messages.json")]


def test_sandboxes_that_start_at_once_make_the_tables_once(engine):
    with ThreadPoolExecutor(4) as several:
        assert [None] * 4 == list(several.map(tables.create, [engine] * 4))


def test_business_time_is_the_clock_that_all_processes_share(serve, sender, mail, engine):
    with engine.begin() as conn:
        clock.start_virtual(conn, datetime(2030, 1, 1, tzinfo=UTC))

    with serve(now=clock.now) as sandbox:
        sandbox.send(mail)
        sender.wait_for_kinds("delivered")
        assert ["2030-01-01T00:00:00+00:00"] == [one["accepted_at"] for one in sandbox.get("/messages.json")]

    assert {1893456000} == {event["timestamp"] for event in sender.events()}


def test_a_mail_scheduled_ahead_is_processed_when_its_time_comes(sandbox, sender, mail):
    later = sandbox.clock.at + timedelta(hours=3)
    sandbox.send(mail | {"send_at": int(later.timestamp())})

    assert later == sandbox.quiet()
    sandbox.clock.at = later
    sender.wait_for_kinds("processed", "delivered")


def test_what_is_not_received_is_posted_again_with_the_same_event_id(sandbox, sender, mail):
    sender.answers += [503, 500]
    sandbox.send(mail)

    sender.wait(lambda: len(sender.posts) == 3)

    assert 1 == len({post.body for post in sender.posts})
    assert 2 == len({event["sg_event_id"] for event in sender.events()})

"""Settable faults over real HTTP: each does what it says, and nothing is accepted that should not be."""

import orjson
import pytest
import urllib3


def strike(sandbox, **fault):
    answer = sandbox.call("PUT", "/faults", [fault])
    assert 200 == answer.status, answer.data


@pytest.mark.parametrize(("kind", "status"), [("429", 429), ("500", 500), ("503", 503)])
def test_an_error_before_accepting_leaves_no_mail(sandbox, mail, kind, status):
    strike(sandbox, kind=kind, times=1)

    refused = sandbox.send(mail)

    assert status == refused.status
    assert orjson.loads(refused.data)["errors"]
    assert [] == sandbox.get("/messages.json")
    assert 202 == sandbox.send(mail).status


def test_a_rate_limit_says_when_it_ends(sandbox, mail):
    strike(sandbox, kind="429", seconds=7)

    limited = sandbox.send(mail)
    free = sandbox.call("DELETE", "/faults") and sandbox.send(mail)

    assert "0" == limited.headers["X-RateLimit-Remaining"]
    assert int(limited.headers["X-RateLimit-Reset"]) < int(free.headers["X-RateLimit-Reset"])


@pytest.mark.parametrize(("kind", "kept"), [("reset", 0), ("accept_then_reset", 1)])
def test_a_reset_ends_the_connection_without_an_answer(sandbox, mail, kind, kept):
    strike(sandbox, kind=kind, times=1)

    with pytest.raises(urllib3.exceptions.ProtocolError) as told:
        sandbox.send(mail)

    assert isinstance(told.value.args[1], ConnectionResetError)
    assert kept == len(sandbox.get("/messages.json"))


@pytest.mark.parametrize(("kind", "kept"), [("timeout", 0), ("accept_then_timeout", 1)])
def test_a_timeout_holds_the_connection_until_the_client_gives_up(sandbox, mail, kind, kept):
    strike(sandbox, kind=kind, times=1)

    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        sandbox.http.request(
            "POST",
            f"{sandbox.url}/v3/mail/send",
            body=orjson.dumps(mail),
            headers={"Authorization": "Bearer SG.any"},
            timeout=0.3,
        )

    assert kept == len(sandbox.get("/messages.json"))


def test_a_timeout_ends_by_a_reset_when_its_seconds_are_over(sandbox, mail):
    strike(sandbox, kind="timeout", times=1, seconds=0.05)

    with pytest.raises(urllib3.exceptions.ProtocolError):
        sandbox.send(mail)


def test_accept_then_500_keeps_the_mail_and_its_events(sandbox, sender, mail):
    strike(sandbox, kind="accept_then_500", times=1)

    assert 500 == sandbox.send(mail).status

    sender.wait_for_kinds("delivered")
    assert [(202, "accept_then_500")] == [(one["status"], one["fault"]) for one in sandbox.get("/requests.json")]


def test_accept_then_drop_tells_of_a_drop_in_place_of_a_delivery(sandbox, sender, mail):
    strike(sandbox, kind="accept_then_drop", times=1)

    assert 202 == sandbox.send(mail).status

    sender.wait_for_kinds("dropped")
    assert {"dropped"} == {event["event"] for event in sender.events()}


def test_an_invalid_request_is_refused_also_where_a_fault_would_strike_after_acceptance(sandbox, mail):
    strike(sandbox, kind="accept_then_drop", times=1)
    del mail["from"]

    assert 400 == sandbox.send(mail).status


def test_a_slow_answer_comes_late_but_well(sandbox, mail):
    strike(sandbox, kind="slow", times=1, seconds=0.05)

    assert 202 == sandbox.send(mail).status


def test_a_rate_strikes_a_share_of_the_requests_the_same_with_the_same_seed(serve, mail):
    def run(seed):
        with serve(seed=seed) as sandbox:
            strike(sandbox, kind="503", rate=0.5)
            return [sandbox.send(mail).status for _ in range(40)]

    first, again, other = run(1), run(1), run(2)

    assert first == again
    assert first != other
    assert {202, 503} == set(first)


def test_faults_can_be_read_counted_and_cleared(sandbox, mail):
    strike(sandbox, kind="503", times=2)
    sandbox.send(mail)

    assert [{"kind": "503", "rate": 1.0, "times": 2, "seconds": 30.0, "seen": 1, "fired": 1}] == sandbox.get("/faults")
    assert 200 == sandbox.call("DELETE", "/faults").status
    assert [] == sandbox.get("/faults")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"kind": "503"}, "expected a list of faults, got dict"),
        ([{"kind": "fire"}], "fault 0: expected kind to be one of"),
        ([{"kind": "503"}, {"kind": "503", "rate": 2}], "fault 1: expected rate to be a number from 0 to 1, got 2"),
        ([{"kind": "503", "times": 1.5}], "fault 0: expected times to be a whole number or null, got 1.5"),
        ([{"kind": "503", "when": "now"}], "fault 0: expected only kind, rate, seconds, times, got when"),
        (b"{", "expected JSON"),
    ],
)
def test_wrong_faults_are_refused_with_the_reason(sandbox, body, expected):
    answer = sandbox.call("PUT", "/faults", body)

    assert 400 == answer.status
    assert orjson.loads(answer.data)["error"].startswith(expected)
    assert [] == sandbox.get("/faults")

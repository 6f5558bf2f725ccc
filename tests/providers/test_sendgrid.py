"""The provider against servers on real sockets: good ones, refusing ones, and broken ones."""

import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from sequencer.core.mail import Answer, Batch, Receipt
from sequencer.providers.sendgrid import MOST_REQUESTS, SendGrid
from sequencer.providers.sendgrid_body import LIMIT
from tests.providers.servers import Answer as Reply
from tests.providers.servers import Api, batch, recipient, refusal, substituted

Raw = Callable[[Callable[[socket.socket], None]], int]
ACCEPT: Reply = (202, {"X-Message-Id": "id-1"}, b"")


def send(url: str, made: Batch, **options: Any) -> Receipt:
    provider = SendGrid("SG.key", url, **options)
    try:
        return provider.send(made)
    finally:
        provider.close()


def answers(receipt: Receipt, made: Batch) -> list[Answer]:
    return [receipt.of(number).answer for number in range(len(made.recipients))]


def sizes(api: Api) -> list[int]:
    """Recipients by request."""
    return [len(body["personalizations"]) for body in api.bodies]


def test_a_batch_is_one_request_and_the_receipt_carries_its_id(api: Api) -> None:
    receipt = send(api.url, batch(100))
    assert (1, 100) == (len(api.bodies), len(api.bodies[0]["personalizations"]))
    assert (Answer.ACCEPTED, "id-1", {}) == (receipt.outcome.answer, receipt.outcome.provider_id, receipt.each)
    path, headers = api.requests[0]
    assert ("/v3/mail/send", "Bearer SG.key", "application/json") == (
        path,
        headers["Authorization"],
        headers["Content-Type"],
    )


def test_a_large_batch_goes_in_requests_that_each_carry_an_id_of_their_own(api: Api) -> None:
    api.answer = lambda body: (202, {"X-Message-Id": body["personalizations"][0]["to"][0]["email"]}, b"")
    made = batch(250)
    receipt = send(api.url, made)
    assert [200, 50] == sizes(api)
    ids = [receipt.of(number).provider_id for number in (0, 199, 200, 249)]
    assert ["lead0@example.com"] * 2 + ["lead200@example.com"] * 2 == ids
    assert [Answer.ACCEPTED] * 250 == answers(receipt, made)


def test_an_unclear_answer_is_a_mishap_and_the_batch_goes_on_carefully(api: Api) -> None:
    api.answer = lambda body: (503, {}, b"") if len(api.bodies) == 3 else ACCEPT
    made = batch(1000)
    receipt = send(api.url, made)
    assert [200, 200, 200, 1, 10, 100, 200, 89] == sizes(api)
    assert [Answer.ACCEPTED] * 400 + [Answer.UNKNOWN] * 200 + [Answer.ACCEPTED] * 400 == answers(receipt, made)
    assert [Answer.ACCEPTED] * 2 + [Answer.UNKNOWN] + [Answer.ACCEPTED] * 5 == list(receipt.answers(1000))


def test_a_second_unclear_answer_means_an_outage_and_the_rest_of_the_batch_is_not_tried(api: Api) -> None:
    api.answer = lambda body: ACCEPT if len(api.bodies) < 3 else (503, {}, b"")
    made = batch(1000)
    receipt = send(api.url, made)
    assert [200, 200, 200, 1] == sizes(api)
    assert [Answer.ACCEPTED] * 400 + [Answer.UNKNOWN] * 201 + [Answer.UNTRIED] * 399 == answers(receipt, made)


def test_a_rate_limit_after_an_unclear_answer_is_kept_by_the_rest_of_the_batch(api: Api) -> None:
    api.answer = lambda body: (503, {}, b"") if len(api.bodies) == 1 else (429, {"Retry-After": "9"}, b"")
    made = batch(300)
    receipt = send(api.url, made)
    assert [200, 1] == sizes(api)
    assert [Answer.UNKNOWN] * 200 + [Answer.RETRY] * 100 == answers(receipt, made)
    assert {9.0} == {receipt.of(number).retry_after for number in range(200, 300)}


def test_a_rate_limit_that_is_used_up_within_a_batch_is_kept_by_the_rest_of_it(api: Api) -> None:
    limits = {"X-RateLimit-Remaining": "0", "Retry-After": "30"}
    api.answer = lambda body: (202, {"X-Message-Id": "id-1", **limits}, b"")
    made = batch(300)
    receipt = send(api.url, made)
    assert 1 == len(api.bodies)
    assert [Answer.ACCEPTED] * 200 + [Answer.RETRY] * 100 == answers(receipt, made)
    assert {30.0} == {receipt.of(number).retry_after for number in (0, 200, 299)}


def test_the_host_may_lie_below_a_path(api: Api) -> None:
    send(api.url + "/sandbox", batch(1))
    assert "/sandbox/v3/mail/send" == api.requests[0][0]


@pytest.mark.parametrize(("left", "asked"), [("0", 30.0), ("1", None)])
def test_the_last_request_that_the_rate_limit_allows_says_how_long_to_wait(
    api: Api, left: str, asked: float | None
) -> None:
    limits = {"X-RateLimit-Remaining": left, "Retry-After": "30"}
    api.answer = lambda body: (202, {"X-Message-Id": "id-1", **limits}, b"")
    receipt = send(api.url, batch(2))
    assert (Answer.ACCEPTED, asked) == (receipt.outcome.answer, receipt.outcome.retry_after)


def test_one_connection_serves_many_batches(api: Api) -> None:
    provider = SendGrid("SG.key", api.url)
    for _ in range(5):
        provider.send(batch(2))
    provider.close()
    assert (5, 1) == (len(api.bodies), len(api.ports))


def test_a_recipient_with_too_much_text_goes_alone_and_in_full(api: Api) -> None:
    long = "é" * LIMIT
    made = batch([recipient(0), recipient(1, long), recipient(2)])
    receipt = send(api.url, made)
    assert [["lead0@example.com", "lead2@example.com"], ["lead1@example.com"]] == api.addressees()
    assert "substitutions" not in api.bodies[1]["personalizations"][0]
    assert f"<p>{long}</p>" == substituted(api.bodies[1], 0)
    assert [Answer.ACCEPTED] * 3 == answers(receipt, made)


def test_senders_of_two_domains_go_in_two_requests(api: Api) -> None:
    send(api.url, batch([recipient(0), recipient(1, from_email="ann@other.example"), recipient(2)]))
    assert [["lead0@example.com", "lead2@example.com"], ["lead1@example.com"]] == api.addressees()


def test_a_refused_recipient_is_left_out_and_the_rest_sent_again(api: Api) -> None:
    def answer(body: dict[str, Any]) -> Reply:
        for number, p in enumerate(body["personalizations"]):
            if p["to"][0]["email"] == "lead1@example.com":
                return 400, {}, refusal((f"personalizations.{number}.to.0.email", "Does not contain a valid address."))
        return ACCEPT

    api.answer = answer
    made = batch(3)
    receipt = send(api.url, made)
    assert [Answer.ACCEPTED, Answer.REFUSED, Answer.ACCEPTED] == answers(receipt, made)
    assert ("message", ["lead0@example.com", "lead2@example.com"]) == (receipt.of(1).scope, api.addressees()[1])


def test_a_refusal_that_names_nobody_is_found_by_halves(api: Api) -> None:
    def answer(body: dict[str, Any]) -> Reply:
        if any(p["to"][0]["email"] == "lead700@example.com" for p in body["personalizations"]):
            return 400, {}, refusal((None, "Bad Request"))
        return ACCEPT

    api.answer = answer
    made = batch(1000)
    receipt = send(api.url, made)
    assert [700] == [number for number, a in enumerate(answers(receipt, made)) if a is not Answer.ACCEPTED]
    assert (Answer.REFUSED, "message") == (receipt.of(700).answer, receipt.of(700).scope)
    assert len(api.bodies) <= MOST_REQUESTS
    accepted = [email for n, sent in enumerate(api.addressees()) if n not in _refused(api) for email in sent]
    assert len(set(accepted)) == len(accepted) == 999


def _refused(api: Api) -> set[int]:
    return {n for n, emails in enumerate(api.addressees()) if "lead700@example.com" in emails}


def test_looking_for_the_bad_one_ends_and_blames_the_content(api: Api) -> None:
    api.answer = lambda body: (400, {}, refusal((None, "Bad Request")))
    made = batch(500)
    receipt = send(api.url, made)
    assert MOST_REQUESTS >= len(api.bodies)
    assert {Answer.REFUSED} == set(answers(receipt, made))
    assert {"content"} == {receipt.of(number).scope for number in range(500)}


def test_who_was_not_reached_while_looking_is_due_again(api: Api) -> None:
    def answer(body: dict[str, Any]) -> Reply:
        bad = any(int(p["custom_args"]["sq_enrollment"]) % 10 == 0 for p in body["personalizations"])
        return (400, {}, refusal((None, "Bad Request"))) if bad else ACCEPT

    api.answer = answer
    made = batch(100)
    found = answers(send(api.url, made), made)
    assert {Answer.ACCEPTED, Answer.RETRY} >= {a for number, a in enumerate(found) if number % 10}
    assert Answer.ACCEPTED in found
    assert Answer.ACCEPTED not in found[::10]


def test_a_single_mail_that_is_refused_without_a_word_is_refused(api: Api) -> None:
    api.answer = lambda body: (400, {}, refusal((None, "Bad Request")))
    receipt = send(api.url, batch(1))
    assert (Answer.REFUSED, "message") == (receipt.outcome.answer, receipt.outcome.scope)


def test_a_fault_of_the_content_refuses_all_without_a_second_request(api: Api) -> None:
    api.answer = lambda body: (400, {}, refusal(("content.0.value", "must not be empty")))
    receipt = send(api.url, batch(3))
    assert (1, Answer.REFUSED, "content") == (len(api.bodies), receipt.outcome.answer, receipt.outcome.scope)


def test_refused_credentials_end_the_batch(api: Api) -> None:
    api.answer = lambda body: (401, {}, refusal((None, "The provided authorization grant is invalid")))
    made = batch([recipient(0), recipient(1, "x" * (LIMIT + 1))])
    receipt = send(api.url, made)
    assert (1, Answer.REFUSED, "credentials") == (len(api.bodies), receipt.outcome.answer, receipt.outcome.scope)


def test_a_rate_limit_is_due_again_after_what_the_answer_says(api: Api) -> None:
    api.answer = lambda body: (429, {"Retry-After": "9"}, refusal((None, "too many requests")))
    receipt = send(api.url, batch(2))
    assert (Answer.RETRY, 9.0) == (receipt.outcome.answer, receipt.outcome.retry_after)


def test_a_body_that_is_too_large_is_sent_in_halves(api: Api) -> None:
    api.answer = lambda body: ACCEPT if len(body["personalizations"]) <= 2 else (413, {}, b"")
    made = batch(4)
    assert [Answer.ACCEPTED] * 4 == answers(send(api.url, made), made)
    assert [4, 2, 2] == [len(sent) for sent in api.addressees()]


def test_a_server_error_leaves_unknown_what_was_sent_and_due_what_was_not(api: Api) -> None:
    api.answer = lambda body: (503, {}, b"unavailable")
    made = batch([recipient(n, *(["x" * (LIMIT + 1)] if n > 1 else [])) for n in range(5)])
    receipt = send(api.url, made)
    assert [Answer.UNKNOWN] * 3 + [Answer.UNTRIED] * 2 == answers(receipt, made)
    assert 2 == len(api.bodies)


def test_a_refused_connection_is_due_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert Answer.RETRY == send(f"http://127.0.0.1:{port}", batch(1)).outcome.answer


def test_a_connection_that_does_not_come_about_is_due_again() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        held = [socket.socket() for _ in range(8)]
        for link in held:  # fills the queue that nobody empties, so that the next one waits
            link.setblocking(False)
            link.connect_ex(("127.0.0.1", port))
        receipt = send(f"http://127.0.0.1:{port}", batch(1), connect=0.3, total=2.0)
        for link in held:
            link.close()
    assert Answer.RETRY == receipt.outcome.answer


def test_a_tls_handshake_that_never_ends_is_due_again_within_the_total(raw: Raw) -> None:
    def drip(link: socket.socket) -> None:
        link.recv(1)
        for byte in b"\x16\x03\x03\x40\x00" + b"\x02\x00\x3f\xfc" * 100:
            link.sendall(bytes([byte]))
            time.sleep(0.05)

    began = time.monotonic()
    receipt = send(f"https://127.0.0.1:{raw(drip)}", batch(1), total=0.8)
    assert Answer.RETRY == receipt.outcome.answer
    assert time.monotonic() - began < 2


def test_a_dripping_answer_is_unknown_when_the_total_is_over(raw: Raw) -> None:
    def drip(link: socket.socket) -> None:
        link.recv(65536)
        for byte in b"HTTP/1.1 202 Accepted\r\nX-Message-Id: late\r\nContent-Length: 0\r\n" * 20:
            link.sendall(bytes([byte]))
            time.sleep(0.05)

    began = time.monotonic()
    receipt = send(f"http://127.0.0.1:{raw(drip)}", batch(1), total=0.8)
    assert Answer.UNKNOWN == receipt.outcome.answer
    assert time.monotonic() - began < 2


def test_silence_after_the_request_is_unknown(raw: Raw) -> None:
    silent = threading.Event()
    receipt = send(f"http://127.0.0.1:{raw(lambda link: _until(link, silent))}", batch(1), total=0.5)
    silent.set()
    assert Answer.UNKNOWN == receipt.outcome.answer


def _until(link: socket.socket, event: threading.Event) -> None:
    link.recv(65536)
    event.wait(10)


def test_a_reset_after_the_request_is_unknown(raw: Raw) -> None:
    def reset(link: socket.socket) -> None:
        link.recv(65536)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert Answer.UNKNOWN == send(f"http://127.0.0.1:{raw(reset)}", batch(1)).outcome.answer


def test_half_an_answer_is_unknown(raw: Raw) -> None:
    def half(link: socket.socket) -> None:
        link.recv(65536)
        link.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\nhalf")

    assert Answer.UNKNOWN == send(f"http://127.0.0.1:{raw(half)}", batch(1)).outcome.answer


def test_a_connection_that_the_server_closed_meanwhile_is_replaced(raw: Raw) -> None:
    closed = threading.Semaphore(0)

    def once(link: socket.socket) -> None:
        link.recv(65536)
        link.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        link.shutdown(socket.SHUT_RDWR)
        closed.release()

    provider = SendGrid("SG.key", f"http://127.0.0.1:{raw(once)}")
    found = []
    for _ in range(3):
        found.append(provider.send(batch(1)).outcome.answer)
        assert closed.acquire(timeout=5)
    provider.close()
    assert [Answer.ACCEPTED] * 3 == found


def test_a_request_that_would_hardly_be_answered_in_time_is_not_begun(raw: Raw) -> None:
    def slow(link: socket.socket) -> None:
        while link.recv(65536):
            time.sleep(0.3)
            link.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

    made = batch([recipient(n, "x" * (LIMIT + 1)) for n in range(6)])
    receipt = send(f"http://127.0.0.1:{raw(slow)}", made, total=0.75)
    found = answers(receipt, made)
    # The third would be cut off before its answer came.
    assert [Answer.ACCEPTED] * 2 + [Answer.UNTRIED] * 4 == found


@pytest.mark.parametrize("threads", [8])
def test_threads_share_one_provider(api: Api, threads: int) -> None:
    provider = SendGrid("SG.key", api.url)
    found: list[Answer] = []
    workers = [
        threading.Thread(target=lambda: found.extend(provider.send(batch(3)).outcome.answer for _ in range(10)))
        for _ in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    provider.close()
    assert [Answer.ACCEPTED] * 80 == found
    assert len(api.ports) <= threads


def begin(senders: Sequence[threading.Thread], came: threading.Semaphore) -> None:
    """One after another, each once the request of the one before has come."""
    for sender in senders:
        sender.start()
        assert came.acquire(timeout=10)


@pytest.mark.parametrize(("hangs", "third"), [(30.0, 1), (0.0, 20)])
def test_two_requests_of_a_process_are_under_way_and_who_waited_for_an_unclear_answer_is_careful(
    api: Api, monkeypatch: pytest.MonkeyPatch, hangs: float, third: int
) -> None:
    """Where the two hang, the third goes beside them."""
    monkeypatch.setattr("sequencer.providers.sendgrid.HANGS", hangs)
    came, go_on = threading.Semaphore(0), threading.Event()

    def answer(body: dict[str, Any]) -> Reply:
        came.release()
        if len(body["personalizations"]) < 100:
            return ACCEPT
        go_on.wait(10)
        return 503, {}, b""

    api.answer = answer
    provider = SendGrid("SG.key", api.url)
    senders = [threading.Thread(target=lambda: provider.send(batch(100))) for _ in range(3)]
    begin(senders[:2], came)
    assert provider.hanging == (2 if hangs == 0.0 else 0)
    senders[2].start()
    beside = came.acquire(timeout=10 if hangs == 0.0 else 0.2)
    go_on.set()
    for sender in senders:
        sender.join()
    provider.close()
    assert ((hangs == 0.0), 0) == (beside, provider.hanging)
    assert [100, 100, third] == sizes(api)[:3]


def test_whoever_is_alone_takes_a_request_of_two_hundred_and_those_who_share_take_a_hundred_each(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sequencer.providers.sendgrid.HANGS", 30.0)
    came, gates, numbers = threading.Semaphore(0), (threading.Event(), threading.Event()), itertools.count()

    def answer(body: dict[str, Any]) -> Reply:
        first = next(numbers) == 0
        came.release()
        gates[0 if first else 1].wait(10)
        return ACCEPT

    api.answer = answer
    provider = SendGrid("SG.key", api.url)
    senders = [threading.Thread(target=provider.send, args=(batch(size),)) for size in (200, 300, 300)]
    begin(senders[:1], came)
    for sender in senders[1:]:
        sender.start()
    while provider._turns._waiting < 2:
        time.sleep(0.001)
    assert not came.acquire(timeout=0.1), "two hundred are under way already"
    gates[0].set()
    assert all(came.acquire(timeout=10) for _ in senders[1:])
    gates[1].set()
    for sender in senders:
        sender.join()
    provider.close()
    assert [200, 100, 100] == sizes(api)[:3]
    assert 800 == sum(sizes(api))


def test_while_nothing_is_answered_requests_are_small(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each thread would leave a hundred mails in doubt where an outage begins in which nothing is answered."""
    monkeypatch.setattr("sequencer.providers.sendgrid.HANGS", 0.0)
    came, gates, numbers = threading.Semaphore(0), [threading.Event() for _ in range(20)], itertools.count()

    def answer(body: dict[str, Any]) -> Reply:
        number = next(numbers)
        came.release()
        gates[number].wait(10)
        return ACCEPT

    api.answer = answer
    provider = SendGrid("SG.key", api.url)
    senders = [threading.Thread(target=lambda: provider.send(batch(50))) for _ in range(6)]
    begin(senders[:5], came)
    gates[0].set()
    senders[0].join()
    begin(senders[5:], came)
    for gate in gates:
        gate.set()
    for sender in senders:
        sender.join()
    provider.close()
    assert [50, 50, 50, 50, 20, 50] == sizes(api)[:6]
    assert 300 == sum(sizes(api))


def test_an_empty_batch_sends_nothing(api: Api) -> None:
    send(api.url, batch(0))
    assert [] == api.bodies

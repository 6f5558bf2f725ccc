"""What SendGrid's answers mean."""

import pytest

from sequencer.core.mail import Answer
from sequencer.providers.sendgrid_answer import Verdict, judge, retry_after
from tests.providers.servers import refusal

DATE = "Mon, 05 Jan 2026 08:00:00 GMT"


def test_too_many_requests_are_due_again_after_what_the_answer_says() -> None:
    verdict = judge(429, {"Retry-After": "7"}, refusal((None, "too many requests")))
    assert verdict.outcome is not None
    assert (Answer.RETRY, 7.0) == (verdict.outcome.answer, verdict.outcome.retry_after)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Retry-After": "12"}, 12.0),
        ({"Retry-After": "Mon, 05 Jan 2026 08:01:00 GMT", "Date": DATE}, 60.0),
        ({"X-RateLimit-Reset": "1767600030", "Date": DATE}, 30.0),
        ({"X-RateLimit-Reset": "1767599990", "Date": DATE}, 0.0),
        ({"X-RateLimit-Reset": "1767600030"}, None),
        ({"Retry-After": "soon"}, None),
    ],
)
def test_the_wait_is_reckoned_by_the_servers_own_clock(headers: dict[str, str], expected: float | None) -> None:
    assert expected == retry_after(headers)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_refused_credentials_concern_every_mail(status: int) -> None:
    verdict = judge(status, {}, refusal((None, "authorization required")))
    assert verdict.outcome is not None
    assert (Answer.REFUSED, "credentials") == (verdict.outcome.answer, verdict.outcome.scope)


@pytest.mark.parametrize("name", ["personalizations.2.to.0.email", "personalizations[2].to[0].email"])
def test_a_named_personalization_is_refused_alone(name: str) -> None:
    verdict = judge(400, {}, refusal((name, "Does not contain a valid address.")))
    assert [2] == list(verdict.refused)
    assert f"400: {name}: Does not contain a valid address." == verdict.refused[2].detail


@pytest.mark.parametrize(
    "name", ["content.0.value", "subject", "from.email", "reply_to.email", "headers", "categories"]
)
def test_a_fault_of_what_all_share_is_the_contents(name: str) -> None:
    verdict = judge(400, {}, refusal((name, "wrong")))
    assert verdict.outcome is not None
    assert (Answer.REFUSED, "content") == (verdict.outcome.answer, verdict.outcome.scope)


@pytest.mark.parametrize(("status", "body"), [(400, refusal((None, "Bad Request"))), (400, b"<html>"), (413, b"")])
def test_a_refusal_that_names_nothing_settles_nothing(status: int, body: bytes) -> None:
    verdict = judge(status, {}, body)
    assert (None, {}) == (verdict.outcome, verdict.refused)


@pytest.mark.parametrize("status", [302, 408, 418, 500, 502, 503, 504])
def test_everything_else_may_have_been_accepted(status: int) -> None:
    verdict = judge(status, {}, b"")
    assert verdict.outcome is not None
    assert Answer.UNKNOWN == verdict.outcome.answer


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"errors": 3}', b'{"errors": [null, {"field": 3}]}', b"\xff"])
def test_no_body_confuses_the_judgement(body: bytes) -> None:
    assert isinstance(judge(400, {}, body), Verdict)

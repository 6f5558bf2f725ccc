"""What an answer of SendGrid other than 202 means for the recipients of the request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from sequencer.core.mail import Answer, Outcome

_PERSONALIZATION = re.compile(r"^personalizations(?:\.|\[)(\d+)")
_DETAIL = 300


@dataclass(frozen=True, slots=True)
class Verdict:
    """Either one outcome for everybody in the request, or nothing was sent and these are refused (by place).

    Neither: nothing was sent, and SendGrid does not say because of whom; halves may tell.
    """

    outcome: Outcome | None = None
    refused: Mapping[int, Outcome] = field(default_factory=dict)
    detail: str = ""


def judge(status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    """The mapping of DESIGN §6: what is not surely refused, and not surely unsent, is unknown."""
    errors = _errors(body)
    detail = f"{status}: " + ("; ".join(_say(error) for error in errors)[:_DETAIL] or "no reason given")
    if status == 429:
        return Verdict(Outcome(Answer.RETRY, detail=detail, retry_after=retry_after(headers)))
    if status in (401, 403, 404, 405):
        # 404 and 405: SENDGRID_HOST is no such API. Like a bad key it concerns every mail, and none was taken.
        return Verdict(Outcome(Answer.REFUSED, detail=detail, scope="credentials"))
    if status == 413:
        return Verdict(detail=detail)
    if status == 400:
        return _bad_request(errors, detail)
    return Verdict(Outcome(Answer.UNKNOWN, detail=detail))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until sending may go on, by Retry-After or X-RateLimit-Reset; the server's own Date is `now`."""
    said = headers.get("Retry-After", "").strip()
    sent = _date(headers.get("Date", ""))
    if said.isdigit():
        return float(said)
    until = _date(said)
    reset = headers.get("X-RateLimit-Reset", "").strip()
    if until is None and reset.isdigit() and len(reset) <= 11:
        until = datetime.fromtimestamp(int(reset), UTC)
    if until is None or sent is None:
        return None
    return max(0.0, (until - sent).total_seconds())


def _bad_request(errors: list[dict[str, Any]], detail: str) -> Verdict:
    refused: dict[int, Outcome] = {}
    named_elsewhere = False
    for error in errors:
        name = error.get("field")
        if not isinstance(name, str) or not name:
            continue
        found = _PERSONALIZATION.match(name)
        if found:
            refused[int(found[1])] = Outcome(Answer.REFUSED, detail=f"400: {_say(error)}"[:_DETAIL])
        elif name != "personalizations":
            named_elsewhere = True
    if refused:
        return Verdict(refused=refused, detail=detail)
    if named_elsewhere:
        return Verdict(Outcome(Answer.REFUSED, detail=detail, scope="content"))
    return Verdict(detail=detail)


def _errors(body: bytes) -> list[dict[str, Any]]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    errors = document.get("errors") if isinstance(document, dict) else None
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _say(error: Mapping[str, Any]) -> str:
    name = error.get("field")
    message = str(error.get("message") or "no message")
    return f"{name}: {message}" if name else message


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

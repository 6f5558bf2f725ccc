"""The yardstick: the sending protocol with nothing around it, as fast as plain Python makes it.

Claim 500 of what is due with their leads locked, evaluate one condition, fill in the slots by plain string work, write
ledger rows and enrollments, commit; one request for all of them; record what the provider said, commit. The same
tables, the same mail and as many bytes as the product; but one sequence, one condition and one content as Python code,
no gap, caps, consent, topics, pauses, time zones, releases, retries or refusals.

Given a number, a request holds so many mails at most, as the product's do: what it costs that an outage leaves fewer in
doubt.
"""

import hmac
import html
import http.client
import re
import uuid
from base64 import b32encode
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
import psycopg

from benchmarks import mailing
from benchmarks.worker import Work
from sequencer.services.release import Releases
from sequencer.settings import Settings
from sequencer.store.engine import connect

BATCH = 500
_NEVER = datetime.min.replace(tzinfo=UTC)
LEASE = "60 seconds"
SENDER, NAME = "mara@mail.acme.example", "Mara at Acme"

_NOW = """
SELECT coalesce((SELECT virtual + (clock_timestamp() - anchor) * speed FROM clock WHERE id = 1), clock_timestamp()),
       nextval('fence_number')
"""
_CLAIM = """
SELECT e.id, l.id, l.email, l.first_name, l.last_name, l.title, l.stage, l.fields::text, c.name, e.due_at
FROM enrollment e JOIN lead l ON l.id = e.lead_id LEFT JOIN company c ON c.id = l.company_id
WHERE e.sequence = %s AND e.position = %s AND e.due_at <= %s AND e.due_at >= %s AND e.status IN ('active', 'paused')
      AND NOT l.suppressed
ORDER BY e.due_at, e.lead_id LIMIT %s
FOR NO KEY UPDATE OF e, l SKIP LOCKED
"""
_LEDGER = """
COPY message (enrollment_id, step, lead_id, sequence, deployment, content, email, sender, subject, message_id, state,
              attempt, fence, request_id, sent_at) FROM STDIN
"""
_OPEN = "INSERT INTO request VALUES (%(id)s, clock_timestamp() + %(lease)s::interval, %(ids)s)"
_CLOSE = "DELETE FROM request WHERE id = %(id)s"
_MOVE = """
UPDATE enrollment SET position = ':end', since = %(now)s, due_at = NULL, status = 'finished', reason = 'finished',
                      ended_at = %(now)s, outcomes = %(outcomes)s::jsonb
WHERE id = ANY(%(ids)s)
"""
_RECORD = """
UPDATE message SET state = 'accepted', accepted_at = %(now)s, provider_id = %(provider_id)s
WHERE enrollment_id = ANY(%(ids)s) AND step = %(step)s AND fence = %(fence)s AND state = 'sending'
"""
_PLACE = re.compile(r"{%\s*if.*?endif\s*%}|{{.*?}}", re.DOTALL)
_HTML_TAGS = tuple(f"Qb4re{place}" for place in "abcdefghi")
_TEXT_TAGS = tuple(f"Qb4re{place}" for place in "jklmnopqr")
_SUBJECT_TAG, _TOKEN_TAG = "Qb4res", "Qb4ret"
_LINK = f"https://www.acme.example/calculator?sq={_TOKEN_TAG}.1"
_COPIED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def prepare(most: int = BATCH) -> Work:
    """`most`: mails a request."""
    sender = Sender(Settings.read(), most)
    return sender.work


class Sender:
    """One process's connection to PostgreSQL, and one to the provider."""

    def __init__(self, settings: Settings, most: int) -> None:
        self._most = most
        self._database = psycopg.connect(settings.database_url.replace("+psycopg", ""))
        self._secret = (settings.secret_key or "").encode()
        self._unsubscribe = f"{settings.public_url}/u/"
        self._preferences = f"{settings.public_url}/preferences/"
        parts = urlsplit(settings.sendgrid_host)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._provider = kind(parts.hostname or "", parts.port)
        self._key = settings.sendgrid_api_key
        self._skeletons = {step: _skeleton(settings, step) for step in ("big", "small")}

    def work(self) -> None:
        """Until nothing is due."""
        floor: datetime | None = None
        while True:
            claimed = self._claim(floor)
            if claimed is None:
                if floor is None:
                    return
                floor = None
                continue
            floor, fence, batches = claimed
            for request_id, step, ids, people in batches:
                self._send(request_id, step, ids, people, fence)

    def _claim(
        self, floor: datetime | None
    ) -> tuple[datetime, int, list[tuple[str, str, list[int], list[Any]]]] | None:
        with self._database.cursor() as cursor:
            now, fence = cursor.execute(_NOW).fetchone() or (None, 0)
            assert isinstance(now, datetime)
            rows = cursor.execute(_CLAIM, (mailing.SEQUENCE, mailing.POSITION, now, floor or _NEVER, BATCH)).fetchall()
            if not rows:
                self._database.rollback()
                return None
            arms: dict[str, tuple[list[int], list[Any]]] = {"big": ([], []), "small": ([], [])}
            requests = {step: uuid.uuid4().hex for step in arms}
            lines = []
            for row in rows:
                enrollment_id, lead_id, email, first_name, last_name, title, stage, fields, company, _ = row
                known = orjson.loads(fields)
                step = (
                    "big"
                    if stage in ("lead", "mql") and "cost" in known["pains"] and known["employees"] >= 50
                    else "small"
                )
                mac = hmac.digest(self._secret, b"%d %b" % (enrollment_id, step.encode()), "sha256")[:12]
                token = b32encode(enrollment_id.to_bytes(8, "big") + mac).decode().lower()
                subject = f"What {company or 'it'} would pay" if step == "big" else f"What it would cost {first_name}"
                message_id = f"<{token}.1@mail.acme.example>"
                ids, people = arms[step]
                ids.append(enrollment_id)
                people.append(
                    self._personalization(
                        (enrollment_id, lead_id, email, first_name, last_name, title, company),
                        *(known, step, token, subject, message_id, requests[step]),
                    )
                )
                lines.append(
                    f"{enrollment_id}\t{step}\t{lead_id}\toffer\t1\t{step}\t{email}\t{SENDER}\t"
                    f"{subject.translate(_COPIED)}\t{message_id}\tsending\t1\t{fence}\t{requests[step]}\t{now}\n"
                )
            with cursor.copy(_LEDGER) as copy:
                copy.write("".join(lines))
            for step, (ids, _) in arms.items():
                if ids:
                    cursor.execute(_OPEN, {"id": requests[step], "lease": LEASE, "ids": ids})
                    cursor.execute(_MOVE, {"now": now, "ids": ids, "outcomes": _outcomes(step, now)})
        self._database.commit()
        return rows[0][-1], fence, [(requests[step], step, *arm) for step, arm in arms.items() if arm[0]]

    def _personalization(
        self,
        who: tuple[int, int, str, str, str, str, str | None],
        known: dict[str, Any],
        step: str,
        token: str,
        subject: str,
        message_id: str,
        request_id: str,
    ) -> dict[str, Any]:
        enrollment_id, lead_id, email, first_name, last_name, title, company = who
        season = _SEASONS.get(known["industry"], "It comes evenly over the year.")
        people = _MANY if known["employees"] > 200 else _FEW
        tool = known.get("current_tool")
        licence = f"If you are on {tool}, subtract its licence first." if tool else "Without a tool, count the hours."
        unsubscribe, preferences = self._unsubscribe + token, self._preferences + token
        text = (
            *(first_name or "there", company or "your company", season, people, licence, title or "in charge"),
            *(email, unsubscribe, preferences),
        )
        escape = html.escape
        substitutions = dict(
            zip(
                (*_TEXT_TAGS, *_HTML_TAGS, _SUBJECT_TAG, _TOKEN_TAG),
                (
                    *text,
                    *(escape(text[0]), escape(text[1]), season, people, escape(licence), escape(text[5])),
                    *(escape(email), unsubscribe, preferences, subject, token),
                ),
                strict=True,
            )
        )
        return {
            "to": [{"email": email, "name": f"{first_name} {last_name}"}],
            "headers": {"Message-ID": message_id, "List-Unsubscribe": f"<{unsubscribe}>"},
            "substitutions": substitutions,
            "custom_args": {
                "sq_enrollment": str(enrollment_id),
                "sq_step": step,
                "sq_lead": str(lead_id),
                "sq_attempt": "1",
                "sq_sequence": mailing.SEQUENCE,
                "sq_request": request_id,
            },
        }

    def _send(self, request_id: str, step: str, ids: Sequence[int], people: list[Any], fence: int) -> None:
        parts = [slice(first, first + self._most) for first in range(0, len(ids), self._most)]
        taken = [(ids[part], self._post(step, people[part])) for part in parts]
        with self._database.cursor() as cursor:
            now, _ = cursor.execute(_NOW).fetchone() or (None, 0)
            for some, provider_id in taken:
                values = {"now": now, "provider_id": provider_id, "ids": some, "step": step, "fence": fence}
                cursor.execute(_RECORD, values)
            cursor.execute(_CLOSE, {"id": request_id})
        self._database.commit()

    def _post(self, step: str, people: list[Any]) -> str | None:
        body = b'%b"personalizations":%b}' % (self._skeletons[step], orjson.dumps(people))
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        self._provider.request("POST", "/v3/mail/send", body, headers)
        answer = self._provider.getresponse()
        answer.read()
        if answer.status != 202:
            raise RuntimeError(f"the sink answered {answer.status}")
        return answer.getheader("X-Message-Id")


_SEASONS = {
    "retail": "Retailers see most of it in December.",
    "food": "Food companies see most of it in summer.",
}
_MANY = "With more than two hundred people you have a department for this."
_FEW = "With fewer than two hundred people one person does this beside other work."


def _outcomes(step: str, now: datetime) -> str:
    at = now.isoformat()
    arm = "then" if step == "big" else "else"
    return orjson.dumps(
        [{"step": mailing.POSITION, "outcome": arm, "at": at}, {"step": step, "outcome": "sent", "at": at}]
    ).decode()


def _skeleton(settings: Settings, step: str) -> bytes:
    """The request up to its personalizations, with a tag in each of the mail's places."""
    engine = connect(settings.database_url, 1)
    with engine.begin() as conn:
        content = Releases().current(conn).contents[step]
    engine.dispose()
    link = f'<a href="{_LINK}">calculator</a>'
    body = {
        "from": {"email": SENDER, "name": NAME},
        "subject": _SUBJECT_TAG,
        "reply_to": {"email": f"r-{_TOKEN_TAG}@reply.acme.example"},
        "content": [
            {"type": "text/plain", "value": _tagged(content.text, _TEXT_TAGS, f"calculator ({_LINK})")},
            {"type": "text/html", "value": _tagged(content.html, _HTML_TAGS, link)},
        ],
        "headers": {
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "X-Auto-Response-Suppress": "OOF, AutoReply",
        },
        "categories": [mailing.SEQUENCE],
        "tracking_settings": {
            "click_tracking": {"enable": True, "enable_text": False},
            "open_tracking": {"enable": True},
            "subscription_tracking": {"enable": False},
        },
    }
    return orjson.dumps(body)[:-1] + b","


def _tagged(template: str, tags: Sequence[str], link: str) -> str:
    places = iter(tags)

    def tag(found: re.Match[str]) -> str:
        if "link(" in found[0]:
            return link
        if "brand." in found[0]:
            return "Acme Ltd, 1 Street, London"
        return next(places)

    tagged = _PLACE.sub(tag, template)
    if next(places, None) is not None:
        raise ValueError("the mail has fewer places than bare.py fills in")
    return tagged

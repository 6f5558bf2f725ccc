"""Emails that leads write back: which message each answers, and who is told."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection

from sequencer.core import event as kinds
from sequencer.core import explain
from sequencer.core.aside import WHOLE
from sequencer.core.away import return_date
from sequencer.core.event import Event
from sequencer.core.lead import channels
from sequencer.core.quoting import own_words
from sequencer.core.release import Release
from sequencer.core.replies import is_automatic
from sequencer.core.request import inquired
from sequencer.core.spoken import spoken
from sequencer.core.token import Ref, read
from sequencer.providers.inbound import Received
from sequencer.services import accept
from sequencer.services.owners import owners
from sequencer.store import alerts, leads, messages
from sequencer.store.alerts import NewAlert

PLAUSIBLE = timedelta(days=7)
"""How far a received email's own date may lie before its arrival to be believed."""
ANSWERS_NOTHING = "no message of ours is answered by this email"

_TOKEN = re.compile(r"\b([a-z2-7]{32})\b")


class Answer(NamedTuple):
    """A received email, and when it came (business time)."""

    received: Received
    at: datetime
    number: int = WHOLE


def recognise(conn: Connection, secret: bytes, answers: Sequence[Answer]) -> list[Event | None]:
    """What each of them is: a reply of a person or of a machine to a message of ours, or nothing to us."""
    refs = [_answered(secret, answer.received) for answer in answers]
    rows = messages.described(conn, sorted({ref.enrollment_id for ref in refs if ref is not None}))
    return [
        _event(answer, next((row for row in rows if _is(row, ref)), None))
        if ref is not None
        else _of_a_rep(conn, secret, answer)
        for answer, ref in zip(answers, refs, strict=True)
    ]


def _of_a_rep(conn: Connection, secret: bytes, answer: Answer) -> Event | None:
    """What a rep answers to the mail that told of a handoff, whose own token the address holds."""
    received = answer.received
    found = (accept.by_token(conn, secret, token) for token in _tokens(received))
    asked = next((one for one in found if one is not None), None)
    if asked is None:
        return None
    data = {"number": asked.handoff.number, "rep": asked.rep, "text": own_words(received.text)[:5000]}
    return Event(
        kinds.REP_WROTE,
        answer.at,
        asked.handoff.lead_id,
        received.key,
        "inbound",
        machine=_by_machine(received),
        data=data,
    )


def _by_machine(received: Received) -> bool:
    return is_automatic(
        received.headers, received.subject, received.envelope_from, received.headers.get("content-type", "")
    )


def _is(row: Any, ref: Ref) -> bool:
    return bool(row.enrollment_id == ref.enrollment_id and ref.names(row.step))


def _event(answer: Answer, row: Any) -> Event | None:
    if row is None:
        return None
    received, at = answer.received, answer.at
    automatic = _by_machine(received)
    data = {"subject": received.subject[:500], "text": own_words(received.text)[:5000]}
    if automatic and (back := return_date(data["text"], at.date())) is not None:
        data["back"] = back.isoformat()
    if received.date is not None and at - PLAUSIBLE <= received.date <= at:
        # Nobody answers a mail before it was sent, whatever their clock says.
        at = max(received.date, row.sent_at)
    kind = kinds.AUTO_REPLIED if automatic else kinds.REPLIED
    return Event(kind, at, row.lead_id, received.key, "inbound", row.enrollment_id, row.step, False, data)


def _answered(secret: bytes, received: Received) -> Ref | None:
    """By the token in Reply-To, else by the Message-IDs that the reply names (ours carry the same token)."""
    for token in _tokens(received):
        if (ref := read(secret, "reply", token)) is not None:
            return ref
    return None


def _tokens(received: Received) -> list[str]:
    named = " ".join(
        [*received.recipients, received.headers.get("in-reply-to", ""), received.headers.get("references", "")]
    )
    return _TOKEN.findall(named.lower().replace("r-", " ").replace("<", " "))


def forward(conn: Connection, release: Release, new: Iterable[Event], now: datetime) -> None:
    """A person's reply goes on to the rep who owns the lead, else to the shared sender."""
    replied = [e for e in new if e.kind == kinds.REPLIED and e.enrollment_id is not None]
    if not replied:
        return
    known = owners(conn, release.workspace, leads.by_ids(conn, [e.lead_id for e in replied]))
    fallback = next(iter(release.workspace.senders.values()), None)
    alerts.insert(
        conn,
        [
            NewAlert(
                enrollment_id=e.enrollment_id or 0,
                step=f"reply:{e.key[:16]}",
                kind="reply",
                lead_id=e.lead_id,
                rep=rep.email if rep is not None else (fallback.email if fallback is not None else None),
                note=str(e.data.get("text", "")),
                reasons=tuple(explain.asks(inquired(release.workspace, e), spoken(release.workspace, rep))),
                channels=channels(rep),
            )
            for e in replied
            for rep in (known.get(e.lead_id),)
        ],
        now,
    )

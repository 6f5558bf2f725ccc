"""Webhook bodies: stored raw by the web, worked off here, set by set."""

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from sequencer.core import event as kinds
from sequencer.core.event import Event
from sequencer.core.machines import bursts, is_machine
from sequencer.core.release import Release
from sequencer.core.replies import is_automatic, return_date
from sequencer.core.token import Ref, read
from sequencer.providers import inbound, sendgrid_events
from sequencer.providers.sendgrid_events import Incoming
from sequencer.services.context import Context
from sequencer.services.react import Reaction, react
from sequencer.store import alerts, clock, intake, leads, messages
from sequencer.store.alerts import NewAlert
from sequencer.store.intake import Body

log = logging.getLogger(__name__)

BODIES = 20
"""Taken at a time; one holds up to 768 KB."""
PLAUSIBLE = timedelta(days=7)
"""How far a received email's own date may lie before its arrival to be believed."""

_TOKEN = re.compile(r"\b([a-z2-7]{32})\b")
_LINK = re.compile(r"[?&]sq=([a-z2-7]{32})\.(\d{1,4})(?:[&#]|$)")


def process(context: Context, urgent: bool) -> bool:
    """Works off pending bodies. True: there may be more."""
    try:
        with context.engine.begin() as conn:
            bodies = intake.claim(conn, urgent, BODIES)
            awake = _work(context, conn, bodies)
    except OperationalError:
        raise
    except DBAPIError:
        # One of them is poison: take them one by one, and set that one aside.
        log.warning("a batch of webhook bodies failed; taking them one by one")
        return _one_by_one(context, urgent)
    for place in sorted(awake):
        context.hint("drain", *place)
    return len(bodies) == BODIES


def _one_by_one(context: Context, urgent: bool) -> bool:
    for _ in range(BODIES):
        body: list[Body] = []
        try:
            with context.engine.begin() as conn:
                body = intake.claim(conn, urgent, 1)
                awake = _work(context, conn, body)
        except OperationalError:
            raise
        except DBAPIError as error:
            with context.engine.begin() as conn:
                intake.set_aside(conn, body[0].id, f"{type(error).__name__}: {error.orig}")
            continue
        if not body:
            return False
        for place in sorted(awake):
            context.hint("drain", *place)
    return True


def _work(context: Context, conn: Connection, bodies: Sequence[Body]) -> set[tuple[str, str]]:
    if not bodies:
        return set()
    now = clock.now(conn)
    release = context.releases.current(conn)
    aside: dict[int, str] = {}
    incoming: list[Incoming] = []
    replies: list[Event] = []
    for body in bodies:
        try:
            if body.door == "inbound":
                replies.append(_reply(context, conn, release, body))
            else:
                found, wrong = sendgrid_events.parse(body.body)
                incoming += found
                if wrong:
                    aside[body.id] = "; ".join(wrong)
        except (sendgrid_events.NotEvents, inbound.NotAnEmail) as error:
            aside[body.id] = str(error)
    messages.prove(conn, sorted({i.request_id for i in incoming if i.request_id}), now)
    reaction = react(conn, release, [*_judged(context, conn, incoming), *replies], now)
    _forward(conn, release, reaction, now)
    if reaction.strange:
        log.warning("%d events set aside: %s", len(reaction.strange), reaction.strange[0][1])
    intake.done(conn, [body.id for body in bodies if body.id not in aside])
    for body_id, problem in aside.items():
        intake.set_aside(conn, body_id, problem)
    return reaction.awake


def _judged(context: Context, conn: Connection, incoming: Sequence[Incoming]) -> list[Event]:
    """Events with what the ledger knows of their messages: content, link name, whether a machine did it."""
    engaged = [i for i in incoming if i.kind in (kinds.OPENED, kinds.CLICKED)]
    rows = {
        (row.enrollment_id, row.step): row
        for row in messages.described(conn, sorted({i.enrollment_id for i in engaged}))
    }
    clicks: dict[tuple[int, str], list[tuple[datetime, str]]] = {}
    for i in engaged:
        if i.kind == kinds.CLICKED:
            clicks.setdefault((i.enrollment_id, i.step), []).append((i.at, str(i.data.get("url", ""))))
    found = []
    for i in incoming:
        event = Event(i.kind, i.at, i.lead_id, i.key, "sendgrid", i.enrollment_id, i.step, i.machine, i.data)
        row = rows.get((i.enrollment_id, i.step))
        if row is not None and i.kind in (kinds.OPENED, kinds.CLICKED):
            release = context.releases.at(conn, row.deployment)
            content = release.contents.get(row.content) if release is not None else None
            data = {**i.data, "content": row.content, **({"kind": content.kind} if content is not None else {})}
            machine = i.machine or is_machine(str(i.data.get("useragent", "")))
            if i.kind == kinds.CLICKED and content is not None:
                if (number := link_number(str(i.data.get("url", "")))) and number <= len(content.links):
                    data["link"] = content.links[number - 1].name
                machine = machine or bursts(clicks[i.enrollment_id, i.step], len(content.links))
            event = replace(event, machine=machine, data=data)
        found.append(event)
    return found


def link_number(url: str) -> int | None:
    """Which named link a clicked URL is, by its `sq` parameter."""
    match = _LINK.search(url)
    return int(match[2]) if match else None


def _reply(context: Context, conn: Connection, release: Release, body: Body) -> Event:
    received = inbound.parse(body.body, body.content_type)
    ref = _answered(context, received)
    rows = messages.described(conn, [ref.enrollment_id]) if ref is not None else []
    row = next((r for r in rows if ref is not None and ref.names(r.step)), None)
    if row is None:
        raise inbound.NotAnEmail("no message of ours is answered by this email")
    automatic = is_automatic(
        received.headers, received.subject, received.envelope_from, received.headers.get("content-type", "")
    )
    at = body.at
    if received.date is not None and at - PLAUSIBLE <= received.date <= at:
        # Nobody answers a mail before it was sent, whatever their clock says.
        at = max(received.date, row.sent_at)
    data = {"subject": received.subject[:500], "text": received.text[:5000]}
    if automatic and (back := return_date(received.text, body.at.date())) is not None:
        data["back"] = back.isoformat()
    kind = kinds.AUTO_REPLIED if automatic else kinds.REPLIED
    return Event(kind, at, row.lead_id, received.key, "inbound", row.enrollment_id, row.step, False, data)


def _answered(context: Context, received: inbound.Received) -> Ref | None:
    """By the token in Reply-To, else by the Message-IDs that the reply names (ours carry the same token)."""
    named = " ".join(
        [*received.recipients, received.headers.get("in-reply-to", ""), received.headers.get("references", "")]
    )
    for token in _TOKEN.findall(named.lower().replace("r-", " ").replace("<", " ")):
        if (ref := read(context.secret, "reply", token)) is not None:
            return ref
    return None


def _forward(conn: Connection, release: Release, reaction: Reaction, now: datetime) -> None:
    """A person's reply goes on to the rep who owns the lead, else to the shared sender."""
    replied = [e for e in reaction.new if e.kind == kinds.REPLIED and e.enrollment_id is not None]
    if not replied:
        return
    known = {lead.id: lead for lead in leads.by_ids(conn, [e.lead_id for e in replied])}
    fallback = next(iter(release.workspace.senders.values()), None)
    alerts.insert(
        conn,
        [
            NewAlert(
                enrollment_id=e.enrollment_id or 0,
                step=f"reply:{e.key[:16]}",
                kind="reply",
                lead_id=e.lead_id,
                rep=known[e.lead_id].owner or (fallback.email if fallback else None),
                note=str(e.data.get("text", "")),
                reasons=(),
            )
            for e in replied
        ],
        now,
    )

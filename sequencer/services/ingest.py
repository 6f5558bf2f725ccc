"""Webhook bodies: stored raw by the web, worked off here, set by set."""

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from sequencer.core import event as kinds
from sequencer.core.event import Event
from sequencer.core.machines import BURST, bursts, is_machine
from sequencer.core.release import Release
from sequencer.core.replies import is_automatic, return_date
from sequencer.core.token import Ref, read
from sequencer.providers import inbound, sendgrid_events
from sequencer.providers.sendgrid_events import Incoming
from sequencer.services.context import Context
from sequencer.services.react import Reaction, react
from sequencer.store import alerts, clock, enrollments, events, intake, leads, messages
from sequencer.store.alerts import NewAlert
from sequencer.store.intake import Body

log = logging.getLogger(__name__)

BODIES = 20
"""Taken at a time; one holds up to 768 KB."""
BYTES = 32 * 1024 * 1024
"""Taken at a time; an inbound email may hold 30 MB."""
PLAUSIBLE = timedelta(days=7)
"""How far a received email's own date may lie before its arrival to be believed."""

_TOKEN = re.compile(r"\b([a-z2-7]{32})\b")
_LINK = re.compile(r"[?&]sq=([a-z2-7]{32})\.(\d{1,4})(?:[&#]|$)")


def process(context: Context, urgent: bool) -> bool:
    """Works off pending bodies. True: there may be more."""
    try:
        return _batch(context, urgent, BODIES, []) == BODIES
    except OperationalError:
        raise
    except Exception:
        # One of them is poison, and must not hold up the others: each is taken by itself, that one set aside.
        log.exception("a batch of webhook bodies failed; taking them one by one")
    for _ in range(BODIES):
        taken: list[int] = []
        try:
            if not _batch(context, urgent, 1, taken):
                return False
        except OperationalError:
            raise
        except Exception as error:
            log.exception("a webhook body cannot be processed and is set aside")
            with context.engine.begin() as conn:
                # By its id: the first that is pending may be another by now.
                for body_id in taken:
                    intake.set_aside(conn, body_id, f"{type(error).__name__} in processing; see the worker's log")
    return True


def _batch(context: Context, urgent: bool, limit: int, taken: list[int]) -> int:
    """How many bodies were taken; `taken` gets their ids, also when they cannot be processed."""
    with context.engine.begin() as conn:
        bodies = intake.claim(conn, urgent, limit, BYTES)
        taken += [body.id for body in bodies]
        awake = _work(context, conn, bodies)
    for place in sorted(awake):
        context.hint("drain", *place)
    return len(bodies)


def _work(context: Context, conn: Connection, bodies: Sequence[Body]) -> set[tuple[str, str]]:
    if not bodies:
        return set()
    now = clock.now(conn)
    release = context.releases.current(conn)
    aside: dict[int, str] = {}
    incoming: list[Incoming] = []
    replies: list[Event] = []
    whence: dict[str, int] = {}
    for body in bodies:
        try:
            if body.door == "inbound":
                replies.append(_reply(context, conn, body))
            else:
                found, wrong = sendgrid_events.parse(body.body)
                incoming += found
                whence |= {i.key: body.id for i in found}
                if wrong:
                    aside[body.id] = "; ".join(wrong)
        except (sendgrid_events.NotEvents, inbound.NotAnEmail) as error:
            aside[body.id] = str(error)
    proven = messages.prove(conn, sorted({i.request_id for i in incoming if i.request_id}), now)
    judged, foreign, mistaken = _judged(context, conn, incoming)
    reaction = react(conn, release, [*judged, *replies], now)
    events.call_machine(conn, mistaken)
    messages.recount_clicks(conn, {(e.enrollment_id or 0, e.step or "") for e in mistaken})
    # Whoever stood behind a mail of which nobody knew whether it went need not wait any longer.
    enrollments.redate(conn, dict.fromkeys(proven, now))
    _forward(conn, release, reaction, now)
    for key, problem in [*foreign, *((e.key, said) for e, said in reaction.strange)]:
        if key in whence:
            aside[whence[key]] = f"{problem}; {aside.get(whence[key], '')}".rstrip("; ")
    if aside:
        log.warning("%d webhook bodies are set aside, in whole or in part", len(aside))
    intake.done(conn, [body.id for body in bodies if body.id not in aside])
    for body_id, problem in aside.items():
        intake.set_aside(conn, body_id, problem)
    return reaction.awake


def _judged(
    context: Context, conn: Connection, incoming: Sequence[Incoming]
) -> tuple[list[Event], list[tuple[str, str]], list[Event]]:
    """Events with what the ledger knows of their messages: content, link name, whether a machine did it.

    Second, the keys of events about messages that are not in our ledger as they say: another installation's, say.
    Third, stored clicks that turn out to be the beginning of a scanner's burst.
    """
    origins = messages.origins(conn, sorted({i.enrollment_id for i in incoming}))
    clicks: dict[tuple[int, str], list[tuple[datetime, str]]] = {}
    for i in incoming:
        if i.kind == kinds.CLICKED:
            clicks.setdefault((i.enrollment_id, i.step), []).append((i.at, str(i.data.get("url", ""))))
    earlier: dict[tuple[int, str], list[Event]] = {}
    if clicks:
        since = min(at for followed in clicks.values() for at, _ in followed) - BURST
        for e in events.clicks(conn, sorted({i.lead_id for i in incoming if i.kind == kinds.CLICKED}), since):
            if (key := (e.enrollment_id or 0, e.step or "")) in clicks:
                clicks[key].append((e.at, str(e.data.get("url", ""))))
                earlier.setdefault(key, []).append(e)
    mistaken: dict[tuple[int, str], list[Event]] = {}
    found: list[Event] = []
    foreign: list[tuple[str, str]] = []
    for i in incoming:
        origin = origins.get((i.enrollment_id, i.step))
        if origin is None or origin.lead_id != i.lead_id:
            foreign.append((i.key, "an event is about a message that is not in this ledger"))
            continue
        event = Event(i.kind, i.at, i.lead_id, i.key, "sendgrid", i.enrollment_id, i.step, i.machine, i.data)
        if i.kind in (kinds.OPENED, kinds.CLICKED):
            release = context.releases.at(conn, origin.deployment)
            content = release.contents.get(origin.content) if release is not None else None
            data = {**i.data, "content": origin.content, **({"kind": content.kind} if content is not None else {})}
            machine = i.machine or is_machine(str(i.data.get("useragent", "")))
            if i.kind == kinds.CLICKED and content is not None:
                if (number := link_number(str(i.data.get("url", "")))) and number <= len(content.links):
                    data["link"] = content.links[number - 1].name
                key = (i.enrollment_id, i.step)
                if bursts(clicks[key], len(content.links)):
                    machine = True
                    mistaken[key] = earlier.get(key, [])
            event = replace(event, machine=machine, data=data)
        found.append(event)
    return found, foreign, [e for several in mistaken.values() for e in several]


def link_number(url: str) -> int | None:
    """Which named link a clicked URL is, by its `sq` parameter."""
    match = _LINK.search(url)
    return int(match[2]) if match else None


def _reply(context: Context, conn: Connection, body: Body) -> Event:
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

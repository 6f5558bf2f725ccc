"""Tells other systems of handoffs: chats, and whatever takes signed webhooks. Tried again for a day and a half."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from sequencer.core import event as kinds
from sequencer.core import target_call as rules
from sequencer.core.event import Event
from sequencer.core.handoff import policy_of
from sequencer.core.lead import Lead
from sequencer.core.mail import Answer, Outcome
from sequencer.core.release import Release
from sequencer.core.target_call import HandoffTarget
from sequencer.logs import describe
from sequencer.services import crm_leave, write_back
from sequencer.services.alerts import posted
from sequencer.services.context import Context
from sequencer.services.owners import owners
from sequencer.store import calls_out, clock, leads, pauses
from sequencer.store.calls_out import NewCall

log = logging.getLogger(__name__)

AT_ONCE: Final = 20
"""Calls that are made side by side."""
LEASE: Final = 90.0
"""Seconds of operating time for making them; a multiple of what one may take, of a CRM half a dozen requests."""
TOLD: Final = {
    kinds.HANDED_OFF: "handoff.created",
    kinds.HANDOFF_ACCEPTED: "handoff.accepted",
    kinds.HANDOFF_DECLINED: "handoff.declined",
    kinds.HANDOFF_EXPIRED: "handoff.expired",
    kinds.HANDOFF_CLOSED: "handoff.closed",
}
_SAID: Final = {
    "handoff.created": "{name} was handed to {rep}",
    "handoff.accepted": "{rep} accepted {name}",
    "handoff.declined": "{rep} declined {name}: {reason}",
    "handoff.expired": "{name} went back to nurture: {reason}",
    "handoff.closed": "the handoff of {name} ended: {reason}",
}


def tell(conn: Connection, release: Release, people: Iterable[Lead], happened: Iterable[Event], now: datetime) -> None:
    """Notes what each target is to be told, in the transaction in which it happens."""
    targets = policy_of(release.workspace).targets
    told = [e for e in happened if e.kind in TOLD]
    if not targets or not told:
        return
    known = {lead.id: lead for lead in people}
    ids = (lead.company_id for lead in known.values() if lead.company_id is not None)
    companies, owned = leads.companies(conn, ids), owners(conn, release.workspace, known.values())
    calls = []
    for e in told:
        lead = known[e.lead_id]
        company = companies.get(lead.company_id or 0)
        data = {
            **e.data,
            "lead": {
                "id": lead.id,
                "email": lead.email,
                "name": lead.name or None,
                "company": (company.name or company.domain) if company is not None else None,
                "stage": lead.stage,
                "status": lead.status,
                "campaign": lead.campaign,
                "owner": owned[lead.id].email if lead.id in owned else None,
            },
        }
        number = int(e.data["number"])
        calls += [NewCall(target.name, TOLD[e.kind], lead.id, number, data) for target in targets.values()]
    calls_out.insert(conn, calls, now)


def deliver(context: Context) -> bool:
    """One batch of calls. True: there may be more. None is made while an operator paused all sending."""
    with context.engine.begin() as conn:
        if pauses.is_for_people(conn):
            return False
        release = context.releases.current(conn)
        targets = policy_of(release.workspace).targets
        rows = calls_out.claim(conn, LEASE, AT_ONCE)
        at = int(clock.operating(conn).timestamp())
        left: dict[int, crm_leave.Left | None] = {}
        back: dict[int, write_back.Prepared | None] = {}
        failed: dict[int, Outcome] = {}
        for row in rows:
            try:
                # What cannot be prepared is its own failure: it would take the claim of all others back with it.
                with conn.begin_nested():
                    if row.target == write_back.TARGET:
                        back[row.id] = write_back.prepare(conn, release, row)
                    elif row.target in targets and targets[row.target].form == "crm":
                        left[row.id] = crm_leave.prepare(conn, release, context.public_url, row)
            except Exception as error:
                log.error("preparing a call to the target %s failed: %s", row.target, describe(error))
                failed[row.id] = Outcome(Answer.UNKNOWN, detail=f"failed in preparing: {type(error).__name__}")
    if not rows:
        return False
    call = _caller(context, targets.get, at, left, back, failed)
    with ThreadPoolExecutor(len(rows)) as threads:
        outcomes = list(threads.map(call, rows))
    contacts: dict[tuple[int, str], str] = {}
    told: list[write_back.Prepared] = []
    for row, (outcome, contact) in zip(rows, outcomes, strict=True):
        if contact is not None:
            contacts[row.lead_id, targets[row.target].system] = contact
        if outcome.answer is Answer.ACCEPTED and (written := back.get(row.id)) is not None:
            told.append(written)
    with context.engine.begin() as conn:
        _remember(conn, contacts, told)
        for row, (outcome, _) in zip(rows, outcomes, strict=True):
            if outcome.answer is Answer.ACCEPTED:
                calls_out.settle(conn, row.id, row.attempts, "sent", None)
                continue
            target = targets.get(row.target)
            # A chat knows no repeat: what it may have shown is not said again.
            gone = target is None and back.get(row.id) is None and row.id not in failed
            over = gone or (target is not None and target.form == "slack" and outcome.answer is Answer.UNKNOWN)
            wait = None if over else rules.again(row.attempts)
            state = "dead" if wait is None else "pending"
            calls_out.settle(
                conn, row.id, row.attempts, state, outcome.detail, max(wait or 0, outcome.retry_after or 0)
            )
    return len(rows) == AT_ONCE


def _remember(conn: Connection, contacts: Mapping[tuple[int, str], str], told: Sequence[write_back.Prepared]) -> None:
    """Under the leads' locks, as everybody who waits for contacts: what the CRM posts meanwhile is about the same."""
    ids = {lead_id for lead_id, _ in contacts} | {lead_id for one in told for lead_id in one.digests}
    locked = leads.lock(conn, ids)
    crm_leave.remember(conn, {of: contact for of, contact in contacts.items() if of[0] in locked})
    for one in told:
        write_back.remember(conn, one)


def _caller(
    context: Context,
    target_of: Callable[[str], HandoffTarget | None],
    at: int,
    left: Mapping[int, crm_leave.Left | None],
    back: Mapping[int, write_back.Prepared | None],
    failed: Mapping[int, Outcome],
) -> Callable[[Any], tuple[Outcome, str | None]]:
    """What makes one call: what came of it, and by which id a CRM knows the lead now.

    It never raises, so that no call's failure leaves another's outcome unrecorded.
    """

    def call(row: Any) -> tuple[Outcome, str | None]:
        if row.id in failed:
            return failed[row.id], None
        target = target_of(row.target)
        if target is None and row.id not in back:
            return Outcome(Answer.REFUSED, detail="the target is not declared any more"), None
        try:
            if target is None:
                return write_back.write(context.crms, back[row.id]), None
            if target.form == "crm":
                return crm_leave.leave(context.crms.get(target.system), left.get(row.id), row.repeat)
            if target.form == "slack":
                return context.webhooks.post(target.url, orjson.dumps({"text": _words(context, row)})), None
            body = bytes(row.body)
            key = rules.key_of(context.secret, target.name)
            return context.webhooks.post(target.url, body, rules.signed(key, row.id, at, body)), None
        except Exception as error:
            log.error("calling the target %s failed: %s", row.target, describe(error))
            return Outcome(Answer.UNKNOWN, detail=f"failed in posting: {type(error).__name__}"), None

    return call


def _words(context: Context, row: Any) -> str:
    data = orjson.loads(bytes(row.body))["data"]
    lead = data["lead"]
    name = lead["name"] or lead["email"]
    title = _SAID[row.kind].format(name=name, rep=data["rep"], reason=data.get("reason", ""))
    who = f"{name}, {lead['company']}" if lead["company"] else name
    why = ", ".join(data.get("reasons", ()))
    lines = [who, f"Why: {why}" if why else "", f"{context.public_url}/dashboard/leads/{lead['id']}"]
    return posted(title, [line for line in lines if line])

"""Leaves handoffs in the CRM: the lead as a contact, with a task for the rep, or with a note of what came of it."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from sequencer.core.crm import Crm as Declared
from sequencer.core.lead import Lead
from sequencer.core.mail import Answer, Outcome
from sequencer.core.release import Release
from sequencer.providers.crm import Activity, Contact, Crm, Failed
from sequencer.services.briefing import briefing
from sequencer.store import clock, crm_contacts, handoffs, leads
from sequencer.store.crm_contacts import Known

OPENS: Final = "handoff.created"
_SUBJECTS: Final = {
    OPENS: "Talk to {name} (handoff {number})",
    "handoff.accepted": "{rep} accepted handoff {number}",
    "handoff.declined": "{rep} declined handoff {number}",
    "handoff.expired": "Handoff {number} went back to nurture",
    "handoff.closed": "Handoff {number} ended",
}

Left = tuple[Contact, Activity]


def prepare(conn: Connection, release: Release, public_url: str, row: Any) -> Left | None:
    """What a call leaves, as things stand now; None: the lead is gone."""
    found = leads.by_ids(conn, [row.lead_id])
    if not found:
        return None
    [lead] = found
    data = orjson.loads(bytes(row.body))["data"]
    # By the name of when it happened: the subject is by which an attempt before is found.
    name = data["lead"]["name"] or data["lead"]["email"]
    subject = _SUBJECTS[row.kind].format(name=name, number=row.number, rep=data["rep"])
    reason = data.get("reason")
    lines = _briefed(conn, release, row) if row.kind == OPENS else [f"Why: {reason}"] if reason else []
    lines.append(f"{public_url}/dashboard/leads/{lead.id}")
    activity = Activity(subject, "\n".join(lines), clock.now(conn), row.kind == OPENS)
    return _contact(conn, release, lead, data["rep"]), activity


def leave(crm: Crm | None, left: Left | None, repeat: bool) -> tuple[Outcome, str | None]:
    """One attempt: what came of it, and the contact's id."""
    if left is None:
        return Outcome(Answer.REFUSED, detail="the lead is gone"), None
    if crm is None:
        return Outcome(Answer.REFUSED, detail="its credentials are not set in the workers' environment"), None
    try:
        return Outcome(Answer.ACCEPTED), crm.leave(*left, repeat)
    except Failed as failed:
        return failed.outcome, None


def remember(conn: Connection, contacts: Mapping[tuple[int, str], str]) -> None:
    """Who locked leads are there, by lead and CRM: its webhooks name them by it."""
    crm_contacts.put(conn, (Known(lead_id, system, contact, {}) for (lead_id, system), contact in contacts.items()))


def _contact(conn: Connection, release: Release, lead: Lead, rep: str | None) -> Contact:
    company = leads.companies(conn, [lead.company_id]).get(lead.company_id) if lead.company_id is not None else None
    owner = release.workspace.reps.get(rep or "")
    return Contact(
        email=lead.email,
        first_name=lead.first_name,
        last_name=lead.last_name,
        title=lead.title,
        company=(company.name or company.domain) if company is not None else None,
        owner=owner.crm if owner is not None else None,
        owner_is_ours=not (release.workspace.crm or Declared()).wins("owner"),
    )


def _briefed(conn: Connection, release: Release, row: Any) -> list[str]:
    """What the rep reads in the mail."""
    one = handoffs.by_keys(conn, [(row.lead_id, row.number)]).get((row.lead_id, row.number))
    told = briefing(conn, release, one) if one is not None else None
    lines: list[str] = []
    for head, part in told.parts if told is not None else ():
        lines += [head, *(f"- {line}" for line in part), ""]
    return lines

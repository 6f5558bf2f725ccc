"""Mails reps what they are to know: `tell`, `handoff`, and replies of their leads."""

import html
import uuid
from collections.abc import Sequence
from typing import Any

from sequencer.core.lead import Company, Lead
from sequencer.core.mail import Answer, Batch, Outcome, Recipient, Skeleton
from sequencer.core.release import Release
from sequencer.services.context import Context
from sequencer.store import alerts, leads

AT_ONCE = 100
_TITLES = {"tell": "{name}: {note}", "handoff": "{name} is ready for a talk", "reply": "{name} answered"}
AGAIN = 60.0
"""Seconds of operating time after which an alert that surely was not sent goes again."""


def deliver(context: Context) -> bool:
    """One batch of alerts. True: there may be more. An alert is sent at most once."""
    with context.engine.begin() as conn:
        release = context.releases.current(conn)
        rows = alerts.claim(conn, context.lease, AT_ONCE)
        known = {lead.id: lead for lead in leads.by_ids(conn, sorted({row.lead_id for row in rows}))}
        companies = leads.companies(conn, (lead.company_id for lead in known.values() if lead.company_id))
    for round_ in _rounds(sorted(rows, key=lambda row: (row.at, row.lead_id, row.step))):
        recipients = [_mail(context, release, row, known.get(row.lead_id), companies) for row in round_]
        skeleton = Skeleton(subject=(0,), html=(1,), text=(2,))
        batch = Batch(uuid.uuid4().hex, skeleton, tuple(recipients), categories=("alert",))
        receipt = context.provider.send(batch)
        settled: dict[tuple[str, str | None], list[tuple[int, str]]] = {}
        for number, row in enumerate(round_):
            outcome = receipt.of(number)
            settled.setdefault((state_of(outcome), outcome.detail or None), []).append((row.enrollment_id, row.step))
        with context.engine.begin() as conn:
            for (state, detail), keys in settled.items():
                alerts.settle(conn, keys, state, detail, AGAIN if state == "pending" else None)
    return len(rows) == AT_ONCE


def state_of(outcome: Outcome) -> str:
    """What the alert is after an attempt. What is not its own fault (rate limits, our credentials) goes again."""
    if outcome.answer is Answer.ACCEPTED:
        return "sent"
    if outcome.answer is Answer.UNKNOWN:
        return "unknown"
    return "refused" if outcome.answer is Answer.REFUSED and outcome.scope == "message" else "pending"


def _rounds(rows: Sequence[Any]) -> list[list[Any]]:
    """Batches in which each address stands once, as the provider demands."""
    rounds: list[dict[str, Any]] = []
    for row in rows:
        free = next((r for r in rounds if row.rep not in r), None)
        if free is None:
            free = {}
            rounds.append(free)
        free[row.rep] = row
    return [list(r.values()) for r in rounds]


def _mail(context: Context, release: Release, row: Any, lead: Lead | None, companies: dict[int, Company]) -> Recipient:
    sender = next(iter(release.workspace.senders.values()))
    rep = release.workspace.reps.get(row.rep)
    name = (lead.name or lead.email) if lead is not None else "A lead"
    company = companies.get(lead.company_id) if lead is not None and lead.company_id else None
    note = " ".join(str(row.note).split())
    subject = _TITLES[row.kind].format(name=name, note=note)[:150]
    who = f"{name}{f', {company.name or company.domain}' if company is not None else ''}"
    lines = [who, str(row.note).strip(), *(f"- {reason}" for reason in row.reasons)]
    if lead is not None:
        lines += [lead.email, f"{context.public_url}/dashboard/leads/{lead.id}"]
    text = "\n\n".join(line for line in lines if line)
    body = "".join(f"<p>{html.escape(line).replace(chr(10), '<br>')}</p>" for line in lines if line)
    return Recipient(
        to_email=row.rep,
        to_name=rep.name if rep is not None else "",
        from_email=sender.email,
        from_name=sender.name,
        values=(subject, f"<!doctype html><html><body>{body}</body></html>", text),
    )

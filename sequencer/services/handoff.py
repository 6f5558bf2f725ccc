"""Looks at handoffs: finds the rep for a new one, and presses on when nobody answers.

Companies are locked before leads, as wherever both are. Only one worker looks at a time: whoever is next in turn for a
lead depends on what the others got.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from sequencer.core import event as kinds
from sequencer.core import handoff as rules
from sequencer.core.event import Event
from sequencer.core.handoff import Handoff, Looked, State
from sequencer.core.lead import Company, Lead, channels
from sequencer.core.overtaken import HEARD, OURS, overtaken
from sequencer.core.owner import COMPANY_OWNER, Found, Load, rep_for
from sequencer.core.people import changed, owner_of, owner_of_company
from sequencer.core.release import Release
from sequencer.core.snapshot import Snapshot
from sequencer.services import inherit, targets
from sequencer.services.context import Awake, Context
from sequencer.services.react import follow, interests
from sequencer.store import alerts, clock, events, handoffs, leads, readiness
from sequencer.store.alerts import NewAlert
from sequencer.store.companies import families

LATELY: Final = timedelta(days=30)
"""How far back it counts what reps were given."""


@dataclass(slots=True)
class Written:
    """What comes of handoffs: fields of leads, alerts, events."""

    handoffs: list[Handoff] = field(default_factory=list)
    values: dict[int, dict[str, Any]] = field(default_factory=dict)
    owners: dict[int, str] = field(default_factory=dict)
    """Of companies."""
    refused: dict[int, date | None] = field(default_factory=dict)
    """Leads who are marketing's again, and until when at least."""
    told: list[NewAlert] = field(default_factory=list)
    happened: list[Event] = field(default_factory=list)

    def set(self, lead: Lead, values: Mapping[str, Any], key: str, now: datetime) -> None:
        """Fields that get another value, each with its event."""
        for name, value in values.items():
            if lead.get(name) != value:
                self.values.setdefault(lead.id, {})[name] = value
                self.happened.append(kinds.change(now, lead.id, f"{key}.{name}", OURS, name, lead.get(name), value))


def look(context: Context) -> bool:
    """One batch of handoffs that are due. True: there may be more."""
    with context.engine.begin() as conn:
        if not handoffs.alone(conn):
            return False
        now = clock.now(conn)
        release = context.releases.current(conn)
        found = handoffs.due(conn, now, context.batch)
        free = readiness.lock_companies(conn, (company for _, _, company in found if company is not None))
        keys = [(lead_id, number) for lead_id, number, company in found if company is None or company in free]
        # Whoever moved meanwhile has a company that is not held: they are passed over, as it must not be waited for.
        locked = {
            lead_id: lead
            for lead_id, lead in leads.lock(conn, (lead_id for lead_id, _ in keys), wait=False).items()
            if lead.company_id is None or lead.company_id in free
        }
        standing = handoffs.by_keys(conn, (key for key in keys if key[0] in locked))
        due = [one for one in standing.values() if one.due_at is not None and one.due_at <= now]
        written = _looked_at(conn, release, locked, sorted(due, key=lambda one: (one.at, one.lead_id)), now)
        awake = write(conn, release, locked, written, now)
    context.wake(awake)
    return len(found) == context.batch and bool(due)


def _looked_at(
    conn: Connection, release: Release, locked: Mapping[int, Lead], due: Sequence[Handoff], now: datetime
) -> Written:
    written = Written()
    loads = handoffs.loads(conn, now - LATELY) if due else {}
    ids = {lead.company_id for lead in locked.values() if lead.company_id is not None}
    shared = release.workspace.owner.of == "company"
    if due and shared:
        # Else whose rep left would stay without one.
        handoffs.disown(conn, ids, release.workspace.reps)
    companies, around = leads.companies(conn, ids), families(conn, ids)
    unowned = {i for i, company in companies.items() if company.owner is None} if due and shared else set()
    firsts = handoffs.first_owners(conn, unowned, release.workspace.reps)
    happened = events.of_leads(conn, list(locked), HEARD, min(one.at for one in due)) if due else {}
    # Reminders are late where nobody worked: the time that they gave is counted from when they were.
    begun = alerts.told_at(conn, (_known_by(one) for one in due if one.rep is not None))
    for one in due:
        lead = locked[one.lead_id]
        company = companies.get(lead.company_id or 0)
        over = overtaken(release.workspace, one, lead, happened.get(lead.id, ()), now)
        if over is not None:
            written.handoffs.append(over.handoff)
            if over.handoff.state is State.ACCEPTED:
                accepted(release, written, lead, over.handoff, now)
            elif over.handoff.state is State.CLOSED:
                written.happened.append(event_of(over.handoff, kinds.HANDOFF_CLOSED, now, reason=over.handoff.answer))
            else:
                _tell(release, written, one, over, now)
            continue
        if one.rep is not None:
            until = rules.over_at(release.workspace, one, begun.get(_known_by(one)))
            if until is None or until > now:
                # Something happened that changed nothing: the rep has the time that they had.
                written.handoffs.append(one._replace(due_at=until))
                continue
        first = firsts.get(company.id) if company is not None and company.owner is None else None
        found = _rep(conn, release, one, lead, company, first, loads, now)
        if one.rep is None:
            looked = rules.given(release.workspace, one, found.rep, now, "handoff") if found else rules.nobody(one, now)
        else:
            looked = rules.overdue(release.workspace, one, found.rep if found is not None else None, now)
        after = looked.handoff
        written.handoffs.append(after)
        if looked.told in ("handoff", "reassigned") and found is not None:
            load = loads.get(found.rep.email, Load())
            loads[found.rep.email] = Load(load.handoffs + 1, now)
        if looked.told == "handoff" and found is not None:
            key = key_of(after, kinds.HANDED_OFF)
            owner = owner_of(release.workspace, Snapshot(lead, company, None))
            # The lead's mail comes from whom it is handed to, also where the company is another's.
            if owner is None or owner.email != found.owner.email:
                written.set(lead, {"owner": found.owner.email}, key, now)
            if company is not None and company.owner is None and shared:
                # Who had somebody of it before keeps it, whoever gets this lead.
                written.owners[company.id] = first or found.owner.email
                for member in around[company.id] & companies.keys():
                    other = companies[member]
                    companies[member] = replace(other, owner=other.owner or written.owners[company.id])
        _tell(release, written, one, looked, now)
        if after.state is State.EXPIRED:
            status = rules.policy_of(release.workspace).return_status
            back(written, lead, after, kinds.HANDOFF_EXPIRED, {"status": status} if status else {}, after.answer, now)
    return written


def _rep(
    conn: Connection,
    release: Release,
    one: Handoff,
    lead: Lead,
    company: Company | None,
    first: str | None,
    loads: Mapping[str, Load],
    now: datetime,
) -> Found | None:
    """Who is to have it, or have it next. `first`: of a company without an owner, who first had somebody of it."""
    reps = release.workspace.reps
    spoke = None
    if one.rep is None and lead.owner not in reps:
        spoke = handoffs.spoke_first(conn, lead.id, None, list(reps))
        if spoke is None and company is not None and release.workspace.owner.of == "company":
            spoke = handoffs.spoke_first(conn, lead.id, company.id, list(reps))
            owner = owner_of_company(release.workspace, company)
            if owner is not None and spoke != owner.email:
                # A rep of the company's own comes before who talked to a colleague.
                spoke = None
            if first is not None and COMPANY_OWNER in release.workspace.owner.assign and spoke != first:
                # A call to somebody who is another's does not give the company a second rep.
                spoke = None
    if company is not None and first is not None:
        company = replace(company, owner=first)
    return rep_for(release.workspace, lead, company, spoke, loads, now, one.asked)


def alert_of(release: Release, one: Handoff, step: str, kind: str, enrollment_id: int = 0) -> NewAlert:
    """What the rep who is asked is told, by all of their channels."""
    return NewAlert(
        enrollment_id=enrollment_id,
        step=step,
        kind=kind,
        lead_id=one.lead_id,
        rep=one.rep,
        note=one.note,
        reasons=(),
        channels=channels(release.workspace.reps.get(one.rep or "")),
        handoff=one.number,
    )


def _known_by(one: Handoff) -> tuple[int, str]:
    """Enrollment and step of the alert by which its rep was asked or reminded last."""
    return one.enrollment_id or 0, f"handoff:{one.lead_id}.{one.number}:{len(one.asked)}.{one.turns}"


def _tell(release: Release, written: Written, before: Handoff, looked: Looked, now: datetime) -> None:
    """The first alert of a step's handoff is known by that step, also when there is nobody whom it could tell."""
    one, first = looked.handoff, before.due_at == before.at
    if not looked.told and (one.rep is not None or not first):
        return
    step = one.step if first and one.step is not None else _known_by(one)[1]
    written.told.append(alert_of(release, one, step, looked.told or "handoff", one.enrollment_id or 0))
    if looked.told in ("handoff", "reassigned"):
        written.happened.append(event_of(one, kinds.HANDED_OFF, now, reasons=list(one.reasons)))


def accepted(release: Release, written: Written, lead: Lead, one: Handoff, now: datetime) -> None:
    """A rep takes the lead on."""
    status = rules.policy_of(release.workspace).accept_status
    values: dict[str, str | None] = {"status": status} if status is not None else {}
    if len(one.asked) > 1:
        # Whoever accepts what another did not is the lead's rep from now on.
        values["owner"] = one.rep
    written.set(lead, values, key_of(one, kinds.HANDOFF_ACCEPTED), now)
    how = {"reason": one.answer} if one.answer else {}
    written.happened.append(event_of(one, kinds.HANDOFF_ACCEPTED, now, **how))


def back(
    written: Written, lead: Lead, one: Handoff, kind: str, values: Mapping[str, Any], reason: str, now: datetime
) -> None:
    """The lead is marketing's again, with the reason."""
    written.refused[lead.id] = one.until
    written.set(lead, values, key_of(one, kind), now)
    until = {"until": one.until.isoformat()} if one.until is not None else {}
    written.happened.append(event_of(one, kind, now, reason=reason, **until))


def write(conn: Connection, release: Release, locked: Mapping[int, Lead], written: Written, now: datetime) -> Awake:
    """Everything, and what follows from it; the caller holds the leads' locks."""
    handoffs.write(conn, written.handoffs)
    readiness.refuse(conn, written.refused, now)
    awake = inherit.give(conn, release, written.owners, now)
    leads.write(conn, written.values.items(), OURS, now)
    alerts.insert(conn, written.told, now)
    if not written.happened:
        return awake
    after = {i: changed(lead, written.values.get(i, {})) for i, lead in locked.items()}
    targets.tell(conn, release, after.values(), written.happened, now)
    return awake | follow(conn, release, interests(release), after, written.happened, now).awake


def event_of(one: Handoff, kind: str, now: datetime, **data: object) -> Event:
    said = {"number": one.number, "rep": one.rep, **data}
    return Event(kind, now, one.lead_id, key_of(one, kind), OURS, data=said)


def key_of(one: Handoff, kind: str) -> str:
    return f"handoff.{one.number}.{kind}.{len(one.asked)}.{one.turns}"

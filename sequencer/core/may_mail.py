"""Whether one mail may go to one lead now: lateness, the rep, hours, gap and caps, `unless`, what is left to pick."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sequencer.core.decision import Send
from sequencer.core.facts import LeadFacts
from sequencer.core.people import back_from, owner_of, quiet_of, zone_of
from sequencer.core.pick import best
from sequencer.core.pressure import allowed
from sequencer.core.quiet import NEVER_QUIET
from sequencer.core.schedule import next_open, shift
from sequencer.core.sequence import Email, Sequence
from sequencer.core.snapshot import Snapshot
from sequencer.core.succession import announced
from sequencer.core.workspace import Workspace

NOTHING_NEW = "nothing-new"
"""Why a mail is skipped whose content was to be picked, when none is left for this lead."""

RELOOK = timedelta(days=1)
"""How often what only people can mend (no owner, a stopped sequence) is looked at without being told."""


@dataclass(frozen=True, slots=True)
class Skip:
    """The mail never goes."""

    why: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """Not now; to be asked again then."""

    why: str
    until: datetime
    detail: str = ""


class Standing:
    """One lead in one sequence, now."""

    def __init__(
        self, workspace: Workspace, sequence: Sequence, snapshot: Snapshot, dated: datetime | None, now: datetime
    ) -> None:
        """`dated`: for when the enrollment was dated last; None: it waited for no time."""
        self.workspace = workspace
        self.sequence = sequence
        self.snapshot = snapshot
        self.dated = dated
        self.now = now
        self.owner = owner_of(workspace, snapshot)
        self.zone = zone_of(workspace, sequence, snapshot.lead, self.owner)
        self.quiet = quiet_of(workspace, snapshot.lead)
        self.facts = LeadFacts(workspace, snapshot, now)


def may_mail(it: Standing, step: Email, due: datetime) -> Send | Skip | Hold:
    """The mail, when nothing stands in the way. `due`: when the waits before the step were over."""
    if it.snapshot.enrollment is not None and it.snapshot.enrollment.held_out:
        return Skip("holdout")
    quiet = NEVER_QUIET if it.sequence.exempt else it.quiet
    lateness = it.sequence.max_lateness
    if lateness is not None:
        opens = next_open(due, it.sequence.hours, it.zone, quiet)
        # From when it was to go by our own rules: a mail that these held is not late.
        expected = max(opens, it.dated) if it.dated is not None else opens
        if it.now > shift(expected, lateness, it.zone, it.quiet):
            return Skip("too-late")
    # Before gap and caps: what waits for a rep is not skipped because others mailed the lead meanwhile.
    send = _from_whom(it, step, due)
    if isinstance(send, Hold):
        return send
    earliest = next_open(max(due, it.now), it.sequence.hours, it.zone, quiet)
    rule = ""
    mailed_at, company_mailed_at = it.snapshot.mailed_at, it.snapshot.company_mailed_at
    if (mailed_at or company_mailed_at) and it.workspace.counts(it.sequence):
        while True:
            at, why = allowed(it.workspace.pressure, mailed_at, company_mailed_at, earliest, it.zone)
            rule = why or rule
            if at == earliest:
                break
            earliest = next_open(at, it.sequence.hours, it.zone, quiet)
        if rule:
            opens = next_open(due, it.sequence.hours, it.zone, quiet)
            limit = shift(opens, it.workspace.pressure.wait, it.zone, it.quiet)
            if earliest > limit and it.now >= limit:
                return Skip("pressure", rule)
            earliest = min(earliest, limit)
    if earliest > it.now:
        return Hold(rule or "hours", earliest)
    if step.unless is not None and step.unless.test(it.facts):
        return Skip("unless", step.unless.source)
    if step.pick is not None:
        content = best(step.pick, it.snapshot, it.now.astimezone(it.zone).date())
        if content is None:
            return Skip(NOTHING_NEW, step.pick.kind)
        send = send._replace(step=replace(step, content=content))
    if send.sender is not None and send.sender is it.owner and send.step.content in it.workspace.introducing:
        return send._replace(introduces=announced(it.workspace, it.snapshot.lead))
    return send


def _from_whom(it: Standing, step: Email, due: datetime) -> Send | Hold:
    if it.sequence.sender != "owner":
        return Send(step, 1, None)
    if it.owner is None:
        if it.workspace.owner.missing != "hold":
            return Send(step, 1, None)
        return Hold("no-owner", it.now + RELOOK, it.snapshot.lead.owner or "")
    before = it.snapshot.lead.owner_before
    if before is not None and it.workspace.owner.changed == "hold":
        return Hold("owner-changed", it.now + RELOOK, it.owner.name)
    back = back_from(it.owner, it.now)
    if back is None:
        return Send(step, 1, it.owner)
    limit = shift(due, it.workspace.owner.away_hold, it.zone, it.quiet)
    if it.now < limit:
        return Hold("owner-away", min(back, limit), it.owner.name)
    deputy = it.workspace.reps.get(it.owner.deputy or "")
    if deputy is None or back_from(deputy, it.now) is not None:
        return Send(step, 1, it.owner)
    return Send(step, 1, deputy, standing_in_for=it.owner)

"""Whether one mail may go to one lead now: lateness, the rep, hours, gap and caps, `unless`, what is left to pick."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

from sequencer.core.decision import Send
from sequencer.core.duration import Duration
from sequencer.core.enrollment import Enrollment
from sequencer.core.facts import LeadFacts
from sequencer.core.people import back_from, owner_of, quiet_of, zone_of
from sequencer.core.pick import best
from sequencer.core.pressure import allowed
from sequencer.core.quiet import NEVER_QUIET, Quiet
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


class Standing(LeadFacts):
    """One lead in one sequence, now."""

    __slots__ = ("before", "owner", "quiet", "sequence", "zone")

    def __init__(
        self, workspace: Workspace, sequence: Sequence, snapshot: Snapshot, before: Enrollment, now: datetime
    ) -> None:
        # What LeadFacts holds is set here too: once for each decision, a call more is as long as a condition.
        self.workspace = workspace
        self.snapshot = snapshot
        self.now = now
        self.lead = lead = snapshot.lead
        self.sequence = sequence
        self.before = before
        self.owner = owner = owner_of(workspace, snapshot)
        self.zone = zone_of(workspace, sequence, lead, owner)
        self.quiet = quiet_of(workspace, lead)


def may_mail(it: Standing, step: Email, due: datetime) -> Send | Skip | Hold:
    """The mail, when nothing stands in the way. `due`: when the waits before the step were over."""
    if it.before.held_out:
        return Skip("holdout")
    sequence, now = it.sequence, it.now
    hours, quiet = sequence.hours, NEVER_QUIET if sequence.exempt else it.quiet
    if sequence.max_lateness is not None and _is_too_late(it, due, sequence.max_lateness, quiet):
        return Skip("too-late")
    # Before gap and caps: what waits for a rep is not skipped because others mailed the lead meanwhile.
    send = _from_owner(it, step, due) if sequence.sender == "owner" else first(step)
    if isinstance(send, Hold):
        return send
    earliest = next_open(max(due, now), hours, it.zone, quiet)
    rule = ""
    mailed_at, company_mailed_at = it.snapshot.mailed_at, it.snapshot.company_mailed_at
    if (mailed_at or company_mailed_at) and it.workspace.counts(sequence):
        while True:
            at, why = allowed(it.workspace.pressure, mailed_at, company_mailed_at, earliest, it.zone)
            rule = why or rule
            if at == earliest:
                break
            earliest = next_open(at, hours, it.zone, quiet)
        if rule:
            opens = next_open(due, hours, it.zone, quiet)
            limit = shift(opens, it.workspace.pressure.wait, it.zone, it.quiet)
            if earliest > limit and now >= limit:
                return Skip("pressure", rule)
            earliest = min(earliest, limit)
    if earliest > now:
        return Hold(rule or "hours", earliest)
    if step.unless is not None and step.unless.test(it):
        return Skip("unless", step.unless.source)
    if step.pick is not None:
        content = best(step.pick, it.snapshot, now.astimezone(it.zone).date())
        if content is None:
            return Skip(NOTHING_NEW, step.pick.kind)
        send = send._replace(step=replace(step, content=content))
    if send.sender is not None and send.sender is it.owner and send.step.content in it.workspace.introducing:
        return send._replace(introduces=announced(it.workspace, it.snapshot.lead))
    return send


def _is_too_late(it: Standing, due: datetime, lateness: Duration, quiet: Quiet) -> bool:
    opens = next_open(due, it.sequence.hours, it.zone, quiet)
    # From when it was to go by our own rules: a mail that these held is not late.
    dated = it.before.expected_at or it.before.due_at
    expected = max(opens, dated) if dated is not None else opens
    return it.now > shift(expected, lateness, it.zone, it.quiet)


@lru_cache(maxsize=1_000)
def first(step: Email) -> Send:
    """The first attempt in the shared sender's name, the same for everybody."""
    return Send(step, 1, None)


def _from_owner(it: Standing, step: Email, due: datetime) -> Send | Hold:
    if it.owner is None:
        if it.workspace.owner.missing != "hold":
            return first(step)
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

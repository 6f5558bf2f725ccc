"""When sales is to talk to a lead: once for each readiness, and again only after the lead had fallen back.

When sales said no, or nobody took the lead on, the readiness is over before that. Until the lead has fallen back, only
what was done since then makes ready again: what was counted before would do so at once.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from sequencer.core import event as kinds
from sequencer.core.condition import Condition
from sequencer.core.event import Event
from sequencer.core.facts import LeadFacts
from sequencer.core.lead import Lead
from sequencer.core.learn import SOURCE, Taught, learnt
from sequencer.core.people import owner_of
from sequencer.core.request import decides, is_request
from sequencer.core.score import Counts
from sequencer.core.signals import OWNER, SalesReady
from sequencer.core.snapshot import Snapshot
from sequencer.core.workspace import Workspace

AGAIN: Final = timedelta(days=1)
"""A lead who is ready but for something outside of their behaviour (an owner, a consent) is looked at so often."""


class Readiness(NamedTuple):
    """A time in which sales was to talk to a lead. They count from 1 for each lead."""

    number: int
    at: datetime
    over_at: datetime | None = None
    reasons: tuple[str, ...] = ()
    refused: bool = False
    """It was over by sales, and the lead has not fallen back since."""
    until: date | None = None
    """Before this day only what the lead asks for makes ready again, as the rep said who declined."""


class Verdict(NamedTuple):
    """What follows from how a lead stands."""

    stage: str | None = None
    """To which the lead moves forward; None: it stays where it is."""
    reasons: tuple[str, ...] = ()
    """Why the lead becomes ready now; none: it does not."""
    over: bool = False
    """The readiness that there was is over."""
    fell_back: bool = False
    """The lead has fallen back, whose readiness was over by sales before."""
    waits: tuple[str, ...] = ()
    """Why the lead would be ready, if nothing were missing, or the day had come."""
    lacks: tuple[str, ...] = ()
    """What is missing: `owner`, or a condition as it is written; none where only the day is to come."""
    rests_until: datetime | None = None
    """When the day comes that a rep named; None: something else is missing."""


def judged(workspace: Workspace, snapshot: Snapshot, last: Readiness | None, now: datetime) -> Verdict:
    """`last`: the lead's last readiness. What was done before it was over makes nobody ready a second time."""
    signals = workspace.signals
    if signals is None:
        return Verdict()
    facts = LeadFacts(workspace, snapshot, now)
    rank = workspace.stage_rank(snapshot.lead.stage)
    further = [s for s, fits in signals.stages.items() if workspace.stage_rank(s) > rank and fits.test(facts)]
    stage = further[-1] if further else None
    rule = signals.sales_ready
    if rule is None:
        return Verdict(stage)
    if last is not None and last.over_at is None:
        return Verdict(stage, over=_fell_back(rule, facts))
    fell_back = last is not None and last.refused and _fell_back(rule, facts)
    if last is not None and last.over_at is not None:
        since = last.over_at
        snapshot = snapshot._replace(events=tuple(e for e in snapshot.events if e.at > since))
        facts = LeadFacts(workspace, snapshot, now)
    reasons = tuple(name for name, fits in rule.reasons.items() if fits.test(facts))
    if last is not None and rule.again_below is not None and rule.again_below.test(facts):
        # What the score alone says may be true below the mark, too: only something newly done tells more.
        reasons = tuple(name for name in reasons if rule.reasons[name].asks.events)
    elif last is not None and last.refused and not fell_back:
        reasons = tuple(name for name in reasons if _is_new(workspace, snapshot, last, rule.reasons[name], now))
    if not reasons:
        return Verdict(stage, fell_back=fell_back)
    rests_until = _rests_until(workspace, last, now)
    if rests_until is not None:
        # A day rests what adds up by itself; who asks for something is answered.
        asked = tuple(name for name in reasons if _is_asked(workspace, snapshot, rule.reasons[name]))
        if not asked:
            return Verdict(stage, fell_back=fell_back, waits=reasons, rests_until=rests_until)
        reasons = asked
    # A handoff finds one for who has none.
    assigned = signals.handoff is not None and workspace.owner.draws
    owned = not rule.needs_owner or assigned or owner_of(workspace, snapshot) is not None
    lacks = (*(() if owned else (OWNER,)), *(need.source for need in rule.needs if not need.test(facts)))
    if not lacks:
        return Verdict(stage, reasons, fell_back=fell_back)
    return Verdict(stage, fell_back=fell_back, waits=reasons, lacks=lacks)


def _is_new(workspace: Workspace, snapshot: Snapshot, last: Readiness, reason: Condition, now: datetime) -> bool:
    """Whether a reason is true by what was done since sales said no, and would not be by doing nothing.

    `snapshot`: with the events since then.
    """
    standing = snapshot.standing
    done = snapshot._replace(standing=standing._replace(counts=_since(last, standing.counts)))
    nothing = snapshot._replace(events=(), standing=standing._replace(counts={}))
    return reason.test(LeadFacts(workspace, done, now)) and not reason.test(LeadFacts(workspace, nothing, now))


def _is_asked(workspace: Workspace, snapshot: Snapshot, reason: Condition) -> bool:
    """Whether the lead asked for it by a single act, among the events of the snapshot."""
    return any(is_request(e) and decides(workspace, reason, e) for e in snapshot.events)


def _since(last: Readiness, counts: Counts) -> Counts:
    """What was counted on the days after the readiness was over: of its own day nobody can tell what came after."""
    over = last.over_at.astimezone(UTC).date() if last.over_at is not None else date.max
    return {(name, day): times for (name, day), times in counts.items() if day > over}


def _rests_until(workspace: Workspace, last: Readiness | None, now: datetime) -> datetime | None:
    """The beginning of the day that a rep named; None: that has come, or nobody named any."""
    if last is None or last.until is None:
        return None
    begins = datetime.combine(last.until, time(), ZoneInfo(workspace.zone)).astimezone(UTC)
    return begins if begins > now else None


def _fell_back(rule: SalesReady, facts: LeadFacts) -> bool:
    if rule.again_below is not None:
        return rule.again_below.test(facts)
    return not any(reason.test(facts) for reason in rule.reasons.values())


def handed_to(workspace: Workspace, stage: str | None) -> str | None:
    """The stage to which a handoff moves a lead that stands at one; None: it stays there."""
    policy = workspace.signals.handoff if workspace.signals is not None else None
    to = policy.stage if policy is not None else None
    return to if to is not None and workspace.stage_rank(to) > workspace.stage_rank(stage) else None


def told(
    before: Lead, taught: Taught | None, verdict: Verdict, stage: str | None, number: int, now: datetime
) -> list[Event]:
    """What follows from a look, as events. `stage`: to which the lead moves; `number`: of the readiness that begins."""
    found = learnt(before, taught, now) if taught is not None else []
    if stage is not None:
        found.append(_event(kinds.CHANGED, before, now, field="stage", before=before.stage, after=stage))
    if verdict.reasons:
        found.append(_event(kinds.SALES_READY, before, now, number=number, reasons=list(verdict.reasons)))
    return found


def _event(kind: str, lead: Lead, now: datetime, **data: object) -> Event:
    return Event(kind, now, lead.id, f"{SOURCE}.{kind}.{now.isoformat()}", SOURCE, data=data)


def next_look(
    workspace: Workspace,
    snapshot: Snapshot,
    changes: Callable[[Counts], date | None],
    last: Readiness | None,
    verdict: Verdict,
    now: datetime,
) -> datetime | None:
    """When time alone may change the verdict; None: not before something happens.

    `changes`: the first day after today on which the score of such counts is across a mark, as of `changes_on`.
    """
    if workspace.signals is None:
        return None
    scores = [snapshot.standing.counts]
    if last is not None and last.refused:
        scores.append(_since(last, snapshot.standing.counts))
    days = [day for counts in scores if (day := changes(counts)) is not None]
    moments = [datetime.combine(day, time(), UTC) for day in days]
    if verdict.waits:
        moments.append(verdict.rests_until or now + AGAIN)
    return min(moments, default=None)

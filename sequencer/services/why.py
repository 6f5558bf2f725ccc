"""Why a lead did or did not get a mail, rule by rule, with file and line, and when the next comes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from sequencer.core import explain
from sequencer.core.engine import decide
from sequencer.core.enrollment import RUNNING, Enrollment
from sequencer.core.entry import asks_of, manual, refuses
from sequencer.core.handoff import stands
from sequencer.core.lead import Lead
from sequencer.core.message import Message
from sequencer.core.people import owner_of, zone_of
from sequencer.core.release import Release
from sequencer.core.sequence import Sequence
from sequencer.core.succession import announced
from sequencer.core.watch import name_of
from sequencer.services import snapshots
from sequencer.store import enrollments, handoffs, messages, suppressions, watches


@dataclass(frozen=True, slots=True)
class Sentence:
    """One reason. `where` is the file and line that it follows from; empty for what lies outside the files."""

    text: str
    where: str = ""


@dataclass(slots=True)
class Answer:
    """What is to be said about one lead in one sequence."""

    sequence: str
    past: list[Sentence] = field(default_factory=list)
    now: list[Sentence] = field(default_factory=list)
    next_at: datetime | None = None


def why(conn: Connection, release: Release, lead: Lead, step: str | None, now: datetime) -> list[Answer]:
    """By sequence. With a step (its name now), only sequences that have it, and of the past only what concerns it."""
    before = enrollments.all_of(conn, [lead.id])
    ledger = messages.of_enrollments(conn, [e.id for e in before])
    watched = watches.of_lead(conn, lead.id)
    answers = []
    for name, series in sorted(release.workspace.sequences.items()):
        own = [e for e in before if e.sequence == name]
        if step is not None and not any(step in one.names for one in (series, *(_series(release, e) for e in own))):
            continue
        answer = Answer(name)
        for e in own:
            answer.past += _past(release, lead, e, ledger.get(e.id, {}), step)
        running = next((e for e in own if e.status in RUNNING), None)
        if running is not None:
            _running(conn, release, lead, running, step, answer, now)
        elif not own:
            _outside(conn, release, lead, name, answer, now)
        if running is None and step is None:
            answer.now += _watched(release, lead, series, watched)
        if own or step is not None or answer.now:
            answers.append(answer)
    return answers


def handed(conn: Connection, release: Release, lead: Lead) -> list[Sentence]:
    """How the last handoff to sales stands; nothing when there was none."""
    found = handoffs.of_leads(conn, [lead.id]).get(lead.id)
    return [Sentence(stands(found[0], ZoneInfo(lead.zone or release.workspace.zone)))] if found else []


def suppressed(conn: Connection, lead: Lead) -> list[Sentence]:
    """Why the address must not be mailed; empty when it may."""
    return [
        Sentence(f"{lead.email} must not be mailed{f' about {topic}' if topic else ''}: {explain.suppression(code)}")
        for (_, topic), code in sorted(suppressions.of(conn, [lead.email]).items())
    ]


def _past(
    release: Release, lead: Lead, e: Enrollment, ledger: Mapping[str, Message], called: str | None
) -> list[Sentence]:
    """`called`: only this step, by its name."""
    series = _series(release, e)
    step = series.key(called) if called is not None else None
    zone = zone_of(release.workspace, series, lead, None)
    said = [Sentence(f"entered {explain.moment(e.entered_at, zone)}", str(series.mark))] if step is None else []
    for passed in e.outcomes:
        if step is not None and step not in (passed.step, passed.step.partition(":")[0]):
            continue
        known = series.step_of(passed.step)
        where = str(known.mark) if known else ""
        message = ledger.get(passed.step) if passed.outcome == "sent" else None
        named = passed._replace(step=series.shown(passed.step))
        said.append(Sentence(f"{explain.came_to(named, message)}, {explain.moment(passed.at, zone)}", where))
        if message is not None:
            said.append(Sentence(explain.message(message._replace(step=series.shown(message.step)))))
    if e.status not in RUNNING:
        ended = f", {explain.moment(e.ended_at, zone)}" if e.ended_at else ""
        said.append(Sentence(f"{explain.ending(e)}{ended}", str(series.mark)))
        if step is not None and e.passed(step) is None and step in series.steps:
            said.append(Sentence(f"never came to {series.shown(step)}", str(series.steps[step].mark)))
    return said


def _series(release: Release, e: Enrollment) -> Sequence:
    """What it goes by, or as it ended went by."""
    steps = release.steps_of(e)
    return release.workspace.sequences[e.sequence] if steps.lost else steps.sequence


def _running(
    conn: Connection, release: Release, lead: Lead, running: Enrollment, step: str | None, answer: Answer, now: datetime
) -> None:
    steps = release.steps_of(running)
    series = steps.sequence
    if running.pinned is not None and release.workspace.sequences[series.id].pins:
        said = f"keeps the steps of deployment {running.pinned}; its files are meant below"
        if steps.lost:
            said = f"keeps its place: deployment {running.pinned}, whose steps it keeps, cannot be run by this version"
        answer.now.append(Sentence(said, str(release.workspace.sequences[series.id].mark)))
        if steps.lost:
            answer.next_at = running.due_at
            return
    if running.position not in series.places:
        answer.now.append(Sentence("stands at a step that is gone; it is moved on by the workers shortly"))
        return
    snapshot = snapshots.load(conn, release.workspace, series.asks, [(running, lead)], now)[0]
    decision = decide(release.workspace, series, snapshot, now)
    owner = owner_of(release.workspace, snapshot)
    zone = zone_of(release.workspace, series, lead, owner)
    for reason in decision.reasons:
        said = explain.reason(reason._replace(step=series.shown(reason.step)), zone)
        answer.now.append(Sentence(said, str(reason.mark)))
    answer.next_at = decision.enrollment.due_at
    if owner is not None and series.sender == "owner" and (before := announced(release.workspace, lead)) is not None:
        said = f"{owner.name} is new to this lead: the next mail from them whose text can say so introduces them"
        answer.now.append(Sentence(f"{said}, who follow {before.name or before.email}"))
    if step is not None and step in series.names and running.passed(series.key(step)) is None:
        answer.now.append(Sentence(f"has not come to {step} yet", str(series.names[step].mark)))


def _watched(
    release: Release, lead: Lead, series: Sequence, watched: Iterable[tuple[str, str, datetime | None]]
) -> list[Sentence]:
    """When the lead may enter because time went by."""
    dues = {trigger: due for sequence, trigger, due in watched if sequence == series.id}
    zone = zone_of(release.workspace, series, lead, None)
    said = []
    for trigger in series.enroll:
        if (name := name_of(trigger)) in dues:
            due = dues[name]
            when = explain.moment(due, zone) if due is not None else "once something changes"
            said.append(Sentence(f"may enter by `{name}`; looked at {when}", str(trigger.mark)))
    return said


def _outside(conn: Connection, release: Release, lead: Lead, name: str, answer: Answer, now: datetime) -> None:
    series = release.workspace.sequences[name]
    trigger = manual(series)
    condition = trigger.condition if trigger is not None else None
    snapshot = snapshots.load(conn, release.workspace, asks_of(series, condition), [(None, lead)], now)[0]
    refusal = refuses(release.workspace, series, snapshot, (), condition, now)
    where = str(trigger.mark if trigger is not None else series.mark)
    answer.now.append(Sentence(f"never entered; could not: {refusal}" if refusal else "never entered; could", where))

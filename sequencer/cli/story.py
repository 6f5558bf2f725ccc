"""A simulation for people and for scripts."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sequencer.cli import output
from sequencer.core import explain
from sequencer.core.content import Content
from sequencer.core.enrollment import RUNNING
from sequencer.core.script import read_line, read_local, read_span
from sequencer.core.sequence import Sequence
from sequencer.core.simulate import Case, Simulation
from sequencer.core.timeline import Entry
from sequencer.core.workspace import Workspace
from sequencer.services.simulate import subject_of

cue = read_line
wall = read_local


def span(text: str) -> timedelta:
    """A length of time without a calendar. Raises ValueError."""
    length = read_span(text).elapsed
    if not length:
        raise ValueError("expected more than nothing")
    return length


def say(workspace: Workspace, contents: Mapping[str, Content], series: Sequence, case: Case, came: Simulation) -> None:
    """A line for each thing that happened, by the lead's clock; last, one line that counts."""
    begin = explain.moment(case.start, came.zone)
    output.line(f"{series.id}, {case.lead.email}, from {begin}")
    output.line()
    several = {entry.sequence for entry in came.timeline.entries} - {series.id, ""}
    subjects = _subjects(workspace, contents, came)
    rows, day = [], ""
    for number, entry in enumerate(came.timeline.entries):
        local = entry.at.astimezone(came.zone)
        shown = f"{local:%a %-d %b %Y %H:%M}"
        said = _says(entry, subjects.get(number))
        rows.append((shown if shown != day else "", *([entry.sequence] if several else []), said))
        day = shown
    output.table(rows)
    output.line()
    for missed in came.unplayed:
        output.line(f"never happened: {missed} ({missed.after} was not reached)")
    output.line(summary(case, came))


def _says(entry: Entry, subject: str | None) -> str:
    quoted = f" – {subject}" if subject else ""
    where = f"  {entry.mark.file}:{entry.mark.line}" if entry.mark is not None else ""
    return f"{entry.says}{quoted}{where}"


def _subjects(workspace: Workspace, contents: Mapping[str, Content], came: Simulation) -> Mapping[int, str | None]:
    """By the number of the entry that tells of the mail."""
    letters = iter(came.letters)
    return {
        number: subject_of(workspace, contents, next(letters))
        for number, entry in enumerate(came.timeline.entries)
        if entry.code == "sent"
    }


def summary(case: Case, came: Simulation) -> str:
    mails = output.counted(len(came.letters), "mail")
    if came.cut:
        return f"cut off after {mails}: sequences go round in a circle"
    running = [e.sequence for e in came.enrollments if e.status in RUNNING]
    days = (came.ended_at - case.start).days
    if running:
        return f"{mails}; after {output.counted(case.span.days, 'day')} still in {', '.join(running)}"
    return f"{mails} in {output.counted(days, 'day')}"


def as_object(
    workspace: Workspace, contents: Mapping[str, Content], series: Sequence, case: Case, came: Simulation
) -> dict[str, Any]:
    subjects = _subjects(workspace, contents, came)
    return {
        "sequence": series.id,
        "email": case.lead.email,
        "zone": came.zone.key,
        "start": case.start.isoformat(),
        "timeline": [_entry(entry, subjects.get(number)) for number, entry in enumerate(came.timeline.entries)],
        "enrollments": [
            {
                "sequence": e.sequence,
                "status": e.status.value,
                "reason": e.reason or None,
                "position": came.shown(e.sequence, e.position),
                "entered_at": e.entered_at.isoformat(),
                "due_at": _iso(e.due_at),
                "ended_at": _iso(e.ended_at),
                "mails": [came.shown(e.sequence, step) for step in came.messages.get(e.id, {})],
            }
            for e in came.enrollments
        ],
        "mails": len(came.letters),
        "never_happened": [str(missed) for missed in came.unplayed],
        "cut_off": came.cut,
    }


def _entry(entry: Entry, subject: str | None) -> dict[str, Any]:
    return {
        "at": entry.at.isoformat(),
        "sequence": entry.sequence or None,
        "code": entry.code,
        "says": entry.says,
        "step": entry.step or None,
        "until": _iso(entry.until),
        "where": str(entry.mark) if entry.mark is not None else None,
        **({"subject": subject} if subject is not None else {}),
        **({"data": dict(entry.data)} if entry.data else {}),
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None

"""One drawn example, simulated and played by the real stack; what differs is what is wrong."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Engine

from sequencer.core.enrollment import Enrollment
from sequencer.core.guess import newcomer
from sequencer.core.lead_input import read
from sequencer.core.message import Message
from sequencer.core.script import read_line
from sequencer.core.simulate import Case, Simulation, person, simulate
from tests.simulation.programs import Drawn, compiled, files
from tests.simulation.stack import Played, Stack

SPAN = timedelta(days=150)


def both(engine: Engine, drawn: Drawn) -> tuple[dict[str, Any], dict[str, Any], Simulation]:
    """What the simulation says, and what the stack did, in the same words."""
    found = compiled(drawn)
    workspace = found.workspace
    assert workspace is not None
    given, company = person(newcomer(workspace, found.contents.values(), read(drawn.lead, workspace)), drawn.start)
    case = Case(given, drawn.start, company, cues=tuple(map(read_line, drawn.cues)), enrolled=drawn.enrolled, span=SPAN)
    came = simulate(workspace, workspace.sequences["main"], found.contents, case)
    stack = Stack(engine, drawn.start)
    sequence = "main" if drawn.enrolled else None
    played = stack.play(files(drawn), found, sequence, drawn.lead, came.played, drawn.start + SPAN)
    return of_simulation(came), of_stack(played), came


def of_simulation(came: Simulation) -> dict[str, Any]:
    numbers = {e.id: n for n, e in enumerate(came.enrollments)}
    told = [e for e in came.timeline.entries if e.code in ("tell", "handoff", "task", "review")]
    return {
        "mails": [
            (letter.sequence, letter.send.step.id, letter.send.step.content, letter.at) for letter in came.letters
        ],
        "enrollments": [_enrollment(e) for e in came.enrollments],
        "messages": {
            numbers[e]: {step: _message(row) for step, row in rows.items()} for e, rows in came.messages.items()
        },
        "told": sorted((e.at, e.step, e.code, e.data["rep"]) for e in told),
        "lead": _lead(came.lead),
    }


def of_stack(played: Played) -> dict[str, Any]:
    numbers = {e.id: n for n, e in enumerate(played.enrollments)}
    named = {e.id: e.sequence for e in played.enrollments}
    return {
        "mails": [
            (named[e], step, played.messages[e][step].content, played.messages[e][step].sent_at)
            for e, step in played.mailed
        ],
        "enrollments": [_enrollment(e) for e in played.enrollments],
        "messages": {
            numbers[e]: {step: _message(row) for step, row in rows.items()}
            for e, rows in played.messages.items()
            if rows
        },
        "told": sorted((at, step, kind, rep) for step, kind, rep, at in played.alerts),
        "lead": _lead(played.lead),
    }


def _enrollment(e: Enrollment) -> dict[str, Any]:
    return {name: value for name, value in e._asdict().items() if name not in ("id", "lead_id", "deployment")}


def _message(row: Message) -> dict[str, Any]:
    return {name: value for name, value in row._asdict().items() if name not in ("enrollment_id", "lead_id", "failure")}


def _lead(lead: Any) -> dict[str, Any]:
    return {name: value for name, value in lead._asdict().items() if name not in ("id", "company_id")}

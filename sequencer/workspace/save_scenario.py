"""A simulation as the text of a scenario file: who went through, what happened, and what came of it."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sequencer.core.enrollment import RUNNING
from sequencer.core.lead import BUILT_IN
from sequencer.core.scenario import ALERTS
from sequencer.core.sequence import Sequence
from sequencer.core.simulate import LONGEST, Case, Simulation
from sequencer.workspace.style import styled

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./+(][A-Za-z0-9_./+@() -]*(:[A-Za-z0-9_./-][A-Za-z0-9_./+@() -]*)*")
"""What needs no quotes in YAML, also inside `{…}` and `[…]`."""
_CSV: Final = {"zone": "time_zone", "owner": "owner_email"}


def file_name(name: str) -> str:
    """Of the file that a scenario of this name is saved in."""
    return f"{'-'.join(re.findall(r'[a-z0-9]+', name.lower()))[:80].strip('-') or 'scenario'}.yaml"


def as_scenario(name: str, sequence: Sequence, case: Case, came: Simulation) -> str:
    """In house style."""
    text = "\n".join(_lines(name, sequence, case, came)) + "\n"
    return styled(f"sequences/scenarios/{file_name(name)}", text)


def _lines(name: str, sequence: Sequence, case: Case, came: Simulation) -> Iterator[str]:
    yield "# yaml-language-server: $schema=../../schemas/scenarios.json"
    yield f"sequence: {sequence.id}"
    yield "given:"
    yield f"  start: {_time(case.start, came.zone)}"
    if case.span != LONGEST:
        yield f"  for: {_span(case.span)}"
    yield "  lead:"
    for field, value in _fields(case):
        yield f"    {field}: {_yaml(value)}"
    if case.consent.given:
        yield f"  consent: {_yaml(sorted(case.consent.given))}"
    if case.received:
        yield f"  received: {_yaml(sorted(case.received))}"
    if not case.enrolled:
        yield "  enrolled: no"
    yield "scenarios:"
    yield f"  {_yaml(name)}:"
    if case.cues:
        yield "    happens:"
        for cue in case.cues:
            when, _, what = str(cue).partition(": ")
            yield f"      - {when}: {_yaml(what)}"
    yield "    expect:"
    yield from _expected(sequence, case, came)


def _expected(sequence: Sequence, case: Case, came: Simulation) -> Iterator[str]:
    for letter in came.letters:
        step = letter.send.step
        yield f"      - received: {sequence.shown(step.id) if letter.sequence == sequence.id else step.content}"
        yield f"        at: {_time(letter.at, came.zone)}"
    told = [e.step for e in came.timeline.entries if e.code in ALERTS and e.sequence == sequence.id]
    if told:
        yield f"      - told: {_yaml(list(dict.fromkeys(told)))}"
    entered = list(
        dict.fromkeys(e.sequence for e in came.enrollments if case.enrolled is False or e.sequence != sequence.id)
    )
    if entered:
        yield f"      - entered: {_yaml(entered)}"
    passage = next((e for e in reversed(came.enrollments) if e.sequence == sequence.id), None)
    if passage is None:
        yield f"      - not_entered: {sequence.id}"
    elif passage.status not in RUNNING:
        yield f"      - ended: {passage.status.value}"
    changed = {
        name: came.lead.get(name)
        for name in sorted({"stage", "status", *case.lead.fields, *came.lead.fields})
        if came.lead.get(name) is not None and came.lead.get(name) != case.lead.get(name)
    }
    if changed:
        yield f"      - lead: {{{', '.join(f'{name}: {_yaml(value)}' for name, value in changed.items())}}}"


def _fields(case: Case) -> Iterator[tuple[str, Any]]:
    lead = case.lead
    for name in sorted(BUILT_IN - {"time_zone"}, key=lambda name: (name != "email", name)):
        if (value := lead.get(name)) is not None:
            yield _CSV.get(name, name), value
    if case.company is not None and case.company.name:
        yield "company", case.company.name
    yield from sorted(lead.fields.items())


def _time(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M}".lower()


def _span(span: timedelta) -> str:
    return f"{span.days} days" if span == timedelta(days=span.days) else f"{int(span.total_seconds())} seconds"


def _yaml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    if _PLAIN.fullmatch(text) and text == text.strip():
        return text
    return "'" + text.replace("'", "''") + "'"

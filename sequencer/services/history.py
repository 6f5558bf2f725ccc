"""What a real lead went through, as a case for a scenario: what happened and when, without the person in it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

from sqlalchemy import Connection

from sequencer.core import event as kinds
from sequencer.core.duration import Duration
from sequencer.core.enrollment import Enrollment, Status
from sequencer.core.entry import holds_out
from sequencer.core.event import Event
from sequencer.core.fork import drawn
from sequencer.core.lead import Lead
from sequencer.core.message import Message
from sequencer.core.operate import OPERATOR
from sequencer.core.release import Release
from sequencer.core.script import HALTED, OF_A_MAIL, Cue, Deed, wrong
from sequencer.core.sequence import Sequence as Series
from sequencer.core.sequence import Split
from sequencer.core.simulate import Case, person
from sequencer.core.snapshot import Consent
from sequencer.errors import InvalidInput, NotFound
from sequencer.services.inspect import lead_by_email
from sequencer.services.simulate import somebody
from sequencer.store import enrollments, events, messages, suppressions

MOST: Final = 1000
"""Events that are looked at, the newest."""
TRIED: Final = 5000
"""Made-up addresses among which one is looked for that is drawn as the lead's was."""

_KEPT: Final = ("zone", "country", "stage", "status", "owner")
"""What is kept of a lead beside declared fields with declared values: none of it says who it is."""
_CSV: Final = {"zone": "time_zone", "owner": "owner_email"}
_TELLING: Final = frozenset({"one_of", "some_of", "number", "date", "flag"})
"""Types of fields; what is free text may name anybody."""


@dataclass(frozen=True, slots=True)
class History:
    """A case, and what of the real history it leaves out, in words."""

    series: Series
    case: Case
    left_out: tuple[str, ...]


def of_lead(conn: Connection, release: Release, email: str, sequence: str | None, now: datetime) -> History:
    """The lead's last passage through the sequence, or through the only one. Raises NotFound and InvalidInput."""
    lead = lead_by_email(conn, email)
    passages = enrollments.all_of(conn, [lead.id])
    passage = _passage(release, lead, passages, sequence)
    series = release.workspace.sequences[passage.sequence]
    ledger = messages.of_enrollments(conn, [e.id for e in passages])
    happened = sorted(events.history(conn, lead.id, MOST), key=lambda e: (e.at, e.key))
    began, over = passage.entered_at, passage.ended_at or now
    during = [e for e in happened if began <= e.at <= over and not e.machine and e.source != "sequence"]
    cues, left_out = _cues(release, series, passage, ledger, during, over)
    given = _fields(release, lead, [e for e in happened if e.at >= began and e.kind == kinds.CHANGED])
    read = somebody(release.workspace, {**given, "email": _drawn_alike(series, passage)})
    known, company = person(read, began)
    before = (m.content for rows in ledger.values() for m in rows.values() if m.sent_at < began)
    said = suppressions.consents(conn, [lead.email]).get(lead.email, Consent())
    case = Case(
        lead=known,
        start=began.replace(second=0, microsecond=0),
        company=company,
        consent=Consent(given=frozenset(t for t in said.given if t in release.workspace.topics)),
        received=frozenset(content for content in before if content in release.contents),
        cues=tuple(cues),
    )
    return History(series, case, tuple(left_out))


def _passage(release: Release, lead: Lead, passages: Sequence[Enrollment], sequence: str | None) -> Enrollment:
    known = [e for e in passages if e.sequence in release.workspace.sequences]
    names = sorted({e.sequence for e in known})
    if sequence is not None:
        known = [e for e in known if e.sequence == sequence]
    if not known:
        where = f"was never in {sequence}" if sequence is not None else "was never in a sequence that is deployed"
        raise NotFound(f"{lead.email} {where}" + (f"; it was in {', '.join(names)}" if names else ""))
    if sequence is None and len(names) > 1:
        raise InvalidInput(f"{lead.email} was in several sequences ({', '.join(names)}): say which with --sequence")
    return known[-1]


def _fields(release: Release, lead: Lead, changes: Sequence[Event]) -> Mapping[str, str]:
    """As they were when the lead entered, named as in CSV files."""
    declared = release.workspace.fields
    names = [*_KEPT, *(name for name, field in declared.items() if field.type in _TELLING)]
    values: dict[str, Any] = {name: lead.get(name) for name in names}
    for e in reversed(changes):
        name = {"time_zone": "zone"}.get(str(e.data.get("field")), str(e.data.get("field")))
        if name in values:
            values[name] = e.data.get("before")
    return {_CSV.get(name, name): _written(value) for name, value in values.items() if value not in (None, "", [], ())}


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ";".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _drawn_alike(series: Series, passage: Enrollment) -> str:
    """A made-up address that goes down the arms of tests which the lead was dealt, if one of many does."""
    dealt = {
        step.id: passed.outcome
        for step in series.steps.values()
        if isinstance(step, Split) and (passed := passage.passed(step.id)) is not None
    }
    for number in count(1):
        email = f"somebody{number if number > 1 else ''}@company.example"
        lead = Lead(1, email)
        arms = {name: _arm(series, name, email) for name in dealt}
        if (arms == dealt and holds_out(series, lead) == passage.held_out) or number == TRIED:
            return email
    raise AssertionError("counting never ends")


def _arm(series: Series, name: str, email: str) -> str:
    step = series.steps[name]
    assert isinstance(step, Split)
    return step.arms[drawn(step, series.id, email)].name


def _cues(
    release: Release,
    series: Series,
    passage: Enrollment,
    ledger: Mapping[int, Mapping[str, Message]],
    during: Iterable[Event],
    over: datetime,
) -> tuple[list[Cue], list[str]]:
    cues: list[Cue] = []
    left_out: list[str] = []
    for e in during:
        deed = _deed(release, passage, ledger, e)
        if deed is None:
            continue
        sent = ledger.get(passage.id, {}).get(e.step or "") if e.enrollment_id == passage.id else None
        if sent is not None and deed.kind in OF_A_MAIL:
            cue = Cue(_span(e.at - (sent.accepted_at or sent.sent_at)), series.shown(sent.step), deed)
        else:
            cue = Cue(_span(e.at - passage.entered_at), "", deed)
        problems = [said for _, said in wrong(cue, release.workspace, series, release.contents)]
        if problems:
            left_out.append(f"{cue}: {problems[0]}")
        else:
            cues.append(cue)
    if passage.status is Status.STOPPED and passage.reason == OPERATOR:
        cues.append(Cue(_span(over - passage.entered_at), "", Deed(HALTED)))
    return cues, left_out


def _span(length: timedelta) -> Duration:
    """As people write it, and no finer than minutes."""
    minutes = max(0, round(length.total_seconds() / 60))
    for unit, size in (("day", 1440), ("hour", 60)):
        if minutes and minutes % size == 0:
            return Duration.parse(f"{minutes // size} {unit}s")
    return Duration.parse(f"{minutes} minutes")


def _deed(release: Release, passage: Enrollment, ledger: Mapping[int, Mapping[str, Message]], e: Event) -> Deed | None:
    """What the lead did; None for what only the provider or the system says."""
    if e.kind in OF_A_MAIL:
        row = ledger.get(e.enrollment_id or 0, {}).get(e.step or "")
        if row is None:
            return None
        series = release.workspace.sequences[passage.sequence]
        of = series.shown(row.step) if row.enrollment_id == passage.id else row.content
        more = {kinds.CLICKED: "link", kinds.AUTO_REPLIED: "back"}.get(e.kind, "")
        # An automatic reply is written without the mail that it answers.
        return Deed(e.kind, "" if e.kind == kinds.AUTO_REPLIED else of, str(e.data.get(more) or ""))
    if e.kind in kinds.DELIVERY:
        return None
    if e.kind in (kinds.UNSUBSCRIBED, kinds.RESUBSCRIBED):
        return Deed(e.kind, str(e.data.get("topic", "")))
    if e.kind == kinds.SUBMITTED:
        return Deed(e.kind, str(e.data.get("form", "")))
    if e.kind == kinds.VISITED:
        return Deed(e.kind, str(e.data.get("page", "")))
    if e.kind == kinds.CHANGED:
        return _change(release, e)
    return Deed(e.kind)


def _change(release: Release, e: Event) -> Deed | None:
    """None for what is free text, or gone: it may name anybody, or cannot be written."""
    name, value = str(e.data.get("field", "")), e.data.get("after")
    declared = release.workspace.fields.get(name)
    if value in (None, "", []) or (declared.type not in _TELLING if declared else name not in (*_KEPT, "time_zone")):
        return None
    listed = isinstance(value, list)
    return Deed(e.kind, name, ",".join(map(str, value)) if listed else _written(value))

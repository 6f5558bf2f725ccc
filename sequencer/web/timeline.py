"""One lead's story in the order of time: what the sequences did, what became of mails, what the lead did."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

from sequencer.core.event import DELIVERY, ENGAGEMENT, URGENT
from sequencer.services.inspect import not_before, told_at
from sequencer.web.pages import day


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `tone`: mail | did | stop | quiet | sequence | alert, for its dot."""

    at: datetime
    tone: str
    sentence: str
    sequence: str = ""
    detail: str = ""
    chip: str = ""


_ALERTS: Final = {
    "reply": "the answer goes on to",
    "asked": "what the lead asks for goes on to",
    "form": "what came by the form goes on to",
    "handoff": "the handoff is told to",
    "reminder": "a reminder of the handoff goes to",
    "reassigned": "the handoff goes on to",
    "needs": "what the status needs to be known is asked of",
    "undated": "the answer about the handoff needs a date, which is asked of",
    "unclear": "the answer about the handoff was not understood, which is told to",
}
"""Of what no step of a sequence tells."""


@dataclass(frozen=True, slots=True)
class Day:
    name: str
    entries: tuple[Entry, ...]


def timeline(view: Mapping[str, Any], zone: ZoneInfo) -> tuple[Day, ...]:
    """What `inspect.lead_view` knows, by day in the lead's zone; the newest first."""
    entries = sorted(_entries(view), key=lambda entry: entry.at)[::-1]
    return tuple(Day(name, tuple(group)) for name, group in groupby(entries, lambda entry: day(entry.at, zone)))


def _entries(view: Mapping[str, Any]) -> Iterator[Entry]:
    """Of what happened at the same moment, causes come before what followed from them."""
    sequences = {e["id"]: e["sequence"] for e in view["enrollments"]}
    mails = {(m["enrollment_id"], m["step"]): m for m in view["messages"]}
    told = {(a["enrollment_id"], a["step"]): a for a in view["alerts"]}
    events = view["events"][::-1]
    if view["lead"]["created_at"]:
        yield Entry(_at(view["lead"]["created_at"]), "quiet", "became known")
    late = [event["event"] in DELIVERY or _follows(view, event) for event in events]
    yield from (_event(view, event, sequences) for event, after in zip(events, late, strict=True) if not after)
    for enrollment in view["enrollments"]:
        yield from _passage(enrollment, mails, told)
    # Rows that no outcome names; the passages took the others.
    for mail in mails.values():
        yield Entry(_at(mail["sent_at"]), "mail", f"mail {mail['step']}", mail["sequence"], *_mail(mail))
    for alert in told.values():
        yield Entry(
            _at(alert["at"]),
            "alert",
            f"{_ALERTS.get(alert['kind'], alert['kind'])} {alert['rep'] or 'nobody: no owner'}",
            sequences.get(alert["enrollment_id"], ""),
            chip=_chip(alert),
        )
    yield from (_event(view, event, sequences) for event, after in zip(events, late, strict=True) if after)


def _follows(view: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether an event is shown at the very moment of what it followed."""
    return told_at(view, event) == not_before(view, event)


def _event(view: Mapping[str, Any], event: Mapping[str, Any], sequences: Mapping[int, str]) -> Entry:
    sequence = sequences.get(event["enrollment_id"], "")
    return Entry(told_at(view, event), _tone(event), event["sentence"], sequence, _said(event["data"]))


def _passage(enrollment: Mapping[str, Any], mails: dict[Any, Any], told: dict[Any, Any]) -> Iterator[Entry]:
    name = enrollment["sequence"]
    yield Entry(_at(enrollment["entered_at"]), "sequence", f"entered {name}", name)
    for outcome in enrollment["outcomes"]:
        key = (enrollment["id"], outcome["step"])
        at, sentence = _at(outcome["at"]), outcome["sentence"]
        if outcome["outcome"] == "sent" and key in mails:
            yield Entry(at, "mail", sentence, name, *_mail(mails.pop(key)))
        elif key in told:
            alert = told.pop(key)
            yield Entry(at, "alert", sentence, name, alert["note"], _chip(alert))
        else:
            yield Entry(at, "sequence", sentence, name)
    if enrollment["ended_at"]:
        yield Entry(_at(enrollment["ended_at"]), "sequence", enrollment["sentence"], name)


def _chip(alert: Mapping[str, Any]) -> str:
    state: str = alert["state"].replace("_", " ")
    return f"{state}, webhook {alert['webhook']}" if alert["webhook"] else state


def _mail(mail: Mapping[str, Any]) -> tuple[str, str]:
    failure = f" — {mail['failure']}" if mail["failure"] else ""
    return f"{mail['subject']}{failure}", "held" if mail["state"] == "unknown" else mail["state"]


def _tone(event: Mapping[str, Any]) -> str:
    if event["machine"]:
        return "quiet"
    if event["event"] in URGENT:
        return "did" if event["event"] == "replied" else "stop"
    if event["event"] in DELIVERY:
        return "quiet"
    return "did" if event["event"] in ENGAGEMENT or event["source"] == "api" else "quiet"


def _said(data: Mapping[str, Any]) -> str:
    """The part of an event's data that a reader wants to see."""
    return next(
        (str(data[name])[:300] for name in ("text", "topic", "reason", "response", "url") if data.get(name)), ""
    )


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)

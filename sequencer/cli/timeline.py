"""One lead for people to read: who it is, where it stands, and what happened, by its own clock."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sequencer.cli import output
from sequencer.core import explain
from sequencer.core.one_line import one_line
from sequencer.services.inspect import told_at
from sequencer.services.standing import ready

_FACTS = ("title", "stage", "status", "owner_email", "campaign", "country", "time_zone")
_DOUBTED = ("sending", "retry", "unknown", "refused", "cancelled")
"""States of messages that may not be called sent."""


def show(found: Mapping[str, Any], zone: ZoneInfo) -> None:
    """Prints what `inspect.lead_view` found."""
    lead = found["lead"]
    name = " ".join(filter(None, (lead["first_name"], lead["last_name"])))
    output.line(f"{name} <{lead['email']}>" if name else lead["email"])
    for barred in lead["suppressions"]:
        topic = f" about {barred['topic']}" if barred["topic"] else ""
        output.line(f"must not be mailed{topic}: {explain.suppression(barred['reason'])}")
    company = lead["company"]
    facts: list[tuple[str, object, str]] = [("company", company["name"] or company["domain"], "")] if company else []
    facts += [
        (label.removesuffix("_email").replace("_", " "), lead[label], _source(lead["sources"].get(label), zone))
        for label in _FACTS
    ]
    facts += [
        (label.replace("_", " "), _value(value), _source(lead["sources"].get(label), zone))
        for label, value in sorted(lead["fields"].items())
    ]
    output.table([(label, str(value), said) for label, value, said in facts if value not in (None, "")], indent="  ")
    if found["enrollments"]:
        output.line()
        output.table([_standing(e, zone) for e in found["enrollments"]])
    if found.get("standing") is not None:
        output.line()
        stands(found["standing"], zone)
    output.line()
    output.line(f"what happened ({zone.key})")
    output.table([(_local(at, zone), sequence, said) for at, sequence, said in happened(found)], indent="  ")


MOST_WORDS = 300
"""Characters of a person's own words that are shown to people; JSON has all."""
MOST_EVENTS = 10
"""Events of a score that are shown to people; JSON has all."""


def stands(standing: Mapping[str, Any], zone: ZoneInfo) -> None:
    """Prints what `standing.standing_view` found: the score, what it is made of, and when sales was to talk."""
    how = ready(standing, zone)
    output.line(f"score {standing['score']}, fit {standing['fit']}{f', {how}' if how else ''}")
    rows = [(f"{one['points']:g}", one["signal"], _times(one), one["where"]) for one in standing["signals"]]
    rows += [(f"{one['points']:g}", one["if"], "fit", one["where"]) for one in standing["fits"]]
    output.table(rows, indent="  ")
    shown = standing["events"][:MOST_EVENTS]
    output.table([(f"{one['points']:g}", one["sentence"], _local(one["at"], zone)) for one in shown], indent="    ")
    if len(standing["events"]) > MOST_EVENTS:
        output.line(f"    … and {len(standing['events']) - MOST_EVENTS} more")


def _times(part: Mapping[str, Any]) -> str:
    times = "once" if part["times"] == 1 else f"{part['times']} times"
    return f"{times}, as much as counts" if part["capped"] else times


def happened(found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(ISO time, sequence, sentence), oldest first."""
    names = {e["id"]: e["sequence"] for e in found["enrollments"]}
    doubted = {(m["enrollment_id"], m["step"]): m for m in found["messages"] if m["state"] in _DOUBTED}
    rows = [(found["lead"]["created_at"], "", "became known")]
    for e in found["enrollments"]:
        rows.append((e["entered_at"], e["sequence"], "entered"))
        for passed in e["outcomes"]:
            message = doubted.get((e["id"], passed["step"])) if passed["outcome"] == "sent" else None
            rows.append((passed["at"], e["sequence"], _doubted(message) if message else passed["sentence"]))
        if e["ended_at"]:
            rows.append((e["ended_at"], e["sequence"], e["sentence"]))
    rows += [
        (told_at(found, one).isoformat(), names.get(one["enrollment_id"], ""), one["sentence"] + _wrote(one["data"]))
        for one in reversed(found["events"])  # they come newest first
    ]
    rows += [
        (one["at"], "", f"{one['kind']} for {one['rep'] or 'nobody: the lead has no owner'} ({_told(one)})")
        for one in found["alerts"]
    ]
    return sorted((row for row in rows if row[0]), key=lambda row: datetime.fromisoformat(row[0]))


def _wrote(data: Mapping[str, Any]) -> str:
    """What a person wrote into a form or a mail."""
    line = one_line(str(data.get("text") or ""), MOST_WORDS)
    return f": “{line}”" if line else ""


def _told(alert: Mapping[str, Any]) -> str:
    """What became of an alert's mail, and of its webhook if the rep has one."""
    return f"{alert['state']}, webhook {alert['webhook']}" if alert["webhook"] else str(alert["state"])


def _doubted(message: Mapping[str, Any]) -> str:
    return f"came to {message['step']} – {message['state']}{': ' + message['failure'] if message['failure'] else ''}"


def _standing(e: Mapping[str, Any], zone: ZoneInfo) -> tuple[str, str, str]:
    if e["ended_at"]:
        return e["sequence"], e["status"], f"{_local(e['ended_at'], zone)}{', ' + e['reason'] if e['reason'] else ''}"
    place = "at the end" if e["position"] == ":end" else f"at {e['position']}"
    due = f", next {_local(e['due_at'], zone)}" if e["due_at"] else ""
    return e["sequence"], e["status"], place + due


def _local(at: str, zone: ZoneInfo) -> str:
    return f"{datetime.fromisoformat(at).astimezone(zone):%a %-d %b %Y %H:%M}"


def _source(source: Mapping[str, Any] | None, zone: ZoneInfo) -> str:
    return explain.sourced(source, zone) if source is not None else ""


def _value(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list) else value

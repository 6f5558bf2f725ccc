"""What a rep reads about a lead that is handed to them: who it is, why now, what they read, and what to say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from sequencer.core import explain
from sequencer.core.event import SUBMITTED, Event
from sequencer.core.handoff import Handoff, policy_of
from sequencer.core.intent import explained
from sequencer.core.lead import Company, Lead
from sequencer.core.people import zone_of_rep
from sequencer.core.release import Release
from sequencer.core.request import decides, inquired, own_words, requests, tells
from sequencer.core.spoken import SPOKEN, Spoken, language_of
from sequencer.services.asking import LATELY
from sequencer.services.inspect import named
from sequencer.store import enrollments, events, leads, messages, readiness

MOST: Final = 6
"""Things a lead did, and mails they read, that are told."""
ENGAGED: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Briefing:
    """Paragraphs, each a heading and lines, and the name by which the lead is called."""

    handoff: Handoff
    lead: Lead
    company: Company | None
    parts: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def name(self) -> str:
        return self.lead.name or self.lead.email

    @property
    def who(self) -> str:
        """Name, title and company in one line."""
        at = (self.company.name or self.company.domain) if self.company is not None else None
        return ", ".join(filter(None, (self.name, self.lead.title, at)))


def briefing(conn: Connection, release: Release, handoff: Handoff) -> Briefing | None:
    """As things stood when the lead was handed off, by the rep's clock and in their language; None when the lead is
    gone."""
    found = leads.by_ids(conn, [handoff.lead_id])
    if not found:
        return None
    [lead] = found
    rep = release.workspace.reps.get(handoff.rep or "")
    zone = zone_of_rep(release.workspace, rep)
    language = language_of(release.workspace, rep)
    words = SPOKEN[language]
    company = leads.companies(conn, [lead.company_id]).get(lead.company_id) if lead.company_id is not None else None
    of_lead = enrollments.all_of(conn, [lead.id])
    inside = {e.id: e.sequence for e in of_lead}
    evidence = _evidence(conn, release, handoff)
    colleagues = _colleagues(conn, lead, handoff.at)
    why = [
        f"{explain.capitalized(explain.event(named(release, inside, e), words))}"
        f" – {explain.moment(e.at, zone, language)}{_said(release, e, words)}"
        for e in evidence
    ]
    if colleagues > 1:
        why.append(words.several.format(number=colleagues))
    reasons = ", ".join(reason.replace("-", " ") for reason in handoff.reasons)
    parts = [
        (words.who, _known(release, lead, words)),
        (f"{words.why_now}: {reasons}" if reasons else words.why_now, [*filter(None, [handoff.note]), *why]),
        (words.read, _read(messages.described(conn, list(inside)), handoff.at, zone, language)),
        (words.say, _say(release, handoff, lead, evidence, colleagues, words)),
        (words.meanwhile, _meanwhile(release, (e.sequence for e in of_lead if e.ended_at is None), words)),
    ]
    return Briefing(handoff, lead, company, tuple((head, tuple(lines)) for head, lines in parts if lines))


def _evidence(conn: Connection, release: Release, handoff: Handoff) -> list[Event]:
    """What the lead did that made them ready: first what the reasons ask for, then what counts most.

    What they asked for since, until a rep was told, stands first: nobody was told it by itself.
    """
    signals = release.workspace.signals
    if signals is None:
        return []
    ready = signals.sales_ready
    asked = [ready.reasons[name] for name in handoff.reasons if ready is not None and name in ready.reasons]
    reasons = ready.reasons.values() if ready is not None else ()
    kinds = frozenset({SUBMITTED, *signals.by_kind}).union(*(condition.asks.events for condition in reasons))
    happened = events.of_leads(conn, [handoff.lead_id], kinds, None).get(handoff.lead_id, [])
    until = [e for e in happened if e.at <= handoff.at]
    since = [e for e in happened if e.at > handoff.at and (handoff.told_at is None or e.at <= handoff.told_at)]
    requested = [e for e in reversed(since) if requests(release.workspace, e)]
    # What came by forms that tell the owner: the handoff takes its alerts up.
    sent = [e for e in reversed(until) if e.at > handoff.at - 2 * LATELY and tells(release.workspace, e)]
    deciding = [e for e in reversed(until) if any(decides(release.workspace, condition, e) for condition in asked)]
    counting = [d.event for d in explained(release.workspace, until, handoff.at.astimezone(UTC).date()) if d.units > 0]
    return list({(e.at, e.key): e for e in (*requested, *sent, *deciding, *counting)}.values())[:MOST]


def _said(release: Release, e: Event, words: Spoken) -> str:
    """The lead's own words, and first the sentences that ask about something where these stand elsewhere."""
    asked, own = inquired(release.workspace, e), own_words(e)
    apart = explain.asks({name: sentence for name, sentence in asked.items() if sentence not in own}, words)
    lines = [*apart, *([f"“{own}”"] if own else [])]
    return f": {'; '.join(lines)}" if lines else ""


def _colleagues(conn: Connection, lead: Lead, at: datetime) -> int:
    if lead.company_id is None:
        return 0
    return len(
        readiness.engaged(conn, [lead.company_id], (at - ENGAGED).astimezone(UTC).date()).get(lead.company_id, ())
    )


def _known(release: Release, lead: Lead, words: Spoken) -> list[str]:
    """What the profile says, with labels as people read them."""
    status = release.workspace.statuses.get(lead.status or "")
    known: list[tuple[str, Any]] = [
        (words.address, lead.email),
        (words.stage, lead.stage),
        (words.status, status.label if status is not None else lead.status),
        (words.country, lead.country),
        (words.first_touch, lead.campaign),
        *((name.replace("_", " ").capitalize(), value) for name, value in sorted(lead.fields.items())),
    ]
    lines = [f"{label}: {explain.plain(value)}" for label, value in known if value not in (None, "", [])]
    return [*lines, words.call_only] if lead.suppressed else lines


def _read(rows: Sequence[Any], until: datetime, zone: ZoneInfo, language: str) -> list[str]:
    """Mails that the lead opened or clicked, the latest first."""
    seen = [(row.clicked_at or row.opened_at, row) for row in rows if row.clicked_at or row.opened_at]
    latest = sorted((one for one in seen if one[0] <= until), key=lambda one: one[0], reverse=True)[:MOST]
    clicked = SPOKEN[language].clicked
    did = [f", {clicked.format(links=', '.join(row.clicked))}" if row.clicked else "" for _, row in latest]
    return [
        f"“{row.subject}”{what} – {explain.moment(at, zone, language)}"
        for (at, row), what in zip(latest, did, strict=True)
    ]


def _say(
    release: Release, handoff: Handoff, lead: Lead, evidence: Sequence[Event], colleagues: int, words: Spoken
) -> list[str]:
    declared = policy_of(release.workspace).say
    lines = [declared[reason] for reason in handoff.reasons if reason in declared]
    if not lines:
        if any(e.kind == SUBMITTED for e in evidence):
            lines.append(words.say_asked)
        elif colleagues > 1:
            lines.append(words.say_several)
        else:
            lines.append(words.say_read)
    if pains := lead.get("pains"):
        lines.append(words.pains.format(pains=explain.plain(pains)))
    return lines


def _meanwhile(release: Release, running: Iterable[str], words: Spoken) -> list[str]:
    """Which mail goes on in the rep's name."""
    known = release.workspace.sequences
    return [
        words.goes_on.format(title=known[name].title)
        for name in sorted(set(running))
        if name in known and known[name].sender == "owner"
    ]

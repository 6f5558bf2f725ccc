"""The one place that turns reasons and outcomes into sentences, for `why`, the timeline and simulation."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sequencer.core.decision import Reason
from sequencer.core.enrollment import Enrollment, Outcome, Status
from sequencer.core.event import Event
from sequencer.core.message import Message, State
from sequencer.core.one_line import one_line
from sequencer.core.sequence import Sequence
from sequencer.core.signals import OWNER
from sequencer.core.snapshot import Snapshot
from sequencer.core.spoken.en import EN
from sequencer.core.spoken.words import Spoken

_REASONS = {
    "wait": "waits until {until}, before {step}",
    "hours": "waits for the sequence's hours: {step} goes {until}",
    "gap": "waits: the last mail is too recent; {step} goes {until} at the earliest",
    "day": "waits: the lead has had today's mails; {step} goes {until} at the earliest",
    "week": "waits: the lead has had this week's mails; {step} goes {until} at the earliest",
    "company": "waits: people of the company have had enough mails lately; {step} goes {until} at the earliest",
    "sending": "waits for the provider's answer about {step}",
    "unknown": "{step} may or may not have gone; the sequence goes on {until} ({detail})",
    "retry": "{step} was not sent and goes again {until} ({detail})",
    "no-owner": "holds {step}: it is from the owner, and nobody known owns this lead",
    "owner-changed": "holds {step}: {detail} is new to this lead, until a rep was in touch or an operator lets it go",
    "owner-away": "holds {step} until {until}: {detail} is away",
    "awaiting": "waits at {step} for `{detail}`, until {until} at the latest",
    "paused": "is paused ({detail}) until {until}",
    "held": "is paused by an operator, until `sequencer resume EMAIL`",
    "sequence-paused": "is due, and waits: an operator paused the sequence, until `sequencer resume --sequence`",
    "status-pauses": "waits as long as the lead's status is {detail}",
    "behind": "waits until the lead is through with {detail}, which goes first",
    "sequence-stopped": "holds: the sequence is {detail}",
    "sent": "sends {step}",
    "then": "goes down `then` at {step}: `{detail}` is true",
    "else": "goes down `else` at {step}: `{detail}` is not true",
    "arm": "at {step} goes down {detail}",
    "tell": "tells the owner ({step})",
    "task": "gives the owner a task, due {until} ({step})",
    "task-open": "waits for the {detail} at {step}, until {until} at the latest",
    "task-over": "goes on after {step}: {detail}",
    "review": "asks the rep to review {step}, until {until}",
    "review-open": "waits for the rep's review of {step}, until {until} at the latest (then: {detail})",
    "set": "sets fields ({step})",
    "handoff": "hands the lead to sales ({step})",
    "start": "starts another sequence ({step})",
    "finished": "has come to the end",
    "skipped-pressure": "skips {step}: over the frequency cap for too long ({detail})",
    "series-over": "ends the series {step}: {detail}",
    "skipped-nothing-new": "skips {step}: nothing new of the kind {detail} is left for this lead",
    "skipped-review": "skips {step}: the rep who looked at it said so",
    "skipped-not-reviewed": "skips {step}: no rep looked at it in time",
    "skipped-unless": "skips {step}: `{detail}` is true",
    "skipped-date": "skips {step}: the date to wait for ({detail}) is unknown or past",
    "skipped-holdout": "skips {step}: this lead gets nothing of it, for comparison",
    "skipped-too-late": "skips {step}: later than the sequence allows",
    "ended-suppressed": "is stopped: the address must not be mailed",
    "ended-status": "is stopped: the lead's status is {detail}",
    "ended-never": "is stopped: nobody is mailed of whom `{detail}` is true",
    "ended-unsubscribed": "leaves: unsubscribed from {detail}",
    "ended-no-consent": "leaves: never asked for {detail}",
    "ended-goal": "reached the goal `{detail}`",
    "ended-goal-elsewhere": "leaves: the lead reached the goal of {detail}, which had paused it",
    "ended-exit_on": "leaves: `{detail}` is true",
    "ended-exit": "leaves here: {detail}",
    "ended-replied": "leaves: the lead answered, and the owner takes over",
}

_OUTCOMES = {
    "sent": "was sent {step}",
    "skipped": "{step} was skipped ({detail})",
    "told": "the owner was told ({step})",
    "assigned": "the owner got a task ({step})",
    "went_on": "went on after {step}: {detail}",
    "asked_rep": "the rep was asked to review {step}",
    "introduced": "{step} introduced the new owner",
    "unintroduced": "{step} did not introduce the new owner: that could not be rendered ({detail})",
    "rep_approved": "the rep let {step} go",
    "rep_declined": "the rep had {step} skipped",
    "set": "fields were set ({step})",
    "handed_off": "was handed to sales ({step})",
    "started": "was entered into {detail}",
    "exit": "left at {step}: {detail}",
    "held_out": "was drawn for the holdout: goes through it and gets nothing, for comparison",
    "done": "the series {step} ended: {detail}",
}

_STATES = {
    State.SENDING: "the provider's answer about {step} is still out",
    State.RETRY: "{step} was not sent yet and goes again ({detail})",
    State.UNKNOWN: "nobody knows whether {step} went ({detail})",
    State.ACCEPTED: "the provider took {step}",
    State.DELIVERED: "{step} was delivered",
    State.BOUNCED: "{step} bounced ({detail})",
    State.DROPPED: "the provider took {step}, but did not send it ({detail})",
    State.REFUSED: "{step} was refused and never went ({detail})",
    State.CANCELLED: "{step} never went: the lead was halted or left first",
}

_NOT_KNOWN_TO_GO = frozenset({State.SENDING, State.RETRY, State.UNKNOWN, State.REFUSED, State.CANCELLED})

_ENDS = {
    Status.ACTIVE: "is in it",
    Status.PAUSED: "is paused",
    Status.CONVERTED: "converted",
    Status.LEFT: "left",
    Status.STOPPED: "was stopped",
    Status.FINISHED: "finished",
}

_EVENTS = {
    "processed": "the provider took {step}",
    "delivered": "{step} was delivered",
    "deferred": "{step} was deferred by the receiving server",
    "blocked": "{step} was blocked",
    "dropped": "the provider dropped {step}",
    "sales_ready": "became sales-ready: {reasons}",
    "handed_off": "was handed to {rep}",
    "handoff_accepted": "{rep} accepted the handoff",
    "handoff_declined": "{rep} declined the handoff: {reason}",
    "handoff_expired": "went back to nurture: {reason}",
    "handoff_closed": "the handoff ended: {reason}",
    "rep_wrote": "{rep} wrote about the handoff",
}
"""Of which reps are told nothing; the others are in their languages."""


_SUPPRESSIONS = {
    "operator": "halted by an operator",
    "unsubscribed": "unsubscribed",
    "bounced": "mail to it bounced",
    "complained": "reported spam",
}


def suppression(code: str) -> str:
    """Why an address must not be mailed, in words."""
    return _SUPPRESSIONS.get(code, code)


def reason(why: Reason, zone: ZoneInfo) -> str:
    """One sentence without its subject: `waits until Tue 24 Nov 2026 09:00 (Madrid), before pricing`."""
    return _REASONS[why.code].format(
        step=why.step or "the end", until=moment(why.until, zone) if why.until else "then", detail=why.detail
    )


_ABOUT: Final = re.compile(":(given|asked|reviewed|introduced)$")
"""What the keys of what was asked of reps have after the step's id."""


def outcome(passed: Outcome) -> str:
    sentence = _OUTCOMES.get(passed.outcome, f"went down `{passed.outcome}` at {{step}}")
    said = sentence.format(step=_ABOUT.sub("", passed.step), detail=passed.detail)
    return f"{said} ({passed.detail})" if passed.outcome in ("sent", "rep_approved") and passed.detail else said


def came_to(passed: Outcome, sent: Message | None) -> str:
    """The same, but no mail is called sent of which that is not known."""
    if passed.outcome == "sent" and sent is not None and sent.state in _NOT_KNOWN_TO_GO:
        return f"came to {passed.step}"
    return outcome(passed)


def message(sent: Message) -> str:
    """What became of a mail after the sequence sent it."""
    return _STATES[sent.state].format(step=sent.step, detail=sent.failure or "no reason was given")


def ending(enrollment: Enrollment) -> str:
    """Where an enrollment stands, in a few words."""
    words = _ENDS[enrollment.status]
    return f"{words} ({enrollment.reason})" if enrollment.reason and enrollment.reason != "finished" else words


def capitalized(words: str) -> str:
    """As a sentence begins."""
    return words[:1].upper() + words[1:]


def asks(about: Mapping[str, str], spoken: Spoken = EN) -> Iterator[str]:
    """What somebody asked about, in their own words."""
    for name, sentence in about.items():
        yield spoken.asks.format(topic=name.replace("-", " "), sentence=sentence)


LONGEST_ANSWER: Final = 300
"""Characters of an answer and its question that are shown."""


def answers(submitted: Event) -> Iterator[str]:
    """What somebody answered to a form, a line for each question."""
    given = submitted.data.get("answers")
    for name, value in given.items() if isinstance(given, Mapping) else ():
        yield one_line(f"{str(name).replace('_', ' ').capitalize()}: {plain(value)}", LONGEST_ANSWER)


def event(happened: Event, spoken: Spoken = EN) -> str:
    data = {"link": spoken.a_link, **dict.fromkeys(_NAMES[1:], ""), **happened.data}
    kind = happened.kind
    sentence = spoken.events.get(kind) or _EVENTS.get(kind) or kind.replace("_", " ")
    if happened.source == "signals" and "because" in happened.data:
        sentence = _LEARNED if data["because"] else _UNLEARNED
        data["because"] = grounds(data["because"])
    words = sentence.format(step=happened.step or spoken.a_mail, **{k: plain(data[k]) for k in _NAMES if k in data})
    return f"{words} (by software, not counted)" if happened.machine else words


_NAMES = ("link", "form", "page", "field", "after", "reasons", "because", "confidence", "rep", "reason")
_LEARNED = "was understood: {field} became {after}, {confidence} % sure ({because})"
_UNLEARNED = "{field} is unknown again: what it was learned from was taken back"


_BEHAVIOUR: Final = re.compile(r"(\w+)\(((?:\"[^\"]*\"(?:, )?)*)\)")
_DONE = {
    "visited": "visited {0}",
    "clicked": "clicked in {0}",
    "clicked_kind": "clicked in a mail of the kind {0}",
    "clicked_tag": "clicked in a mail about {0}",
    "opened": "opened {0}",
    "submitted": "submitted the form {0}",
    "replied": "answered",
    "unsubscribed": "unsubscribed",
    "asked_about": "asked about {0}",
    "did": "{0}",
}


def behaviour(name: str) -> str:
    """A behaviour of signals.yaml in words: `visited("/pricing*")` is `visited /pricing*`."""
    return " or ".join(_done(found[1], re.findall(r'"([^"]*)"', found[2])) for found in _BEHAVIOUR.finditer(name))


def _done(function: str, about: list[str]) -> str:
    if function == "clicked" and len(about) > 1:
        return f"clicked {about[1]} in {about[0]}"
    return _DONE[function].format(" or ".join(about).replace("_", " ") if function == "did" else " or ".join(about))


_NEED: Final = re.compile(r"""(consent|known)\(["']([^"']*)["']\)""")
_NEEDED = {"consent": "consent to {}", "known": "{}"}


def needed(need: str) -> str:
    """What a lead lacks to be handed to sales, in words. `need`: as signals.yaml writes it."""
    found = _NEED.fullmatch(need)
    if found is not None:
        return _NEEDED[found[1]].format(found[2].replace("_", " "))
    return "an owner" if need == OWNER else f"`{need}`"


def lacking(needs: Iterable[str]) -> str:
    """All that a lead lacks, in words."""
    return EN.both.join(map(needed, needs))


def times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def grounds(because: Iterable[tuple[str, int]]) -> str:
    """What something was learned from."""
    return ", ".join(f"{behaviour(name)} {times(number)}" for name, number in because)


_BY = {
    "import": "from a file",
    "api": "from the API",
    "form": "from a form",
    "sequence": "from a sequence",
    "signals": "from behaviour",
    "sales": "from sales",
    "browser": "guessed from the browser",
    "told": "guessed from the country that they told",
    "phone": "guessed from the phone number",
    "country": "guessed from the country of a form",
}


def source(by: str) -> str:
    """Who said what is known of a lead."""
    return _BY.get(by, f"from {by}")


def sourced(said: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Who said what is known, when, and of what was inferred how sure it is, and why; empty when nobody knows."""
    if said["by"] is None:
        return ""
    at = datetime.fromisoformat(said["at"])
    day = at.astimezone(zone) if at.tzinfo is not None else at
    words = f"{source(said['by'])}, {day:%-d %b %Y}"
    if said["confidence"] < 100:
        words += f", {said['confidence']} % sure"
    return f"{words}: {grounds(said['because'])}" if said["because"] else words


def plain(value: object) -> object:
    """Lists as people write them."""
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def moment(at: datetime, zone: ZoneInfo, language: str = "en") -> str:
    """A local time that says whose it is."""
    local, city = at.astimezone(zone), zone.key.rpartition("/")[2].replace("_", " ")
    if language == "en":
        return f"{local:%a %-d %b %Y %H:%M} ({city})"
    from babel.dates import format_skeleton

    written = [format_skeleton(one, local, tzinfo=zone, locale=language) for one in ("yMMMEd", "Hm")]
    return f"{', '.join(written)} ({city})"


def minute(at: datetime, zone: ZoneInfo, language: str = "en") -> str:
    """A local time of days around now, with the day of the week in full."""
    local = at.astimezone(zone)
    if language == "en":
        return f"{local:%A %-d %B %H:%M}"
    from babel.dates import format_date

    return f"{format_date(local, 'full', locale=language)}, {local:%H:%M}"


def day(on: date, language: str = "en") -> str:
    """A day as people write it."""
    if language == "en":
        return f"{on:%-d %B %Y}"
    from babel.dates import format_date

    return format_date(on, "long", locale=language)


def engaged(sequence: Sequence, snapshot: Snapshot, spoken: Spoken = EN) -> Iterator[str]:
    """What a lead did in this enrollment, in plain words, for the rep."""
    for message in snapshot.messages.values():
        step = sequence.shown(message.step)
        if message.clicked:
            yield spoken.clicked_in.format(links=", ".join(message.clicked), step=step)
        elif message.opened_at is not None:
            yield spoken.opened.format(step=step)

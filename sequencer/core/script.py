"""What a lead does in a simulation, and when, as people write it: `1 hour after pricing: clicked roi calculator`."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from sequencer.core import event as kinds
from sequencer.core.codes import Code
from sequencer.core.content import Content
from sequencer.core.duration import Duration
from sequencer.core.enrollment import END
from sequencer.core.lead import BUILT_IN
from sequencer.core.lead_input import InvalidLead, read
from sequencer.core.schedule import WEEKDAYS, parse_clock
from sequencer.core.sequence import Email, Rounds, Sequence, contents_of
from sequencer.core.workspace import Workspace

HALTED: Final = "halted"
"""What an operator does by `sequencer halt`; no event stands for it."""
COLLEAGUE_MAILED: Final = "colleague_mailed"
"""Somebody else of the company got a mail that counts for its cap; no event stands for that either."""

_SHORT: Final = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}
_SPAN: Final = r"[0-9]{1,9}\s*(?:[smhdw]|seconds?|minutes?|hours?|days?|business\s+days?|weeks?)"
_WHEN: Final = re.compile(rf"({_SPAN})(?:\s+after\s+(\S+))?", re.IGNORECASE)
_LINE: Final = re.compile(rf"({_SPAN}(?:\s+after\s+[^\s:]+(?::[0-9]+)?)?)\s*:?\s+(\S.*)", re.IGNORECASE | re.DOTALL)
_EVENT: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class _Form:
    """How one deed is written."""

    example: str
    least: int = 0
    most: int = 0
    """Words behind the first."""


FORMS: Final[Mapping[str, _Form]] = {
    kinds.OPENED: _Form("opened pricing", 0, 1),
    kinds.CLICKED: _Form("clicked pricing calculator", 0, 2),
    kinds.REPLIED: _Form("replied, or replied pricing", 0, 1),
    kinds.AUTO_REPLIED: _Form("auto_replied, or auto_replied until 2026-12-07", 0, 2),
    kinds.BOUNCED: _Form("bounced, or bounced pricing", 0, 1),
    kinds.COMPLAINED: _Form("complained, or complained pricing", 0, 1),
    kinds.UNSUBSCRIBED: _Form("unsubscribed, or unsubscribed sales", 0, 1),
    kinds.RESUBSCRIBED: _Form("resubscribed news", 1, 1),
    kinds.SUBMITTED: _Form("submitted handbook", 1, 1),
    kinds.VISITED: _Form("visited /pricing", 1, 1),
    kinds.CHANGED: _Form("changed stage sql", 2, 40),
    kinds.COLLEAGUE_HANDED_OFF: _Form("colleague_handed_off"),
    kinds.COLLEAGUE_REPLIED: _Form("colleague_replied"),
    COLLEAGUE_MAILED: _Form("colleague_mailed"),
    HALTED: _Form("halted"),
}
"""What people and mail servers do, by its first word. Any other single word is an event that the API is told of."""

OF_A_MAIL: Final = frozenset(
    {kinds.OPENED, kinds.CLICKED, kinds.REPLIED, kinds.AUTO_REPLIED, kinds.BOUNCED, kinds.COMPLAINED}
)


class Deed(NamedTuple):
    """One thing that is done. `kind` is that of an event, HALTED or COLLEAGUE_MAILED."""

    kind: str
    of: str = ""
    """The mail's step, the form, page, topic or field; of a mail, empty means the last one."""
    more: str = ""
    """The link, the day of return, or the field's new value as it is written."""

    def __str__(self) -> str:
        until = "until " if self.kind == kinds.AUTO_REPLIED and self.more else ""
        return " ".join(filter(None, (self.kind, self.of, until + self.more)))


class Cue(NamedTuple):
    """A deed and its time: so long after the start, or after a step was done."""

    wait: Duration
    after: str
    """A step of the sequence that is simulated; empty for the start."""
    deed: Deed

    def __str__(self) -> str:
        return f"{self.wait}{f' after {self.after}' if self.after else ''}: {self.deed}"


def read_line(text: str) -> Cue:
    """A cue in one line, as `3d clicked pricing calculator`. Raises ValueError with what was expected."""
    found = _LINE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"expected when and what, as `3d clicked pricing calculator`, got `{text.strip()[:60]}`")
    return Cue(*read_when(found[1]), read_deed(found[2]))


def read_when(text: str) -> tuple[Duration, str]:
    """`3 days`, `3d`, `1 hour after pricing`: how long, and after which step. Raises ValueError."""
    found = _WHEN.fullmatch(" ".join(text.split()))
    if found is None:
        raise ValueError(f"expected a time as `3 days` or `1 hour after pricing`, got `{text.strip()[:60]}`")
    return read_span(found[1]), found[2] or ""


def read_span(text: str) -> Duration:
    """A duration as in the files, or short: `3d`, `36h`. Raises ValueError."""
    written = text.strip().lower()
    if written[:-1].strip().isdecimal() and written[-1] in _SHORT:
        written = f"{written[:-1].strip()} {_SHORT[written[-1]]}"
    return Duration.parse(written)


def read_local(text: str) -> datetime:
    """A wall-clock time as `2026-11-23 09:00`, without a zone; a weekday before it has to be the right one.

    Raises ValueError.
    """
    words = text.split()
    weekday = words.pop(0).lower() if len(words) == 3 else None
    try:
        if len(words) != 2:
            raise ValueError
        at = datetime.combine(date.fromisoformat(words[0]), parse_clock(words[1]))
    except ValueError:
        raise ValueError(f"expected a time as `2026-11-23 09:00`, got `{text.strip()[:60]}`") from None
    if weekday is not None and weekday != (right := WEEKDAYS[at.weekday()]):
        raise ValueError(f"{words[0]} is a {right}, got `{text.strip()[:60]}`")
    return at


def read_deed(text: str) -> Deed:
    """`clicked pricing calculator`, `replied`, `meeting_booked`. Raises ValueError with what was expected."""
    kind, *rest = text.split()
    form = FORMS.get(kind)
    if form is None:
        if rest or not _EVENT.fullmatch(kind) or kind in kinds.DELIVERY:
            close = get_close_matches(kind, FORMS, 1)
            hint = f"; did you mean `{FORMS[close[0]].example}`?" if close else f": it begins with {', '.join(FORMS)}"
            raise ValueError(f"expected what the lead does, or the name of an event, got `{text[:60]}`{hint}")
        return Deed(kind)
    if not form.least <= len(rest) <= form.most:
        raise ValueError(f"expected `{form.example}`, got `{text[:60]}`")
    if kind == kinds.AUTO_REPLIED:
        return Deed(kind, "", _return(rest, form.example, text))
    return Deed(kind, rest[0] if rest else "", " ".join(rest[1:]))


def _return(rest: list[str], example: str, text: str) -> str:
    if not rest:
        return ""
    try:
        if len(rest) != 2 or rest[0] != "until":
            raise ValueError
        return date.fromisoformat(rest[1]).isoformat()
    except ValueError:
        raise ValueError(f"expected `{example}`, got `{text[:60]}`") from None


def wrong(
    cue: Cue, workspace: Workspace, sequence: Sequence, contents: Mapping[str, Content]
) -> Iterator[tuple[Code, str]]:
    """What a cue names that does not exist, or that nothing could come of."""
    if cue.after and not _is_step(sequence, cue.after):
        yield "unknown-step", _no("step", cue.after, sequence.names, sequence)
    deed = cue.deed
    if deed.kind in OF_A_MAIL and deed.of:
        yield from _wrong_mail(deed, workspace, sequence, contents)
    elif deed.kind in (kinds.UNSUBSCRIBED, kinds.RESUBSCRIBED) and deed.of and deed.of not in workspace.topics:
        yield "unknown-topic", _no("topic", deed.of, workspace.topics)
    elif deed.kind == kinds.CHANGED:
        yield from _wrong_change(deed, workspace)
    elif deed.kind not in FORMS and deed.kind not in (known := _awaited(workspace)):
        yield "bad-value", f"no sequence asks for `{deed.kind}`{_meant(deed.kind, {*known, *FORMS})}"


def changed_to(deed: Deed, workspace: Workspace) -> Mapping[str, Any]:
    """What a `changed` deed makes of the lead: values by field. Raises InvalidLead."""
    value = deed.more.replace(",", ";") if deed.of in workspace.fields else deed.more
    found = read({"email": "somebody@example.com", deed.of: value}, workspace)
    return {**found.own, **found.fields}


def _wrong_change(deed: Deed, workspace: Workspace) -> Iterator[tuple[Code, str]]:
    known = {*(BUILT_IN - {"email", "zone"}), *workspace.fields}
    if deed.of not in known:
        yield "unknown-field", _no("field", deed.of, known)
        return
    try:
        changed_to(deed, workspace)
    except InvalidLead as invalid:
        yield "bad-value", str(invalid)


def _wrong_mail(
    deed: Deed, workspace: Workspace, sequence: Sequence, contents: Mapping[str, Content]
) -> Iterator[tuple[Code, str]]:
    series = {name for name, step in sequence.names.items() if isinstance(step, Email | Rounds)}
    if "/" in deed.of:
        mailed = _mailed(workspace)
        if deed.of not in mailed:
            yield "unknown-content", _no("mail", deed.of, mailed)
            return
        possible = {deed.of}
    else:
        step = sequence.named(deed.of)
        if not isinstance(step, Email | Rounds):
            yield "unknown-step", _no("mail", deed.of, series, sequence)
            return
        possible = {*contents_of(step.pick)} if step.pick is not None else {step.content} if step.content else set()
    links = {link.name for one in possible if one in contents for link in contents[one].links}
    if deed.kind == kinds.CLICKED and deed.more and deed.more not in links and possible <= contents.keys():
        yield "unknown-link", _no("link", deed.more, links)


def _mailed(workspace: Workspace) -> set[str]:
    """Everything that any sequence may mail."""
    found = {email.content for sequence in workspace.sequences.values() for email in sequence.emails()}
    picks = (pick for sequence in workspace.sequences.values() for pick in sequence.picks())
    return (found | {one for pick in picks for one in contents_of(pick)}) - {""}


def _is_step(sequence: Sequence, name: str) -> bool:
    return name != END and sequence.named(name) is not None


def _awaited(workspace: Workspace) -> set[str]:
    """Names of events that anything asks for."""
    named: set[str] = set()
    for sequence in workspace.sequences.values():
        named |= sequence.asks.events
        for trigger in sequence.enroll:
            named |= {trigger.name} if trigger.kind == "did" else set()
            named |= trigger.condition.asks.events if trigger.condition is not None else set()
    return named - kinds.BUILT_IN


def _no(what: str, name: str, known: "Mapping[str, object] | set[str]", of: Sequence | None = None) -> str:
    if of is not None and (now := of.renamed(name)) is not None:
        return f"there is no {what} `{name[:60]}`: it is called `{now}` now"
    return f"there is no {what} `{name[:60]}`{_meant(name, known)}"


def _meant(name: str, known: "Mapping[str, object] | set[str]") -> str:
    close = get_close_matches(name, sorted(known), 1)
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; there are: {', '.join(sorted(known)[:12])}" if known else ""

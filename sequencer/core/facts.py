"""Answers what conditions ask, from a snapshot."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sequencer.core import event as kinds
from sequencer.core.duration import Duration
from sequencer.core.event import Event
from sequencer.core.inquiry import in_event
from sequencer.core.people import quiet_of
from sequencer.core.quiet import Quiet
from sequencer.core.score import score
from sequencer.core.snapshot import Snapshot
from sequencer.core.workspace import Workspace

_DETAIL = {kinds.SUBMITTED: "form", kinds.VISITED: "page"}
"""Where an event says what it was about, for `submitted(form)` and `visited(page)`."""


class LeadFacts:
    """What is true of one lead at `now`. Engagement by machines was left out when the snapshot was read."""

    __slots__ = ("lead", "now", "snapshot", "workspace")

    def __init__(self, workspace: Workspace, snapshot: Snapshot, now: datetime) -> None:
        self.workspace = workspace
        self.snapshot = snapshot
        self.now = now
        self.lead = snapshot.lead

    def company(self, name: str) -> Any:
        return getattr(self.snapshot.company, name) if self.snapshot.company is not None else None

    def opened(self, step: str) -> bool:
        message = self.snapshot.messages.get(step)
        return message is not None and message.opened_at is not None

    def clicked(self, step: str, link: str | None) -> bool:
        message = self.snapshot.messages.get(step)
        return message is not None and (message.clicked_at is not None if link is None else link in message.clicked)

    def opened_content(self, content: str, within: Duration | None, at_least: int, ever: bool) -> bool:
        return self._count(
            at_least, within, ever, lambda e: e.kind == kinds.OPENED and e.data.get("content") == content
        )

    def clicked_content(
        self, content: str, link: str | None, within: Duration | None, at_least: int, ever: bool
    ) -> bool:
        return self._count(
            at_least,
            within,
            ever,
            lambda e: (
                e.kind == kinds.CLICKED
                and e.data.get("content") == content
                and (link is None or e.data.get("link") == link)
            ),
        )

    def clicked_kind(self, wanted: tuple[str, ...], within: Duration | None, at_least: int, ever: bool) -> bool:
        return self._count(at_least, within, ever, lambda e: e.kind == kinds.CLICKED and e.data.get("kind") in wanted)

    def clicked_among(self, contents: tuple[str, ...], within: Duration | None, at_least: int, ever: bool) -> bool:
        return self._count(
            at_least, within, ever, lambda e: e.kind == kinds.CLICKED and e.data.get("content") in contents
        )

    def happened(self, kind: str, detail: str | None, within: Duration | None, at_least: int, ever: bool) -> bool:
        key = _DETAIL.get(kind)

        def fits(event: Event) -> bool:
            if event.kind != kind:
                return False
            if detail is None or key is None:
                return True
            return matches(detail, str(event.data.get(key, "")))

        return self._count(at_least, within, ever, fits)

    def asked_about(self, inquiry: str, within: Duration | None, at_least: int, ever: bool) -> bool:
        declared = self.workspace.signals.inquiries.get(inquiry) if self.workspace.signals is not None else None
        return declared is not None and self._count(at_least, within, ever, lambda e: in_event(declared, e) is not None)

    def received(self, content: str) -> bool:
        return content in self.snapshot.received

    def consent(self, topic: str) -> bool:
        if topic in self.snapshot.consent.refused:
            return False
        declared = self.workspace.topics.get(topic)
        return topic in self.snapshot.consent.given or (declared is not None and declared.default)

    def score(self) -> int:
        signals = self.workspace.signals
        today = self.now.astimezone(UTC).date()
        return score(signals, self.snapshot.standing.counts, today) if signals is not None else 0

    def fit(self) -> int:
        signals = self.workspace.signals
        return sum(one.points for one in signals.fit if one.condition.test(self)) if signals is not None else 0

    def sales_ready(self) -> bool:
        return self.snapshot.standing.ready

    def engaged_people(self, *, within: Duration) -> int:
        return self.snapshot.standing.engaged.get(within, 0)

    def _count(self, at_least: int, within: Duration | None, ever: bool, fits: Callable[[Event], bool]) -> bool:
        if not self.snapshot.events:
            return False
        since = self._since(within, ever)
        found = 0
        for event in self.snapshot.events:
            if (since is None or event.at >= since) and fits(event):
                found += 1
                if found >= at_least:
                    return True
        return False

    def _since(self, within: Duration | None, ever: bool) -> datetime | None:
        if within is not None:
            return self.now - span(within, self.now, quiet_of(self.workspace, self.snapshot.lead))
        if ever or self.snapshot.enrollment is None:
            return None
        return self.snapshot.enrollment.counts_from


def span(duration: Duration, now: datetime, quiet: Quiet) -> timedelta:
    """How far back `within` reaches. Days are 24 hours here; business days skip quiet ones (all UTC)."""
    if duration.unit != "business day":
        return duration.elapsed
    day, left = now, duration.amount
    while left and len(quiet.weekdays) < 7:
        day -= timedelta(days=1)
        left -= day.date() not in quiet
    return now - day


def matches(pattern: str, text: str) -> bool:
    """Whether a text fits a pattern in which only `*` is special: any run of characters."""
    if "*" not in pattern:
        return text == pattern
    first, *middle, last = pattern.split("*")
    if not text.startswith(first) or not text[len(first) :].endswith(last):
        return False
    rest = text[len(first) : len(text) - len(last)]
    for part in middle:
        if part:
            _, found, rest = rest.partition(part)
            if not found:
                return False
    return True

"""One vocabulary for everything that happens to or is done by a lead, from any source."""

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sequencer.core.made import maker

PROCESSED: Final = "processed"
DELIVERED: Final = "delivered"
DEFERRED: Final = "deferred"
BOUNCED: Final = "bounced"
BLOCKED: Final = "blocked"
DROPPED: Final = "dropped"
OPENED: Final = "opened"
CLICKED: Final = "clicked"
UNSUBSCRIBED: Final = "unsubscribed"
RESUBSCRIBED: Final = "resubscribed"
COMPLAINED: Final = "complained"
REPLIED: Final = "replied"
AUTO_REPLIED: Final = "auto_replied"
SUBMITTED: Final = "submitted"
VISITED: Final = "visited"
SALES_READY: Final = "sales_ready"
"""The lead became ready to be talked to: data = {number, reasons}."""
HANDED_OFF: Final = "handed_off"
"""A rep was asked to take the lead on: data = {number, rep, reasons}. So have the three that follow number and rep."""
HANDOFF_ACCEPTED: Final = "handoff_accepted"
HANDOFF_DECLINED: Final = "handoff_declined"
"""data = {…, reason, until}."""
HANDOFF_EXPIRED: Final = "handoff_expired"
"""Nobody accepted it in time: data = {…, reason}."""
REP_WROTE: Final = "rep_wrote"
"""The rep answered the mail that told of a handoff: data = {number, rep, text}."""
HANDOFF_CLOSED: Final = "handoff_closed"
"""Nobody need accept it any more: data = {…, reason}."""
COLLEAGUE_HANDED_OFF: Final = "colleague_handed_off"
"""Somebody else of the lead's company was handed to sales: data = {colleague}, that lead's id."""
COLLEAGUE_REPLIED: Final = "colleague_replied"
"""Somebody else of the company answered a mail: data as above."""
CHANGED: Final = "changed"
"""A field of the lead got another value: data = {field, before, after}."""
CONTACT: Final = "contact"
"""In the data of such an event: how the new owner was in touch with the lead, where that made them its owner."""

DELIVERY: Final = frozenset({PROCESSED, DELIVERED, DEFERRED, BOUNCED, BLOCKED, DROPPED})
"""What the provider says of a message; conditions never ask for these."""

ENGAGEMENT: Final = frozenset({OPENED, CLICKED, REPLIED, SUBMITTED, VISITED})

HANDOFF: Final = frozenset({HANDED_OFF, HANDOFF_ACCEPTED, HANDOFF_DECLINED, HANDOFF_EXPIRED, HANDOFF_CLOSED, REP_WROTE})
"""What is said between us and sales about a handoff."""

OF_COLLEAGUES: Final = frozenset({COLLEAGUE_HANDED_OFF, COLLEAGUE_REPLIED})
"""What leads are told of others of their company."""

BUILT_IN: Final = (
    DELIVERY
    | ENGAGEMENT
    | HANDOFF
    | OF_COLLEAGUES
    | {UNSUBSCRIBED, RESUBSCRIBED, COMPLAINED, AUTO_REPLIED, SALES_READY, CHANGED}
)
"""Names the system itself gives; any other name (`meeting_booked`) comes from the API."""

EXAMPLE: Final = "a name such as meeting_booked: lower case, words joined by _ or -"
"""What was expected in place of what is no name, in messages."""
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_LONGEST_NAME: Final = 64

URGENT: Final = frozenset({UNSUBSCRIBED, COMPLAINED, BOUNCED, REPLIED})
"""Processed first: each may have to stop mail."""


_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Event(NamedTuple):
    """A fact. `key` makes it count once: the provider's id, the caller's idempotency key, or a digest."""

    kind: str
    at: datetime
    lead_id: int
    key: str
    source: str
    """sendgrid | inbound | api | form | site | sequence | signals | sales | company | operator"""
    enrollment_id: int | None = None
    step: str | None = None
    machine: bool = False
    """Done by software (a scanner, a privacy proxy): kept with its evidence, never engagement."""
    data: Mapping[str, Any] = _NOTHING
    """clicked: url, link, content · submitted: form, answers, text (their own words)
    visited: page · changed: field, before, after"""


made: Final = maker(Event)
"""Of all values, in their order."""


def is_name(text: str) -> bool:
    """Whether an event may be called so, wherever it comes from."""
    return len(text) <= _LONGEST_NAME and _NAME.fullmatch(text) is not None


def tells_of(e: Event, *names: str) -> bool:
    """Whether it says that one of these fields of the lead got another value."""
    return e.kind == CHANGED and e.data.get("field") in names


def change(at: datetime, lead_id: int, key: str, source: str, name: str, before: Any, after: Any) -> Event:
    """A field of the lead got another value."""
    return Event(CHANGED, at, lead_id, key, source, data={"field": name, "before": before, "after": after})

"""One email to one lead for one step: the ledger's row, and its states."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """Where a message stands. Drawn in docs/lifecycle.md."""

    __hash__ = str.__hash__  # an Enum's own is written in Python, and asked for several times a mail
    SENDING = "sending"
    """Handed to the provider, or about to be; only its attempt may move it on."""
    RETRY = "retry"
    """Surely not sent; goes again at `retry_at`."""
    UNKNOWN = "unknown"
    """The provider may or may not have it. Never sent again by itself."""
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    DROPPED = "dropped"
    """Accepted by the provider, then not sent by it."""
    REFUSED = "refused"
    """The provider (or our own rendering) will never take it as it is."""
    CANCELLED = "cancelled"
    """Due to go again, but the lead was halted first."""


MAYBE_SENT = frozenset(State) - {State.RETRY, State.REFUSED, State.CANCELLED}
"""What counts for gap and caps."""


class Message(NamedTuple):
    """What the engine needs to know of a ledger row. Times are business time."""

    enrollment_id: int
    step: str
    lead_id: int
    state: State
    attempt: int
    content: str
    sent_at: datetime
    """When the current attempt began."""
    accepted_at: datetime | None = None
    retry_at: datetime | None = None
    opened_at: datetime | None = None
    """First opening by a human."""
    clicked_at: datetime | None = None
    """First click by a human, on any link."""
    clicked: tuple[str, ...] = ()
    """Names of the links a human clicked."""
    failure: str | None = None

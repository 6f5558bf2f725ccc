"""What is known of one lead at one moment, as far as a decision needs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from sequencer.core.duration import Duration
from sequencer.core.enrollment import Enrollment
from sequencer.core.event import Event
from sequencer.core.lanes import Other
from sequencer.core.lead import Company, Lead
from sequencer.core.made import maker
from sequencer.core.message import Message
from sequencer.core.score import Counts


@dataclass(frozen=True, slots=True)
class Consent:
    """What the lead said about topics; what it never spoke of follows the topic's default."""

    refused: frozenset[str] = frozenset()
    given: frozenset[str] = frozenset()


class Standing(NamedTuple):
    """What a lead's behaviour has come to, as far as conditions ask."""

    counts: Counts = MappingProxyType({})
    ready: bool = False
    """Sales is to talk to the lead, and it has not fallen back since."""
    engaged: Mapping[Duration, int] = MappingProxyType({})
    """How many people of the lead's company did something that counts for them, within so long."""


class Snapshot(NamedTuple):
    """The input of `decide`. Everything in it was read in one transaction under the lead's lock."""

    lead: Lead
    company: Company | None
    enrollment: Enrollment | None
    messages: Mapping[str, Message] = MappingProxyType({})
    """This enrollment's ledger rows by step."""
    events: tuple[Event, ...] = ()
    """The events that the sequence's conditions ask for, oldest first."""
    received: frozenset[str] = frozenset()
    """Contents the lead ever received, as far as conditions ask."""
    mailed_at: tuple[datetime, ...] = ()
    """When this lead was mailed lately, by any sequence, as far as it counts for gap and caps; oldest first."""
    company_mailed_at: tuple[datetime, ...] = ()
    """The same of everybody in the lead's company, the lead among them, and when those who wait before it are to be
    mailed; empty where nothing is asked of that."""
    consent: Consent = Consent()
    others: tuple[Other, ...] = ()
    """The lead's enrollments in sequences that can hold this one up: running, or at their goal."""
    standing: Standing = Standing()
    intake_sound_since: datetime | None = None
    """Since when every webhook demonstrably came through; None: not even now."""


made: Final = maker(Snapshot)

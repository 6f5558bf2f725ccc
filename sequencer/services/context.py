"""What services are given: values and open things, never the environment."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from sqlalchemy import Engine

from sequencer.providers import Provider
from sequencer.providers.crm import Crm
from sequencer.providers.outgoing import Outgoing
from sequencer.services.alone import Alone
from sequencer.services.census import Census
from sequencer.services.pace import Pace
from sequencer.services.probe import Probe
from sequencer.services.release import Releases
from sequencer.services.respite import Respite
from sequencer.services.seldom import Seldom
from sequencer.services.witness import Nobody, Witness
from sequencer.stop import Stop
from sequencer.store.heartbeat import NOTED
from sequencer.store.partitions import Months

Awake: TypeAlias = set[tuple[str, str]]
"""Places, a sequence and a position each, where somebody may be due now."""

VOUCHED = 10.0
"""Seconds; and at the first claim of a process."""
FORGETTING = 3600.0
WRITING_BACK = 30.0
HOLDING = 30.0


@dataclass(frozen=True, slots=True)
class Context:
    """Built once a process by `sequencer.wiring`."""

    engine: Engine
    provider: Provider
    releases: Releases
    secret: bytes
    """Signs the tokens in links, unsubscribe addresses and Reply-To."""
    public_url: str
    """Where the web process is reached, without a slash at the end."""
    hint: Callable[..., None]
    """`hint("drain", sequence, position)`: wakes the workers. Losing one loses nothing."""
    mails: int = 1_000
    """Enrollments that a drain takes at most at a time: as many as are handed to a provider in one go."""
    batch: int = 500
    """Leads or enrollments that everything else takes at most at a time."""
    probe: Probe = field(default_factory=Probe)
    pace: Pace = field(default_factory=Pace)
    respite: Respite = field(default_factory=Respite)
    webhooks: Outgoing = field(default_factory=Outgoing)
    """Posts to the reps' webhooks."""
    crms: Mapping[str, Crm] = field(default_factory=dict)
    """By name, those that handoffs are left in and that are written to."""
    intake: Alone = field(default_factory=Alone)
    """Takes in webhooks, but for what may have to stop mail: several at a time would hold the same leads and messages,
    and leave nobody to send."""
    visits: Alone = field(default_factory=Alone)
    """Takes in visits of the site."""
    alerts: Alone = field(default_factory=Alone)
    """Mails reps their alerts: one request after another where many are for the same rep, each of which may hang."""
    census: Census = field(default_factory=Census)
    """What the dashboard and `/metrics` count."""
    forgetting: Seldom = field(default_factory=lambda: Seldom(FORGETTING))
    """Whether it is time to look for visits, and what else is kept for a time only, that are to be forgotten."""
    writing_back: Seldom = field(default_factory=lambda: Seldom(WRITING_BACK))
    """Whether it is time to look for contacts that the CRM is to be told something of."""
    holding: Seldom = field(default_factory=lambda: Seldom(HOLDING))
    """Whether it is time to look for alerts that wait for an owner who is there meanwhile."""
    noted: Seldom = field(default_factory=lambda: Seldom(NOTED))
    """Whether it is time to note again that work is being done."""
    vouched: Seldom = field(default_factory=lambda: Seldom(VOUCHED))
    """Whether it is time to ask again if this database is the newest copy of itself."""
    months: Months = field(default_factory=Months)
    """Makes the partitions that business time comes to."""
    witness: Witness = field(default_factory=Nobody)
    """Remembers outside of the database how far it had come."""
    stopping: Stop = field(default_factory=Stop)
    """Set when this process is told to go: what is under way is finished, and nothing further is begun."""
    lease: float = 60.0
    """Seconds of operating time that an attempt to send may take; at least twice the provider's total timeout."""

    def wake(self, places: Iterable[tuple[str, str]]) -> None:
        """Hints at these places, each once; after the commit."""
        for place in sorted(set(places)):
            self.hint("drain", *place)

"""What workspace.yaml declares: brand, senders, reps, fields, and the rules that hold for every sequence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Final, Literal
from urllib.parse import urlsplit

from sequencer.core.colleagues import Colleagues
from sequencer.core.condition import Condition
from sequencer.core.crm import Crm
from sequencer.core.duration import Duration
from sequencer.core.field import Field
from sequencer.core.form import Form
from sequencer.core.lanes import holders
from sequencer.core.lead import Rep, Sender
from sequencer.core.mark import Mark
from sequencer.core.sequence import Sequence
from sequencer.core.shared_domain import is_shared
from sequencer.core.signals import Signals
from sequencer.core.site import Site


@dataclass(frozen=True, slots=True)
class Brand:
    name: str
    url: str
    postal_address: str


@dataclass(frozen=True, slots=True)
class Topic:
    id: str
    label: str
    default: bool = True
    """Whether a lead who never said anything consents."""


@dataclass(frozen=True, slots=True)
class StatusMeaning:
    id: str
    label: str
    stops: bool = False
    """`stops: all`: a lead in this status is in no sequence."""
    runs: Mapping[str, Mark] = field(default_factory=dict)
    """Sequences that a lead enters who gets this status, and where they are named."""
    pauses: frozenset[str] = frozenset()
    """Sequences that wait as long as their lead has this status."""
    needs: tuple[str, ...] = ()
    """Fields that are to be known of a lead in this status."""


STREAMS: Final = ("marketing", "sales")
"""Mail from shared senders, and mail from the lead's rep."""


@dataclass(frozen=True, slots=True)
class CompanyCap:
    """How many mails the people of one company get together, within any so long."""

    mails: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class Pressure:
    """How many mails a lead gets at most, and what happens to one too many."""

    day: int | None = 1
    week: int | None = 2
    gap: timedelta = timedelta(hours=20)
    wait: Duration = field(default_factory=lambda: Duration(5, "business day"))
    """A mail over the cap waits so long at most, then is skipped."""
    company: CompanyCap | None = None
    """None: it does not matter what their colleagues get."""
    counts: frozenset[str] = frozenset(STREAMS)
    """Whose mails count, and are held up."""
    catch_up: int | None = 5000
    """How many people an hour are looked at of those who fell due during a downtime; None: all at once."""

    @property
    def apart(self) -> timedelta:
        """Between two of them."""
        return timedelta(hours=1) / self.catch_up if self.catch_up else timedelta()


@dataclass(frozen=True, slots=True)
class OwnerPolicy:
    missing: str = "hold"
    """`hold`, or a sender's id that mails instead."""
    away_hold: Duration = field(default_factory=lambda: Duration(3, "business day"))
    """A mail in the name of a rep who is away waits so long at most; then the deputy sends, or the rep's address."""
    changed: Literal["introduce", "silent", "hold"] = "silent"
    """What mail in a new owner's name does first: it introduces them, nothing, or waits until somebody lets it go."""
    of: Literal["company", "lead"] = "company"
    """Whether people of one company share their rep."""
    assign: tuple[str, ...] = ("company_owner",)
    """How a rep is found for a lead who has none: `company_owner`, `territory FIELD`, `round_robin`; the first that
    finds one counts."""

    @property
    def draws(self) -> bool:
        """Whether a rep is found for leads whom nobody knows yet."""
        return self.assign != ("company_owner",) and bool(self.assign)


@dataclass(frozen=True)
class Workspace:
    """Everything that holds for all sequences, and the sequences."""

    brand: Brand
    stages: tuple[str, ...]
    statuses: Mapping[str, StatusMeaning]
    fields: Mapping[str, Field]
    topics: Mapping[str, Topic]
    senders: Mapping[str, Sender]
    reps: Mapping[str, Rep]
    sequences: Mapping[str, Sequence]
    zone: str = "UTC"
    """For leads whose zone is unknown."""
    zone_of_owner: bool = True
    """Mail from the owner to a lead of unknown zone goes by the rep's zone."""
    locale: str = "en"
    """The language that mail is written in, for its `lang` attribute."""
    pressure: Pressure = field(default_factory=Pressure)
    owner: OwnerPolicy = field(default_factory=OwnerPolicy)
    quiet_days: frozenset[int] = frozenset({5, 6})
    """Weekdays (Monday is 0) that are not business days and on which nobody is mailed."""
    holidays: bool = True
    """Whether the public holidays of the lead's country are such days as well."""
    holidays_unknown: str | None = None
    """Whose holidays count for leads whose country is unknown; None: no one's."""
    shared_domains: frozenset[str] = frozenset()
    """Those of which it is declared that unrelated people have their addresses there."""
    colleagues: Colleagues = field(default_factory=Colleagues)
    reply_pause: Duration = field(default_factory=lambda: Duration(14, "day"))
    """A reply pauses the lead's other sequences so long."""
    silences: Mapping[str, Duration] = field(default_factory=dict)
    """By how a rep was in touch (`call`, `meeting`, `mail`): the lead's sequences are silent so long from then on."""
    out_of_office: Duration = field(default_factory=lambda: Duration(7, "day"))
    """Pause after an automatic reply that names no return date."""
    out_of_office_at_most: Duration = field(default_factory=lambda: Duration(30, "day"))
    audiences: Mapping[str, Condition] = field(default_factory=dict)
    """Named once, asked for by `in_audience("icp")`."""
    never: tuple[Condition, ...] = ()
    """Whoever one of these is true of is neither enrolled nor mailed, whatever a sequence says."""
    lists: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The values of files that conditions look into, by the file's name."""
    signals: Signals | None = None
    """What behaviour counts, and when sales is to know; None where nothing is declared."""
    site: Site | None = None
    """Whose pages may tell of visits; None: no one's."""
    forms: Mapping[str, Form] = field(default_factory=dict)
    crm: Crm | None = None
    """The CRM that sales works in, and who is right where it and we differ; None: there is none."""
    introducing: frozenset[str] = frozenset()
    """Contents that introduce a new owner; what others say leaves that to a later mail."""
    reply_domain: str | None = None
    """Where SendGrid's Inbound Parse listens; None: replies go to the sender's own address."""

    @cached_property
    def held_by(self) -> Mapping[str, frozenset[str]]:
        """By sequence, those that can hold it up."""
        return holders(self.sequences)

    @cached_property
    def hosts(self) -> frozenset[str]:
        """Of pages that are ours, as browsers show them: the brand's, and those that may tell of visits."""
        brand = urlsplit(self.brand.url).hostname
        return frozenset(({brand} if brand else set()) | (self.site.hosts if self.site is not None else frozenset()))

    @cached_property
    def rivals(self) -> frozenset[str]:
        """Sequences that hold others up, or are held up."""
        return frozenset(self.held_by).union(*self.held_by.values())

    @cached_property
    def waits_by_status(self) -> frozenset[str]:
        """Sequences that some status makes wait."""
        return frozenset[str]().union(*(status.pauses for status in self.statuses.values()))

    @cached_property
    def stopping(self) -> frozenset[str]:
        """Statuses in which a lead is in no sequence."""
        return frozenset(status.id for status in self.statuses.values() if status.stops)

    def counts(self, sequence: Sequence) -> bool:
        """Whether its mails count for gap and caps, and keep them."""
        stream = "sales" if sequence.sender == "owner" else "marketing"
        return not sequence.exempt and stream in self.pressure.counts

    def company_domain(self, email: str) -> str | None:
        """The domain by which the address belongs to a company; None: strangers share it."""
        domain = email.rpartition("@")[2]
        return None if is_shared(domain, self.shared_domains) else domain

    def stage_rank(self, stage: str | None) -> int:
        """The place of a stage in the buying cycle; -1 when unknown."""
        return self.stages.index(stage) if stage in self.stages else -1

"""The people we may write to, their companies, and the reps who own them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from sequencer.core.made import maker
from sequencer.core.schedule import Hours

Channel: TypeAlias = Literal["email", "webhook"]


class Lead(NamedTuple):
    """A person. What is unknown is None; `fields` holds the declared fields and any further attributes."""

    id: int
    email: str
    first_name: str | None = None
    last_name: str | None = None
    title: str | None = None
    zone: str | None = None
    """IANA name, as in `Europe/Madrid`."""
    country: str | None = None
    """ISO 3166-1 alpha-2."""
    stage: str | None = None
    status: str | None = None
    campaign: str | None = None
    """First-touch campaign."""
    owner: str | None = None
    """The rep's email."""
    company_id: int | None = None
    suppressed: bool = False
    fields: Mapping[str, Any] = MappingProxyType({})
    created_at: datetime | None = None
    owner_before: str | None = None
    """The rep whom the owner followed, as long as the lead has not heard from the new one."""

    @property
    def name(self) -> str:
        """First and last name, as far as known; empty when neither is."""
        first, last = self.first_name, self.last_name
        return f"{first} {last}" if first and last else first or last or ""

    @property
    def erased(self) -> bool:
        return self.email.endswith(ERASED)

    def get(self, name: str) -> Any:
        """The value of a built-in or declared field; None when unknown."""
        place = _PLACES.get(name)
        if place is not None:
            return self[place] or None  # all of them are text
        value = self.fields.get(name)
        return None if value == "" else value


made: Final = maker(Lead)


BUILT_IN = frozenset(
    {
        "email",
        "first_name",
        "last_name",
        "title",
        "time_zone",
        "zone",
        "country",
        "stage",
        "status",
        "campaign",
        "owner",
    }
)
"""Fields every lead has, next to those that workspace.yaml declares."""

_PLACES: Final = {name: Lead._fields.index("zone" if name == "time_zone" else name) for name in BUILT_IN}


ERASED: Final = "@erased.invalid"
"""Where those are who were erased: nobody else can have such an address (RFC 6761, 6.4), from wherever it comes."""


def erased_address(lead_id: int) -> str:
    """What stands in place of the address of a lead who was erased."""
    return f"erased-{lead_id}{ERASED}"


FORM: Final = "form"
"""Who says something of a lead or company: a stranger, who may say anything."""
OPERATOR: Final = "operator"
"""Somebody at the terminal, by hand."""


@dataclass(frozen=True, slots=True)
class Company:
    """The organisation behind an email domain."""

    id: int
    domain: str
    name: str | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Away:
    """Days on which a rep is away, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Rep:
    """A salesperson who can own leads and in whose name mail goes out."""

    email: str
    name: str
    zone: str | None = None
    phone: str | None = None
    calendar: str | None = None
    deputy: str | None = None
    away: tuple[Away, ...] = ()
    hours: Hours | None = None
    """When the rep works; None: on office days, nine to five."""
    country: str | None = None
    """Whose holidays the rep keeps."""
    territory: tuple[str, ...] = ()
    """Whose leads come to this rep, by the field that `assign` names."""
    crm: str | None = None
    """The rep's user id in the CRM."""
    language: str | None = None
    """In which the rep is told things; None: the workspace's."""
    webhook: str | None = field(default=None, repr=False)
    """Where alerts go beside the mail. Whoever knows the address can post there: it is never shown."""

    @property
    def first_name(self) -> str:
        return self.name.split()[0] if self.name.split() else self.name


def channels(rep: Rep | None) -> tuple[Channel, ...]:
    """How a rep is told; of one who is not declared only an address is known."""
    return ("email", "webhook") if rep is not None and rep.webhook else ("email",)


@dataclass(frozen=True, slots=True)
class Sender:
    """A shared address that marketing writes from."""

    id: str
    name: str
    email: str
    zone: str | None = None

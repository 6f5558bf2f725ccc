"""What workspace.yaml declares about the CRM: who is right, what it calls things, and how its webhooks are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal, TypeAlias

Truth: TypeAlias = Literal["crm", "ours"]
TRUTHS: Final[tuple[Truth, ...]] = ("crm", "ours")

SALES: Final = frozenset({"stage", "status", "owner"})
"""What is sales' to say unless `truth` says otherwise: these people work in the CRM."""

Signed: TypeAlias = Literal["hubspot", "standard", "bearer", "basic"]
SIGNED: Final[tuple[Signed, ...]] = ("hubspot", "standard", "bearer", "basic")

Path: TypeAlias = tuple[str, ...]
"""Where a value stands in JSON: names of keys, and numbers of elements from 0 on."""
Conditions: TypeAlias = Mapping[Path, tuple[str, ...]]
"""At each of these paths one of these texts; one that ends in `*` asks for what it begins with."""


@dataclass(frozen=True, slots=True)
class CrmSource:
    """How the webhooks of one address are verified and read."""

    name: str
    """As it stands in the address and in the name of the secret's variable."""
    system: str
    """Whose ids of contacts it names: several webhooks of one CRM share them."""
    signed: Signed = "bearer"
    each: Path | None = None
    """Where the list of things stands; None: the body is one, or a list of them."""
    only: Conditions = field(default_factory=dict)
    """What is true of everything that concerns us."""
    property: tuple[Path, Path] | None = None
    """Where the name of a property stands that changed, and its value: it is read as if it stood at the top."""
    email: Path | None = None
    contact: Path | None = None
    """The contact's id, for what does not name an address."""
    key: Path | None = None
    """What is the same for a repeat; None: the whole thing is."""
    once: Mapping[str, Path] = field(default_factory=dict)
    """By one of `events`, where the id stands of what it happens to once, however often that is told of: an activity
    that is done is told of at each later edit."""
    at: Path | None = None
    """When it happened; None: when it came."""
    rep: Path | None = None
    """Who called or met, by address or by their id in the CRM."""
    note: Path | None = None
    events: Mapping[str, Conditions] = field(default_factory=dict)
    """Ours by name, and when it is one."""
    fields: Mapping[str, Path] = field(default_factory=dict)
    """Ours by name, and where their values stand."""


@dataclass(frozen=True, slots=True)
class WriteBack:
    """What the CRM is told of its contacts as it goes."""

    to: str
    """Which CRM."""
    fields: Mapping[str, str]
    """By what is told (WRITTEN), the CRM's name of the field for it."""
    every: timedelta = timedelta(hours=1)
    """Each contact is written to once in so long at most."""


WRITTEN: Final = ("sequence", "step", "next_send", "activity", "active_on")
"""What may be told of a lead."""


@dataclass(frozen=True, slots=True)
class Crm:
    truth: Mapping[str, Truth] = field(default_factory=dict)
    """By field, whose value counts where both know one."""
    stages: Mapping[str, str] = field(default_factory=dict)
    """Ours by the CRM's names of them."""
    webhooks: Mapping[str, CrmSource] = field(default_factory=dict)
    """How the CRM tells us, by the name in the address."""
    write_back: WriteBack | None = None
    """What it is told as it goes; None: nothing."""

    def wins(self, name: str) -> bool:
        """Whether the CRM's value of a field replaces one that is known here."""
        return self.truth.get(name, "crm" if name in SALES else "ours") == "crm"

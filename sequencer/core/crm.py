"""What workspace.yaml declares about the CRM."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

Truth: TypeAlias = Literal["crm", "ours"]
TRUTHS: Final[tuple[Truth, ...]] = ("crm", "ours")

SALES: Final = frozenset({"stage", "status", "owner"})
"""What is sales' to say unless `truth` says otherwise: these people work in the CRM."""


@dataclass(frozen=True, slots=True)
class Crm:
    truth: Mapping[str, Truth] = field(default_factory=dict)
    """By field, whose value counts where both know one."""
    stages: Mapping[str, str] = field(default_factory=dict)
    """Ours by the CRM's names of them."""

    def wins(self, name: str) -> bool:
        """Whether the CRM's value of a field replaces one that is known here."""
        return self.truth.get(name, "crm" if name in SALES else "ours") == "crm"

"""The names a template may use."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from sequencer.core.lead import BUILT_IN

RECORDS: Final[Mapping[str, frozenset[str]]] = {
    "company": frozenset({"name", "domain"}),
    "owner": frozenset({"first_name", "name", "email", "phone", "calendar"}),
    "previous_owner": frozenset({"first_name", "name", "email"}),
    "sender": frozenset({"name", "email"}),
    "brand": frozenset({"name", "url", "postal_address"}),
}
"""Things with fields, except the lead, whose fields the workspace declares."""

PAGES: Final = ("unsubscribe_url", "preferences_url", "confirm_url", "download_url")
"""Addresses of the lead's own: to leave, to choose, to say that the address is theirs, to get what a form gives."""
VALUES: Final = frozenset({"subject", "preheader", *PAGES})
FUNCTIONS: Final = frozenset({"link", "range"})
LOOP: Final = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "previtem", "nextitem", "depth", "depth0"}
)
MAY_BE_UNKNOWN: Final = frozenset(
    {"company.name", "owner.phone", "owner.calendar", "previous_owner.first_name", "previous_owner.name"}
)
"""Next to every field of the lead but its email."""


@dataclass(frozen=True, slots=True)
class TemplateNames:
    """`fields` are those workspace.yaml declares for leads; the rest is the same in every workspace."""

    fields: frozenset[str] = frozenset()
    introduces: bool = False
    """Whether mails in Markdown can begin with the introduction of a new owner."""

    def of(self, record: str) -> frozenset[str] | None:
        """The fields of a record; None when there is no such record."""
        return BUILT_IN | self.fields if record == "lead" else RECORDS.get(record)

    @property
    def roots(self) -> frozenset[str]:
        """Everything an expression may begin with, apart from what the template itself sets."""
        return VALUES | FUNCTIONS | frozenset(RECORDS) | {"lead"}


def suggest(wrong: str, known: Iterable[str]) -> str:
    """` (did you mean “x”?)`, or the list when it is short, or nothing."""
    names = sorted(known)
    close = get_close_matches(wrong, names, n=1)
    if close:
        return f" (did you mean “{close[0]}”?)"
    return f" (there is {', '.join(names)})" if 0 < len(names) <= 12 else ""

"""`companies` of workspace.yaml: whose addresses say nothing about where their people work."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from sequencer.core.lead import Rep, Sender
from sequencer.core.lead_input import InvalidLead, normal_domain
from sequencer.core.shared_domain import is_suffix, with_parents
from sequencer.core.workspace import Brand
from sequencer.workspace.nodes import Map, Text, as_texts, shown

EXPECTED: Final = "a domain as `agency.example`"
EXPECTED_ONE: Final = f"expected {EXPECTED}, where people of several companies have their addresses"


def read_shared(block: Map | None, own: Iterable[str]) -> frozenset[str]:
    """The domains that unrelated people share. `own`: those that the workspace itself writes from and stands for."""
    found: set[str] = set()
    for text in as_texts(block.take("shared"), "a list of domains, as `[agency.example]`") if block else ():
        domain = _domain(text)
        if domain is None:
            continue
        covering = next((one for one in with_parents(domain) if one in found), None)
        mine = next((one for one in own if domain in with_parents(one)), None)
        if covering is not None:
            text.wrong("duplicate-key", f"{shown(domain)} is in this list already, by {shown(covering)}: keep one")
        elif is_suffix(domain):
            text.wrong("bad-value", f"below {shown(domain)} organisations have domains of their own: {EXPECTED_ONE}")
        elif mine is not None:
            text.wrong("bad-value", f"{shown(mine)} is your own: {EXPECTED_ONE}")
        else:
            found.add(domain)
    return frozenset(found)


def own_domains(brand: Brand, people: Iterable[Sender | Rep], reply_domain: str | None) -> frozenset[str]:
    """Of the brand's site and of whoever writes."""
    site = urlsplit(brand.url).hostname
    written = {one.email.rpartition("@")[2] for one in people}
    return frozenset(one for one in (site, reply_domain, *written) if one)


def _domain(text: Text) -> str | None:
    """As the domains of addresses are kept."""
    written = text.value.strip().lower()
    if "@" in written:
        text.bad(f"{EXPECTED}, not an address")
    elif "/" in written:
        text.bad(f"{EXPECTED}, without https:// and without a path")
    elif "*" in written:
        text.bad(f"{EXPECTED}, which says it of all that lies below as well")
    elif "." not in written:
        text.bad(EXPECTED)
    else:
        try:
            return normal_domain(written)
        except InvalidLead:
            text.bad(EXPECTED)
    return None

"""Whose pages may tell of visits."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Site:
    """Whose pages may tell of visits, and how long those of strangers are kept."""

    hosts: frozenset[str]
    """`www.example.com`, with the port if it is not the usual one."""
    asks: bool = True
    """Nothing is noted before the visitor has consented on the page."""
    keep: timedelta = timedelta(days=30)
    """Visits of somebody who is no lead yet are forgotten after so long."""

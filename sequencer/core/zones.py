"""Which time zones there are."""

from functools import cache
from zoneinfo import available_timezones


@cache
def zones() -> frozenset[str]:
    """IANA's names. Read from disk once: it takes milliseconds."""
    return frozenset(available_timezones())

"""Days on which nobody is mailed and that are no business days: weekdays, and the public holidays of a country."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

from sequencer.core.country import code_of


@dataclass(frozen=True, slots=True)
class Quiet:
    """Days of the week (Monday is 0), and whose national holidays are quiet as well."""

    weekdays: frozenset[int] = frozenset()
    country: str | None = None
    """One of `countries()`; None: no holidays."""

    __hash__ = object.__hash__
    """As of sequences: each mail looks up by it what is remembered."""

    def __contains__(self, day: date) -> bool:
        return day.weekday() in self.weekdays or self.is_holiday(day)

    def is_holiday(self, day: date) -> bool:
        return self.country is not None and day in _holidays(self.country, day.year)


NEVER_QUIET: Final = Quiet()


@cache
def quiet(weekdays: frozenset[int], country: str | None, unknown: str | None) -> Quiet:
    """For a lead of that country, as the lead's own data names it; `unknown` stands in for one that nobody knows."""
    named = country.strip().upper() if country else ""
    known = countries().get(named) if named else None
    if known is None and named:
        known = countries().get(code_of(named) or "")
    return Quiet(weekdays, known or unknown)


@cache
def countries() -> Mapping[str, str]:
    """The countries whose holidays are known, by ISO 3166-1 alpha-2 code and other names, all in capitals."""
    # Some megabytes, so only where somebody's country is given; and from the registry of names, since
    # `list_supported_countries` loads the holidays of all: 0.1 s more, in which the first claim holds its leads.
    from holidays.registry import EntityLoader

    return {name.upper(): name for name in EntityLoader.get_country_codes(include_aliases=True)}


def read_holidays() -> None:
    """Loads those of every country, for processes that must not while leads wait for them: 0.07 s."""
    import holidays.countries  # noqa: F401

    countries()


@cache
def _holidays(country: str, year: int) -> frozenset[date]:
    """Of the whole country; what only a region keeps is not among them."""
    from holidays import country_holidays

    return frozenset(country_holidays(country, years=year))

"""The day that somebody names who says when to try again, as `March`, `am 5. Januar` or `dans 3 mois`."""

import re
from calendar import monthrange
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Final, NamedTuple

from sequencer.core.spoken import SPOKEN, plain

FARTHEST: Final = 366
"""Days to come; what is farther is not meant as the next attempt."""
ISO: Final = re.compile(r"\b(20\d\d)-(\d\d)-(\d\d)\b")
_NUMBERS: Final = re.compile(r"\b(\d{1,2})([./-])(\d{1,2})(?:\2(20\d\d)\b|(?<=\.\d)\.|(?<=\.\d\d)\.)")
"""`5.3.2027`, `05/03/2027`, `5.3.`"""
ORDINAL: Final = re.compile(r"(\d{1,2})(?:st|nd|rd|th|er|e)?")
YEAR: Final = re.compile(r"20\d\d")
DOUBTFUL: Final = "may"
"""A verb of English, too."""
_BEFORE_MONTHS: Final = frozenset("in until till by for from early mid late of".split())
"""What comes before a month."""
_BEFORE_VERBS: Final = frozenset("i you he she it we they who which that this there".split())
_AFTER_MONTHS: Final = frozenset("or and at please thanks maybe latest then".split())
"""What comes after a month where a verb would have another verb, or `be`, after it."""


class _Calendar(NamedTuple):
    """Names of one language, as `plain` leaves them."""

    months: Mapping[str, int]
    short: Mapping[str, int]
    weekdays: Mapping[str, int]
    """Monday is 0."""
    numbers: Mapping[str, int]
    units: Mapping[str, str]


def named_day(text: str, today: date, languages: Collection[str]) -> date | None:
    """The day to come that is named in one of these languages, a month's first or a week's Monday where only these are;
    None: there is none within a year, or more than one, so that nobody knows which is meant.
    """
    for sort in (_dates, _spans, _weekdays):
        found = {day for language in languages for day in sort(text, today, language)}
        # What is written in numbers says it all, whichever language else would read something out of it.
        if found:
            near = {day for day in found if 0 < (day - today).days <= FARTHEST}
            return near.pop() if len(near) == 1 else None
    return None


def _dates(text: str, today: date, language: str) -> Iterator[date]:
    """Days and months of the calendar."""
    words = SPOKEN[language]
    numbers = [(int(year), int(month), int(day)) for year, month, day in ISO.findall(text)]
    rest = ISO.sub(" ", text)
    if words.day_first:
        for day, _, month, year in _NUMBERS.findall(rest):
            numbers.append((int(year or 0), int(month), int(day)))
        rest = _NUMBERS.sub(" ", rest)
    for year, month, day in numbers:
        yield from upcoming(year, month, day, today)
    calendar, said = calendar_of(language), plain(rest).split()
    later = any(f" {plain(one)} " in f" {' '.join(said)} " for one in words.next_year)
    for place, word in enumerate(said):
        month = calendar.months.get(word) or calendar.short.get(word)
        if month is None:
            continue
        before = [one for one in said[:place] if one not in words.of][-1:]
        after = [one for one in said[place + 1 : place + 4] if one not in words.of]
        if word == DOUBTFUL and language == "en" and not is_may(before, after):
            continue
        day = ORDINAL.fullmatch(before[0]) if before else None
        if day is None and language == "en" and after and (day := ORDINAL.fullmatch(after[0])):
            after = after[1:]
        year = int(after[0]) if after and YEAR.fullmatch(after[0]) else today.year + 1 if later else 0
        alone = word in calendar.months or (words.months_alone and word in calendar.short)
        if day is not None:
            yield from upcoming(year, month, int(day[1]), today)
        elif year or alone:
            yield from upcoming(year, month, 1, today)


def is_may(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether `may` between these words is the month."""
    if {*before} & _BEFORE_VERBS or after[:2] == ["or", DOUBTFUL] or after[:2] == ["or", "not"]:
        return False
    if not after or {*before} & _BEFORE_MONTHS or after[0] in _AFTER_MONTHS:
        return True
    return ORDINAL.fullmatch(after[0]) is not None or YEAR.fullmatch(after[0]) is not None


def _spans(text: str, today: date, language: str) -> Iterator[date]:
    """`in 3 months`, `next week`."""
    words, calendar, said = SPOKEN[language], calendar_of(language), plain(text)
    ways = "|".join(sorted(map(plain, words.within), key=len, reverse=True))
    for amount, unit in re.findall(rf"\b(?:{ways}) (\w+) (\w+)", said):
        number = int(amount) if re.fullmatch(r"\d{1,3}", amount) else calendar.numbers.get(amount, 0)
        if number and unit in calendar.units:
            yield _in(today, number, calendar.units[unit])
    month = date(today.year + today.month // 12, today.month % 12 + 1, 1)
    for phrases, day in (
        (words.next_week, today + timedelta(days=7 - today.weekday())),
        (words.next_month, month),
        (words.next_year, date(today.year + 1, 1, 1)),
    ):
        if any(f" {plain(one)} " in f" {said} " for one in phrases):
            yield day


def _weekdays(text: str, today: date, language: str) -> Iterator[date]:
    """The next such day of the week; beside `next` nobody knows which is meant."""
    words, calendar, said = SPOKEN[language], calendar_of(language), plain(text).split()
    for place, word in enumerate(said):
        weekday = calendar.weekdays.get(word)
        around = said[max(place - 1, 0) : place + 2]
        if weekday is not None and not any(one.startswith(plain(words.following)) for one in around):
            yield today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)


def upcoming(year: int, month: int, day: int, today: date) -> Iterator[date]:
    """That day, of the year or else the next one to come; nothing where the calendar has none."""
    found = [_date_of(one, month, day) for one in ([year] if year else [today.year, today.year + 1])]
    yield from [one for one in found if one is not None and (year or one > today)][:1]


def _date_of(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _in(today: date, number: int, unit: str) -> date:
    if unit != "month":
        return today + timedelta(days=number * (7 if unit == "week" else 1))
    years, month = divmod(today.month - 1 + number, 12)
    year = today.year + years
    return date(year, month + 1, min(today.day, monthrange(year, month + 1)[1]))


@cache
def calendar_of(language: str) -> _Calendar:
    from babel import Locale

    locale, words = Locale(language), SPOKEN[language]

    def names(of: Mapping[str, Mapping[str, Mapping[int, str]]], width: str) -> dict[str, int]:
        return {
            one: number
            for context in ("format", "stand-alone")
            for number, name in of[context][width].items()
            for one in (plain(name), plain(_without_umlauts(name)))
        }

    months = names(locale.months, "wide")
    short = names(locale.months, "abbreviated")
    for name, number in [*months.items()]:
        if len([other for other in months if other.startswith(name[:3]) and months[other] != number]) == 0:
            short.setdefault(name[:3], number)
    units = {plain(form): unit for unit, forms in words.units.items() for form in forms.split()}
    numbers = {plain(form): number for number, forms in enumerate(words.numbers, 1) for form in forms.split()}
    short = {name: number for name, number in short.items() if name not in months}
    return _Calendar(months, short, names(locale.days, "wide"), numbers, units)


def _without_umlauts(name: str) -> str:
    """`Maerz`, as on keyboards that have none."""
    return name.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")


def month_name(number: int, language: str) -> str:
    from babel import Locale

    name: str = Locale(language).months["format"]["wide"][number]
    return name

"""The day until which an automatic reply says that somebody is away, in the languages that reps may speak.

A wrong day is worse than none, after which everything goes on as if the note had named no day. So one counts only where
the words before it say what it is, as `until` and `retour` do, where it ends a range, or where nothing else is said.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cache
from itertools import takewhile
from typing import Final, NamedTuple

from sequencer.core.named_day import DOUBTFUL, ISO, ORDINAL, YEAR, calendar_of, is_may, upcoming
from sequencer.core.spoken import SPOKEN, folded

FARTHEST: Final = 183
"""Days to come; who is away for longer than half a year has left, or means another day."""
_NEAR: Final = 6
"""So many words before a day may introduce it."""
_TO: Final = frozenset("to au al a bis tot".split())
"""Between the two days of a range."""
_ON: Final = frozenset("on the am den dem zum einschliesslich le el il op ,".split())
"""Directly before a day."""
_FROM: Final = frozenset("ab vanaf partir partire".split())
"""Before the first day of something: of being back, or of being away."""
_ENGLISH_TOO: Final = frozenset(SPOKEN["en"].back)
_ENDS: Final = (".", "!", "?")
"""Of a sentence."""
_TOKEN: Final = re.compile(
    r"\b20\d\d-\d\d-\d\d\b"
    r"|\b\d{1,2}([./-])\d{1,2}\1(?:20)?\d\d(?!\d)"
    r"|\b\d{1,2}\.\d{1,2}\.(?!\d)"
    r"|[\w']+|[,;]|(?<!\d)[.!?](?=\s|$)"
)
_NUMBERS: Final = re.compile(r"(\d{1,2})([./-])(\d{1,2})[./-]((?:20)?\d\d)?")


class _Day(NamedTuple):
    """A day, and the tokens that name it."""

    day: date
    start: int
    end: int


def return_date(text: str, today: date) -> date | None:
    """The latest plausible day, within half a year, on which an out-of-office note says that somebody is back."""
    tokens = [match[0] for match in _TOKEN.finditer(folded(text).replace("t/m", "tot"))]
    named = sorted({*_in_numbers(tokens, today), *_in_words(tokens, today)}, key=lambda one: one.start)
    whole = len(named) == 1 and named[0].end - named[0].start == len(tokens)
    found = {
        one.day
        for number, one in enumerate(named)
        if whole or _is_introduced(tokens, one, named[number + 1 :]) or _ends_a_range(tokens, one, named[:number])
    }
    return max((day for day in found if 0 < (day - today).days <= FARTHEST), default=None)


def _in_numbers(tokens: Sequence[str], today: date) -> Iterator[_Day]:
    """`2027-01-07`, `7.1.2027`, `7.1.`; `07/01/2027` where it is sure which of both is the month."""
    slashed = [match for token in tokens if (match := _NUMBERS.fullmatch(token)) and match[2] != "."]
    day_first, month_first = (any(int(match[place]) > 12 for match in slashed) for place in (1, 3))
    for place, token in enumerate(tokens):
        if match := ISO.fullmatch(token):
            year, month, day = map(int, match.groups())
        elif match := _NUMBERS.fullmatch(token):
            day, month, year = int(match[1]), int(match[3]), int(match[4] or 0)
            year += 2000 if 0 < year < 100 else 0
            if not year and not _stands_for_a_day(tokens, place):
                continue
            if match[2] != "." and not day_first and not _is_abroad(tokens, place):
                if not month_first and day != month:
                    continue
                day, month = month, day
        else:
            continue
        yield from (_Day(one, place, place + 1) for one in upcoming(year, month, day, today))


def _stands_for_a_day(tokens: Sequence[str], place: int) -> bool:
    """Whether `7.1.` is no section of a text, by the word before it."""
    before = tokens[place - 1] if place else "on"
    return before in _introducing() | _TO | _ON or _is_number(before)


def _is_abroad(tokens: Sequence[str], place: int) -> bool:
    """Whether words of another language than English introduce a day: then the month is not the first."""
    return not (_introducing() - _ENGLISH_TOO).isdisjoint(_before(tokens, place))


def _is_number(token: str) -> bool:
    return (ORDINAL.fullmatch(token) or _NUMBERS.fullmatch(token)) is not None


def _in_words(tokens: Sequence[str], today: date) -> Iterator[_Day]:
    """`7 January`, `am 7. Januar 2027`, `January 7th`."""
    for language, words in SPOKEN.items():
        calendar = calendar_of(language)
        for place, token in enumerate(tokens):
            month = calendar.months.get(token) or calendar.short.get(token)
            if month is None:
                continue
            start, end = place, place + 1
            while start and tokens[start - 1] in words.of:
                start -= 1
            day = ORDINAL.fullmatch(tokens[start - 1]) if start else None
            if day is not None:
                start -= 1
            elif language == "en" and end < len(tokens) and (day := ORDINAL.fullmatch(tokens[end])):
                start, end = place, end + 1
            if day is None or (token == DOUBTFUL and start < place and not _is_may(tokens, start, end)):
                continue
            after = end
            while after < len(tokens) and (tokens[after] in words.of or tokens[after] == ","):
                after += 1
            year = 0
            if after < len(tokens) and YEAR.fullmatch(tokens[after]):
                year, end = int(tokens[after]), after + 1
            yield from (_Day(one, start, end) for one in upcoming(year, month, int(day[1]), today))


def _is_may(tokens: Sequence[str], start: int, end: int) -> bool:
    """Whether `3 may` is a day, and not how many people may do something."""
    before = tokens[max(0, start - 1) : start]
    return bool({*before} & (_introducing() | _TO | _ON)) or is_may(before, tokens[end : end + 2])


def _is_introduced(tokens: Sequence[str], one: _Day, later: Sequence[_Day]) -> bool:
    words = _introducing().intersection(_before(tokens, one.start))
    return bool(words) and not (words <= _FROM and _begins_absence(tokens, one, later))


def _begins_absence(tokens: Sequence[str], one: _Day, later: Sequence[_Day]) -> bool:
    """Whether a day from which something holds is the first of being away: `ab 1. Dezember im Urlaub`."""
    word = max(place for place in range(one.start) if tokens[place] in _FROM)
    while word and tokens[word - 1] in _TO:
        word -= 1
    stop = later[0].start if later else len(tokens)
    after = list(takewhile(lambda token: token not in _ENDS, tokens[one.end : stop]))
    if not (_introducing() - _FROM).isdisjoint(after):
        return False
    before, behind = f" {' '.join(tokens[:word])}", f" {' '.join(after)} "
    return any(before.endswith(f" {way}") or f" {way} " in behind for way in _absences())


def _ends_a_range(tokens: Sequence[str], one: _Day, earlier: Sequence[_Day]) -> bool:
    """As the second day of `24 Nov to 4 Dec`, `20.12. – 6.1.` and `24.–31. Dezember`."""
    start = one.start - 1 if one.start and tokens[one.start - 1] in _TO else one.start
    between = any(before.end == start for before in earlier)
    return between or (start > 0 and _is_number(tokens[start - 1]))


def _before(tokens: Sequence[str], place: int) -> Iterator[str]:
    """The words shortly before, in the same sentence, the nearest first."""
    for token in reversed(tokens[max(0, place - _NEAR) : place]):
        if token in _ENDS:
            return
        yield token


@cache
def _introducing() -> frozenset[str]:
    return frozenset(folded(one) for words in SPOKEN.values() for one in words.back)


@cache
def _absences() -> frozenset[str]:
    return frozenset(folded(one) for words in SPOKEN.values() for one in words.away)

"""The day that somebody names, in several languages."""

from datetime import date

import pytest

from sequencer.core.named_day import month_name, named_day
from sequencer.core.spoken import SPOKEN

TODAY = date(2026, 11, 25)
"""A Wednesday."""


@pytest.mark.parametrize(
    ("language", "text", "day"),
    [
        ("en", "March", date(2027, 3, 1)),
        ("en", "in March 2027", date(2027, 3, 1)),
        ("en", "March 5", date(2027, 3, 5)),
        ("en", "the 5th of January", date(2027, 1, 5)),
        ("en", "2027-02-14", date(2027, 2, 14)),
        ("en", "Jan", date(2027, 1, 1)),
        ("en", "in May", date(2027, 5, 1)),
        ("en", "they may buy later", None),
        ("en", "may be later", None),
        ("en", "not now, she may", None),
        ("en", "only 3 may join", None),
        ("en", "we may or may not", None),
        ("en", "they may decide in March", date(2027, 3, 1)),
        ("en", "May or June", None),
        ("en", "in May or so", date(2027, 5, 1)),
        ("en", "May 5", date(2027, 5, 5)),
        ("en", "5 May", date(2027, 5, 5)),
        ("en", "May please", date(2027, 5, 1)),
        ("en", "May 2027", date(2027, 5, 1)),
        ("en", "05/03/2027", None),
        ("en", "next week", date(2026, 11, 30)),
        ("en", "next month", date(2026, 12, 1)),
        ("en", "next year", date(2027, 1, 1)),
        ("en", "next year in March", date(2027, 3, 1)),
        ("en", "in a month", date(2026, 12, 25)),
        ("en", "in two weeks", date(2026, 12, 9)),
        ("en", "Wednesday", date(2026, 12, 2)),
        ("en", "next Friday", None),
        ("en", "Friday 5 March", date(2027, 3, 5)),
        ("en", "March or April", None),
        ("en", "March 2029", None),
        ("en", "31 February", None),
        ("en", "5 November", date(2027, 11, 5)),
        ("en", "in 3 kittens", None),
        ("en", "nobody knows", None),
        ("de", "im März", date(2027, 3, 1)),
        ("de", "im maerz", date(2027, 3, 1)),
        ("de", "am 5. Januar 2027", date(2027, 1, 5)),
        ("de", "5.3.2027", date(2027, 3, 5)),
        ("de", "ab 5.3.", date(2027, 3, 5)),
        ("de", "5. Okt.", date(2027, 10, 5)),
        ("de", "nächste Woche", date(2026, 11, 30)),
        ("de", "im nächsten Monat", date(2026, 12, 1)),
        ("de", "nächstes Jahr im März", date(2027, 3, 1)),
        ("de", "in 3 Monaten", date(2027, 2, 25)),
        ("de", "in drei Wochen", date(2026, 12, 16)),
        ("de", "am Montag", date(2026, 11, 30)),
        ("de", "nächsten Montag", None),
        ("de", "März oder April", None),
        ("fr", "en mars", date(2027, 3, 1)),
        ("fr", "le 1er février", date(2027, 2, 1)),
        ("fr", "le 5 août 2027", date(2027, 8, 5)),
        ("fr", "05/03/2027", date(2027, 3, 5)),
        ("fr", "la semaine prochaine", date(2026, 11, 30)),
        ("fr", "dans 3 mois", date(2027, 2, 25)),
        ("fr", "l’année prochaine", date(2027, 1, 1)),
        ("fr", "vendredi", date(2026, 11, 27)),
        ("fr", "vendredi prochain", None),
        ("es", "en marzo", date(2027, 3, 1)),
        ("es", "el 5 de enero de 2027", date(2027, 1, 5)),
        ("es", "la semana que viene", date(2026, 11, 30)),
        ("es", "dentro de 2 semanas", date(2026, 12, 9)),
        ("es", "el próximo año", date(2027, 1, 1)),
        ("es", "el martes", date(2026, 12, 1)),
        ("it", "a marzo", date(2027, 3, 1)),
        ("it", "il 5 gennaio", date(2027, 1, 5)),
        ("it", "tra due mesi", date(2027, 1, 25)),
        ("it", "lunedì", date(2026, 11, 30)),
        ("nl", "in maart", date(2027, 3, 1)),
        ("nl", "5 mrt 2027", date(2027, 3, 5)),
        ("nl", "5-3-2027", date(2027, 3, 5)),
        ("nl", "over 3 maanden", date(2027, 2, 25)),
        ("nl", "volgend jaar", date(2027, 1, 1)),
        ("nl", "dinsdag", date(2026, 12, 1)),
    ],
)
def test_a_day_is_understood_or_left_to_people(language: str, text: str, day: date | None) -> None:
    assert named_day(text, TODAY, {"en", language}) == day


@pytest.mark.parametrize("language", sorted(SPOKEN))
def test_every_month_is_understood_by_its_name(language: str) -> None:
    days = [named_day(month_name(number, language), TODAY, {language}) for number in range(1, 13)]
    assert days == [date(2027 if number < 12 else 2026, number, 1) for number in range(1, 13)]


def test_a_month_later_there_may_be_no_such_day() -> None:
    assert named_day("in 3 months", date(2026, 11, 30), {"en"}) == date(2027, 2, 28)

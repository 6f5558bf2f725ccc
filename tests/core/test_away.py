"""Days of return by how people write them in out-of-office notes."""

from datetime import date

import pytest

from sequencer.core.away import return_date
from sequencer.core.named_day import month_name
from sequencer.core.spoken import SPOKEN

TODAY = date(2026, 11, 23)
JANUARY = date(2027, 1, 7)


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("I am back on 7 December 2026.", date(2026, 12, 7)),
        ("I am back on 7. December", date(2026, 12, 7)),
        ("I return on the 7th of December", date(2026, 12, 7)),
        ("I return on December 7, 2026", date(2026, 12, 7)),
        ("I return Dec 7th", date(2026, 12, 7)),
        ("Returning: 2026-12-07", date(2026, 12, 7)),
        ("Away from 24 Nov to 4 Dec, and back on 7 Dec", date(2026, 12, 7)),
        ("On holiday until 4 January", date(2027, 1, 4)),
        ("On holiday since 2 November 2026", None),
        ("On holiday since 2026-11-02, back on 2026-12-07", date(2026, 12, 7)),
        ("Back today, 23 November 2026", None),
        ("Back tomorrow, 24 November 2026", date(2026, 11, 24)),
        ("On leave until 25 May 2027", date(2027, 5, 25)),
        ("On leave until 26 May 2027", None),
        ("Back on Tuesday, May 25, to answer you", date(2027, 5, 25)),
        ("On leave until 25 May, then I call you", date(2027, 5, 25)),
        ("On leave until 7 December 2027", None),
        ("Back on 31 February 2027", None),
        ("Back on 2026-13-45", None),
        ("Back on 45 December", None),
        ("Back in 20 minutes, room 12 Building 7", None),
        ("Call +44 20 7946 0000", None),
        ("12/07/2026 or 07/12/2026, who knows", None),
        ("", None),
    ],
)
def test_the_day_of_return_is_the_latest_plausible_one(text: str, back: date | None) -> None:
    assert return_date(text, TODAY) == back


@pytest.mark.parametrize(
    "text",
    [
        "I am out of the office until January 7th.",
        "I'm on vacation through Thursday, January 7, 2027, with limited access to email.",
        "Out of office from Dec 20 to Jan 7. In urgent cases write to Kim.",
        "Away 20.12.2026 – 07.01.2027",
        "Away 12/20/2026 - 01/07/2027",
        "I will be back in the office on the 7th of January",
        "Ich bin bis 7. Januar nicht im Büro. Am 3. März 2027 ist unsere Messe.",
        "Ab dem 7. Januar bin ich wieder für Sie da.",
        "Vom 20. Dezember bis einschließlich 7. Jan. bin ich im Urlaub.",
        "Ich bin vom 20.12. bis 7.1. abwesend",
        "Rückkehr: 07.01.2027",
        "Urlaub 20.12. – 7.1.",
        "Urlaub 2.–7.1.2027",
        "Ich bin vom 2.–7. Januar im Urlaub",
        "Je suis absente jusqu’au 7 janvier.",
        "Je serai de retour le jeudi 7 janvier 2027",
        "En congé jusqu'au 07/01/2027 inclus",
        "En congés du 20 décembre au 7 janvier",
        "À partir du 7 janvier, je réponds à nouveau.",
        "Estoy fuera de la oficina hasta el 7 de enero de 2027",
        "Vuelvo el 7 de enero",
        "Del 20/12/2026 al 07/01/2027 estaré de vacaciones",
        "Sono in ferie fino al 7 gennaio",
        "Rientrerò giovedì 7 gennaio 2027.",
        "Ik ben afwezig tot 7 januari",
        "Vanaf 7 jan 2027 ben ik weer bereikbaar",
        "Ik ben van 21 december t/m 7 januari afwezig.",
        "Thank you. I am away starting December 21st and will return on January 7th.",
        "Ab 20. Dezember bin ich im Urlaub und ab 7. Januar wieder da",
        "Ich bin im Urlaub, ab 7. Januar lese ich Ihre Mail.",
        "Je suis absent à partir du 1er décembre jusqu'au 7 janvier",
        "2027-01-07",
    ],
)
def test_a_day_is_understood_in_each_of_the_languages(text: str) -> None:
    assert return_date(text, TODAY) == JANUARY


@pytest.mark.parametrize(
    "text",
    [
        "Our office moves on 1 March 2027. I am on vacation.",
        "Besuchen Sie uns am 3. März auf der Messe!",
        "Ich bin bis auf Weiteres abwesend. Am 3. März ist unsere Messe.",
        "On holiday until 02/03/2027",
        "Back on Monday, please ask our 3 marketing managers, or 5 of the decision makers",
        "Until then only 3 may join",
        "Back in January",
        "Wieder da ab Januar",
        "Available 24/7 again",
        "See version 7.1.2027",
        "Ik ben tot nader order afwezig",
        "Zurück am 31. Februar",
        "Until further notice, see section 2.3.",
        "En congé jusqu'au 07/01/2026",
        "I have left the company as of 1 December.",
        "Please contact Kim on Jan 5 or May 6",
        "Ich bin ab dem 20. Dezember im Urlaub.",
        "Abwesend ab 20.12.2026",
        "Ich bin ab dem 20. Dezember abwesend und am 7. Januar zurück.",
        "À partir du 1er décembre, je suis en congé",
        "Estaré de vacaciones a partir del 1 de diciembre",
        "Sono in ferie a partire dal 1 dicembre",
        "Vanaf 1 december ben ik met verlof",
    ],
)
def test_what_is_no_day_of_return_for_sure_is_none(text: str) -> None:
    assert return_date(text, TODAY) is None


@pytest.mark.parametrize("language", sorted(SPOKEN))
def test_every_month_within_half_a_year_is_understood_after_each_word(language: str) -> None:
    months = [(12, 2026), (1, 2027), (2, 2027), (3, 2027), (4, 2027), (5, 2027)]
    said = {
        (word, month): return_date(f"{word} 5 {month_name(month, language)}", TODAY)
        for word in SPOKEN[language].back
        for month, _ in months
    }
    assert said == {(word, month): date(year, month, 5) for word in SPOKEN[language].back for month, year in months}

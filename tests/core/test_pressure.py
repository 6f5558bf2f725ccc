"""When a company's people have had enough mails, and when the next may go to one of them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sequencer.core.pressure import allowed
from sequencer.core.workspace import CompanyCap, Pressure

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LONDON = ZoneInfo("Europe/London")
CAPPED = Pressure(company=CompanyCap(2, timedelta(hours=4)))


def ago(*hours: float) -> list[datetime]:
    return [NOW - timedelta(hours=h) for h in hours]


@pytest.mark.parametrize(
    ("own", "company", "hours", "rule"),
    [
        ([], [], 0, None),
        ([], [1], 0, None),
        ([], [3, 1], 1, "company"),
        ([], [4, 1], 0, None),
        ([], [9, 3, 1, 0], 3, "company"),
        # Whoever mailed colleagues meanwhile began a little later.
        ([], [1, -0.01], 3, "company"),
        ([3], [3, 1], 17, "gap"),
        ([], [0, 0, 0, 0, 0], 4, "company"),
        # Others wait for what comes: behind them, or where there is room before them.
        ([], [0, 0, -4], 4, "company"),
        ([], [0, 0, -4, -4], 8, "company"),
        ([], [-2, -3], 6, "company"),
        ([], [-5, -5], 0, None),
        ([], [0, 0, -9, -9], 4, "company"),
    ],
)
def test_the_next_mail_waits_until_few_enough_went_to_the_company_lately(
    own: list[float], company: list[float], hours: float, rule: str | None
) -> None:
    found = allowed(CAPPED, ago(*own), ago(*company), NOW, LONDON)
    assert (found.at - NOW, found.rule) == (timedelta(hours=hours), rule)


def test_without_a_cap_it_does_not_matter_what_colleagues_get() -> None:
    assert allowed(Pressure(), [], ago(1, 1, 0, 0), NOW, LONDON) == (NOW, None)


def test_gap_and_company_are_both_kept_whichever_ends_later() -> None:
    pressure = Pressure(gap=timedelta(hours=2), day=None, week=None, company=CompanyCap(1, timedelta(hours=1)))
    assert allowed(pressure, ago(1), ago(1, 0.5), NOW, LONDON) == (NOW + timedelta(hours=1), "gap")
    assert allowed(pressure, ago(1.5), ago(1.5, 0), NOW, LONDON) == (NOW + timedelta(hours=1), "company")

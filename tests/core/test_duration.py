"""Durations as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.core.duration import UNITS, Duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 seconds", Duration(2, "second")),
        ("1 minute", Duration(1, "minute")),
        ("1 hours", Duration(1, "hour")),
        ("4 days", Duration(4, "day")),
        ("3 business days", Duration(3, "business day")),
        ("1 business day", Duration(1, "business day")),
        ("  2   Weeks ", Duration(2, "week")),
        ("0 hours", Duration(0, "hour")),
    ],
)
def test_a_duration_is_read_as_it_is_said(text: str, expected: Duration) -> None:
    assert expected == Duration.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "days", "3", "3d", "1.5 hours", "-1 days", "3 months", "three days", "3 days 2 hours", "٣ days", "3 dayss"],
)
def test_anything_else_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration such as"):
        Duration.parse(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("3", "3 days"),
        ("3d", "3 days"),
        ("two days", "2 days"),
        ("a week", "1 week"),
        ("5 bussiness days", "5 business days"),
        ("5 working days", "5 business days"),
        ("1 month", "30 days"),
        ("4h", "4 hours"),
        ("90 mins", "90 minutes"),
        ("2 Wochen", "2 weeks"),
        ("3 Werktage", "3 business days"),
        ("2 weks", "2 weeks"),
        ("3 days 2 hours", None),
        ("soon", None),
        ("1.5 hours", None),
        ("ahead", None),
    ],
)
def test_what_was_probably_meant_is_said(text: str, meant: str | None) -> None:
    with pytest.raises(ValueError, match="expected a duration such as") as refused:
        Duration.parse(text)
    assert str(refused.value).partition(", did you mean ")[2] == (f"`{meant}`?" if meant else "")


@pytest.mark.parametrize("text", ["523 weeks", "3661 days", "999999999 days", "999999999 hours"])
def test_more_than_ten_years_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="at most ten years"):
        Duration.parse(text)


@given(st.builds(Duration, st.integers(0, 500), st.sampled_from(UNITS)))
def test_what_is_written_reads_back(duration: Duration) -> None:
    assert duration == Duration.parse(str(duration))


@given(st.text(max_size=30))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    try:
        Duration.parse(text)
    except ValueError as error:
        assert str(error).startswith("expected a duration")


def test_elapsed_time_counts_days_as_24_hours_and_leaves_business_days_to_a_calendar() -> None:
    assert timedelta(hours=48) == Duration(2, "day").elapsed
    with pytest.raises(ValueError, match="got `2 business days`"):
        _ = Duration(2, "business day").elapsed

"""What a lead does, as people write it."""

from datetime import datetime

import pytest

from sequencer.core.script import read_line, read_local

LINES = [
    ("3d clicked pricing calculator", "3 days: clicked pricing calculator"),
    ("36h: replied", "36 hours: replied"),
    ("1 business day: call_logged", "1 business day: call_logged"),
    ("1 hour after pricing: clicked pricing", "1 hour after pricing: clicked pricing"),
    ("2d after tips:2 opened sales/roi", "2 days after tips:2: opened sales/roi"),
    ("0 minutes submitted handbook", "0 minutes: submitted handbook"),
    ("1 WEEK: changed pains cost, risk", "1 week: changed pains cost, risk"),
    ("5m auto_replied until 2026-12-07", "5 minutes: auto_replied until 2026-12-07"),
]


@pytest.mark.parametrize(("written", "read"), LINES)
def test_a_line_says_when_and_what(written: str, read: str) -> None:
    assert read == str(read_line(written))


MISTAKES = [
    ("clicked pricing", "expected when and what, as `3d clicked pricing calculator`, got `clicked pricing`"),
    ("3d", "expected when and what, as `3d clicked pricing calculator`, got `3d`"),
    ("99999 weeks: replied", "expected a duration of at most ten years, got `99999 weeks`"),
    ("3d clicked a b c", "expected `clicked pricing calculator`, got `clicked a b c`"),
    ("3d halted now", "expected `halted`, got `halted now`"),
    (
        "3d auto_replied until soon",
        "expected `auto_replied, or auto_replied until 2026-12-07`, got `auto",
    ),
    ("3d clikced pricing", "got `clikced pricing`; did you mean `clicked pricing calculator`?"),
    ("3d delivered", "expected what the lead does, or the name of an event, got `delivered`"),
]


@pytest.mark.parametrize(("written", "expected"), MISTAKES)
def test_a_mistake_says_what_was_expected(written: str, expected: str) -> None:
    with pytest.raises(ValueError) as raised:
        read_line(written)
    assert expected in str(raised.value)


def test_a_weekday_has_to_be_the_right_one() -> None:
    assert read_local("2026-11-23 09:00") == read_local("mon 2026-11-23 9:00") == datetime(2026, 11, 23, 9)  # noqa: DTZ001
    with pytest.raises(ValueError, match="2026-11-23 is a mon, got `tue 2026-11-23 09:00`"):
        read_local("tue 2026-11-23 09:00")
    with pytest.raises(ValueError, match="expected a time as `2026-11-23 09:00`, got `tomorrow`"):
        read_local("tomorrow")

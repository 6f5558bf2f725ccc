"""Scanners and people, by what their clicks look like."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.core.machines import bursts, is_machine

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("agent", "machine"),
    [
        ("Barracuda Sentinel (EE)", True),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/120.0.0.0 Safari/537.36", True),
        ("Google-HTTP-Java-Client/1.17.0-rc (gzip)", True),
        ("curl/8.5.0", True),
        ("PYTHON-REQUESTS/2.31", True),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari", False),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36", False),
        ("", False),
    ],
)
def test_software_that_names_itself_is_told_from_browsers(agent: str, machine: bool) -> None:
    assert is_machine(agent) is machine


@pytest.mark.parametrize(
    ("clicks", "links", "burst"),
    [
        ([(0, "a"), (1, "b"), (2, "c")], 3, True),
        ([(2, "c"), (0, "a"), (1, "b")], 3, True),
        ([(0, "a"), (5, "b")], 2, True),
        ([(0, "a"), (5.001, "b")], 2, False),
        ([(0, "a"), (1, "b")], 3, False),
        ([(0, "a"), (1, "a")], 2, False),
        ([(0, "a"), (1, "b"), (3600, "a")], 2, True),
        ([(0, "a")], 1, False),
        ([(0, "a"), (0, "b")], 0, False),
        ([], 2, False),
    ],
)
def test_every_link_of_several_within_seconds_is_a_burst(
    clicks: list[tuple[float, str]], links: int, burst: bool
) -> None:
    assert any(bursts([(NOON + timedelta(seconds=at), link) for at, link in clicks], links)) is burst


def test_a_click_long_after_a_burst_is_a_persons_again() -> None:
    clicks = [(3600, "a"), (4, "b"), (0, "a"), (7, "b"), (11, "a")]
    found = bursts([(NOON + timedelta(seconds=at), link) for at, link in clicks], 2)
    assert found == [False, True, True, True, True]


@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from("abc")), max_size=12), st.integers(0, 12))
def test_what_is_a_machines_click_stays_one_whatever_comes_later(clicks: list[tuple[int, str]], known: int) -> None:
    timed = [(NOON + timedelta(seconds=at), link) for at, link in clicks]
    before, after = bursts(timed[:known], 2), bursts(timed, 2)
    assert all(late for early, late in zip(before, after, strict=False) if early)

"""What is kept of a body that was set aside."""

from hypothesis import given
from hypothesis import strategies as st

from sequencer.core import aside


def test_events_with_one_reason_share_a_line() -> None:
    problems = {2: "x", 7: "x", 8: "x", 9: "x", 3: "y\nz"}
    assert aside.write(problems) == "events 2, 7-9: x\nevent 3: y z"


def test_a_body_as_a_whole_has_no_numbers() -> None:
    assert aside.write({aside.WHOLE: "no JSON"}) == "no JSON"
    assert aside.numbers("no JSON") == []


@given(st.dictionaries(st.integers(1, 3000), st.text(max_size=9), max_size=200))
def test_every_event_is_named_however_many_reasons_there_are(problems: dict[int, str]) -> None:
    assert aside.numbers(aside.write(problems)) == sorted(problems)

"""A short run of the comparison, the same each time; `python -m tests.simulation --minutes N` draws anew for longer."""

import pytest

from tests.simulation.run import SHORT, run


def test_what_simulate_says_is_what_the_stack_sends(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = run(database_url, SHORT)
    with capsys.disabled():
        print(f"\n{report}")
    assert report.examples == SHORT
    # A comparison of nothing would be no comparison.
    assert report.counts["mail"] > SHORT
    assert {"step sent", "did clicked"} <= report.counts.keys()

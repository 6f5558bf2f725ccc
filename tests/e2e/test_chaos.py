"""A small chaos run: every kind of fault at least once, on real processes. The large ones: `benchmarks.chaos`."""

import pytest

from benchmarks.chaos import Limits, run
from benchmarks.chaos_faults import Periods

pytestmark = pytest.mark.long


def test_nothing_is_lost_doubled_or_sent_after_a_halt_while_everything_is_killed_and_spoilt() -> None:
    often = Periods(kill=2.0, group=6.0, postgres=7.0, valkey=4.0, flush=3.0, operator=0.5)
    report = run(400, seed=2, spread=10.0, periods=often, lull=1.0, waits=(6, 1), rate=0.3)
    print(report)  # the figures, with -s
    assert report["problems"] == []
    assert [missed for missed in report["missed"] if missed.startswith("never struck")] == []


def test_a_run_whose_time_is_up_says_who_is_still_under_way_and_where() -> None:
    report = run(20, spread=0.0, calm=True, waits=(600, 1), limits=Limits(storm=0.0, rest=1.0))
    assert report["mails"]["accepted"] > 0
    assert report["problems"][0].startswith("rest did not happen within 1 s\n")
    [open_one] = [
        problem for problem in report["problems"] if problem.startswith("open: ") and " at looked, " in problem
    ]
    assert " enrollments active at looked, due from " in open_one

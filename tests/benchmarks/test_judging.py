"""What a chaos run says it has missed, beside its promises."""

from typing import Any

from benchmarks.chaos import FLAT, WANTED, grown, too_slow
from benchmarks.chaos_watch import Memory


def kept_up(whole: float, minute: float | None) -> dict[str, Any]:
    return {"mails/s": whole, "slowest 60 s": minute}


def test_less_than_wanted_is_missed_on_the_whole_and_in_the_slowest_minute() -> None:
    assert [] == too_slow(kept_up(WANTED, WANTED), due=1_150)
    assert ["900 mails/s in the slowest minute while leads fell due in the storm, expected at least 1,000"] == too_slow(
        kept_up(1_100, 900.4), due=1_150
    )
    assert 2 == len(too_slow(kept_up(900, 800), due=1_150))


def test_a_run_where_less_falls_due_or_for_less_than_a_minute_is_not_judged() -> None:
    assert [] == too_slow(kept_up(300, 300), due=WANTED - 1)
    assert [] == too_slow(kept_up(300, None), due=1_150)
    assert [] == too_slow({}, due=1_150)


def test_a_process_of_the_product_that_grows_is_missed_and_the_sandbox_keeps_all_that_it_was_sent() -> None:
    memory = {"worker": Memory(90, 91 + FLAT, 91), "web": Memory(110, 110 + FLAT, 110), "sandbox": Memory(90, 900, 900)}
    assert ["the memory of a worker grew from 90 to 141 MB, expected at most 50 more"] == grown(memory)

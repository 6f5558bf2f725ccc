"""How many leads a batch takes."""

from sequencer.services.pace import FEWEST, FIRST, HOLD, Pace

HERE, THERE = ("guide", "first"), ("guide", "second")


def test_a_process_begins_small_and_doubles_where_there_is_time() -> None:
    pace = Pace()
    assert pace.size(HERE, most=1_000) == FIRST
    pace.took(HERE, FIRST, HOLD / 10)
    assert pace.size(HERE, most=1_000) == 2 * FIRST


def test_a_place_that_nobody_was_at_begins_with_half_of_what_fits_elsewhere() -> None:
    pace = Pace()
    pace.took(HERE, 800, HOLD)
    assert pace.size(HERE, most=1_000) == 800
    assert pace.size(THERE, most=1_000) == 400


def test_no_batch_is_so_small_that_its_fixed_cost_is_all_it_does() -> None:
    pace = Pace()
    pace.took(HERE, FEWEST, 100 * HOLD)
    assert pace.size(HERE, most=1_000) == FEWEST
    assert pace.size(THERE, most=1_000) == FEWEST
    assert pace.size(THERE, most=10) == 10

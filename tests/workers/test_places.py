"""How many threads of a process work at a time."""

from queue import Empty

import pytest

from workers.places import LONG, Places


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_as_many_work_at_a_time_as_there_are_places_the_most_urgent_first() -> None:
    places = Places(2)
    for work in (3, 1, 2, 0):
        places.put(work)
    assert [0, 1] == [places.get(timeout=0), places.get(timeout=0)]
    with pytest.raises(Empty):
        places.get(timeout=0)
    places.task_done()
    assert 2 == places.get(timeout=0)


def test_who_waits_long_for_the_provider_takes_up_no_place_until_the_answer_comes() -> None:
    clock = Clock()
    places = Places(1, clock)
    for work in range(4):
        places.put(work)
    assert 0 == places.get(timeout=0)
    with places.asking():
        clock.now += LONG / 2
        with pytest.raises(Empty):
            places.get(timeout=0)
        clock.now += LONG / 2
        assert 1 == places.get(timeout=0)
        with pytest.raises(Empty):
            places.get(timeout=0)
    places.task_done()
    with pytest.raises(Empty):
        places.get(timeout=0)
    places.task_done()
    assert 2 == places.get(timeout=0)


def test_what_was_not_begun_is_given_back_whether_or_not_there_is_a_place() -> None:
    places = Places(1)
    for work in range(3):
        places.put(work)
    assert 0 == places.get(timeout=0)
    assert [1, 2] == [places.get_nowait(), places.get_nowait()]
    with pytest.raises(Empty):
        places.get_nowait()

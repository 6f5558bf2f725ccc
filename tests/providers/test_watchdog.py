"""What takes too long is ended from outside, by one thread for all; what does not is left alone."""

import threading
import time

from sequencer.providers.watchdog import Watchdog


def watchers() -> set[threading.Thread]:
    """By themselves, not by number: one that another test left behind may end at any time."""
    return {thread for thread in threading.enumerate() if thread.name == "watchdog"}


def test_what_takes_too_long_is_ended_once() -> None:
    ended = []
    with Watchdog().watching(time.monotonic() + 0.05, lambda: ended.append(time.monotonic())):
        time.sleep(0.2)
    assert 1 == len(ended)


def test_what_is_late_from_the_start_is_ended_at_once() -> None:
    watchdog, ended = Watchdog(), threading.Event()
    with watchdog.watching(time.monotonic() + 60, ended.clear), watchdog.watching(time.monotonic() - 1, ended.set):
        assert ended.wait(5)


def test_whoever_is_in_time_is_never_ended() -> None:
    watchdog, ended = Watchdog(), []
    with watchdog.watching(time.monotonic() + 0.05, lambda: ended.append("short")):
        pass
    with watchdog.watching(time.monotonic() + 60, lambda: ended.append("long")):
        time.sleep(0.2)
    assert [] == ended


def test_a_shorter_time_is_kept_beside_a_longer_one() -> None:
    watchdog, ended = Watchdog(), threading.Event()
    with watchdog.watching(time.monotonic() + 60, ended.clear), watchdog.watching(time.monotonic() + 0.05, ended.set):
        assert ended.wait(5)


def test_one_thread_watches_everything_and_is_gone_when_nothing_is_watched() -> None:
    before, watchdog = watchers(), Watchdog()
    for _ in range(3):
        with watchdog.watching(time.monotonic() + 0.1, id), watchdog.watching(time.monotonic() + 60, id):
            assert 1 == len(watchers() - before)
    until = time.monotonic() + 5
    while watchers() - before and time.monotonic() < until:
        time.sleep(0.02)
    assert not watchers() - before


def test_closing_ends_the_thread_at_once_and_it_may_be_used_again() -> None:
    before, watchdog = watchers(), Watchdog()
    for _ in range(2):
        with watchdog.watching(time.monotonic() + 60, id):
            watchdog.close()
            assert 1 == len(watchers() - before)
        watchdog.close()
        assert not watchers() - before

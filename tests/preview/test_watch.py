"""Looking at the workspace's files, and stopping to."""

import threading

import pytest

from sequencer.preview.watch import Watch


class Stopped(threading.Event):
    """Is cleared just after somebody stopped the watch."""

    watch: Watch

    def clear(self) -> None:
        self.watch._ended.set()
        self.set()
        super().clear()


@pytest.mark.parametrize("came", [threading.Event, Stopped])
def test_a_stop_is_heard_whenever_it_comes(came: type[threading.Event]) -> None:
    checked = threading.Event()
    watch = Watch(frozenset, lambda: None, checked.set)
    Stopped.watch = watch
    watch._came = came()
    watch.start()
    assert checked.wait(30)
    stopping = threading.Thread(target=watch.stop, daemon=True)
    stopping.start()
    stopping.join(30)
    assert not stopping.is_alive()

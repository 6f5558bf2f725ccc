"""Looks at the workspace's files many times a second, and says when any of them is another.

Looking at the dates of a hundred files takes a millisecond; a library that is told by the system would be one more
dependency, and none of them works on network folders and containers' mounts, where people edit, too.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

EVERY: Final = 0.04
"""Seconds between two looks; more where a look takes long, so that looking takes a twentieth of one processor."""
LATER: Final = 0.15
"""Seconds after which `after` begins: meanwhile the pages that were told are served."""

Print: TypeAlias = frozenset[tuple[str, int, int, int]]
"""Path, modification time, size and number of each file."""


def fingerprint(folder: Path, others: tuple[str, ...] = ()) -> Print:
    """What tells a changed workspace from an unchanged one without reading its files."""
    found = [entry for name in ("sequences", "content") for entry in _entries(folder / name)]
    for name in others:
        try:
            found.append((name, _seen((folder / name).stat())))
        except OSError:
            continue
    return frozenset((name, *seen) for name, seen in found)


def _entries(folder: Path | str) -> Iterator[tuple[str, tuple[int, int, int]]]:
    try:
        found = list(os.scandir(folder))
    except OSError:
        return  # gone meanwhile; the next look sees what there is
    for entry in found:
        if entry.name.startswith(("_", ".")):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(entry.path)
            continue
        with suppress(OSError):
            yield entry.path, _seen(entry.stat())


def _seen(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_mtime_ns, found.st_size, found.st_ino


class Watch:
    """Looks in a thread of its own: calls `changed` when the fingerprint is another.

    What may wait a moment belongs into `after`, which is called in a thread of its own somewhat later: another change
    meanwhile does not wait for it.
    """

    def __init__(self, look: Callable[[], Print], changed: Callable[[], None], after: Callable[[], None]) -> None:
        self._look = look
        self._changed = changed
        self._after = after
        self._ended = threading.Event()
        self._came = threading.Event()
        """Something changed, and `after` is still to be called."""
        targets = {"watch": self._run, "watch-after": self._run_after}
        self._threads = [threading.Thread(target=run, name=name, daemon=True) for name, run in targets.items()]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._came.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        last: Print | None = None
        pause = EVERY
        while not self._ended.wait(pause):
            began, used = time.monotonic(), time.thread_time()
            found = self._look()
            # A look that had to wait for a processor is no reason to look less often, a slow disk is.
            pause = max(EVERY, 20 * (time.thread_time() - used), time.monotonic() - began)
            if found != last:
                self._changed()
                last = found
                self._came.set()

    def _run_after(self) -> None:
        # Asked before each wait: a stop that comes just before `clear` would be forgotten otherwise.
        while not self._ended.is_set():
            self._came.wait()
            if not self._ended.wait(LATER):
                self._came.clear()
                self._after()

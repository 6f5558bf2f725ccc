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
    """Looks in a thread of its own: calls `changed` when the fingerprint is another, and `after` one look later.

    What may wait a moment belongs into `after`: meanwhile the pages that were told can be served.
    """

    def __init__(self, look: Callable[[], Print], changed: Callable[[], None], after: Callable[[], None]) -> None:
        self._look = look
        self._changed = changed
        self._after = after
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        last: Print | None = None
        took = 0.0
        while not self._ended.wait(max(EVERY, 20 * took)):
            began = time.monotonic()
            found = self._look()
            took = time.monotonic() - began
            if found != last:
                self._changed()
                last = found
            else:
                self._after()

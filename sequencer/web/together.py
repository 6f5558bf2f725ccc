"""Many requests' rows in one transaction: each waits for its commit, and all of them take one connection.

A commit costs a millisecond of waiting for the disk, whatever is in it; and a flood at one door must leave connections
to the others.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

Item = TypeVar("Item")


class Together(Generic[Item]):
    """Used from one event loop alone."""

    def __init__(self, write: Callable[[Sequence[Item]], None], most: int = 500, patience: float = 0.0) -> None:
        """`write` stores up to `most` items; it runs in another thread, one at a time.

        `patience`: seconds for which the first of them waits for others.
        """
        self._write = write
        self._most = most
        self._patience = patience
        self._waiting: deque[tuple[Item, asyncio.Future[None]]] = deque()
        self._writer: asyncio.Task[None] | None = None

    async def add(self, item: Item) -> None:
        """Returns when the item is stored. Raises what storing it raised."""
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, stored))
        if self._writer is None:
            self._writer = asyncio.create_task(self._work())
        await stored

    async def _work(self) -> None:
        try:
            while self._waiting:
                if self._patience and len(self._waiting) < self._most:
                    await asyncio.sleep(self._patience)
                part = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
                error: Exception | None = None
                try:
                    await run_in_threadpool(self._write, [item for item, _ in part])
                except Exception as failed:
                    error = failed
                for _, stored in part:
                    if stored.done():
                        continue  # whoever waited has hung up
                    if error is None:
                        stored.set_result(None)
                    else:
                        stored.set_exception(error)
        finally:
            self._writer = None

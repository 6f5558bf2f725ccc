"""Events are stored once, whoever stores them."""

import gc
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, Engine

from sequencer.core.event import Event
from sequencer.store import clock, events
from sequencer.store.partitions import ensure

AT = datetime(2026, 11, 15, tzinfo=UTC)


class Batch(list[Event]):
    """What can be asked whether it is still there."""


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Circles stay where they are."""
    gc.disable()
    yield
    gc.enable()


def told(key: str) -> Event:
    return Event("clicked", AT, 1, key, "sendgrid")


def test_what_somebody_else_stored_meanwhile_keeps_no_batch_in_memory(engine: Engine, without_collector: None) -> None:
    """An error's frames and what they hold, else: a worker in the storm grew by 64 MB so, and by 33 without."""
    with engine.begin() as conn:
        clock.start_virtual(conn, AT)
        ensure(conn)
        events.insert(conn, [told("one")])
        batch, new = _stored(conn)
        assert (new, batch()) == ([told("two")], None)


def _stored(conn: Connection) -> tuple["weakref.ref[Batch]", list[Event]]:
    batch = Batch([told("one"), told("two")])
    return weakref.ref(batch), events.insert(conn, batch, sought=True)

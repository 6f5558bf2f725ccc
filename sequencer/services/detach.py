"""Takes an old month off the ledger or off events, so that it can be kept elsewhere and dropped here.

Only what nobody needs any more: the ledger is what keeps a mail from going twice, events are what conditions ask for.
"""

from sqlalchemy import Connection, Engine

from sequencer.errors import SequencerError
from sequencer.store import clock, enrollments, partitions
from sequencer.store.partitions import Partition

KEPT = 12
"""Months behind now that stay: so long a reader may come back to an old mail, answer it, or unsubscribe by it."""


def detach(engine: Engine, name: str) -> Partition:
    """Makes a table of its own of a partition. Raises SequencerError, which says why it must stay."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        found = removable(conn, name)
        partitions.detach(conn, found)
    return found


def removable(conn: Connection, name: str) -> Partition:
    """The partition of this name. Raises SequencerError when there is none, or it must stay."""
    found = next((p for p in partitions.of(conn) if p.name == name), None)
    if found is None:
        raise SequencerError(f"there is no partition {name}: `sequencer db partitions` lists them")
    if found.after > partitions.month_before(clock.now(conn), KEPT):
        raise SequencerError(f"{name} stays: less than {KEPT} months have passed since then")
    span = partitions.lowest_id(found.first), partitions.lowest_id(found.after)
    if found.parent == "message" and enrollments.any_running(conn, *span):
        raise SequencerError(
            f"{name} stays: somebody who entered a sequence in {found.first:%B %Y} is still in it, and what they got"
            " could go again"
        )
    return found

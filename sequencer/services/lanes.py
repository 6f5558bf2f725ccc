"""Has whoever waits behind another sequence looked at again when that changes."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from sequencer.core.lanes import concerned
from sequencer.core.workspace import Workspace
from sequencer.store import enrollments


def moved(conn: Connection, workspace: Workspace, who: Iterable[tuple[int, str]], now: datetime) -> None:
    """`who`: leads, whose locks the caller holds, and the sequence that each entered or left.

    Asks the database only where a sequence holds others up, or is held up.
    """
    if not workspace.rivals:
        return
    changes = [(lead_id, sequence) for lead_id, sequence in who if sequence in workspace.rivals]
    if not changes:
        return
    running = enrollments.running_of(conn, sorted({lead_id for lead_id, _ in changes}))
    late = [e.id for e in concerned(workspace.held_by, running, changes) if e.due_at is None or e.due_at > now]
    if late:
        enrollments.wake(conn, late, now)

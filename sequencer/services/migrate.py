"""After a deploy: takes the people inside to the new deployment, batch by batch, and dates them anew."""

from sqlalchemy import Connection

from sequencer.core import migrate as editing
from sequencer.core.enrollment import Enrollment
from sequencer.core.release import Release
from sequencer.services.context import Context
from sequencer.store import clock, enrollments


def migrate(context: Context) -> bool:
    """One batch. True: there may be more. Until it is reached, an enrollment is migrated when it acts."""
    with context.engine.begin() as conn:
        now = clock.now(conn)
        release = context.releases.current(conn)
        rows = enrollments.behind(conn, release.number, context.batch)
        moved = []
        for enrollment, _ in rows:
            # Due now: `decide` finds the new date, and does nothing before it.
            after = migrated(conn, context, release, enrollment)._replace(due_at=now)
            moved.append(after)
        enrollments.update(conn, moved)
    for place in sorted({(e.sequence, e.position) for e in moved}):
        context.hint("drain", *place)
    return len(rows) == context.batch


def migrated(conn: Connection, context: Context, current: Release, enrollment: Enrollment) -> Enrollment:
    """The enrollment at its place in the current deployment, taken through each one in between."""
    for number in range(enrollment.deployment, current.number):
        old, new = context.releases.at(conn, number), context.releases.at(conn, number + 1)
        if new is None or (after := new.workspace.sequences.get(enrollment.sequence)) is None:
            continue
        before = old.workspace.sequences.get(enrollment.sequence) if old is not None else None
        enrollment = editing.migrate(before, after, enrollment, number + 1)
    return enrollment._replace(deployment=current.number)

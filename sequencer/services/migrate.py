"""After a deploy: takes the people inside to the new deployment, batch by batch, and dates them anew."""

from dataclasses import replace

from sequencer.services import advance
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
            after = replace(advance.migrated(conn, context, release, enrollment), due_at=now)
            moved.append(after)
        enrollments.update(conn, moved)
    for place in sorted({(e.sequence, e.position) for e in moved}):
        context.hint("drain", *place)
    return len(rows) == context.batch

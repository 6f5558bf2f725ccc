"""Tables of which every row changes often are vacuumed after a fiftieth of it, not after a fifth.

With ten million enrollments the default would let two million dead entries lie in the index of due times before it does
anything, in front of those that are due. Nothing is given back to the system at the end of the table, because that
locks everybody out for a moment, and the room is needed again at once.
"""

from alembic import op
from sqlalchemy import text

revision = "0004"
down_revision = "0003"

HOT = (
    "autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0,"
    " vacuum_truncate = off"
)
_PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:parent AS regclass)"


def upgrade() -> None:
    op.execute(f"ALTER TABLE enrollment SET ({HOT})")
    conn = op.get_bind()
    for parent, options in (("message", HOT), ("event", "autovacuum_analyze_scale_factor = 0.02")):
        for name in conn.execute(text(_PARTITIONS), {"parent": parent}).scalars().all():
            op.execute(f"ALTER TABLE {name} SET ({options})")

"""A request that is open has one row, where each of its messages had two entries in indexes.

Those entries came and went with the message's state, and with them every write about a message went to all of its
indexes. Now none of them holds what changes: PostgreSQL writes the row alone, as long as its page has room for another
version of it. So pages are filled by half: each row is written again within a second, by whoever records the answer.
"""

from alembic import op
from sqlalchemy import text

revision = "0006"
down_revision = "0005"

_PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'message'::regclass"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE request (
            id TEXT NOT NULL,
            lease_until TIMESTAMP WITH TIME ZONE,
            enrollment_ids BIGINT[] NOT NULL,
            CONSTRAINT pk_request PRIMARY KEY (id)
        ) WITH (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0)
        """
    )
    op.execute(
        "COMMENT ON COLUMN request.lease_until IS"
        " 'operating time; NULL: nobody makes it any more, and some of its messages are unknown'"
    )
    op.execute("COMMENT ON COLUMN request.enrollment_ids IS 'of its messages, ascending'")
    op.execute("CREATE INDEX ix_request_lease_until ON request (lease_until)")
    op.execute(
        """
        INSERT INTO request
        SELECT request_id, max(lease_until), array_agg(enrollment_id ORDER BY enrollment_id) FROM message
        WHERE state IN ('sending', 'unknown') GROUP BY request_id
        """
    )
    op.execute("DROP INDEX ix_message_open")
    op.execute("DROP INDEX ix_message_request_id")
    op.execute("ALTER TABLE message DROP COLUMN lease_until")
    for name in op.get_bind().execute(text(_PARTITIONS)).scalars().all():
        op.execute(f"ALTER TABLE {name} SET (fillfactor = 50)")

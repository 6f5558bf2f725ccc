"""The reps' call list."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    """
    CREATE TABLE task (
        enrollment_id BIGINT NOT NULL,
        step TEXT NOT NULL,
        lead_id BIGINT NOT NULL,
        kind TEXT NOT NULL,
        rep TEXT,
        note TEXT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        due_at TIMESTAMP WITH TIME ZONE NOT NULL,
        closed_at TIMESTAMP WITH TIME ZONE,
        closed_by TEXT,
        CONSTRAINT pk_task PRIMARY KEY (enrollment_id, step)
    )
    """,
    "CREATE INDEX ix_task_open ON task (lead_id, kind) WHERE closed_at IS NULL",
    "CREATE INDEX ix_task_due ON task (due_at) WHERE closed_at IS NULL",
    "COMMENT ON COLUMN task.kind IS 'call'",
    "COMMENT ON COLUMN task.rep IS 'the rep''s email; NULL: nobody owns the lead'",
    "COMMENT ON COLUMN task.closed_at IS 'NULL: it is still to be done'",
    "COMMENT ON COLUMN task.closed_by IS 'done | left: the lead left the sequence first'",
    "COMMENT ON COLUMN alert.kind IS 'tell | handoff | task | reply'",
)

"""Mails that wait for a rep to look at them, and what the rep made of them."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    """
    CREATE TABLE review (
        enrollment_id BIGINT NOT NULL,
        step TEXT NOT NULL,
        lead_id BIGINT NOT NULL,
        content TEXT NOT NULL,
        sender TEXT,
        rep TEXT,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        due_at TIMESTAMP WITH TIME ZONE NOT NULL,
        subject TEXT,
        body TEXT,
        closed_at TIMESTAMP WITH TIME ZONE,
        closed_by TEXT,
        CONSTRAINT pk_review PRIMARY KEY (enrollment_id, step)
    )
    """,
    "CREATE INDEX ix_review_due ON review (due_at) WHERE closed_at IS NULL",
    "COMMENT ON COLUMN review.sender IS 'the rep in whose name it goes; NULL: the sequence''s shared sender'",
    "COMMENT ON COLUMN review.rep IS 'who looks at it, by email; NULL: nobody owns the lead'",
    "COMMENT ON COLUMN review.subject IS 'as the rep wrote it; NULL: as the content has it'",
    "COMMENT ON COLUMN review.body IS 'as the rep wrote it, Markdown; NULL: as the content has it'",
    "COMMENT ON COLUMN review.closed_at IS 'NULL: it is still to be looked at'",
    "COMMENT ON COLUMN review.closed_by IS "
    "'sent | skipped, by the rep; time: nobody looked; left: the lead left the sequence first'",
    "COMMENT ON COLUMN alert.kind IS 'tell | handoff | task | review | reply'",
)

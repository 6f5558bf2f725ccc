"""Sequences that an operator paused."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    """
    CREATE TABLE sequence_pause (
        sequence TEXT NOT NULL,
        since TIMESTAMP WITH TIME ZONE NOT NULL,
        detail TEXT NOT NULL,
        CONSTRAINT pk_sequence_pause PRIMARY KEY (sequence)
    )
    """,
    "COMMENT ON COLUMN sequence_pause.since IS 'business time'",
    "COMMENT ON COLUMN sequence_pause.detail IS 'why, as the operator says'",
)

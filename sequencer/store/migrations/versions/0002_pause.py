"""The pause of all sending, the heartbeat that tells a downtime and a restored backup, and dates put off."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    """
    CREATE TABLE pause (
        reason TEXT NOT NULL,
        since TIMESTAMP WITH TIME ZONE NOT NULL,
        detail TEXT NOT NULL,
        retry_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_pause PRIMARY KEY (reason)
    )
    """,
    "COMMENT ON COLUMN pause.reason IS 'operator | credentials | restored'",
    "COMMENT ON COLUMN pause.since IS 'operating time'",
    "COMMENT ON COLUMN pause.detail IS 'what happened, for who has to mend it'",
    "COMMENT ON COLUMN pause.retry_at IS"
    " 'operating time at which one mail may try; NULL: only `sequencer resume` ends it'",
    """
    CREATE TABLE heartbeat (
        id INTEGER NOT NULL,
        ledger TEXT NOT NULL,
        number BIGINT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        worked_at TIMESTAMP WITH TIME ZONE NOT NULL,
        vouched_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_heartbeat PRIMARY KEY (id)
    )
    """,
    "COMMENT ON COLUMN heartbeat.id IS 'always 1'",
    "COMMENT ON COLUMN heartbeat.ledger IS 'names this ledger, also after it was restored'",
    "COMMENT ON COLUMN heartbeat.number IS 'one more with every beat; Redis keeps a copy as a witness'",
    "COMMENT ON COLUMN heartbeat.at IS 'operating time of the last beat'",
    "COMMENT ON COLUMN heartbeat.worked_at IS"
    " 'operating time at which nothing was overdue, or some of it was worked off'",
    "COMMENT ON COLUMN heartbeat.vouched_at IS 'operating time at which an operator let a restored database go on'",
    "ALTER TABLE enrollment ADD COLUMN expected_at TIMESTAMP WITH TIME ZONE",
    "COMMENT ON COLUMN enrollment.expected_at IS"
    " 'due_at before catching up after a downtime put it off; NULL: it was not'",
    "CREATE INDEX ix_intake_at ON intake (at)",
)

"""What leads did that counts, by signal and day, and when sales was to talk to them."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    """
    CREATE TABLE signal_count (
        lead_id BIGINT NOT NULL,
        signal TEXT NOT NULL,
        day DATE NOT NULL,
        times INTEGER NOT NULL,
        CONSTRAINT pk_signal_count PRIMARY KEY (lead_id, signal, day)
    ) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)
    """,
    """
    CREATE TABLE readiness (
        lead_id BIGINT NOT NULL,
        number INTEGER NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        over_at TIMESTAMP WITH TIME ZONE,
        reasons TEXT[] NOT NULL,
        CONSTRAINT pk_readiness PRIMARY KEY (lead_id, number)
    )
    """,
    "ALTER TABLE lead ADD COLUMN engaged_on DATE",
    "COMMENT ON COLUMN lead.engaged_on IS 'UTC day on which the lead last did something that counts for them'",
    "COMMENT ON COLUMN signal_count.signal IS 'the behaviour as signals.yaml writes it'",
    "COMMENT ON COLUMN signal_count.day IS 'UTC'",
    "COMMENT ON COLUMN readiness.number IS 'from 1 for each lead'",
    "COMMENT ON COLUMN readiness.at IS 'when sales was to talk to the lead'",
    "COMMENT ON COLUMN readiness.over_at IS 'when the lead had fallen back'",
    "COMMENT ON COLUMN readiness.reasons IS 'names of reasons in signals.yaml'",
)

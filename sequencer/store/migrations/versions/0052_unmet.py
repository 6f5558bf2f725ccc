"""Who would be handed to sales and waits is remembered, with what is missing."""

from alembic import op

revision = "0052"
down_revision = "0051"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    """
    CREATE TABLE unmet (
        lead_id BIGINT NOT NULL,
        since TIMESTAMP WITH TIME ZONE NOT NULL,
        reasons TEXT[] NOT NULL,
        lacks TEXT[] NOT NULL,
        CONSTRAINT pk_unmet PRIMARY KEY (lead_id)
    )
    """,
    "CREATE INDEX ix_unmet_since ON unmet (since, lead_id)",
    "COMMENT ON COLUMN unmet.since IS 'when sales would have been to talk to the lead first'",
    "COMMENT ON COLUMN unmet.reasons IS 'names of reasons in signals.yaml'",
    "COMMENT ON COLUMN unmet.lacks IS 'what of `needs` is missing: owner, or a condition'",
)

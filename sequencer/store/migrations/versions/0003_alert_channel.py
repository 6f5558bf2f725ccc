"""Alerts by more than one channel: each has a row, and a state, of its own."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    "ALTER TABLE alert ADD COLUMN channel TEXT NOT NULL DEFAULT 'email'",
    "COMMENT ON COLUMN alert.channel IS 'email | webhook'",
    "COMMENT ON COLUMN alert.kind IS 'tell | handoff | reply'",
    "ALTER TABLE alert DROP CONSTRAINT pk_alert",
    "ALTER TABLE alert ADD CONSTRAINT pk_alert PRIMARY KEY (enrollment_id, step, channel)",
)

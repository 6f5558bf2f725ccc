"""Alerts that found no owner are looked at again, as somebody may own the lead by then."""

from alembic import op

revision = "0051"
down_revision = "0044c"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = ("CREATE INDEX ix_alert_held ON alert (lead_id) WHERE state = 'no_owner'",)

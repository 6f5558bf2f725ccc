"""Leads by their rep, for the call list: most have none."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("CREATE INDEX ix_lead_owner ON lead (owner) WHERE owner IS NOT NULL")

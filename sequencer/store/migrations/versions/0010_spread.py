"""Who falls due by an edit is looked at one after another: how far their turns reach."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute("ALTER TABLE deployment ADD COLUMN spread_to TIMESTAMP WITH TIME ZONE")
    op.execute("COMMENT ON COLUMN deployment.spread_to IS 'until when those are looked at who fell due by an edit'")

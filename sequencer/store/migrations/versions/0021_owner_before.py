"""The rep whom a lead's owner followed, until the lead has heard from the new one."""

from alembic import op

revision = "0021"
down_revision = "0032"


def upgrade() -> None:
    op.execute("ALTER TABLE lead ADD COLUMN owner_before TEXT")
    op.execute(
        "COMMENT ON COLUMN lead.owner_before IS "
        "'whom the owner followed, as long as the lead has not heard from the new one'"
    )

"""Who wrote what is known of a lead, and when; what behaviour taught, and how sure that is."""

from alembic import op

revision = "0013"
down_revision = "0017"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    "ALTER TABLE lead ADD COLUMN source TEXT",
    "ALTER TABLE lead ADD COLUMN sources JSONB NOT NULL DEFAULT '{}'",
    "COMMENT ON COLUMN lead.source IS 'who brought the lead: import | api | ...'",
    "COMMENT ON COLUMN lead.sources IS"
    " 'who wrote fields since, and when; of what behaviour taught also how sure that is'",
)

"""Companies that are one, and companies that count with another."""

from alembic import op

revision = "0032"
down_revision = "0023b"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    "ALTER TABLE company ADD COLUMN merged_into BIGINT, ADD COLUMN parent_id BIGINT",
    "COMMENT ON COLUMN company.merged_into IS 'the company whose domain this is as well; NULL: it stands for itself'",
    "COMMENT ON COLUMN company.parent_id IS 'the company that this one counts with, itself no subsidiary'",
    "CREATE INDEX ix_company_merged_into ON company (merged_into) WHERE merged_into IS NOT NULL",
    "CREATE INDEX ix_company_parent_id ON company (parent_id) WHERE parent_id IS NOT NULL",
)

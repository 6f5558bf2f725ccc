"""Where a company's name comes from: a stranger's form gives way to whoever knows, and these to an operator.

Of names from before it is not known, so they give way as a form's do.
"""

from alembic import op

revision = "0054"
down_revision = "0052"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    "ALTER TABLE company ADD named_by text",
    "COMMENT ON COLUMN company.named_by IS 'who gave the name: form | api | import | operator; NULL: not noted'",
)

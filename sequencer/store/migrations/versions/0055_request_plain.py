"""The ids of an open request are stored as they are: to compress them took longer than to write them."""

from alembic import op

revision = "0055"
down_revision = "0053"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = ("ALTER TABLE request ALTER enrollment_ids SET STORAGE EXTERNAL",)

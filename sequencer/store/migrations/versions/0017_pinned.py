"""People who keep the steps of an older deployment."""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    "ALTER TABLE enrollment ADD COLUMN pinned INTEGER",
    "COMMENT ON COLUMN enrollment.pinned IS "
    "'older deployment whose steps it keeps; NULL: it goes by those of `deployment`'",
    """
    CREATE INDEX ix_enrollment_pinned ON enrollment (sequence, pinned)
    WHERE pinned IS NOT NULL AND status IN ('active', 'paused')
    """,
)

"""A handoff may be closed by what the lead did: only what the columns say of it is new."""

from alembic import op

revision = "0050"
down_revision = "0043"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    "COMMENT ON COLUMN handoff.state IS 'waiting | accepted | declined | expired | closed'",
    "COMMENT ON COLUMN handoff.answer IS 'why it was declined, went back or ended'",
)

"""Who is ready by a changed signals.yaml alone becomes so in turn, whatever has the lead looked at meanwhile."""

from alembic import op

revision = "0044b"
down_revision = "0044"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    """
    ALTER TABLE watch ADD COLUMN paced BOOLEAN NOT NULL DEFAULT false,
                      ADD COLUMN turn_at TIMESTAMP WITH TIME ZONE
    """,
    "COMMENT ON COLUMN watch.paced IS 'by what it had done when it was deployed, the lead becomes ready in turn only'",
    "COMMENT ON COLUMN watch.turn_at IS 'the turn that a paced lead has'",
)

"""Who is ready by a changed signals.yaml alone becomes so in turn, whatever has the lead looked at meanwhile."""

from alembic import op

revision = "0044"
down_revision = "0050"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    "ALTER TABLE watch_rule ADD COLUMN known_to BIGINT NOT NULL DEFAULT 0",
    "COMMENT ON COLUMN watch_rule.known_to IS 'nobody is looked at before every lead up to this id has a row'",
    """
    ALTER TABLE watch ADD COLUMN paced BOOLEAN NOT NULL DEFAULT false,
                      ADD COLUMN turn_at TIMESTAMP WITH TIME ZONE
    """,
    "COMMENT ON COLUMN watch.paced IS 'by what it had done when it was deployed, the lead becomes ready in turn only'",
    "COMMENT ON COLUMN watch.turn_at IS 'the turn that a paced lead has'",
    # Who has a turn by a deployment that is under way keeps it.
    """
    UPDATE watch w SET paced = true, turn_at = w.due_at FROM watch_rule r
    WHERE r.sequence = '' AND NOT r.gone AND w.rule = r.id AND w.due_at <= r.spread_to
    """,
)

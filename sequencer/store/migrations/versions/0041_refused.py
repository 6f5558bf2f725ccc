"""A readiness is over once sales said no to it; only what is done after that makes the lead ready again.

Also those to which sales said no before.
"""

from alembic import op

revision = "0041"
down_revision = "0042"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    "ALTER TABLE readiness ADD COLUMN refused BOOLEAN NOT NULL DEFAULT false, ADD COLUMN until DATE",
    "COMMENT ON COLUMN readiness.over_at IS 'when the lead had fallen back, or sales said no'",
    "COMMENT ON COLUMN readiness.refused IS 'over by sales, and the lead has not fallen back since'",
    "COMMENT ON COLUMN readiness.until IS 'before this day the lead does not become ready again'",
    """
    UPDATE readiness r SET over_at = h.answered_at, refused = true, until = h.until
    FROM handoff h
    WHERE h.lead_id = r.lead_id AND h.readiness = r.number AND h.state IN ('declined', 'expired')
      AND h.answered_at IS NOT NULL AND r.over_at IS NULL
    """,
)

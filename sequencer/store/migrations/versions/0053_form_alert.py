"""Alerts of what came by a form: a handoff may tell it in their place."""

from alembic import op

revision = "0053"
down_revision = "0054"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    "COMMENT ON COLUMN alert.kind IS"
    " 'tell | handoff | reminder | reassigned | undated | unclear | task | review | reply | asked | form | needs'",
    "COMMENT ON COLUMN alert.state IS 'pending | sending | sent | unknown | refused | no_owner | in_handoff'",
)

"""Nobody is looked at by a changed signals.yaml before everybody is counted.

Watches get what belongs to this in migrations of their own: workers take the two tables in another order.
"""

from alembic import op

revision = "0044"
down_revision = "0050"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    "ALTER TABLE watch_rule ADD COLUMN known_to BIGINT NOT NULL DEFAULT 0",
    "COMMENT ON COLUMN watch_rule.known_to IS 'nobody is looked at before every lead up to this id has a row'",
)

"""Challenges of forms that were used: each counts once, whatever is sent with it."""

from alembic import op

revision = "0042"
down_revision = "0038"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    """
    CREATE TABLE used_challenge (
        nonce TEXT NOT NULL,
        trace BYTEA NOT NULL,
        until TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_used_challenge PRIMARY KEY (nonce)
    )
    """,
    "CREATE INDEX ix_used_challenge_until ON used_challenge (until)",
    "COMMENT ON COLUMN used_challenge.trace IS 'of what was sent with it: a repeat has the same'",
    "COMMENT ON COLUMN used_challenge.until IS 'operating time; later nobody can use it'",
)

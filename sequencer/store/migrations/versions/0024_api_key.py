"""Keys of the API, each with what it may."""

from alembic import op

revision = "0024"
down_revision = "0025"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    """
    CREATE TABLE api_key (
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        scopes TEXT[] NOT NULL,
        digest BYTEA NOT NULL,
        per_minute INTEGER NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        used_at TIMESTAMP WITH TIME ZONE,
        revoked_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_api_key PRIMARY KEY (id)
    )
    """,
    "COMMENT ON COLUMN api_key.id IS 'the part of the key that is no secret'",
    "COMMENT ON COLUMN api_key.digest IS 'SHA-256 of the key, which is kept nowhere'",
    "COMMENT ON COLUMN api_key.per_minute IS 'requests that it may make'",
    "COMMENT ON COLUMN api_key.created_at IS 'operating time'",
    "COMMENT ON COLUMN api_key.used_at IS 'operating time, to the minute'",
    "COMMENT ON COLUMN api_key.revoked_at IS 'operating time; NULL: it may be used'",
)

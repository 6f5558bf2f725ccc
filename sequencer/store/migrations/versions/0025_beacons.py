"""Beacons that pages told within a moment share a row: a row each took more time than all else about storing them.

`body` stays for what forms say, so that web processes of the version before go on until they are replaced.
"""

from alembic import op

revision = "0025"
down_revision = "0023"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    "ALTER TABLE beacon ADD COLUMN bodies BYTEA[], ALTER COLUMN body DROP NOT NULL",
    "COMMENT ON COLUMN beacon.bodies IS 'what pages told within a moment, raw; gone once it is looked into'",
    "COMMENT ON COLUMN beacon.body IS 'of a form'",
)

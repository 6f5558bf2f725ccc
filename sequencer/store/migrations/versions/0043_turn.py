"""What went to the people of a company that may not get too many mails together, and who of them waits."""

from alembic import op

revision = "0043"
down_revision = "0040"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    """
    CREATE TABLE turn (
        company_id BIGINT NOT NULL,
        enrollment_id BIGINT NOT NULL,
        step TEXT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_turn PRIMARY KEY (company_id, enrollment_id, step)
    )
    """,
    "COMMENT ON COLUMN turn.step IS 'of the mail that went; empty: it waits until others were mailed'",
)

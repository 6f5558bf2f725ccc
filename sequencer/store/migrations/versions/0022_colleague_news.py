"""What the others of a company have yet to hear of somebody."""

from alembic import op

revision = "0022"
down_revision = "0024"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    """
    CREATE TABLE colleague_news (
        lead_id BIGINT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        key TEXT NOT NULL,
        kind TEXT NOT NULL,
        company_id BIGINT NOT NULL,
        told_to BIGINT NOT NULL DEFAULT 0,
        CONSTRAINT pk_colleague_news PRIMARY KEY (lead_id, at, key)
    )
    """,
    "COMMENT ON COLUMN colleague_news.lead_id IS 'who did it'",
    "COMMENT ON COLUMN colleague_news.key IS 'of the event'",
    "COMMENT ON COLUMN colleague_news.kind IS 'colleague_handed_off | colleague_replied'",
    "COMMENT ON COLUMN colleague_news.told_to IS 'every colleague up to this id knows'",
)

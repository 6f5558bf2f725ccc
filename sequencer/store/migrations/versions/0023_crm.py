"""Who leads are in the CRM."""

from alembic import op

revision = "0023"
down_revision = "0020"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    """
    CREATE TABLE crm_contact (
        lead_id BIGINT NOT NULL,
        crm TEXT NOT NULL,
        contact TEXT,
        said JSONB NOT NULL DEFAULT '{}',
        CONSTRAINT pk_crm_contact PRIMARY KEY (lead_id, crm)
    )
    """,
    "CREATE INDEX ix_crm_contact ON crm_contact (crm, contact) WHERE contact IS NOT NULL",
    "COMMENT ON COLUMN crm_contact.contact IS 'the lead''s id there; NULL: not known'",
    "COMMENT ON COLUMN crm_contact.said IS 'by field, when its last word about it was spoken, and the keys of"
    " what was said then'",
    "COMMENT ON COLUMN intake.door IS 'events | inbound | crm:NAME, as workspace.yaml names it'",
)

"""What of a lead was written back to the CRM, and when that is looked at again."""

from alembic import op

revision = "0023b"
down_revision = "0022"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    "ALTER TABLE crm_contact ADD written TEXT, ADD next_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp()",
    "CREATE INDEX ix_crm_contact_due ON crm_contact (crm, next_at) WHERE contact IS NOT NULL",
    "COMMENT ON COLUMN crm_contact.written IS 'digest of what was written back last'",
    "COMMENT ON COLUMN crm_contact.next_at IS 'operating time at which to look again whether something is to be"
    " written back'",
)

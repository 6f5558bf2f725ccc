"""Calls that were taken are kept for a time, and those that were not are counted without looking at the others.

While the indexes are built, whoever writes calls waits, holding what they have locked: handoffs and reps' answers too.
"""

from alembic import op

revision = "0038"
down_revision = "0033"


def upgrade() -> None:
    op.execute("CREATE INDEX ix_call_out_unsent ON call_out (id) WHERE state <> 'sent'")
    op.execute("CREATE INDEX ix_call_out_sent ON call_out (at) WHERE state = 'sent'")

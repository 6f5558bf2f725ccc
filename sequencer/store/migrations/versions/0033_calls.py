"""Calls are a few events among many visits: the call list looks for them in an index of their own.

While it is built, events wait; nothing else does.
"""

from alembic import op

revision = "0033"
down_revision = "0021"


def upgrade() -> None:
    op.execute("CREATE INDEX ix_event_call ON event (at, lead_id) WHERE kind = 'call_logged'")

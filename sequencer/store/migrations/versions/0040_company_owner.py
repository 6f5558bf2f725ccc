"""A rep's companies are found by an index: the call list asks for their people, too.

While it is built, companies wait; nothing else does.
"""

from alembic import op

revision = "0040"
down_revision = "0041"


def upgrade() -> None:
    op.execute("CREATE INDEX ix_company_owner ON company (owner) WHERE owner IS NOT NULL")

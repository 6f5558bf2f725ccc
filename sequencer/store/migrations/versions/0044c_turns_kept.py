"""Who has a turn by a deployment of signals.yaml that is under way keeps it.

Meanwhile, whoever writes watches waits, holding what they have locked; who reads them does not. Without that lock, a
worker that has some of these rows and wants others would wait for this, and this for the worker.
"""

from alembic import op

revision = "0044c"
down_revision = "0044b"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    "LOCK TABLE watch IN EXCLUSIVE MODE",
    """
    UPDATE watch w SET paced = true, turn_at = w.due_at FROM watch_rule r
    WHERE r.sequence = '' AND NOT r.gone AND w.rule = r.id AND w.due_at <= r.spread_to
    """,
)

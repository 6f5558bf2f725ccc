"""Holds the ledger against the sandbox's own log, for the report of a headless run."""

from sqlalchemy import Connection, text

_CHECKS = {
    # What recipients got, whatever the ledger says.
    "received_twice": """
        SELECT count(*) FROM (
            SELECT 1 FROM sandbox.message WHERE custom_args ? 'sq_enrollment'
            GROUP BY custom_args ->> 'sq_enrollment', custom_args ->> 'sq_step' HAVING count(*) > 1
        ) doubled
    """,
    "in_the_ledger_but_never_received": """
        SELECT count(*) FROM message m WHERE m.state IN ('accepted', 'delivered', 'bounced', 'dropped') AND NOT EXISTS (
            SELECT 1 FROM sandbox.message s
            WHERE s.custom_args ->> 'sq_enrollment' = m.enrollment_id::text AND s.custom_args ->> 'sq_step' = m.step
        )
    """,
    "received_but_not_in_the_ledger": """
        SELECT count(*) FROM sandbox.message s WHERE s.custom_args ? 'sq_enrollment' AND NOT EXISTS (
            SELECT 1 FROM message m
            WHERE s.custom_args ->> 'sq_enrollment' = m.enrollment_id::text AND s.custom_args ->> 'sq_step' = m.step
              AND m.state IN ('accepted', 'delivered', 'bounced', 'dropped')
        )
    """,
    "invalid_requests": "SELECT count(*) FROM sandbox.request WHERE status <> 202",
    "webhooks_not_received": "SELECT count(*) FROM sandbox.reaction WHERE state = 'failed'",
}


def checks(conn: Connection) -> dict[str, int]:
    """Counts of contradictions, each of which should be 0; empty when another look-alike took the mail."""
    if conn.execute(text("SELECT to_regclass('sandbox.message')")).scalar() is None:
        return {}
    return {name: int(conn.execute(text(query)).scalar_one()) for name, query in _CHECKS.items()}

"""Bodies that are done stay for a month: nothing that is asked every second may read them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy import event as hooks

from sequencer.services import due
from sequencer.store import clock, intake, intake_health

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ROWS = 20_000


@pytest.mark.parametrize(
    "ask",
    [
        due.rest,
        intake.pending,
        intake.lag,
        intake.set_aside_count,
        intake.aside_ids,
        lambda conn: intake.asides(conn, 100),
        lambda conn: intake.claim(conn, False, 500, 2**20),
        lambda conn: intake.claim(conn, True, 500, 2**20),
        lambda conn: intake.has_old(conn, NOW - timedelta(days=30)),
        lambda conn: intake.delete_old(conn, NOW - timedelta(days=30), 200),
        lambda conn: intake_health.sound_since(conn, NOW),
    ],
)
def test_what_is_asked_of_webhooks_reads_nothing_of_those_that_are_done(
    engine: Engine, ask: Callable[[Connection], Any]
) -> None:
    with engine.connect() as conn:
        clock.start_virtual(conn, NOW)
        conn.execute(
            text(
                "INSERT INTO intake (door, body, state, urgent, problem, at)"
                " SELECT 'events', '', CASE WHEN n % 5000 = 0 THEN 'set_aside' WHEN n % 5000 = 1 THEN 'pending'"
                " ELSE 'done' END, n % 10000 = 1, CASE WHEN n % 5000 = 0 THEN 'event 1: x' END,"
                " :now - n * interval '1 minute' FROM generate_series(0, :rows) n"
            ),
            {"rows": ROWS, "now": NOW},
        )
        conn.execute(text("ANALYZE intake"))
        asked: list[tuple[str, Any]] = []
        hooks.listen(conn, "before_cursor_execute", lambda c, cursor, said, values, *_: asked.append((said, values)))
        ask(conn)
        plans = [
            "\n".join(row[0] for row in conn.exec_driver_sql(f"EXPLAIN {said}", values))
            for said, values in list(asked)
            if "intake" in said and not said.startswith("EXPLAIN")
        ]
    assert plans
    assert not [plan for plan in plans if "Seq Scan on intake" in plan]

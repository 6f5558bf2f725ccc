"""Nobody who asks for calls that were not taken walks through those that were."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy import event as hooks

from sequencer.store import calls_out

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "ask",
    [
        calls_out.counts,
        lambda conn: calls_out.listed(conn, 100),
        lambda conn: calls_out.open_to(conn, "write_back"),
        lambda conn: calls_out.claim(conn, 1.0, 20),
        lambda conn: calls_out.replay(conn, None),
        lambda conn: calls_out.has_old(conn, NOW),
        lambda conn: calls_out.delete_old(conn, NOW, 100),
        lambda conn: conn.execute(text(calls_out.DUE)),
    ],
    ids=["counts", "listed", "open_to", "claim", "replay", "has_old", "delete_old", "due"],
)
def test_what_was_taken_is_not_looked_at(engine: Engine, ask: Callable[[Connection], Any]) -> None:
    with engine.connect() as conn:
        conn.execute(
            text(
                "INSERT INTO call_out (target, kind, lead_id, number, body, at, state)"
                " SELECT 'write_back', 'contacts.update', n, 1, '', :now + n * interval '1 second',"
                " CASE n % 1000 WHEN 0 THEN 'dead' WHEN 1 THEN 'pending' ELSE 'sent' END"
                " FROM generate_series(0, 9999) n"
            ),
            {"now": NOW},
        )
        conn.execute(text("ANALYZE call_out"))
        asked: list[tuple[str, Any]] = []
        hooks.listen(conn, "before_cursor_execute", lambda c, cursor, said, values, *_: asked.append((said, values)))
        ask(conn)
        [said, values] = asked[-1]
        plan = "\n".join(row[0] for row in conn.exec_driver_sql(f"EXPLAIN {said}", values))
    assert "ix_call_out_" in plan and "Seq Scan on call_out" not in plan

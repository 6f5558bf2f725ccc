"""Arrays as literals, and the look-ups that take thousands of keys by them."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import TextClause

from sequencer.store import clock, events, messages, partitions
from sequencer.store.arrays import any_in, array, blobs
from sequencer.store.tables import message

ODD = [
    "",
    "null",
    "NULL",
    None,
    "a,b",
    '"',
    "\\",
    '\\"',
    "{}",
    " x ",
    "\n\t",
    "\x1f",
    "'; --",
    "ünï 🙂",
    "%s :x",
    "\u2003",
]
MOMENT = datetime(2026, 11, 24, 1, 2, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("text", ODD),
        ("text", []),
        ("bigint", [2**63 - 1, -1, 0, None]),
        ("boolean", [True, False, None]),
        ("timestamptz", [None, None]),
        ("timestamptz", [MOMENT, MOMENT.astimezone(timezone(timedelta(hours=-3, minutes=-30))), None]),
    ],
)
def test_postgresql_reads_the_values_that_were_written(engine: Engine, kind: str, values: list[Any]) -> None:
    with engine.connect() as conn:
        read = conn.execute(text(f"SELECT CAST(:values AS {kind}[])"), {"values": array(values)}).scalar_one()
    assert read == values


@pytest.mark.parametrize("values", [[], [b""], [bytes(range(256)), b"", b'{"v":"\\\\x00"}']])
def test_postgresql_reads_the_bytes_that_were_written(engine: Engine, values: list[bytes]) -> None:
    with engine.connect() as conn:
        read = conn.execute(text("SELECT CAST(:values AS bytea[])"), {"values": blobs(values)}).scalar_one()
    assert read == values


@pytest.mark.parametrize(
    ("column", "values", "planned"),
    [
        (message.c.lead_id, [7, 9], "= ANY ('{7,9}'::bigint[])"),
        (message.c.content, ["one", "it's"], "= ANY ('{one,it''s}'::text[])"),
    ],
)
def test_the_planner_knows_what_is_looked_for(engine: Engine, column: Any, values: list[Any], planned: str) -> None:
    """And so it is not read from a text again for every row."""

    def explained(conn: object, cursor: object, statement: str, parameters: object, *rest: object) -> Any:
        return f"EXPLAIN {statement}", parameters

    with engine.connect() as conn:
        event.listen(conn, "before_cursor_execute", explained, retval=True)
        query = select(column).where(column == any_in("values", type(column.type)))
        plan = "\n".join(row[0] for row in conn.execute(query, {"values": array(values)}).cursor)
    assert planned in plan


KEYS = 1_000
"""Of a batch: against so many, a hash join over a month's partition looks cheaper to the planner than it is."""
ROWS = 20_000


@pytest.mark.parametrize(
    ("statement", "table"), [(events._STORED, "event"), (messages._ORIGINS, "message"), (messages._APPLY, "message")]
)
def test_a_batch_looks_its_rows_up_by_the_key_and_reads_no_partition_through(
    engine: Engine, statement: TextClause, table: str
) -> None:
    first = int(MOMENT.timestamp() * 1000) << partitions.SHIFT
    with engine.begin() as conn:
        clock.start_virtual(conn, MOMENT)
        partitions.ensure(conn)
        values = {"rows": ROWS, "first": first, "at": MOMENT}
        conn.execute(
            text(
                "INSERT INTO event (at, lead_id, key, kind, source)"
                " SELECT :at, n, 'key' || n, 'opened', 'sendgrid' FROM generate_series(1, :rows) n"
            ),
            values,
        )
        conn.execute(
            text(
                "INSERT INTO message (enrollment_id, step, lead_id, sequence, deployment, content, email, sender,"
                " state, attempt, fence, request_id, sent_at)"
                " SELECT :first + n, 'one', n, 's', 1, 'one', '', '', 'accepted', 1, 1, '', :at"
                " FROM generate_series(1, :rows) n"
            ),
            values,
        )
        conn.execute(text("ANALYZE event, message"))
        ids, moments, nothing = range(1, KEYS + 1), array([MOMENT] * KEYS), array([None] * KEYS)
        asked = {
            "at": moments,
            "lead_id": array(ids),
            "key": array(f"key{n}" for n in ids),
            "ids": array(first + n for n in ids),
            "first": MOMENT if table == "event" else first + 1,
            "last": MOMENT if table == "event" else first + KEYS,
            "steps": array(["one"] * KEYS),
            "accepted": moments,
            "delivered": moments,
            "opened": nothing,
            "clicked_at": nothing,
            "clicked": array([""] * KEYS),
            "states": nothing,
            "failures": nothing,
        }
        named = {name: value for name, value in asked.items() if name in statement.compile().params}
        plan = "\n".join(conn.execute(text(f"EXPLAIN {statement.text}"), named).scalars())
    assert f"Seq Scan on {table}_2026_11" not in plan
    assert f" on {table}_2026_11" in plan


def test_a_plan_that_was_made_once_looks_for_mails_where_their_enrollments_are(engine: Engine) -> None:
    asked = messages._OF_ENROLLMENTS.compile(dialect=postgresql.dialect(paramstyle="numeric_dollar"))  # type: ignore[no-untyped-call]
    id = int(MOMENT.timestamp() * 1000) << partitions.SHIFT
    with engine.connect() as conn:
        clock.start_virtual(conn, MOMENT)
        partitions.ensure(conn)
        run = conn.exec_driver_sql
        run("SET LOCAL plan_cache_mode = force_generic_plan")
        run(f"PREPARE asked AS {asked}")
        plan = "\n".join(run(f"EXPLAIN EXECUTE asked ('{{{id}}}', {id}, {id})").scalars())
        run("DEALLOCATE asked")
    assert " on message_2026_11" in plan
    assert len(re.findall(r" on message_\d", plan)) == 1

"""The report of a run: counts only, no ids and no times, so that the same seed gives the same report."""

from typing import Any

from sqlalchemy import Connection, text

from sequencer.core.enrollment import OUTCOMES
from sequencer.store import alerts, enrollments, events, messages


def report(conn: Connection) -> dict[str, Any]:
    """Leads, enrollments by outcome, messages by step and state, branches, events by kind, halts, handoffs."""
    by_outcome: dict[str, dict[str, int]] = {}
    for sequence, state, _, _, count in enrollments.counts(conn):
        row = by_outcome.setdefault(sequence, {})
        row[state] = row.get(state, 0) + count
    by_step: dict[str, dict[str, dict[str, int]]] = {}
    for sequence, step, state, count in messages.counts(conn):
        by_step.setdefault(sequence, {}).setdefault(step, {})[state] = count
    return {
        "leads": conn.execute(text("SELECT count(*) FROM lead")).scalar_one(),
        "enrollments": by_outcome,
        "messages": by_step,
        "branches": _tree(conn, _BRANCHES, apart=sorted(OUTCOMES)),
        "events": events.counts(conn),
        "ends": _tree(
            conn, "SELECT sequence, reason, count(*) FROM enrollment WHERE ended_at IS NOT NULL GROUP BY 1, 2"
        ),
        "halts": _flat(conn, "SELECT reason, count(*) FROM suppression GROUP BY 1"),
        "alerts": {f"{kind} {state}": count for kind, state, count in alerts.counts(conn)},
        "handoffs": conn.execute(
            text("SELECT count(*) FROM alert WHERE kind = 'handoff' AND channel = 'email'")
        ).scalar_one(),
    }


_BRANCHES = """
SELECT sequence || '/' || (o ->> 'step'), o ->> 'outcome', count(*)
FROM enrollment, jsonb_array_elements(outcomes) o WHERE o ->> 'outcome' <> ALL(:apart) GROUP BY 1, 2
"""
"""By fork and arm."""


def _tree(conn: Connection, query: str, **values: object) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for first, second, count in conn.execute(text(query), values):
        found.setdefault(first, {})[second] = count
    return found


def _flat(conn: Connection, query: str) -> dict[str, int]:
    return {row[0]: row[1] for row in conn.execute(text(query))}

"""`/metrics`: how much of everything there is, for whoever watches over it. Counts only, nobody's data.

In Prometheus' text format (its documentation, "Exposition formats"). The gate has checked the bearer token.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from sequencer.core.enrollment import Status
from sequencer.core.message import State
from sequencer.services.census import Counted
from sequencer.services.context import Context
from sequencer.store import intake, pauses

FORMAT: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class MetricsDoor:
    context: Context

    def show(self, request: Request) -> Response:
        with self.context.engine.connect() as conn:
            lines = "".join(f"{line}\n" for line in _lines(conn, self.context.census.now(conn)))
        return Response(lines, headers={"Content-Type": FORMAT})


def _lines(conn: Connection, counted: Counted) -> Iterable[str]:
    by_state: Counter[str] = Counter()
    for _, _, state, count in counted.mails:
        by_state[state] += count
    by_status: Counter[str] = Counter()
    for _, status, _, _, count in counted.people:
        by_status[status] += count
    waiting = intake.pending(conn)
    # States that nothing is in are told too: a curve that comes and goes cannot be watched.
    yield from _gauge("messages", "Messages by state.", "state", {one.value: by_state[one] for one in State})
    yield from _gauge("enrollments", "Enrollments by status.", "status", {one.value: by_status[one] for one in Status})
    yield from _gauge(
        "webhooks_pending",
        "Webhook bodies that wait to be processed.",
        "urgent",
        {"true": waiting.get(True, 0), "false": waiting.get(False, 0)},
    )
    yield from _one(
        "webhooks_set_aside", "Webhook bodies set aside, in whole or in part.", intake.set_aside_count(conn)
    )
    yield from _one("messages_held", "Messages of which nobody knows whether they went.", by_state[State.UNKNOWN])
    yield from _one("intake_lag_seconds", "How long the oldest pending webhook body has waited.", intake.lag(conn))
    yield from _one("sending_paused", "1 while all sending is paused.", int(bool(pauses.current(conn))))


def _gauge(name: str, help_: str, label: str, values: Mapping[str, float]) -> Iterable[str]:
    yield f"# HELP sequencer_{name} {help_}"
    yield f"# TYPE sequencer_{name} gauge"
    for value, count in values.items():
        yield f'sequencer_{name}{{{label}="{value}"}} {count}'


def _one(name: str, help_: str, value: float) -> Iterable[str]:
    yield f"# HELP sequencer_{name} {help_}"
    yield f"# TYPE sequencer_{name} gauge"
    yield f"sequencer_{name} {value}"

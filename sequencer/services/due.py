"""What there is to do now, read from PostgreSQL alone; and when there will be something next."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from sequencer.services import owners, tidy
from sequencer.services.context import Context
from sequencer.store import (
    alerts,
    calls_out,
    challenges,
    clock,
    colleague_news,
    companies,
    crm_contacts,
    enrollments,
    handoffs,
    intake,
    pauses,
    releases,
    turns,
    visits,
    watches,
)

Hint = tuple[str, tuple[object, ...]]


_OLDEST: Final = "SELECT min(deployment) FROM enrollment WHERE status IN ('active', 'paused')"
"""The least in an index, whatever it is compared with: for rows below a number that PostgreSQL does not know yet (of a
prepared statement) it would read through all of ten million, as it expects every third to be below."""
_WAITING: Final = {
    "reap": "SELECT 1 FROM request WHERE lease_until < clock_timestamp()",
    "migrate": f"SELECT 1 WHERE ({_OLDEST}) < :number",
    "colleagues": colleague_news.WAITING,
    "merge": companies.STRAYS,
    "visits": visits.WAITING,
    "handoff": "SELECT 1 FROM handoff WHERE due_at <= :now",
    "targets": calls_out.DUE,
}
"""By the hint, whether there is something for it, most urgent first."""
_WAITS = text(f"SELECT {', '.join(f'EXISTS ({query})' for query in _WAITING.values())}")


def work(context: Context) -> list[Hint]:
    """The hints to give now, most urgent first."""
    with context.engine.begin() as conn:
        return now_due(context, conn)


def now_due(context: Context, conn: Connection) -> list[Hint]:
    """The same on an open connection."""
    now = clock.now(conn)
    context.months.keep(conn, now)
    hints: list[Hint] = [("intake", (urgent,)) for urgent in sorted(intake.pending(conn), reverse=True)]
    current = releases.current(conn)
    if current is None:
        return hints
    found = conn.execute(_WAITS, {"now": now, "number": current[0]}).one()
    waits = [name for name, does in zip(_WAITING, found, strict=True) if does]
    hints += [(name, ()) for name in waits if name in ("reap", "migrate", "colleagues", "merge")]
    hints += [("recount" if of == watches.SIGNALS else "plant", (rule,)) for rule, of in watches.unplanted(conn)]
    if not pauses.is_shut(conn):
        hints += [("weigh" if of == watches.SIGNALS else "look", (rule,)) for rule, of in watches.due(conn, now)]
        hints += [("drain", (sequence, at)) for sequence, at, due in enrollments.places(conn) if due <= now]
    hints += [(name, ()) for name in waits if name in ("visits", "handoff")]
    if context.writing_back.due() and _exists(conn, crm_contacts.DUE):
        hints.append(("write_back", ()))
    if "targets" in waits and not pauses.is_for_people(conn):
        hints.append(("targets", ()))
    if alerts.due(conn) and not pauses.is_for_people(conn):
        hints.append(("alerts", ()))
    if context.holding.due() and _exists(conn, alerts.HELD, since=now - owners.HELD):
        hints.append(("owned", ()))
    if intake.has_old(conn, now - tidy.KEPT) or (
        context.forgetting.due()
        and (
            visits.any_met(conn)
            or calls_out.has_old(conn, now - tidy.KEPT)
            or challenges.has_old(conn)
            or turns.has_old(conn, tidy.turns_over(context.releases.at(conn, current[0]), now))
        )
    ):
        hints.append(("tidy", ()))
    return hints


@dataclass(frozen=True, slots=True)
class Rest:
    """How things stand at one moment of business time."""

    now: datetime
    arriving: int
    """Webhook bodies wait to be taken in: 2 when some may have to stop mail, 1 when none does, 0 when none wait."""
    busy: bool
    """Something is due, on its way or unprocessed; only when nothing is may virtual time move on."""
    next_at: datetime | None
    """When somebody is to be looked at next; None when nobody waits for a time."""


_REST = text(
    f"""
    SELECT least((SELECT min(due_at) FROM ({enrollments.DUE_PLACES}) place), ({watches.NEXT}),
                 ({handoffs.NEXT})),
           (SELECT coalesce(max(1 + urgent::int), 0) FROM intake WHERE state = 'pending'),
           EXISTS (SELECT 1 FROM request WHERE lease_until IS NOT NULL)
           OR EXISTS ({watches.PLANTING})
           OR EXISTS ({visits.WAITING})
           OR EXISTS ({colleague_news.WAITING})
           OR EXISTS ({companies.STRAYS})
           OR EXISTS (SELECT 1 FROM alert WHERE state IN ('pending', 'sending'))
           OR EXISTS ({calls_out.DUE})
           OR coalesce(({_OLDEST}) < (SELECT max(number) FROM deployment), false)
    """
)


def rest(conn: Connection) -> Rest:
    """Everything that a conductor asks, in two queries: it asks often."""
    now = clock.now(conn)
    upcoming, arriving, busy = conn.execute(_REST).one()
    return Rest(now, arriving, arriving > 0 or busy or (upcoming is not None and upcoming <= now), upcoming)


def _exists(conn: Connection, query: str, **values: object) -> bool:
    return bool(conn.execute(text(f"SELECT EXISTS ({query})"), values).scalar_one())

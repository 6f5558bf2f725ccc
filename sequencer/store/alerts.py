"""What reps are told, until it has gone out: a row for each alert and channel, so that none waits for another."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import Connection, func, select, text, tuple_

from sequencer.core.lead import Channel
from sequencer.store import watches
from sequencer.store.arrays import array
from sequencer.store.tables import alert

FORM: Final = "form"
"""The kind of what came by a form with `tell`, of a lead in no handoff; who is handed off by it is told of by that."""
LOOKED: Final = timedelta(minutes=10)
"""So long such an alert waits at most for the look that decides this; most take seconds."""


@dataclass(frozen=True, slots=True)
class NewAlert:
    enrollment_id: int
    step: str
    kind: str
    lead_id: int
    rep: str | None
    note: str
    reasons: tuple[str, ...]
    channels: tuple[Channel, ...] = ("email",)
    handoff: int | None = None
    """The number of the lead's handoff that it is about."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What one attempt came to. `again`: seconds of operating time until a pending one goes again."""

    enrollment_id: int
    step: str
    channel: Channel
    state: str
    failure: str | None = None
    again: float | None = None


def insert(conn: Connection, alerts: Sequence[NewAlert], now: datetime) -> None:
    """One alert for each enrollment, step and channel, however often it is asked for."""
    rows = [(a, channel) for a in alerts for channel in a.channels]
    if not rows:
        return
    conn.execute(
        text(
            """
            INSERT INTO alert (enrollment_id, step, channel, kind, lead_id, rep, note, reasons, handoff, at,
                               state)
            SELECT v.enrollment_id, v.step, v.channel, v.kind, v.lead_id, v.rep, v.note, CAST(v.reasons AS jsonb),
                   v.handoff, :now,
                   CASE WHEN v.rep IS NULL THEN 'no_owner' ELSE 'pending' END
            FROM unnest(CAST(:ids AS bigint[]), CAST(:steps AS text[]), CAST(:channels AS text[]),
                        CAST(:kinds AS text[]), CAST(:leads AS bigint[]), CAST(:reps AS text[]),
                        CAST(:notes AS text[]), CAST(:reasons AS text[]), CAST(:handoffs AS int[]))
                 v(enrollment_id, step, channel, kind, lead_id, rep, note, reasons, handoff)
            ON CONFLICT DO NOTHING
            """
        ),
        {
            "now": now,
            "ids": [a.enrollment_id for a, _ in rows],
            "steps": [a.step for a, _ in rows],
            "channels": [channel for _, channel in rows],
            "kinds": [a.kind for a, _ in rows],
            "leads": [a.lead_id for a, _ in rows],
            "reps": [a.rep for a, _ in rows],
            "notes": [a.note for a, _ in rows],
            "reasons": [orjson.dumps(list(a.reasons)).decode() for a, _ in rows],
            "handoffs": [a.handoff for a, _ in rows],
        },
    )


def told_at(conn: Connection, keys: Iterable[tuple[int, str]]) -> dict[tuple[int, str], datetime]:
    """By enrollment and step, when an alert was asked for."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    columns = tuple_(alert.c.enrollment_id, alert.c.step)
    query = select(alert.c.enrollment_id, alert.c.step, alert.c.at).where(alert.c.channel == "email")
    return {(row.enrollment_id, row.step): row.at for row in conn.execute(query.where(columns.in_(wanted)))}


def said(conn: Connection, steps: Sequence[str]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """By step, note and reasons of alerts outside of sequences."""
    query = select(alert.c.step, alert.c.note, alert.c.reasons).where(
        alert.c.enrollment_id == 0, alert.c.step == func.any(list(steps)), alert.c.channel == "email"
    )
    return {step: (note, tuple(reasons)) for step, note, reasons in conn.execute(query)}


_HOLDING: Final = "a.state = 'no_owner' AND a.handoff IS NULL AND a.kind <> 'task' AND a.at >= :since"
"""A handoff looks for its rep by itself, and a call to make stands on the list of whoever owns the lead."""
_OF_LEADS: Final = f"""
    FROM alert a JOIN lead l ON l.id = a.lead_id
    LEFT JOIN company c ON c.id = l.company_id LEFT JOIN company head ON head.id = c.parent_id
    WHERE {_HOLDING}
"""
HELD: Final = f"SELECT 1 {_OF_LEADS} AND coalesce(l.owner, c.owner, head.owner) IS NOT NULL"
"""Alerts that found no owner where there is one now; whether that is a rep, `held` knows, by the workspace."""
_HELD: Final = text(
    f"""
    SELECT DISTINCT a.lead_id {_OF_LEADS}
      AND (l.owner = ANY(CAST(:reps AS text[])) OR coalesce(c.owner, head.owner) = ANY(CAST(:sharing AS text[])))
    ORDER BY a.lead_id LIMIT :limit
    """
)
_GIVE: Final = text(
    f"""
    WITH given AS (
        UPDATE alert a SET state = 'pending', rep = v.rep
        FROM unnest(CAST(:leads AS bigint[]), CAST(:reps AS text[])) v(lead_id, rep)
        WHERE a.lead_id = v.lead_id AND {_HOLDING} RETURNING a.*
    )
    INSERT INTO alert (enrollment_id, step, channel, kind, lead_id, rep, note, reasons, at, state)
    SELECT enrollment_id, step, 'webhook', kind, lead_id, rep, note, reasons, :now, 'pending' FROM given
    WHERE rep = ANY(CAST(:posted AS text[])) ON CONFLICT DO NOTHING
    """
)


def held(conn: Connection, reps: Mapping[str, Any], since: datetime, limit: int) -> list[int]:
    """Leads with alerts since then that found no owner, and whom one of these reps owns by now: `leads.reps_of`."""
    values = {"reps": reps["reps"], "sharing": reps["sharing"], "since": since, "limit": limit}
    return list(conn.execute(_HELD, values).scalars())


def give(
    conn: Connection, owners: Mapping[int, tuple[str, tuple[Channel, ...]]], since: datetime, now: datetime
) -> None:
    """By lead, to whom and by which channels goes what found no owner since then. A webhook is tried from now on."""
    if not owners:
        return
    reps = [rep for rep, _ in owners.values()]
    posted = [rep for rep, channels in owners.values() if "webhook" in channels]
    values = {"leads": array(owners), "reps": array(reps), "posted": array(posted), "since": since, "now": now}
    conn.execute(_GIVE, values)


# One for each state: each has an index of its own.
_HAND_OVER: Final = tuple(
    text(
        f"""
        UPDATE alert SET state = 'in_handoff' WHERE (enrollment_id, step, channel) IN (
            SELECT enrollment_id, step, channel FROM alert
            WHERE lead_id = ANY(CAST(:leads AS bigint[])) AND kind = '{FORM}' AND state = '{state}' AND at >= :since
            FOR NO KEY UPDATE SKIP LOCKED)
        """
    )
    for state in ("pending", "no_owner")
)


def hand_over(conn: Connection, lead_ids: Collection[int], since: datetime) -> None:
    """What came of these by forms since then, and was not told yet, their handoffs tell. Waits for nobody."""
    for statement in _HAND_OVER if lead_ids else ():
        conn.execute(statement, {"leads": array(sorted(lead_ids)), "since": since})


_CLAIM: Final = text(
    f"""
    WITH next AS MATERIALIZED (
        SELECT enrollment_id, step, channel FROM alert
        WHERE channel = :channel AND state = 'pending' AND coalesce(retry_at <= clock_timestamp(), true)
            AND (kind <> '{FORM}' OR at < :looked OR NOT EXISTS ({watches.UNDECIDED}))
        ORDER BY retry_at NULLS FIRST, at, lead_id, step LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE alert a SET state = 'sending', lease_until = clock_timestamp() + make_interval(secs => :lease)
    FROM next WHERE (a.enrollment_id, a.step, a.channel) = (next.enrollment_id, next.step, next.channel)
    RETURNING a.enrollment_id, a.step, a.kind, a.lead_id, a.rep, a.note, a.reasons, a.handoff, a.at
    """
)


def claim(conn: Connection, channel: Channel, lease: float, limit: int, now: datetime) -> list[Any]:
    """Takes pending alerts of a channel and marks them `sending`; those that failed before come last.

    One whose lease ran out is `unknown` and never sent again.
    """
    conn.execute(
        text(
            "UPDATE alert SET state = 'unknown', failure = 'no answer was recorded before the lease ended'"
            " WHERE state = 'sending' AND lease_until < clock_timestamp()"
        )
    )
    values = {"channel": channel, "lease": lease, "limit": limit, "now": now, "looked": now - LOOKED}
    return list(conn.execute(_CLAIM, values))


def under_way(conn: Connection, channel: Channel) -> bool:
    """Whether somebody is sending alerts of this channel, by an unexpired lease."""
    query = text(
        "SELECT EXISTS (SELECT 1 FROM alert"
        " WHERE channel = :channel AND state = 'sending' AND lease_until >= clock_timestamp())"
    )
    return bool(conn.execute(query, {"channel": channel}).scalar_one())


def settle(conn: Connection, settled: Sequence[Settled]) -> None:
    """Records attempts; what was decided meanwhile, because a lease ran out, stays."""
    conn.execute(
        text(
            "UPDATE alert a SET state = v.state, failure = v.failure, lease_until = NULL,"
            " retry_at = clock_timestamp() + make_interval(secs => v.again)"
            " FROM unnest(CAST(:ids AS bigint[]), CAST(:steps AS text[]), CAST(:channels AS text[]),"
            " CAST(:states AS text[]), CAST(:failures AS text[]), CAST(:agains AS float[]))"
            " v(id, step, channel, state, failure, again)"
            " WHERE a.enrollment_id = v.id AND a.step = v.step AND a.channel = v.channel AND a.state = 'sending'"
        ),
        {
            "ids": [one.enrollment_id for one in settled],
            "steps": [one.step for one in settled],
            "channels": [one.channel for one in settled],
            "states": [one.state for one in settled],
            "failures": [one.failure for one in settled],
            "agains": [one.again for one in settled],
        },
    )


def due(conn: Connection) -> bool:
    """Whether some alert may be sent now, or lies with somebody whose lease ran out."""
    query = text(
        "SELECT EXISTS (SELECT 1 FROM alert WHERE state = 'pending' AND coalesce(retry_at <= clock_timestamp(), true)"
        " OR state = 'sending' AND lease_until < clock_timestamp())"
    )
    return bool(conn.execute(query).scalar_one())


def of_lead(conn: Connection, lead_id: int) -> list[Any]:
    return list(conn.execute(select(alert).where(alert.c.lead_id == lead_id).order_by(alert.c.at, alert.c.step)))


def counts(conn: Connection) -> list[tuple[str, str, int]]:
    """(kind, state, how many); of webhooks the kind is, as in `tell webhook`, its own."""
    query = select(alert.c.kind, alert.c.channel, alert.c.state, func.count()).group_by(
        alert.c.kind, alert.c.channel, alert.c.state
    )
    return [
        (kind if channel == "email" else f"{kind} {channel}", state, number)
        for kind, channel, state, number in conn.execute(query)
    ]

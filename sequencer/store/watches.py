"""Watches: leads to be looked at because time may let them into a sequence, by rule (a trigger of a sequence)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select, text, update

from sequencer.core.lead import Lead
from sequencer.store import leads
from sequencer.store.arrays import array
from sequencer.store.tables import lead, watch, watch_rule

Key = tuple[str, str]
"""A sequence, and what its trigger is known by."""

SIGNALS = ""
"""In place of a sequence: the rule by which leads are looked at who may stand otherwise, known by its digest."""


class Rule(NamedTuple):
    """How far a rule has come with giving each lead a row."""

    id: int
    sequence: str
    trigger: str
    since: datetime
    gone: bool
    planted_to: int
    seen: int
    seen_by: int | None
    spread_to: datetime | None
    known_to: int
    """Nobody is looked at before every lead up to this id has a row."""


_RULE = tuple(getattr(watch_rule.c, name) for name in Rule._fields)


def agree(
    conn: Connection,
    wanted: Collection[Key],
    now: datetime,
    anew: Collection[Key] = (),
    together: Collection[Key] = (),
) -> None:
    """Makes rules of what is deployed, and has those go that are not any more.

    `anew`: of these, those that begin again from the first lead, as they let in others now. `together`: those by which
    nobody is looked at before everybody who is there now has a row, as what is true of one depends on others.
    """
    rows = conn.execute(select(*_RULE).where(~watch_rule.c.gone)).all()
    known = {(row.sequence, row.trigger): row.id for row in rows}
    kept = {key: number for key, number in known.items() if key in wanted and key not in anew}
    gone = [number for key, number in known.items() if key not in kept]
    conn.execute(update(watch_rule).where(watch_rule.c.id == func.any(gone)).values(gone=True))
    last = conn.execute(select(func.coalesce(func.max(lead.c.id), 0))).scalar_one() if together else 0
    new = [
        {"sequence": key[0], "trigger": key[1], "since": now, "known_to": last if key in together else 0}
        for key in sorted(set(wanted) - kept.keys())
    ]
    if new:
        conn.execute(watch_rule.insert(), new)


def rules(conn: Connection) -> dict[Key, int]:
    """The id of each rule that is deployed."""
    rows = conn.execute(select(watch_rule.c.sequence, watch_rule.c.trigger, watch_rule.c.id).where(~watch_rule.c.gone))
    return {(row[0], row[1]): row[2] for row in rows}


def rule(conn: Connection, number: int) -> Rule | None:
    row = conn.execute(select(*_RULE).where(watch_rule.c.id == number)).first()
    return Rule._make(row) if row is not None else None


# Of whom was there at the deployment, so that leads who are erased meanwhile hold up nobody.
_READY = "NOT EXISTS (SELECT 1 FROM lead WHERE id > r.planted_to AND id <= r.known_to)"
_DUE = text(
    f"""
    SELECT id, sequence FROM watch_rule r
    WHERE NOT gone AND EXISTS (SELECT 1 FROM watch WHERE rule = r.id AND due_at <= :now) AND {_READY} ORDER BY id
    """
)
_UNPLANTED = text(
    "SELECT id, sequence FROM watch_rule WHERE gone OR planted_to < (SELECT coalesce(max(id), 0) FROM lead) ORDER BY id"
)


def due(conn: Connection, now: datetime) -> list[tuple[int, str]]:
    """Rules by which somebody is to be looked at now, each with its sequence."""
    return [(row.id, row.sequence) for row in conn.execute(_DUE, {"now": now})]


def unplanted(conn: Connection) -> list[tuple[int, str]]:
    """Rules by which some lead has no row yet, or that are gone and still have rows, each with its sequence."""
    return [(row.id, row.sequence) for row in conn.execute(_UNPLANTED)]


def _own(conn: Connection, number: int) -> Rule | None:
    """Locks a rule for whoever plants it; None when somebody does already, or there is no such rule."""
    query = select(*_RULE).where(watch_rule.c.id == number).with_for_update(skip_locked=True)
    row = conn.execute(query).first()
    return Rule._make(row) if row is not None else None


# Of this database alone: a snapshot would also wait for whoever writes for hours in another one of the same server.
_SAFE = text(
    """
    SELECT NOT EXISTS (
        SELECT 1 FROM pg_stat_activity
        WHERE datid = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND age(backend_xid) >= age(CAST(CAST(CAST(:xid AS text) AS xid8) AS xid))
    )
    """
)
_SEE = text(
    """
    UPDATE watch_rule SET seen = (SELECT coalesce(max(id), 0) FROM lead), seen_by = pg_current_xact_id()::text::bigint
    WHERE id = :id
    """
)


def _all_seen(conn: Connection, owned: Rule) -> bool:
    """Whether every lead up to `seen` that will ever be there can be read by now.

    Ids are given out before a transaction commits, so a lower one may come later than a higher one.
    """
    return owned.seen_by is not None and bool(conn.execute(_SAFE, {"xid": owned.seen_by}).scalar_one())


def _see(conn: Connection, owned: Rule) -> None:
    """Notes which leads there are, for a look once all transactions of now are over."""
    conn.execute(_SEE, {"id": owned.id})


def turn(conn: Connection, number: int, limit: int) -> tuple[Rule | None, bool]:
    """The rule, locked, when leads may be given rows by it now; else None, and whether to come again at once.

    Does what comes before: removes rows of a rule that is gone, at most `limit`, and notes which leads there are.
    """
    owned = _own(conn, number)
    if owned is None:
        return None, False
    if owned.gone:
        return None, _clear(conn, owned, limit)
    if owned.planted_to >= owned.seen:
        _see(conn, owned)
        return None, False
    return (owned, False) if _all_seen(conn, owned) else (None, False)


def planted(conn: Connection, owned: Rule, to: int, spread_to: datetime | None) -> None:
    conn.execute(update(watch_rule).where(watch_rule.c.id == owned.id).values(planted_to=to, spread_to=spread_to))


_PUT = text(
    """
    INSERT INTO watch (rule, lead_id, due_at)
    SELECT :rule, v.lead_id, v.due_at
    FROM unnest(CAST(:lead_ids AS bigint[]), CAST(:dues AS timestamptz[])) v(lead_id, due_at)
    ON CONFLICT DO NOTHING
    """
)
_PACE = text(
    """
    UPDATE watch w SET paced = true, turn_at = v.turn_at
    FROM unnest(CAST(:lead_ids AS bigint[]), CAST(:turns AS timestamptz[])) v(lead_id, turn_at)
    WHERE w.rule = :rule AND w.lead_id = v.lead_id
    """
)
_UNPACE = text(
    "UPDATE watch SET paced = false, turn_at = NULL WHERE rule = :rule AND lead_id = ANY(CAST(:lead_ids AS bigint[]))"
)
_DATE = text(
    """
    UPDATE watch w SET due_at = v.due_at
    FROM unnest(CAST(:lead_ids AS bigint[]), CAST(:dues AS timestamptz[])) v(lead_id, due_at)
    WHERE w.rule = :rule AND w.lead_id = v.lead_id
    """
)


def put(conn: Connection, number: int, dues: Mapping[int, datetime | None]) -> None:
    """Gives leads a row; one that is there stays as it is."""
    if dues:
        conn.execute(_PUT, {"rule": number, "lead_ids": array(dues), "dues": array(dues.values())})


def date(conn: Connection, number: int, dues: Mapping[int, datetime | None]) -> None:
    """When to look at leads again whose locks the caller holds."""
    if dues:
        conn.execute(_DATE, {"rule": number, "lead_ids": array(dues), "dues": array(dues.values())})


def pace(conn: Connection, number: int, turns: Mapping[int, datetime | None]) -> None:
    """These become ready in their turn only; None: they have none yet. The caller holds their locks."""
    if turns:
        conn.execute(_PACE, {"rule": number, "lead_ids": array(turns), "turns": array(turns.values())})


def unpace(conn: Connection, number: int, lead_ids: Collection[int]) -> None:
    """These wait for no turn any more; the caller holds their locks."""
    if lead_ids:
        conn.execute(_UNPACE, {"rule": number, "lead_ids": array(sorted(lead_ids))})


def turns(conn: Connection, number: int, people: int, step: timedelta, now: datetime) -> list[datetime]:
    """So many turns after the last one that was given; none while somebody else gives some, as nobody is waited for."""
    owned = _own(conn, number) if people else None
    if owned is None:
        return []
    first = max((owned.spread_to or owned.since) + step, now)
    given = [first + place * step for place in range(people)]
    conn.execute(update(watch_rule).where(watch_rule.c.id == number).values(spread_to=given[-1]))
    return given


def remove(conn: Connection, number: int, lead_ids: Sequence[int]) -> None:
    if lead_ids:
        conn.execute(delete(watch).where(watch.c.rule == number, watch.c.lead_id == func.any(list(lead_ids))))


def claim(conn: Connection, number: int, now: datetime, limit: int) -> list[Lead]:
    """Takes leads that are to be looked at, with their locks; what others hold is passed over."""
    query = (
        select(*leads.COLUMNS)
        .select_from(watch)
        .join(lead, lead.c.id == watch.c.lead_id)
        .where(watch.c.rule == number, watch.c.due_at <= now)
        .order_by(watch.c.due_at, watch.c.lead_id)
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True, of=[lead, watch])  # nothing of who is passed over
    )
    return [leads.of(row) for row in conn.execute(query)]


_TOUCH = text(
    """
    UPDATE watch w SET due_at = :now
    FROM unnest(CAST(:rules AS int[]), CAST(:lead_ids AS bigint[])) v(rule, lead_id)
    WHERE w.rule = v.rule AND w.lead_id = v.lead_id AND (w.due_at IS NULL OR w.due_at > :now)
    """
)


def touch(conn: Connection, whom: Iterable[tuple[int, int]], now: datetime) -> None:
    """Has leads looked at now, by rule (rule, lead); the caller holds their locks."""
    pairs = sorted(set(whom))
    if pairs:
        numbers, lead_ids = zip(*pairs, strict=True)
        conn.execute(_TOUCH, {"rules": array(numbers), "lead_ids": array(lead_ids), "now": now})


_DUE_OF_RULE = text(
    f"""
    SELECT w.lead_id, l.company_id FROM watch_rule r JOIN watch w ON w.rule = r.id JOIN lead l ON l.id = w.lead_id
    WHERE r.id = :rule AND {_READY} AND w.due_at <= :now ORDER BY w.due_at, w.lead_id LIMIT :limit
    """
)


def due_of_rule(conn: Connection, number: int, now: datetime, limit: int) -> list[tuple[int, int | None]]:
    """Leads to be looked at, and their companies, without any lock; nobody as long as some have to be counted first."""
    rows = conn.execute(_DUE_OF_RULE, {"rule": number, "now": now, "limit": limit})
    return [(row.lead_id, row.company_id) for row in rows]


# One look-up in the index for each, in the order of the ids. Whether a row is due is asked of the row alone: the index
# of what is due has all others in it, and how many these are is not known to the planner when it matters. The lead is
# locked first: nothing stays locked of who is passed over.
_CLAIM_OF = text(
    f"""
    SELECT found.* FROM unnest(CAST(:ids AS bigint[])) v(id)
    CROSS JOIN LATERAL (
        SELECT {", ".join(f"l.{column.name}" for column in leads.COLUMNS)}, w.paced, w.turn_at
        FROM watch w JOIN lead l ON l.id = w.lead_id
        WHERE w.rule = :rule AND w.lead_id = v.id AND coalesce(w.due_at <= :now, false)
        FOR NO KEY UPDATE OF l, w SKIP LOCKED
    ) found
    """
)


def claim_of(
    conn: Connection, number: int, now: datetime, lead_ids: Sequence[int]
) -> tuple[list[Lead], dict[int, datetime | None]]:
    """Takes those of these that are still to be looked at, with their locks; what others hold is passed over.

    And who of them becomes ready in turn only, each with the turn, if they have one.
    """
    values = {"rule": number, "now": now, "ids": array(sorted(lead_ids))}
    rows = conn.execute(_CLAIM_OF, values).all() if lead_ids else []
    return [leads.of(row) for row in rows], {row.id: row.turn_at for row in rows if row.paced}


# Who does something new after a deployment waits for no turn by what they had done before.
_TOUCH_SIGNALS = text(
    f"""
    UPDATE watch w
    SET due_at = least(w.due_at, :now), paced = w.paced AND NOT new.deed,
        turn_at = CASE WHEN new.deed THEN NULL ELSE w.turn_at END
    FROM watch_rule r, unnest(CAST(:ids AS bigint[]), CAST(:deeds AS timestamptz[])) v(lead_id, deed_at),
         LATERAL (SELECT coalesce(v.deed_at >= r.since, false) AS deed) new
    WHERE r.sequence = '{SIGNALS}' AND NOT r.gone AND w.rule = r.id AND w.lead_id = v.lead_id
      AND (w.due_at IS NULL OR w.due_at > :now OR (w.paced AND new.deed))
    """
)
# Whoever holds one of these rows has had its lead looked at, or is about to. Who has a turn after a deploy keeps it.
_TOUCH_COMPANIES = text(
    """
    UPDATE watch SET due_at = :now WHERE rule = :rule AND lead_id IN (
        SELECT w.lead_id FROM watch w JOIN lead l ON l.id = w.lead_id
        WHERE w.rule = :rule AND l.company_id = ANY(CAST(:ids AS bigint[]))
          AND (w.due_at IS NULL OR w.due_at > :now) AND (w.turn_at IS NULL OR w.turn_at <= :now)
        FOR UPDATE OF w SKIP LOCKED
    )
    """
)


def touch_signals(
    conn: Connection, lead_ids: Collection[int], now: datetime, deeds: Mapping[int, datetime] = MappingProxyType({})
) -> None:
    """Has leads looked at now who may stand otherwise; the caller holds their locks.

    `deeds`: when some of them last did something by which they may become ready themselves.
    """
    if lead_ids:
        ids = sorted(lead_ids)
        conn.execute(_TOUCH_SIGNALS, {"ids": array(ids), "deeds": array(deeds.get(i) for i in ids), "now": now})


def touch_companies(conn: Connection, number: int, company_ids: Collection[int], now: datetime) -> None:
    """The same for all people of companies, whose locks the caller holds."""
    if company_ids:
        conn.execute(_TOUCH_COMPANIES, {"rule": number, "ids": array(sorted(company_ids)), "now": now})


_CLEAR = text(
    """
    DELETE FROM watch WHERE (rule, lead_id) IN
        (SELECT rule, lead_id FROM watch WHERE rule = :id ORDER BY lead_id LIMIT :limit FOR UPDATE SKIP LOCKED)
    """
)
_FORGET = text("DELETE FROM watch_rule WHERE id = :id AND NOT EXISTS (SELECT 1 FROM watch WHERE rule = :id)")


def _clear(conn: Connection, gone: Rule, limit: int) -> bool:
    """Removes rows of a rule that is gone, at last the rule. True: there may be more."""
    removed = conn.execute(_CLEAR, {"id": gone.id, "limit": limit}).rowcount
    if removed < limit:
        conn.execute(_FORGET, {"id": gone.id})
    return bool(removed == limit)


_BEHIND = text(
    f"""
    SELECT r.spread_to,
           (SELECT count(*) FROM lead WHERE id > r.planted_to) AS uncounted,
           (SELECT count(*) FROM watch w WHERE w.rule = r.id AND w.due_at <= greatest(:now, r.spread_to)) AS due
    FROM watch_rule r WHERE r.sequence = '{SIGNALS}' AND NOT r.gone
    """
)


class Behind(NamedTuple):
    """Leads who are still to be looked at by signals.yaml."""

    uncounted: int
    """Not counted yet since it was deployed, or since they came."""
    due: int
    """Counted, and waiting for their turn."""
    spread_to: datetime | None
    """When the last of those who become ready by a deploy is looked at."""


def behind(conn: Connection, now: datetime) -> Behind | None:
    """None: no signals are deployed."""
    row = conn.execute(_BEHIND, {"now": now}).first()
    return Behind(row.uncounted, row.due, row.spread_to) if row is not None else None


NEXT = "SELECT min((SELECT min(due_at) FROM watch WHERE rule = r.id)) FROM watch_rule r WHERE NOT gone"
"""When the first lead is to be looked at."""

PLANTING = "SELECT 1 FROM watch_rule WHERE NOT gone AND planted_to < (SELECT coalesce(max(id), 0) FROM lead)"
"""Whether some lead has no row yet."""


UNDECIDED = f"""
    SELECT 1 FROM watch_rule r LEFT JOIN watch w ON w.rule = r.id AND w.lead_id = alert.lead_id
    WHERE r.sequence = '{SIGNALS}' AND NOT r.gone AND (r.planted_to < alert.lead_id OR w.due_at <= :now)
"""
"""Whether the lead of an `alert` is still to be looked at by signals.yaml."""


def of_lead(conn: Connection, lead_id: int) -> list[tuple[str, str, datetime | None]]:
    """Sequence, trigger and when the lead is looked at next."""
    query = (
        select(watch_rule.c.sequence, watch_rule.c.trigger, watch.c.due_at)
        .join(watch, watch.c.rule == watch_rule.c.id)
        .where(~watch_rule.c.gone, watch.c.lead_id == lead_id)
        .order_by(watch_rule.c.sequence, watch_rule.c.trigger)
    )
    return [(row[0], row[1], row[2]) for row in conn.execute(query)]


_DUE_OF = text(
    """
    SELECT w.lead_id, r.sequence, r.trigger, w.due_at FROM watch w JOIN watch_rule r ON r.id = w.rule
    WHERE w.lead_id = ANY(CAST(:lead_ids AS bigint[])) AND w.due_at <= :until AND NOT r.gone
    ORDER BY w.due_at, r.id
    """
)


def due_of(conn: Connection, lead_ids: Sequence[int], until: datetime) -> list[tuple[int, str, str, datetime]]:
    """Lead, sequence, trigger and when it is looked at, of those who are until then."""
    return [tuple(row) for row in conn.execute(_DUE_OF, {"lead_ids": array(lead_ids), "until": until})]

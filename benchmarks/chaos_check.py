"""Holds the product's ledger, enrollments and events against the sandbox's own log. Every count here must be 0."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from benchmarks.stack import Stack
from sequencer.sandbox.reaction import event_id
from sequencer.sandbox.tables import MAILS, REACTIONS

ACCEPTED = frozenset({"accepted", "delivered", "bounced", "dropped"})
RUNNING = frozenset({"active", "paused"})
EXAMPLES = 5
HALTS = ("unsubscribed", "complained", "bounced", "replied")
Key = tuple[int, str]
"""Enrollment and step."""

LONGEST_CLAIM = timedelta(seconds=5)
"""A transaction that claims and decides takes no longer, on a loaded machine either."""


@dataclass
class Findings:
    """What is wrong: a count by invariant, and a few examples of each."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, invariant: str, example: object) -> None:
        self.counts[invariant] += 1
        if len(self.examples[invariant]) < EXAMPLES:
            self.examples[invariant].append(str(example))


@dataclass(frozen=True, slots=True)
class Told:
    """One reaction that the sandbox posted and that was answered with 2xx."""

    id: str
    kind: str
    at: datetime
    """Operating time of the first such answer."""
    enrollment: int
    step: str
    lead: int


@dataclass
class Evidence:
    """Everything that is needed, read once."""

    ledger: dict[Key, Any]
    enrollments: list[Any]
    mails: dict[Key, list[Any]]
    told: list[Told]
    events: list[Any]
    halted: dict[int, datetime]
    """When each lead's first halt committed."""
    committed: dict[str, datetime]
    """When each of SendGrid's events was committed."""
    replied: dict[Key, datetime]


def read(stack: Stack) -> Evidence:
    with stack.engine.connect() as conn, stack.log.connect() as log:
        ledger = {(row.enrollment_id, row.step): row for row in conn.execute(text(_LEDGER))}
        enrollments = list(
            conn.execute(text("SELECT id, lead_id, status, reason, position, due_at, outcomes FROM enrollment"))
        )
        mails: dict[Key, list[Any]] = defaultdict(list)
        for row in log.execute(text(_MAILS)):
            mails[row.enrollment, row.step].append(row)
        events = list(conn.execute(text(_EVENTS)))
        halted: dict[int, datetime] = {}
        for lead, at in [
            *((e.lead_id, e.committed) for e in events if e.kind in HALTS and not e.machine and not e.topic),
            *conn.execute(text(_OPERATOR)).all(),
        ]:
            halted[lead] = min(halted.get(lead, at), at)
        return Evidence(
            ledger=ledger,
            enrollments=enrollments,
            mails=mails,
            told=list(_told(log)),
            events=events,
            halted=halted,
            committed={e.key: e.committed for e in events if e.source == "sendgrid"},
            replied={(e.enrollment_id, e.step): e.committed for e in events if e.kind == "replied"},
        )


_LEDGER = """
    SELECT enrollment_id, step, lead_id, state, attempt, sent_at, failure, request_id FROM message
"""
_MAILS = f"""
    SELECT m.id, (m.custom_args ->> 'sq_enrollment')::bigint AS enrollment, m.custom_args ->> 'sq_step' AS step,
           m.custom_args ->> 'sq_attempt' AS attempt, q.at AS accepted_at
    FROM sandbox.message m JOIN sandbox.request q ON q.number = m.id / {MAILS} WHERE m.custom_args ? 'sq_enrollment'
"""
_EVENTS = """
    SELECT key, kind, source, lead_id, enrollment_id, step, machine, at, data ->> 'link' AS link,
           data ->> 'topic' AS topic, pg_xact_commit_timestamp(xmin) AS committed
    FROM event
"""
_OPERATOR = """
    SELECT l.id, pg_xact_commit_timestamp(s.xmin) FROM suppression s JOIN lead l ON l.email = s.email
    WHERE s.topic = '' AND s.reason = 'operator'
"""
_TOLD = f"""
    SELECT r.id, r.kind, r.answered_at, q.id AS request, (m.custom_args ->> 'sq_enrollment')::bigint,
           m.custom_args ->> 'sq_step', (m.custom_args ->> 'sq_lead')::bigint
    FROM sandbox.reaction r JOIN sandbox.message m ON m.id = r.id / {REACTIONS}
    JOIN sandbox.request q ON q.number = m.id / {MAILS}
    WHERE r.state = 'posted' AND m.custom_args ? 'sq_enrollment'
"""


def _told(log: Connection) -> Iterator[Told]:
    for number, kind, at, request, enrollment, step, lead in log.execute(text(_TOLD)):
        yield Told(event_id(request, number), kind, at, enrollment, step, lead)


def requests(stack: Stack) -> list[datetime]:
    """When each of those that the mails came in was accepted."""
    with stack.log.connect() as log:
        return list(log.execute(text("SELECT at FROM sandbox.request WHERE status = 202")).scalars())


def still_open(stack: Stack) -> list[str]:
    """What a run that is not at rest waits for: who, where and since when; one line a kind, the largest first."""
    with stack.engine.connect() as conn, stack.log.connect() as log:
        return [f"open: {row.open}" for query, on in ((_OPEN, conn), (_UNTOLD, log)) for row in on.execute(text(query))]


_OPEN = """
    SELECT open FROM (
        SELECT count(*) AS n, format('%s enrollments %s at %s, due from %s to %s s from now, such as %s', count(*),
               status, position, round(extract(epoch FROM min(due_at) - clock_timestamp())),
               round(extract(epoch FROM max(due_at) - clock_timestamp())), min(id)) AS open
        FROM enrollment WHERE due_at < clock_timestamp() + interval '1 hour' GROUP BY status, position
        UNION ALL
        SELECT count(*), format('%s messages %s of step %s, lease or retry from %s to %s s from now, such as %s: %s',
               count(*), state, step,
               round(extract(epoch FROM min(retry_at) - clock_timestamp())),
               round(extract(epoch FROM max(retry_at) - clock_timestamp())),
               min(enrollment_id), min(failure))
        FROM message WHERE state IN ('sending', 'retry') GROUP BY state, step
        UNION ALL
        SELECT count(*), format('%s bodies of the door %s, %s, the oldest here for %s s', count(*), door,
               CASE WHEN urgent THEN 'urgent' ELSE 'not urgent' END,
               round(extract(epoch FROM clock_timestamp() - min(received_at))))
        FROM intake WHERE state = 'pending' GROUP BY door, urgent
        UNION ALL
        SELECT 1, format('sending is paused: %s', reason) FROM pause
    ) found ORDER BY n DESC
"""
_UNTOLD = """
    SELECT format('%s events %s that the sandbox has not got rid of, due from %s to %s s from now: %s', count(*), kind,
           round(extract(epoch FROM min(due_at) - clock_timestamp())),
           round(extract(epoch FROM max(due_at) - clock_timestamp())), min(problem)) AS open
    FROM sandbox.reaction WHERE state = 'pending' GROUP BY kind ORDER BY count(*) DESC
"""


def check(evidence: Evidence, leads: int) -> Findings:
    found = Findings()
    _doubles(evidence, found)
    _lost(evidence, leads, found)
    _ledger(evidence, found)
    _after_halts(evidence, found)
    _events(evidence, found)
    _branches(evidence, found)
    return found


def _doubles(evidence: Evidence, found: Findings) -> None:
    for key, several in evidence.mails.items():
        if len(several) > 1:
            found.add("doubles", f"{key}: {[(row.attempt, str(row.accepted_at)) for row in several[:3]]}")


def _lost(evidence: Evidence, leads: int, found: Findings) -> None:
    """Every enrollment ended with a reason that is known, or stands where the rules say."""
    if len(evidence.enrollments) != leads:
        found.add("lost", f"{len(evidence.enrollments)} of {leads} enrollments are left")
    messages: dict[int, list[Any]] = defaultdict(list)
    for row in evidence.ledger.values():
        messages[row.enrollment_id].append(row)
    for e in evidence.enrollments:
        passed = {o["step"]: o["outcome"] for o in e.outcomes}
        mailed = {step for step, outcome in passed.items() if outcome == "sent"}
        if wrong := [step for step, outcome in passed.items() if outcome == "skipped"]:
            found.add("lost", f"enrollment {e.id}: {wrong} skipped")
        if missing := mailed - {row.step for row in messages[e.id]}:
            found.add("lost", f"enrollment {e.id}: {missing} passed as sent, but not in the ledger")
        if e.status in RUNNING:
            held = [row for row in messages[e.id] if row.state == "unknown"]
            if not held or e.due_at is None or e.due_at > max(row.sent_at for row in held) + timedelta(hours=25):
                found.add("lost", f"enrollment {e.id}: {e.status} {e.reason} at {e.position}, due {e.due_at}")
        elif e.status == "finished":
            arm = {"then": "two", "else": "three"}.get(passed.get("looked", ""))
            if mailed != {"one", arm, "four"}:
                found.add("lost", f"enrollment {e.id}: finished after {passed}")
        elif e.lead_id not in evidence.halted:
            found.add("lost", f"enrollment {e.id}: {e.status} {e.reason}, and nothing halted lead {e.lead_id}")


def _ledger(evidence: Evidence, found: Findings) -> None:
    """Ledger and sandbox say the same of every mail."""
    ended = {e.id for e in evidence.enrollments if e.status not in RUNNING}
    for key, row in evidence.ledger.items():
        arrived = key in evidence.mails
        if row.state in ACCEPTED and not arrived:
            found.add("lost", f"{key} is {row.state} in the ledger and never reached the sandbox")
        elif row.state == "unknown" and arrived:
            found.add("unknown though its events came", f"{key}: attempt {row.attempt}, {row.failure}")
        elif row.state not in ACCEPTED | {"unknown"}:
            if arrived:
                found.add("accepted though the ledger says not", f"{key} is {row.state}: {row.failure}")
            if row.state != "cancelled" or row.enrollment_id not in ended:
                found.add("lost", f"{key} ended as {row.state}: {row.failure}")
        if row.state == "unknown" and not row.failure:
            found.add("held without a reason", key)
    for key in evidence.mails.keys() - evidence.ledger.keys():
        found.add("accepted though the ledger says not", f"{key} is not in the ledger")


def _after_halts(evidence: Evidence, found: Findings) -> None:
    """No attempt began, by its claim's own clock, after the commit of a halt of its lead."""
    for key, row in evidence.ledger.items():
        halted = evidence.halted.get(row.lead_id)
        if halted is not None and row.sent_at > halted:
            found.add("sends after a halt", f"{key}: {row.state}, began {row.sent_at}, halted {halted}")


def _events(evidence: Evidence, found: Findings) -> None:
    """Every event that the sandbox posted is stored once, and nothing else is."""
    stored = Counter(e.key for e in evidence.events if e.source == "sendgrid")
    told = {one.id: one for one in evidence.told if one.kind not in ("reply", "auto_reply", "one_click")}
    for key, count in stored.items():
        if count > 1:
            found.add("events counted twice", key)
        if key not in told:
            found.add("events that nobody posted", key)
    for key in told.keys() - stored.keys():
        found.add("events lost", told[key])
    replies = Counter((e.enrollment_id, e.step) for e in evidence.events if e.kind == "replied")
    said = {(one.enrollment, one.step) for one in evidence.told if one.kind == "reply"}
    for key in said - replies.keys():
        found.add("events lost", f"reply to {key}")
    for reply, count in replies.items():
        if count > 1 or reply not in said:
            found.add("events counted twice", f"reply to {reply}: {count}")
    left = Counter(e.lead_id for e in evidence.events if e.kind == "unsubscribed")
    asked = {one.lead for one in evidence.told if one.kind == "one_click"}
    for lead in asked - left.keys():
        found.add("events lost", f"unsubscription of lead {lead}")
    for lead, count in left.items():
        if count > 1 or lead not in asked:
            found.add("events counted twice", f"unsubscription of lead {lead}: {count}")


def _branches(evidence: Evidence, found: Findings) -> None:
    """Who was treated as having clicked had; who was not had no click that was committed by then."""
    clicked: dict[int, datetime] = {}
    followed: dict[int, datetime] = {}
    """Also by what turned out later to be a scanner: a branch that was taken on it stays taken."""
    for e in evidence.events:
        if e.kind == "clicked" and e.step == "one" and e.link == "price":
            for known in (followed,) if e.machine else (followed, clicked):
                known[e.enrollment_id] = min(known.get(e.enrollment_id, e.committed), e.committed)
    for enrollment in evidence.enrollments:
        for o in enrollment.outcomes:
            if o["step"] != "looked":
                continue
            taken = followed if o["outcome"] == "then" else clicked
            at, click = datetime.fromisoformat(o["at"]), taken.get(enrollment.id)
            # A decision is dated when its transaction began; what was committed while it ran was seen as well.
            rightly = click is not None and click <= at + LONGEST_CLAIM
            if not rightly if o["outcome"] == "then" else click is not None and click < at:
                found.add("branches against events", f"enrollment {enrollment.id}: {o}, clicked {click}")


def latencies(evidence: Evidence) -> list[tuple[datetime, float]]:
    """When a halt's webhook was answered, and the seconds from then until its effect was committed.

    Unsubscriptions by one click are left out: they are effective before they are answered.
    """
    waits = []
    for one in evidence.told:
        if one.kind in ("bounce", "spamreport"):
            committed = evidence.committed.get(one.id)
        elif one.kind == "reply":
            committed = evidence.replied.get((one.enrollment, one.step))
        else:
            continue
        if committed is not None:
            waits.append((one.at, (committed - one.at).total_seconds()))
    return waits


def quantiles(waits: Sequence[float]) -> Mapping[str, float]:
    """p50, p99 and the longest."""
    if not waits:
        return {}
    ordered = sorted(waits)
    return {
        "p50": round(ordered[len(ordered) // 2], 3),
        "p99": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 3),
        "max": round(ordered[-1], 3),
    }

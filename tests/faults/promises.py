"""What must hold at the end of a run, whatever went wrong on the way: by the provider's own log and the database."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, text

from tests.faults.outside import DOMAIN, PEOPLE

Key = tuple[str, str]
"""Whom, and which step."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The database at the end of a run, by people rather than by ids."""

    enrollments: dict[str, list[tuple[Any, ...]]]
    """By person: (status, reason, position, ((step, outcome), …))."""
    messages: dict[Key, tuple[str, str]]
    """(state, request id)."""
    facts: dict[Key, tuple[bool, list[str]]]
    """(delivered, clicked links)."""
    alerts: dict[Key, str]
    events: Counter[Key]
    """By person and key."""
    bodies: Counter[str]
    suppressed: set[str]


def ending(engine: Engine) -> Ending:
    """Reads it."""
    with engine.connect() as conn:
        people = {row.id: row.email.partition("@")[0] for row in conn.execute(text("SELECT id, email FROM lead"))}
        rows = conn.execute(text("SELECT lead_id, status, reason, position, outcomes FROM enrollment ORDER BY id"))
        enrollments: dict[str, list[tuple[Any, ...]]] = {}
        for lead, *state, outcomes in rows:
            passed = tuple((one["step"], one["outcome"]) for one in outcomes)
            enrollments.setdefault(people[lead], []).append((*state, passed))
        ledger = list(
            conn.execute(
                text("SELECT lead_id, step, state, request_id, delivered_at IS NOT NULL AS came, clicked FROM message")
            )
        )
        alerts = conn.execute(text("SELECT lead_id, kind, state FROM alert"))
        events = conn.execute(text("SELECT lead_id, key, kind FROM event"))
        return Ending(
            enrollments=enrollments,
            messages={(people[m.lead_id], m.step): (m.state, m.request_id) for m in ledger},
            facts={(people[m.lead_id], m.step): (m.came, list(m.clicked)) for m in ledger},
            alerts={(people[a.lead_id], a.kind): a.state for a in alerts},
            events=Counter((people[e.lead_id], "reply" if e.kind == "replied" else e.key) for e in events),
            bodies=Counter(conn.execute(text("SELECT state FROM intake")).scalars()),
            suppressed={people[i] for i in conn.execute(text("SELECT id FROM lead WHERE suppressed")).scalars()},
        )


_STATE = (
    """SELECT email, suppressed, stage, status, fields::text FROM lead ORDER BY 1""",
    """SELECT l.email, e.sequence, e.status, e.reason, e.position, e.since, e.due_at, e.deployment, e.outcomes::text
       FROM enrollment e JOIN lead l ON l.id = e.lead_id ORDER BY 1, 2, e.entered_at""",
    """SELECT l.email, m.step, m.state, CASE WHEN m.state = 'retry' THEN m.attempt END, m.sent_at, m.accepted_at,
              m.delivered_at, m.opened_at, m.clicked_at, m.clicked::text, m.retry_at
       FROM message m JOIN lead l ON l.id = m.lead_id ORDER BY 1, 2""",
    """SELECT l.email, a.step LIKE 'reply:%', a.kind, a.state, a.note, a.at
       FROM alert a JOIN lead l ON l.id = a.lead_id ORDER BY 1, 3""",
    """SELECT l.email, e.kind, e.at, e.source, e.step, e.machine, CASE WHEN e.kind <> 'replied' THEN e.key END
       FROM event e JOIN lead l ON l.id = e.lead_id ORDER BY 1, 2, 3, 5, 7""",
    """SELECT email, topic, reason, at FROM suppression ORDER BY 1, 2, 3""",
    """SELECT DISTINCT state FROM intake ORDER BY 1""",
    """SELECT reason FROM pause ORDER BY 1""",
)


def state(engine: Engine, accepted: list[dict[str, Any]]) -> str:
    """All that what follows can depend on, without what is drawn anew in each run (ids, request names, attempts)."""
    with engine.connect() as conn:
        told = [[tuple(row) for row in conn.execute(text(query))] for query in _STATE]
    return repr((told, sorted((m["to"], m["step"], m["subject"]) for m in accepted)))


def sending(engine: Engine) -> set[Key]:
    """What is on its way, as far as the ledger knows."""
    query = text(
        "SELECT split_part(email, '@', 1), step FROM message WHERE state = 'sending'"
        " UNION ALL SELECT split_part(l.email, '@', 1), a.kind FROM alert a JOIN lead l ON l.id = a.lead_id"
        " WHERE a.state = 'sending'"
    )
    with engine.connect() as conn:
        return {(row[0], row[1]) for row in conn.execute(query)}


def broken(
    end: Ending,
    faultless: Ending,
    accepted: list[dict[str, Any]],
    diary: list[dict[str, Any]],
    in_flight: set[Key] | None,
) -> list[str]:
    """Every promise that was not kept. `in_flight`: what was on its way at the death; None: nobody died."""
    got = Counter((_person(m["to"]), m["step"]) for m in accepted if m["step"])
    said = {entry["item"]: entry for entry in diary}
    problems = [f"{key} was accepted {count} times" for key, count in got.items() if count > 1]
    unknown = {key for key, (state, _) in end.messages.items() if state == "unknown"}
    problems += [f"{key} was accepted, and the ledger says unknown" for key in sorted(unknown & set(got))]
    requests = {request for state, request in end.messages.values() if state == "unknown"}
    if len(requests) > 1:
        problems.append(f"{len(requests)} requests are unknown, and only one can have been in flight")
    if in_flight is not None and unknown - in_flight:
        problems.append(f"{sorted(unknown - in_flight)} are unknown, and were not in flight")
    for key, (state, _) in sorted(end.messages.items()):
        if (state in ("accepted", "delivered")) != (key in got):
            problems.append(f"{key} is {state}, and the provider accepted {got[key]}")
        elif state not in ("accepted", "delivered", "unknown", "refused"):
            problems.append(f"{key} ends as {state}")
    problems += [f"{key} was accepted, and is not in the ledger" for key in sorted(set(got) - set(end.messages))]
    for name in PEOPLE:
        problems += _person_ends(name, end, faultless, got, said, {step for who, step in unknown if who == name})
    problems += _events(end, said)
    problems += _alerts(end, accepted, in_flight)
    return problems


def _person_ends(
    name: str, end: Ending, faultless: Ending, got: Counter[Key], said: dict[str, Any], unknown: set[str]
) -> list[str]:
    """Where a person ends, and what they got until then."""
    path = ["one", "two" if "events" in said.get("news", {}) and name == "ann" else "three", "four"]
    halted = {"cy": "replies" in said.get("reply", {}), "dee": "unsubscribed" in said.get("unsubscribe", {})}
    if halted.get(name):
        path = ["one"]
    elif name == "refused":
        path = []
    problems = []
    if name in ("cy", "dee") and not unknown and not halted[name]:
        problems.append(f"{name} got a mail and had no occasion to react to it")
    received = [step for who, step in got if who == name]
    if received != [step for step in path if step not in unknown]:
        problems.append(f"{name} got {received}, expected {path} without {sorted(unknown)}")
    if name == "dee" and halted["dee"] != ("dee" in end.suppressed):
        problems.append("dee unsubscribed, and may still be mailed")
    mine = end.enrollments.get(name, [])
    if not unknown:
        for what, now, before in (
            ("enrollments", mine, faultless.enrollments[name]),
            ("facts", _of(name, end.facts), _of(name, faultless.facts)),
        ):
            if now != before:
                problems.append(f"{name}'s {what}: expected {before}, got {now}")
    elif [e[0] for e in mine] != ["finished"]:
        problems.append(f"{name}, whose mail is unknown, is {[e[:3] for e in mine]}, expected finished")
    return problems


def _events(end: Ending, said: dict[str, Any]) -> list[str]:
    """Each event that was acknowledged is stored once, and no other."""
    told = {key for entry in said.values() for key in entry.get("events", ())}
    counted = Counter(key for _, key in end.events.elements() if key.startswith(("delivered-", "click-")))
    problems = []
    if counted != Counter(told):
        problems.append(f"events: expected each of {sorted(told)} once, got {dict(counted)}")
    replies = sum(count for (_, key), count in end.events.items() if key == "reply")
    if replies != said.get("reply", {}).get("replies", 0):
        problems.append(f"{replies} replies are stored, {said.get('reply', {}).get('replies', 0)} were acknowledged")
    if set(end.bodies) - {"done"}:
        problems.append(f"webhook bodies: expected all done, got {dict(end.bodies)}")
    return problems


def _alerts(end: Ending, accepted: list[dict[str, Any]], in_flight: set[Key] | None) -> list[str]:
    """What a rep is told is told once; unknown only when it was in flight."""
    mailed = Counter(m["subject"] for m in accepted if not m["step"])
    problems = [f"{subject!r} was mailed to a rep {count} times" for subject, count in mailed.items() if count > 1]
    for key, state in end.alerts.items():
        lost = state == "unknown" and (in_flight is None or key in in_flight)
        if state != "sent" and not lost:
            problems.append(f"the alert {key} ends as {state}")
    if (sent := sum(state == "sent" for state in end.alerts.values())) > len(mailed):
        problems.append(f"{sent} alerts are called sent, the provider accepted {len(mailed)}")
    return problems


def _of(name: str, values: dict[Key, Any]) -> dict[str, Any]:
    return {step: value for (who, step), value in values.items() if who == name}


def _person(address: str) -> str:
    name, _, domain = address.partition("@")
    return name if domain == DOMAIN else address

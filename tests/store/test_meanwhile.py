"""What is written of many rows is written of each, also when somebody else changed one of them a moment before.

PostgreSQL looks at such a row once more, and 18.6 then forgets all rows after it where a plan leaves partitions out
both at its start and for each row that it joins. Which plan that is depends on how long the tables are, and on how
often the statement was run before.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, text

from sequencer.core.event import Event
from sequencer.core.message import State
from sequencer.store import clock, events, messages
from sequencer.store.messages import Doubt, Engagement, Settled
from sequencer.store.partitions import ensure, lowest_id
from tests.databases import until_waiting

MONTHS = {"one": datetime(2026, 11, 15, tzinfo=UTC), "two": datetime(2026, 11, 30, 23, 59, 59, 980_000, tzinfo=UTC)}
"""When the first of the messages was sent; the others followed, a millisecond apart."""
NUMBERS = range(40)
CHANGED = (3, 7, 23, 31)
REQUEST = "the request"
FENCE = 7
STEP = "one"

Write = Callable[[Connection, datetime], object]


def ids(start: datetime) -> list[int]:
    return [lowest_id(at) for at in moments(start)]


def keys(start: datetime) -> list[tuple[int, str]]:
    return [(number, STEP) for number in ids(start)]


def moments(start: datetime) -> list[datetime]:
    return [start + timedelta(milliseconds=number) for number in NUMBERS]


def clicks(start: datetime) -> list[Event]:
    return [
        Event("clicked", at, lead, f"key {lead}", "sendgrid", id, STEP)
        for lead, (at, id) in enumerate(zip(moments(start), ids(start), strict=True))
    ]


WRITES: dict[str, tuple[Write, State, str]] = {
    "what events say of mails on their way": (
        lambda conn, start: messages.apply(
            conn, {key: Engagement(accepted_at=start, delivered_at=start) for key in keys(start)}
        ),
        State.SENDING,
        "state = 'delivered' AND delivered_at IS NOT NULL",
    ),
    "what events say of mails that arrived": (
        lambda conn, start: messages.apply(conn, {key: Engagement(clicked_at=start) for key in keys(start)}),
        State.DELIVERED,
        "clicked_at IS NOT NULL",
    ),
    "clicks that were a machine's": (
        lambda conn, start: messages.recount_clicks(conn, keys(start)),
        State.ACCEPTED,
        "clicked = '{price}'",
    ),
    "that a click was a machine's": (
        lambda conn, start: events.call_machine(conn, clicks(start)),
        State.ACCEPTED,
        "(SELECT e.machine FROM event e WHERE e.enrollment_id = message.enrollment_id)",
    ),
    "that the provider took them": (
        lambda conn, start: messages.accept(conn, REQUEST, dict.fromkeys(ids(start), "theirs"), start, close=True),
        State.SENDING,
        "state = 'accepted'",
    ),
    "that the provider refused them": (
        lambda conn, start: messages.settle(
            conn, REQUEST, FENCE, [Settled(number, State.REFUSED, "no") for number in ids(start)]
        ),
        State.SENDING,
        "state = 'refused'",
    ),
    "that an event proves them": (
        lambda conn, start: messages.prove(conn, [REQUEST], start),
        State.UNKNOWN,
        "state = 'accepted'",
    ),
    "that their worker is gone": (lambda conn, start: messages.reap(conn, 10), State.SENDING, "state = 'unknown'"),
    "that they were not handed over": (
        lambda conn, start: messages.release(conn, [REQUEST], start),
        State.SENDING,
        "state = 'retry'",
    ),
    "what an operator knows of them": (
        lambda conn, start: messages.resolve(
            conn, [Doubt(*key, lead_id=1) for key in keys(start)], State.ACCEPTED, None, start
        ),
        State.UNKNOWN,
        "state = 'accepted'",
    ),
    "that they go again": (
        lambda conn, start: messages.reopen(conn, keys(start)),
        State.UNKNOWN,
        "state = 'retry'",
    ),
    "that they do not go again": (
        lambda conn, start: messages.cancel(conn, keys(start)),
        State.RETRY,
        "state = 'cancelled'",
    ),
    "that their enrollments ended": (
        lambda conn, start: messages.cancel_rest(conn, ids(start)),
        State.RETRY,
        "state = 'cancelled'",
    ),
}


@pytest.mark.parametrize("plan", ["generic", "custom"])
@pytest.mark.parametrize("months", MONTHS)
@pytest.mark.parametrize("what", WRITES)
def test_who_changed_a_row_just_now_takes_no_other_rows_with_it(
    engine: Engine, what: str, months: str, plan: str
) -> None:
    write, state, written = WRITES[what]
    start = MONTHS[months]
    exist(engine, start, state)
    held = {"ids": [ids(start)[number] for number in CHANGED], "at": start}
    with ThreadPoolExecutor(1) as other, engine.begin() as theirs:
        theirs.execute(text("UPDATE message SET opened_at = :at WHERE enrollment_id = ANY(:ids)"), held)
        theirs.execute(text("UPDATE event SET source = 'sandbox' WHERE enrollment_id = ANY(:ids)"), held)
        done = other.submit(run, engine, write, start, plan)
        until_waiting(engine, done.done)
        assert not done.done(), "it waits for what somebody holds"
        theirs.commit()
        done.result()
    with engine.connect() as conn:
        assert (len(NUMBERS), len(CHANGED)) == (counted(conn, written), counted(conn, "opened_at IS NOT NULL"))


def test_who_writes_what_events_say_keeps_nobody_from_other_messages_of_the_same_people(engine: Engine) -> None:
    start = MONTHS["one"]
    exist(engine, start, State.ACCEPTED)
    first, second = ids(start)[:2]
    with engine.begin() as conn:
        conn.execute(_MESSAGES, {**_values(start, State.ACCEPTED), "step": "other"})
    with engine.begin() as conn, engine.begin() as other:
        messages.apply(
            conn, {(first, STEP): Engagement(opened_at=start), (second, "other"): Engagement(opened_at=start)}
        )
        query = "SELECT enrollment_id, step FROM message WHERE enrollment_id = ANY(:ids) FOR NO KEY UPDATE SKIP LOCKED"
        free = set(map(tuple, other.execute(text(query), {"ids": [first, second]})))
    assert free == {(first, "other"), (second, STEP)}


def counted(conn: Connection, condition: str) -> int:
    return int(conn.execute(text(f"SELECT count(*) FROM message WHERE {condition}")).scalar_one())


def run(engine: Engine, write: Write, start: datetime, plan: str) -> None:
    """With a prepared statement, and the joins that are chosen where a ledger is long and the batch short."""
    with engine.connect() as conn:
        driver = conn.connection.driver_connection
        assert driver is not None
        before, driver.prepare_threshold = driver.prepare_threshold, 0
        conn.execute(text(f"SET LOCAL plan_cache_mode = 'force_{plan}_plan'"))
        for choice in ("seqscan", "hashjoin", "mergejoin"):
            conn.execute(text(f"SET LOCAL enable_{choice} = off"))
        write(conn, start)
        conn.commit()
        driver.prepare_threshold = before


def exist(engine: Engine, start: datetime, state: State) -> None:
    """One request's messages, each with a click, among some thousand others."""
    values = _values(start, state)
    first = ids(start)[0]
    others = [first + (place << 20) + 1 for place in range(-3000, 3000)]
    with engine.begin() as conn:
        clock.start_virtual(conn, start)
        ensure(conn)
        conn.execute(_MESSAGES, values)
        conn.execute(_MESSAGES, values | {"ids": others, "step": "two", "request": "another"})
        conn.execute(_REQUEST, values)
        events.insert(conn, [e._replace(data={"link": "price"}) for e in clicks(start)])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("VACUUM ANALYZE message, event"))


def _values(start: datetime, state: State) -> dict[str, object]:
    return {"ids": ids(start), "step": STEP, "state": state, "at": start, "request": REQUEST, "fence": FENCE}


_MESSAGES = text(
    """
    INSERT INTO message (enrollment_id, step, lead_id, sequence, deployment, content, email, sender, state, attempt,
                         fence, request_id, sent_at)
    SELECT id, :step, number - 1, 'tour', 1, 'one', 'kim@acme.example', 'marketing', :state, 1, :fence, :request, :at
    FROM unnest(CAST(:ids AS bigint[])) WITH ORDINALITY v(id, number)
    """
)
_REQUEST = text("INSERT INTO request (id, lease_until, enrollment_ids) VALUES (:request, '2020-01-01', :ids)")

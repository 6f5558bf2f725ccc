"""Webhooks in any order, in any posts and any number of times end in what they end in when they come in their order.

Compared are the ledger's rows, events, suppressions, leads, and whether enrollments still run. What depends on the
order by nature is left out: which of several reasons ended an enrollment (so, whether it left or was stopped); what a
click set in motion before it was found to be a scanner's; the `failure` text when several events of one kind tell
one; `at` and `source` of a suppression, which are those of whatever came first.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from sequencer.core.enrollment import RUNNING
from sequencer.providers.sendgrid_events import URGENT
from tests.services.conftest import World
from tests.services.webhooks import bodies, event, take
from tests.workspaces import content, files

SEQUENCE = """
title: Order
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
exit_on:
  - opened("one")
steps:
  - email: one
  - wait: 60 days
  - email: two
"""
TWO_LINKS = (
    '{{ link("price", "https://www.acme.example/p", "p") }} {{ link("faq", "https://www.acme.example/f", "f") }}'
)
HUMAN = "Mozilla/5.0"
PEOPLE = ("kim", "lee")
KEPT = ("lead", "enrollment", "message", "request")
"""What webhooks change; what they add is in the other tables."""

COMPARED = (
    "SELECT enrollment_id, step, state, attempt, request_id, accepted_at, delivered_at, opened_at, clicked_at, clicked,"
    " retry_at, failure IS NULL FROM message ORDER BY enrollment_id, step",
    "SELECT at, lead_id, key, kind, source, enrollment_id, step, machine, data FROM event ORDER BY at, lead_id, key",
    "SELECT email, topic, reason FROM suppression ORDER BY email, topic, reason",
    "SELECT id, suppressed FROM lead ORDER BY id",
    "SELECT id, status = ANY(:running) FROM enrollment ORDER BY id",
)


def begun(world: World) -> None:
    """Everybody got a mail, each by a request of its own; how things stand is kept."""
    world.deploy(files(order=SEQUENCE) | {"content/one.md": content("One", TWO_LINKS)})
    for name in PEOPLE:
        world.enter("order", world.lead(f"{name}@harbor.example"))
        world.pass_(hours=1)
    assert len(world.provider.batches) == len(PEOPLE)
    with world.context.engine.begin() as conn:
        for table in KEPT:
            conn.execute(text(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}"))


def told(world: World, mail: int) -> list[dict[str, Any]]:
    """All that may be told of one mail."""
    sent = int((world.now() - timedelta(hours=2)).timestamp())

    def at(seconds: int, kind: str, **more: Any) -> dict[str, Any]:
        return event(world, kind, mail, timestamp=sent + seconds, sg_event_id=f"{mail} {kind} {seconds}", **more)

    def click(seconds: int, link: int, agent: str = HUMAN) -> dict[str, Any]:
        return at(seconds, "click", url=f"https://www.acme.example/?sq={'a' * 32}.{link}", useragent=agent)

    return [
        at(0, "processed"),
        at(1, "deferred", response="later"),
        at(2, "delivered"),
        at(900, "delivered"),
        at(3, "open", sg_machine_open=True),
        at(600, "open", useragent=HUMAN),
        at(700, "open", useragent=HUMAN),
        *(click(10 + link, link) for link in (1, 2)),  # too fast for a person
        click(14, 1),
        click(800, 1),
        click(900, 2),
        click(30, 2, agent="curl/8"),
        at(950, "bounce", reason="550 no such mailbox"),
        at(960, "bounce", type="blocked", reason="554 not today"),
        at(5, "dropped", reason="Bounced Address"),
        at(6, "dropped", reason="Invalid"),
        at(1000, "unsubscribe"),
        at(1100, "spamreport"),
        # Too old to be stored at its time, and respected.
        at(-200 * 86_400, "unsubscribe"),
    ]


def outcome(world: World, posts: Iterable[list[dict[str, Any]]]) -> list[Any]:
    """What it all ends in, from how things stood in the beginning."""
    with world.context.engine.begin() as conn:
        conn.execute(text(f"TRUNCATE event, suppression, consent, alert, intake, {', '.join(KEPT)}"))
        for table in KEPT:
            conn.execute(text(f"INSERT INTO {table} SELECT * FROM kept_{table}"))
    for post in posts:
        body = orjson.dumps(post)
        take(world, body, urgent=any(mark in body for mark in URGENT))
    assert {state for state, _ in bodies(world)} <= {"done", "set_aside"}
    running = sorted(status.value for status in RUNNING)
    with world.context.engine.connect() as conn:
        values: list[dict[str, Any]] = [{}] * (len(COMPARED) - 1) + [{"running": running}]
        return [[tuple(row) for row in conn.execute(text(query), v)] for query, v in zip(COMPARED, values, strict=True)]


def test_any_order_any_posts_and_any_repeats_end_in_the_same(world: World) -> None:
    begun(world)
    everything = [e for mail in range(len(PEOPLE)) for e in told(world, mail)]
    posts_of = st.lists(st.lists(st.sampled_from(range(len(everything))), min_size=1, max_size=10), max_size=6)

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(posts_of, st.lists(st.integers(0, 5), max_size=3))
    def holds(posts: list[list[int]], again: list[int]) -> None:
        repeated = posts + [posts[number] for number in again if number < len(posts)]
        in_order = sorted({n for post in posts for n in post}, key=lambda n: (everything[n]["timestamp"], n))
        expected = outcome(world, [[everything[n] for n in in_order]])
        got = outcome(world, [[everything[n] for n in post] for post in repeated])
        for rows, other in zip(got, expected, strict=True):
            assert rows == other

    holds()

"""A person who is erased is nowhere any more. On a real database, by its own catalogue."""

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from sequencer.core.event import Event
from sequencer.core.handoff import policy_of
from sequencer.core.lead import Lead, erased_address
from sequencer.errors import NotFound, SequencerError
from sequencer.services import erase
from sequencer.services.imports import import_csv
from sequencer.services.react import react
from sequencer.store import clock, erasure, leads, visits
from tests.services.conftest import World
from tests.services.test_halting import begun
from tests.services.webhooks import bodies, event, post, reply_form, take

CANARY = "Quetzalcoatl"
ADDRESS = f"{CANARY.lower()}@harbor.example"

OURS = {
    "lead": {"stage", "campaign", "source"},
    "enrollment": {"sequence", "position", "reason", "outcomes", "origin", "status"},
    "message": {"step", "sequence", "content", "sender", "state", "request_id", "provider_id", "clicked"},
    "task": {"step", "kind", "rep", "closed_by"},
    "review": {"step", "content", "sender", "rep", "closed_by"},
    "readiness": {"reasons"},
    "handoff": {"reasons", "step", "rep", "asked", "state"},
}
"""Columns of texts that stay: names that we and the workspace give, and those of reps."""

TEXTS = text(
    """
    SELECT c.relname, a.attname, format_type(a.atttypid, NULL) FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    ORDER BY c.relname, a.attnum
    """
)
VALUES: dict[str, Any] = {
    "text": CANARY, "jsonb": json.dumps({"said": CANARY}), "bytea": CANARY.encode(), "text[]": [CANARY],
    "bytea[]": [CANARY.encode()], "boolean": False, "smallint": 1, "integer": 1, "date": "2026-11-23",
    "uuid": "0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a", "bigint[]": [1],
}  # fmt: skip


def columns(conn: Connection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in conn.execute(TEXTS):
        found.setdefault(table, {})[column] = kind
    return found


def standing(conn: Connection) -> set[tuple[str, str]]:
    """Table and column of whatever still holds the person's name, in any column that can hold a text."""
    found = set()
    for table, kinds in columns(conn).items():
        for column, kind in kinds.items():
            if kind in ("bytea", "bytea[]"):
                as_text = (
                    f"encode({column}, 'escape')"
                    if kind == "bytea"
                    else f"encode(array_to_string({column}, '')::bytea, 'escape')"
                )
            elif kind in ("text", "jsonb", "text[]", "character varying"):
                as_text = f"CAST({column} AS text)"
            else:
                continue
            query = text(f'SELECT EXISTS (SELECT FROM "{table}" WHERE {as_text} ILIKE :name)')
            if conn.execute(query, {"name": f"%{CANARY}%"}).scalar_one():
                found.add((table, column))
    return found


def fill(conn: Connection, lead: Lead, enrollment_id: int) -> None:
    """A row in every table that is of leads, with the person's name wherever a text can stand. But for what a form
    tells of its browser: nobody is erased before that is worked off.
    """
    now = clock.now(conn)
    for table, kinds in columns(conn).items():
        if "lead_id" not in kinds or table == "beacon":
            continue
        row = {name: VALUES[kind] for name, kind in kinds.items() if kind in VALUES}
        row |= {name: now for name, kind in kinds.items() if kind.startswith("timestamp")}
        row |= {"lead_id": lead.id, "enrollment_id": enrollment_id, "company_id": 1, "told_to": 0, "fence": 1}
        if table == "enrollment":
            row |= {"id": enrollment_id + 1, "status": "finished"}
        row = {name: value for name, value in row.items() if name in kinds}
        given = ", ".join(
            f"CAST(:{name} AS {kinds[name]})" if kinds[name] in ("jsonb", "uuid") else f":{name}" for name in row
        )
        conn.execute(text(f'INSERT INTO "{table}" ({", ".join(row)}) VALUES ({given})'), row)


def erased(world: World, address: str = ADDRESS) -> erase.Erasure:
    with world.context.engine.begin() as conn:
        return erase.erase(conn, world.context.releases.current(conn), address, clock.now(conn))


@pytest.fixture
def mailed(world: World) -> Iterator[World]:
    """They got the first mail, and wait for the second."""
    begun(
        world, email=ADDRESS, first_name=CANARY, last_name=CANARY, title=CANARY, country=CANARY,
        owner_email=ADDRESS, hobby=CANARY, company="Harbor",
    )  # fmt: skip
    yield world


def test_nothing_of_a_person_stands_anywhere_once_they_are_erased(mailed: World, engine: Engine) -> None:
    lead = mailed.lead(ADDRESS)
    visitor = VALUES["uuid"]
    with engine.begin() as conn:
        [enrollment_id] = conn.execute(text("SELECT id FROM enrollment")).scalars()
        fill(conn, lead, enrollment_id)
        for statement in (
            "INSERT INTO visit VALUES (CAST(:visitor AS uuid), now(), '/' || :name)",
            "INSERT INTO consent VALUES (:email, 'news', now(), :name)",
            "INSERT INTO suppression VALUES (:email, 'news', 'unsubscribed', now(), :name)",
            "INSERT INTO suppression VALUES (:email, '', 'unsubscribed', now(), :name)",
            "INSERT INTO intake (door, body, state, problem, at)"
            " SELECT 'inbound', convert_to('From: ' || upper(:email), 'UTF8'), s, :name, now()"
            " FROM unnest(ARRAY['done', 'set_aside']) s",
            "UPDATE lead SET status = :name, stage = :name, campaign = :name, source = :name, owner_before = :name",
            "UPDATE lead SET (first_touch, last_touch, sources) ="
            " (SELECT j, j, j FROM jsonb_build_object(CAST(:name AS text), 1) j)",
        ):
            conn.execute(text(statement), {"visitor": visitor, "name": CANARY, "email": ADDRESS})
        said = {"subject": CANARY, "text": CANARY}
        now, release = clock.now(conn), mailed.context.releases.current(conn)
        react(conn, release, [Event("replied", now, lead.id, CANARY, "inbound", enrollment_id, data=said)], now)
    kept = {(table, column) for table, names in OURS.items() for column in names}
    with engine.connect() as conn:
        before = standing(conn)
        of_leads = {table for table, names in columns(conn).items() if "lead_id" in names}
        assert of_leads <= {table for table, _ in before} | {"watch", "signal_count", "unmet", "beacon"}
    done = erased(mailed)
    assert (done.counts["webhook bodies"], done.counts["visits"], done.counts["messages"]) == (2, 1, 2)
    with engine.connect() as conn:
        assert standing(conn) - kept == {("suppression", "email")}
        rows = conn.execute(text("SELECT topic, reason, source FROM suppression ORDER BY reason")).all()
        assert [tuple(row) for row in rows] == [("", "operator", "operator"), ("", "unsubscribed", "operator")]
        assert conn.execute(text("SELECT count(*) FROM message")).scalar_one() == 2, "reports count them"
        assert (
            conn.execute(
                text("SELECT count(*) FROM enrollment WHERE ended_at IS NULL AND due_at IS NOT NULL")
            ).scalar_one()
            == 0
        )
        assert leads.by_ids(conn, [lead.id])[0].email == erased_address(lead.id)
        assert leads.page(conn, 0, 10) == []


def test_who_was_erased_is_never_mailed_again_whoever_brings_them(mailed: World) -> None:
    erased(mailed)
    with pytest.raises(NotFound):
        erased(mailed)
    import_csv(mailed.context, io.StringIO(f"email,first_name\n{ADDRESS},Again\n"), "quick")
    new = mailed.lead(ADDRESS)
    assert (new.first_name, new.suppressed) == ("Again", True)
    mailed.pass_(days=2)
    assert [step for _, step in mailed.provider.mails] == ["one"]


def test_handoffs_of_somebody_who_was_erased_are_over_and_counted_by_their_declared_reasons(
    mailed: World, engine: Engine
) -> None:
    lead = mailed.lead(ADDRESS)
    with engine.connect() as conn:
        declared = policy_of(mailed.context.releases.current(conn).workspace).declines
    answers = [
        ("declined", next(iter(declared))),
        ("declined", CANARY),
        ("expired", "nobody answered"),
        ("waiting", ""),
    ]
    put = (
        "INSERT INTO handoff (lead_id, number, at, reasons, state, answer, due_at)"
        " VALUES (:lead, :number, now(), '{}', :state, :answer, now())"
    )
    with engine.begin() as conn:
        for number, (state, answer) in enumerate(answers, 1):
            conn.execute(text(put), {"lead": lead.id, "number": number, "state": state, "answer": answer})
    erased(mailed)
    with engine.connect() as conn:
        rows = conn.execute(text("SELECT state, answer, due_at, answered_at FROM handoff ORDER BY number")).all()
    assert [tuple(row[:3]) for row in rows] == [
        (*answers[0], None), ("declined", "erased", None), (*answers[2], None), ("closed", "erased", None),
    ]  # fmt: skip
    assert rows[-1].answered_at == mailed.now()


@pytest.mark.parametrize(
    ("what", "under_way"),
    [
        ("a mail to them is on its way", "UPDATE message SET state = 'sending'"),
        (
            "a call about them is on its way",
            "INSERT INTO call_out (target, kind, lead_id, number, body, at, state)"
            " SELECT 'x', 'x', id, 1, '', now(), 'sending' FROM lead",
        ),
        (
            "a form of theirs is on its way",
            "INSERT INTO beacon (body, lead_id, at) SELECT '', id, now() FROM lead",
        ),
        (
            "a webhook that names them is yet to be processed",
            "INSERT INTO intake (door, body, at) SELECT 'events', convert_to(email, 'UTF8'), now() FROM lead",
        ),
    ],
)
def test_nobody_is_erased_while_something_of_theirs_is_under_way(
    mailed: World, engine: Engine, what: str, under_way: str
) -> None:
    with engine.begin() as conn:
        conn.execute(text(under_way))
    with pytest.raises(SequencerError, match=what):
        erased(mailed)
    lead = mailed.lead(ADDRESS)
    assert lead.first_name == CANARY and not lead.suppressed


@pytest.mark.parametrize("state", ["done", "pending"])
def test_a_webhook_that_comes_while_all_are_read_is_found_as_well(
    mailed: World, engine: Engine, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    put = text(
        "INSERT INTO intake (door, body, state, at) VALUES ('events', convert_to(:email, 'UTF8'), :state, now())"
    )
    hold = erasure.hold_browsers

    def come(conn: Connection, lead_id: int) -> None:
        with engine.begin() as other:
            other.execute(put, {"email": ADDRESS, "state": state})
        hold(conn, lead_id)

    monkeypatch.setattr(erasure, "hold_browsers", come)
    if state == "pending":
        with pytest.raises(SequencerError, match="a webhook that names them is yet to be processed"):
            erased(mailed)
        return
    assert erased(mailed).counts["webhook bodies"] == 1
    assert bodies(mailed) == []


def test_whoever_works_off_what_a_form_told_of_a_browser_waits_for_no_erasure_that_waits_for_them(
    mailed: World, engine: Engine
) -> None:
    lead = mailed.lead(ADDRESS)
    with engine.begin() as conn:
        visits.put_ours(conn, b"", lead.id, clock.now(conn))
    with engine.begin() as worker:
        visits.take(worker, 1)
        with engine.connect() as conn, pytest.raises(SequencerError, match="a form of theirs is on its way"):
            conn.execute(text("SET lock_timeout = '10s'"))
            erase.erase(conn, mailed.context.releases.current(conn), ADDRESS, clock.now(conn))
        assert lead.id in leads.lock(worker, [lead.id])
    erased(mailed)


def test_nothing_is_kept_of_what_reps_and_browsers_tell_of_somebody_who_was_erased(
    mailed: World, engine: Engine
) -> None:
    lead = mailed.lead(ADDRESS)
    erased(mailed)
    with engine.begin() as conn:
        now, release = clock.now(conn), mailed.context.releases.current(conn)
        late = [Event(kind, now, lead.id, kind, "inbound", data={"text": CANARY}) for kind in ("rep_wrote", "visited")]
        late.append(Event("unsubscribed", now - timedelta(days=1500), lead.id, "old", "inbound"))
        reaction = react(conn, release, late, now)
        assert (reaction.new, reaction.strange) == ([], [])
        assert conn.execute(text("SELECT count(*) FROM event")).scalar_one() == 0


def test_what_is_said_later_of_the_mails_of_somebody_who_was_erased_is_kept_of_nobody(
    mailed: World, engine: Engine
) -> None:
    erased(mailed)
    post(mailed, event(mailed, "open", useragent="Mozilla"), event(mailed, "bounce", reason="no such user"))
    post(mailed, event(mailed, "unsubscribe"), urgent=True)
    assert bodies(mailed) == [("done", None)] * 2
    body, content_type = reply_form(mailed, "Who are you?")
    take(mailed, body, door="inbound", content_type=content_type)
    assert bodies(mailed)[-1] == ("set_aside", "no message of ours is answered by this email")
    with engine.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM event")).scalar_one() == 0
        [(opened, failure)] = conn.execute(text("SELECT opened_at, failure FROM message"))
        assert (opened, failure) == (None, None)

"""Handoffs are left in the CRM: by the outbox of all targets, each once, with what the rep has to know."""

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import orjson
import pytest
from sqlalchemy import text

from sequencer.core import target_call
from sequencer.core.mail import Answer, Outcome
from sequencer.core.rep_answer import Said
from sequencer.providers.crm import Activity, Change, Contact, Failed
from sequencer.services import accept, targets, write_back
from sequencer.store import calls_out, crm_contacts, leads
from sequencer.store.crm_contacts import Known
from tests.databases import until_waiting
from tests.services.conftest import World
from tests.services.test_handoffs import SIGNALS, asks, workspace

TARGETS = "\n  targets:\n    sales: {crm: hubspot}\n"


@dataclass
class Kept:
    """A CRM that keeps what it is given."""

    most: int = 100
    left: list[tuple[Contact, Activity, bool]] = field(default_factory=list)
    fails: list[Outcome] = field(default_factory=list)

    def leave(self, contact: Contact, activity: Activity, repeat: bool) -> str:
        self.left.append((contact, activity, repeat))
        if self.fails:
            raise Failed(self.fails.pop(0))
        return "1246965"

    def update(self, changes: Sequence[Change]) -> Collection[str]:
        return [one.contact for one in changes]


@pytest.fixture
def kept(world: World) -> Kept:
    found = Kept()
    world.context = replace(world.context, crms={"hubspot": found})
    files = workspace(SIGNALS.rstrip() + TARGETS)
    name = "sequences/workspace.yaml"
    world.deploy({**files, name: files[name].replace("{name: Ana Ruiz,", '{name: Ana Ruiz, crm: "77",')})
    return found


def open_calls(world: World) -> list[tuple[str, str, int, str | None]]:
    with world.context.engine.connect() as conn:
        return [(row.kind, row.state, row.attempts, row.failure) for row in calls_out.listed(conn, 100)]


def test_the_rep_gets_a_task_with_the_reasons_and_the_lead_is_known_by_its_id_from_then_on(
    world: World, kept: Kept
) -> None:
    kim = world.lead(first_name="Kim", last_name="Weiss", company="Harbor", owner="ana@acme.example")
    asks(world, kim)
    targets.deliver(world.context)
    [(contact, task, repeat)] = kept.left
    assert contact == Contact(kim.email, "Kim", "Weiss", None, "Harbor", "77", False) and not repeat
    assert (task.subject, task.open) == ("Talk to Kim Weiss (handoff 1)", True)
    assert "Why now: asked" in task.text and task.text.endswith(f"/dashboard/leads/{kim.id}")
    with world.context.engine.begin() as conn:
        assert crm_contacts.lead_ids(conn, [("hubspot", "1246965")]) == {("hubspot", "1246965"): kim.id}
        accept.answer(world.context, conn, (kim.id, 1), "ana@acme.example", Said(False, "no-budget"))
    targets.deliver(world.context)
    _, note, _ = kept.left[-1]
    assert (note.subject, note.open) == ("ana@acme.example declined handoff 1", False)
    assert note.text.startswith("Why: No budget") and open_calls(world) == []


def test_an_acceptance_is_told_without_a_reason_and_what_cannot_be_prepared_stops_nothing_else(
    world: World, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_back, "prepare", lambda conn, release, row: orjson.loads(bytes(row.body))["data"])
    kim, lee = (world.lead(f"{name}@{name}.example", owner="ana@acme.example") for name in ("kim", "lee"))
    for lead in (kim, lee):
        asks(world, lead)
    targets.deliver(world.context)
    for lead in (kim, lee):
        with world.context.engine.begin() as conn:
            accept.answer(world.context, conn, (lead.id, 1), "ana@acme.example", Said(True))
    with world.context.engine.begin() as conn:
        broken = {"id": kim.id}
        conn.execute(text("UPDATE call_out SET body = '{}' WHERE lead_id = :id AND state = 'pending'"), broken)
        conn.execute(
            text(
                "INSERT INTO call_out (target, kind, lead_id, number, body, at, state)"
                " SELECT 'write_back', 'contacts.update', :id, 1, '{}', at, 'pending' FROM call_out LIMIT 1"
            ),
            broken,
        )
    targets.deliver(world.context)
    _, note, _ = kept.left[-1]
    assert (note.subject, note.open, note.text.count("\n")) == ("ana@acme.example accepted handoff 1", False, 0)
    assert len(kept.left) == 3, "Lee's, and the two tasks before"
    with world.context.engine.connect() as conn:
        found = [(row.target, row.state, row.attempts, row.failure) for row in calls_out.listed(conn, 100)]
    failure = "failed in preparing: KeyError"
    assert found == [("sales", "pending", 1, failure), ("write_back", "pending", 1, failure)]


def test_what_fails_is_tried_again_as_a_repeat_and_not_before_the_crm_wants_it(world: World, kept: Kept) -> None:
    kept.fails = [Outcome(Answer.RETRY, detail="429 to POST x", retry_after=3600.0), Outcome(Answer.UNKNOWN)]
    asks(world, world.lead(owner="ana@acme.example"))
    targets.deliver(world.context)
    assert open_calls(world) == [("handoff.created", "pending", 1, "429 to POST x")]
    with world.context.engine.begin() as conn:
        wait = conn.exec_driver_sql("SELECT extract(epoch FROM next_at - clock_timestamp()) FROM call_out").scalar_one()
        assert wait > 3000
    for _ in range(2):
        with world.context.engine.begin() as conn:
            conn.exec_driver_sql("UPDATE call_out SET next_at = NULL")
        targets.deliver(world.context)
    assert [repeat for _, _, repeat in kept.left] == [False, True, True] and open_calls(world) == []


def test_without_credentials_a_call_waits_is_dead_in_the_end_and_can_be_replayed(world: World, kept: Kept) -> None:
    with_crm, world.context = world.context, replace(world.context, crms={})
    asks(world, world.lead(owner="ana@acme.example"))
    for _ in range(len(target_call.AGAIN) + 1):
        targets.deliver(world.context)
        with world.context.engine.begin() as conn:
            conn.exec_driver_sql("UPDATE call_out SET next_at = NULL")
    [(_, state, _, failure)] = open_calls(world)
    assert state == "dead" and "credentials are not set" in str(failure)
    world.context = with_crm
    with world.context.engine.begin() as conn:
        assert calls_out.replay(conn, None) == 1
    targets.deliver(world.context)
    assert len(kept.left) == 1 and open_calls(world) == []


def test_a_replayed_call_is_a_repeat_and_names_the_lead_as_before(world: World, kept: Kept) -> None:
    kept.fails = [Outcome(Answer.UNKNOWN)] * (len(target_call.AGAIN) + 1)
    kim = world.lead(first_name="Kim", last_name="Weiss", owner="ana@acme.example")
    asks(world, kim)
    for _ in range(len(target_call.AGAIN) + 1):
        targets.deliver(world.context)
        with world.context.engine.begin() as conn:
            conn.exec_driver_sql("UPDATE call_out SET next_at = NULL")
    world.lead(first_name="Kimberly", last_name="Weiss-Roe")
    with world.context.engine.begin() as conn:
        assert calls_out.replay(conn, None) == 1
    targets.deliver(world.context)
    assert open_calls(world) == [] and kept.left[-1][0].first_name == "Kimberly"
    assert [repeat for _, _, repeat in kept.left] == [False] + [True] * (len(target_call.AGAIN) + 1)
    assert {task.subject for _, task, _ in kept.left} == {"Talk to Kim Weiss (handoff 1)"}


def test_whoever_waits_for_a_lead_holds_no_contact_as_what_the_crm_posts_is_about_both(
    world: World, kept: Kept
) -> None:
    kim, lee = (world.lead(f"{name}@harbor.example", owner="ana@acme.example") for name in ("kim", "lee"))
    both = [Known(lead.id, "hubspot", f"c{lead.id}", {}) for lead in (kim, lee)]
    for lead in (lee, kim):
        asks(world, lead)
    engine = world.context.engine
    with ThreadPoolExecutor(1) as other, engine.begin() as conn:
        with engine.begin() as before:
            crm_contacts.put(before, both)
        leads.lock(conn, [kim.id, lee.id])
        crm_contacts.put(conn, both[:1])
        done = other.submit(targets.deliver, world.context)
        until_waiting(engine, done.done)
        assert lee.id in conn.execute(_FREE).scalars() and not done.done()
        crm_contacts.put(conn, both[1:])
    done.result()
    with engine.connect() as conn:
        assert set(crm_contacts.lead_ids(conn, [("hubspot", "1246965")]).values()) == {lee.id}, "the newest of both"


_FREE = text("SELECT lead_id FROM crm_contact FOR NO KEY UPDATE SKIP LOCKED")


def test_who_is_no_lead_any_more_once_the_crm_answers_is_not_remembered(
    world: World, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kim = world.lead(owner="ana@acme.example")
    asks(world, kim)

    def leave(contact: Contact, activity: Activity, repeat: bool) -> str:
        with world.context.engine.begin() as conn:
            conn.execute(text("DELETE FROM lead"))
        return "1246965"

    monkeypatch.setattr(kept, "leave", leave)
    targets.deliver(world.context)
    with world.context.engine.connect() as conn:
        assert crm_contacts.lead_ids(conn, [("hubspot", "1246965")]) == {} and open_calls(world) == []

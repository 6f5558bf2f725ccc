"""Webhooks about leads that somebody else has locked, and those for which no lead need be locked."""

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import MappingProxyType

import pytest
from sqlalchemy import Connection, text

from sequencer.core.event import Event
from sequencer.core.lead import Lead
from sequencer.errors import SequencerError
from sequencer.providers import sendgrid_events
from sequencer.services import ingest
from sequencer.services.alone import Alone
from sequencer.store import events, intake, leads
from tests.databases import until_waiting
from tests.services.conftest import World
from tests.services.test_advance import BRANCH, EXEMPT
from tests.services.webhooks import TWO_LINKS, bodies, event, links, post
from tests.workspaces import files


class Waits(SequencerError):
    """Somebody would wait for a lead's lock now. No event is to blame for it."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for leads: who would, fails."""
    lock = leads.lock

    def not_waiting(conn: Connection, ids: Iterable[int], wait: bool = True) -> dict[int, Lead]:
        wanted = set(ids)
        found = lock(conn, wanted, wait=False)
        if wait and wanted - found.keys():
            raise Waits
        return found

    monkeypatch.setattr(leads, "lock", not_waiting)


@contextmanager
def held(world: World, lead: Lead) -> Iterator[None]:
    with world.context.engine.begin() as conn:
        conn.execute(text("SELECT 1 FROM lead WHERE id = :id FOR NO KEY UPDATE"), {"id": lead.id})
        yield


def told(world: World, lead: Lead) -> list[str]:
    return sorted(e["event"] for e in world.view(lead)["events"])


def two(world: World, sequence: str, more: Mapping[str, str] = MappingProxyType({})) -> tuple[Lead, Lead]:
    """Two leads who got the first mail, in this order."""
    world.deploy(files(branch=sequence) | dict(more))
    people = world.lead("kim@harbor.example"), world.lead("lee@harbor.example")
    for lead in people:
        world.enter("branch", lead)
        world.work()
    return people


def test_what_concerns_a_lead_that_is_held_waits_and_the_rest_takes_effect(world: World, impatient: None) -> None:
    kim, lee = two(world, BRANCH)
    url = links(world)[0]
    said = [event(world, kind, mail) for mail in (0, 1) for kind in ("delivered", "open", "unsubscribe")]
    clicks = [event(world, "click", mail, url=url, useragent="Mozilla/5.0") for mail in (0, 1)]
    with held(world, kim):
        with pytest.raises(Waits):
            post(world, *said, *clicks)
        assert told(world, kim) == ["delivered"]
        assert told(world, lee) == ["clicked", "delivered", "opened", "unsubscribed"]
        assert bodies(world) == [("pending", None)]
    ingest.process(world.context, False)
    assert told(world, kim) == ["clicked", "delivered", "opened", "unsubscribed"]
    assert (world.view(kim)["lead"]["suppressed"], bodies(world)) == (True, [("done", None)])


def test_what_stops_others_is_not_held_up_by_one_lead_who_is_held(world: World, impatient: None) -> None:
    kim, lee = two(world, BRANCH)
    with held(world, kim):
        with pytest.raises(Waits):
            post(world, event(world, "unsubscribe", 0), event(world, "unsubscribe", 1), urgent=True)
        assert world.status(lee, "branch") == ("stopped", "suppressed")
    ingest.process(world.context, True)
    assert world.status(kim, "branch") == ("stopped", "suppressed")


def test_an_open_that_no_sequence_asks_about_is_a_fact_and_locks_no_lead(world: World, impatient: None) -> None:
    kim, _ = two(world, EXEMPT)
    with held(world, kim):
        post(world, event(world, "open", 0))
        assert bodies(world) == [("done", None)]
    assert world.view(kim)["messages"][0]["opened_at"] == world.now().isoformat()


def test_an_open_that_ends_a_sequence_ends_it_at_once(world: World) -> None:
    kim, _ = two(world, EXEMPT.replace("steps:", 'exit_on:\n  - opened("one")\nsteps:', 1))
    post(world, event(world, "open", 0))
    assert world.status(kim, "branch")[0] == "left"


def test_a_mail_of_somebody_who_is_no_lead_any_more_is_set_aside_when_something_was_to_come_of_it(world: World) -> None:
    kim, _ = two(world, EXEMPT)
    with world.context.engine.begin() as conn:
        conn.execute(text("DELETE FROM lead WHERE id = :id"), {"id": kim.id})
    post(world, event(world, "delivered", 0), event(world, "unsubscribe", 0))
    assert bodies(world) == [("set_aside", "event 2: there is no such lead")]


def test_bodies_are_taken_in_by_one_thread_of_a_process_and_nothing_that_comes_meanwhile_waits() -> None:
    alone, done = Alone(), []

    def work() -> bool:
        done.append("begun")
        assert alone.run(lambda: bool(done.append("a second time"))) is False
        return False

    assert alone.run(work) is True  # somebody asked meanwhile
    assert done == ["begun"]
    assert alone.run(lambda: False) is False


def test_urgent_bodies_written_on_several_lines_are_sifted_too(world: World) -> None:
    kim, _ = two(world, BRANCH)
    said = [event(world, kind, 0) for kind in ("delivered", "unsubscribe", "open")]
    with world.context.engine.begin() as conn:
        intake.put(conn, "events", json.dumps(said, indent=1).encode(), "", True)
    ingest.process(world.context, True)
    assert told(world, kim) == ["unsubscribed"]


@pytest.mark.parametrize("seam", [b"},{", b"},\r\n {", b"}\n,\n{"])
def test_what_is_urgent_is_found_in_a_body_without_parsing_the_rest(
    seam: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(kind: str, **more: object) -> bytes:
        ours = {
            "event": kind,
            "timestamp": 1,
            "sg_event_id": kind,
            "sq_enrollment": "1",
            "sq_lead": "2",
            "sq_step": "a",
        }
        return json.dumps(ours | more).encode()

    misleading = said("open", useragent='"},{"event": "unsubscribe"')
    several = (misleading, said("bounce", x={"a": 1}), said("click", url_offset={"index": 1}))
    body = b"[{" + seam.join(one[1:-1] for one in several) + b"}]"
    expected = [e for e in sendgrid_events.parse(body)[0] if e.kind == "bounced"]
    found = sendgrid_events.urgent(body)
    assert [(e.kind, e.key, e.lead_id) for e in found] == [(e.kind, e.key, e.lead_id) for e in expected]
    monkeypatch.setattr(sendgrid_events, "items", None)  # not asked for the whole
    assert len(sendgrid_events.urgent(body)) == 1


@pytest.mark.parametrize("body", [b"not json", b'{"event": "bounce"}', b'["bounce"', b"[" * 100_000, b'"bounce"'])
def test_nothing_is_urgent_in_what_is_no_list_of_events(body: bytes) -> None:
    with pytest.raises(sendgrid_events.NotEvents):
        sendgrid_events.urgent(body + b' "bounce"')


def test_who_takes_in_what_was_a_scanner_holds_its_mails_in_one_order(world: World) -> None:
    """Else two who take in events would wait for each other: one holds the last mail and wants the first."""
    kim, lee = two(world, BRANCH, {"content/one.md": TWO_LINKS})
    of_kim, of_lee = (world.view(lead)["messages"][0] for lead in (kim, lee))
    first, second = links(world)[:2]
    assert of_kim["enrollment_id"] < of_lee["enrollment_id"]
    post(world, event(world, "delivered", 0), event(world, "click", 0, url=first, useragent="Mozilla/5.0"))
    with world.context.engine.begin() as conn:
        said = [event(world, "click", 0, url=second, useragent="Mozilla/5.0"), event(world, "open", 1)]
        intake.put(conn, "events", json.dumps(said).encode(), "", False)
    with ThreadPoolExecutor(1) as pool:
        with world.context.engine.begin() as conn:
            _lock(conn, of_kim["enrollment_id"])
            taking_in = pool.submit(ingest.process, world.context, False)
            until_waiting(world.context.engine, taking_in.done)
            _lock(conn, of_lee["enrollment_id"])
        taking_in.result()
    assert [world.view(kim)["messages"][0]["clicked"], told(world, lee)] == [[], ["opened"]]


def test_who_takes_in_what_was_a_scanner_waits_for_nobodys_event_with_mails_in_hand(world: World) -> None:
    """Whoever stores an event writes its mail next."""
    kim, lee = two(world, BRANCH, {"content/one.md": TWO_LINKS})
    of_lee = world.view(lee)["messages"][0]
    first, second = links(world)[:2]
    post(world, event(world, "delivered", 0), event(world, "click", 0, url=first, useragent="Mozilla/5.0"))
    said = [event(world, "click", 0, url=second, useragent="Mozilla/5.0"), event(world, "delivered", 1)]
    with world.context.engine.begin() as conn:
        intake.put(conn, "events", json.dumps(said).encode(), "", False)
    [delivered], _ = sendgrid_events.parse(json.dumps(said[1:]).encode())
    same = Event("delivered", delivered.at, lee.id, delivered.key, "sendgrid", of_lee["enrollment_id"], "one")
    with ThreadPoolExecutor(1) as pool:
        with world.context.engine.begin() as conn:
            events.insert(conn, [same])
            taking_in = pool.submit(ingest.process, world.context, False)
            until_waiting(world.context.engine, taking_in.done)
            _lock(conn, of_lee["enrollment_id"])
        taking_in.result()
    assert [world.view(kim)["messages"][0]["clicked"], told(world, lee)] == [[], ["delivered"]]


def _lock(conn: Connection, enrollment_id: int) -> None:
    """Takes this enrollment's mails; somebody else who has them is an error."""
    query = text("SELECT 1 FROM message WHERE enrollment_id = :id FOR NO KEY UPDATE NOWAIT")
    assert conn.execute(query, {"id": enrollment_id}).all()


def test_who_takes_in_goes_on_until_nothing_is_left_and_asks_others_to_help(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hints alone one process would do it all: none is given while the same one waits."""
    two(world, BRANCH)
    monkeypatch.setattr(ingest, "BODIES", 1)
    asked = ("intake", False)
    for waiting, helped in ((1, 0), (3, 2)):
        _wait(world, waiting)
        world.hints.clear()
        assert ingest.process(world.context, False) is False
        assert ({state for state, _ in bodies(world)}, world.hints.count(asked)) == ({"done"}, helped)


def test_who_takes_in_ends_after_the_batch_when_told_to_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    two(world, BRANCH)
    monkeypatch.setattr(ingest, "BODIES", 1)
    _wait(world, 2)
    world.context.stopping.set()
    assert ingest.process(world.context, False) is True
    assert [state for state, _ in bodies(world)] == ["done", "pending"]


def _wait(world: World, number: int) -> None:
    """So many bodies are there to be taken in."""
    with world.context.engine.begin() as conn:
        for _ in range(number):
            intake.put(conn, "events", json.dumps([event(world, "delivered", 0)]).encode(), "", False)


def test_what_stops_somebody_is_set_aside_where_their_lead_was_not_locked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored, it would be known, and nobody would ever hear of it."""
    kim, _ = two(world, BRANCH)
    monkeypatch.setattr(ingest, "_needs_lead", lambda waited_for, said: False)
    post(world, event(world, "bounce", 0))
    [(state, problem)] = bodies(world)
    assert (state, told(world, kim)) == ("set_aside", [])
    assert problem is not None and "who is not locked" in problem

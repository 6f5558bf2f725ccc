"""The mail that comes last ends its sequence with it; unless it is not sent, or something happens on the way."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import text as sql

from sequencer.core.mail import Answer, Batch, Outcome, Receipt
from sequencer.core.message import State
from sequencer.services import advance, operate, reconcile
from sequencer.services.halt import halt
from sequencer.services.migrate import migrate
from sequencer.store import enrollments, messages
from sequencer.store.messages import Settled
from tests.databases import until_waiting
from tests.services.conftest import World
from tests.workspaces import files

LAST = """
title: Last
state: live
topic: guides
pressure: exempt
enroll: {when: manual, again: after 1 minute}
from: marketing
steps:
  - id: known
    if: known("first_name")
    then:
      - email: one
"""
LONGER = LAST.replace("- email: one", "- email: one\n      - email: two")
WAITING = f"{LAST}  - wait: 1 day\n"
GOAL = LAST.replace("steps:", 'goal: received("one")\nsteps:')


def pause(world: World) -> None:
    with world.context.engine.begin() as conn:
        operate.pause(world.context, conn, "kim@harbor.example", None)


def unsubscribe(world: World) -> None:
    world.happens(world.lead(), "unsubscribed")


def reply(world: World) -> None:
    world.happens(world.lead(), "replied")


def enter_again(world: World) -> None:
    """Long after the mail was begun, as far as its sequence is concerned."""
    world.idle(timedelta(hours=1))
    refused = world.enter("last", world.lead()).refused
    assert refused == {"is in it already": 1}


def deploy_longer(world: World) -> None:
    world.deploy(files(last=LONGER))


def nothing(world: World) -> None:
    """Nothing happens on the way."""


def in_mid_request(world: World, happens: Callable[[World], None], answer: Answer) -> None:
    def send(batch: Batch) -> Receipt:
        world.provider.batches.append(batch)
        happens(world)
        return Receipt(Outcome(answer))

    world.provider.send = send  # type: ignore[method-assign]


def die_in_mid_request(world: World) -> None:
    world.provider.answers.append(RuntimeError("its worker died"))
    with pytest.raises(RuntimeError):
        advance.drain(world.context, "last", "known")


def ledger(world: World) -> list[str]:
    with world.context.engine.connect() as conn:
        return list(conn.execute(sql("SELECT state FROM message ORDER BY sent_at")).scalars())


@pytest.mark.parametrize(
    ("text", "happens", "answer", "stands"),
    [
        (LAST, nothing, Answer.ACCEPTED, "finished"),
        (LAST, nothing, Answer.RETRY, "active"),
        (LAST, nothing, Answer.UNKNOWN, "active"),
        (LAST, nothing, Answer.REFUSED, "finished"),
        (LAST, pause, Answer.ACCEPTED, "paused"),
        (LAST, pause, Answer.RETRY, "paused"),
        (LAST, pause, Answer.UNKNOWN, "paused"),
        (LAST, unsubscribe, Answer.ACCEPTED, "stopped"),
        (LAST, unsubscribe, Answer.RETRY, "stopped"),
        (LAST, unsubscribe, Answer.UNKNOWN, "stopped"),
        (LAST, reply, Answer.RETRY, "paused"),
        (LAST, enter_again, Answer.ACCEPTED, "finished"),
        (LAST, enter_again, Answer.RETRY, "active"),
        (LAST, deploy_longer, Answer.ACCEPTED, "finished"),
        (LAST, deploy_longer, Answer.RETRY, "active"),
        (LONGER, nothing, Answer.ACCEPTED, "active"),
        (WAITING, nothing, Answer.ACCEPTED, "active"),
        (GOAL, nothing, Answer.ACCEPTED, "active"),
    ],
)
def test_what_stands_once_the_last_mail_is_answered(
    world: World, text: str, happens: Callable[[World], None], answer: Answer, stands: str
) -> None:
    world.deploy(files(last=text))
    kim = world.lead(first_name="Kim")
    world.enter("last", kim)
    in_mid_request(world, happens, answer)
    advance.drain(world.context, "last", "known")
    assert len(world.provider.batches) == 1
    assert world.status(kim, "last")[0] == stands


def test_whoever_was_not_ended_at_once_comes_to_the_same_end(world: World) -> None:
    world.deploy(files(last=GOAL))
    kim = world.lead(first_name="Kim")
    world.enter("last", kim)
    world.pass_(hours=1)
    assert world.status(kim, "last")[0] == "converted"


@pytest.mark.parametrize(
    ("happens", "mailed", "stands"),
    [
        (nothing, 2, ("finished", "finished")),
        (unsubscribe, 1, ("stopped", "suppressed")),
        (reply, 1, ("paused", "replied")),
        (pause, 1, ("paused", "operator")),
    ],
)
def test_what_was_not_sent_goes_again_unless_something_forbids_it_that_happened_on_its_way(
    world: World, happens: Callable[[World], None], mailed: int, stands: tuple[str, str]
) -> None:
    world.deploy(files(last=LAST))
    kim = world.lead(first_name="Kim")
    world.enter("last", kim)
    sends = world.provider.send
    in_mid_request(world, happens, Answer.RETRY)
    advance.drain(world.context, "last", "known")
    world.provider.send = sends  # type: ignore[method-assign]
    world.pass_(hours=1)
    assert (len(world.provider.batches), world.status(kim, "last")) == (mailed, stands)


def test_whoever_finished_with_a_mail_whose_maker_died_is_looked_at_until_it_counts_as_sent(world: World) -> None:
    world.deploy(files(last=LAST))
    kim = world.lead(first_name="Kim")
    world.enter("last", kim)
    die_in_mid_request(world)
    assert world.status(kim, "last")[0] == "finished"
    with world.context.engine.begin() as conn:
        conn.execute(sql("UPDATE request SET lease_until = clock_timestamp() - interval '1 second'"))
    reconcile.reap(world.context)
    assert world.status(kim, "last")[0] == "active"
    world.pass_(hours=23)
    assert world.status(kim, "last")[0] == "active"
    world.pass_(hours=2)
    assert (world.status(kim, "last")[0], len(world.provider.batches)) == ("finished", 1)


def test_a_halt_that_commits_while_the_answer_is_recorded_is_kept(world: World) -> None:
    world.deploy(files(last=LAST))
    kim = world.lead(first_name="Kim")
    world.enter("last", kim)
    engine = world.context.engine
    begun = Event()

    def halted_meanwhile(world: World) -> None:
        halt(halts, kim.email, world.now())
        begun.set()

    in_mid_request(world, halted_meanwhile, Answer.RETRY)
    with ThreadPoolExecutor(1) as other, engine.begin() as halts:
        drained = other.submit(advance.drain, world.context, "last", "known")
        assert begun.wait(60)
        until_waiting(engine, drained.done)
        assert not drained.done(), "what reopens an enrollment waits for who ends it"
        halts.commit()
        drained.result()
    assert (world.status(kim, "last")[0], ledger(world)) == ("stopped", ["cancelled"])


def test_a_halt_that_waits_for_the_record_of_an_answer_ends_what_that_reopened(world: World) -> None:
    world.deploy(files(last=LAST))
    kim = world.lead(first_name="Kim")
    world.enter("last", kim)
    die_in_mid_request(world)
    engine = world.context.engine

    def halted() -> None:
        with engine.begin() as conn:
            halt(conn, kim.email, world.now())

    with ThreadPoolExecutor(1) as other, engine.begin() as record:
        number, request, fence = record.execute(sql("SELECT enrollment_id, request_id, fence FROM message")).one()
        messages.settle(record, request, fence, [Settled(number, State.RETRY, "429", world.now())])
        enrollments.reopen(record, [number], world.now())
        done = other.submit(halted)
        until_waiting(engine, done.done)
        assert not done.done(), "who ends an enrollment waits for what reopens it"
        record.commit()
        done.result()
    assert (world.status(kim, "last")[0], ledger(world)) == ("stopped", ["cancelled"])


def edited(world: World, last: str, times: int) -> None:
    for number in range(times):
        world.deploy(files(last=f"{last}\n# {number}\n"))
        with world.context.engine.begin() as conn:
            world.context.releases.current(conn)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("pinned", [False, True])
def test_who_keeps_older_steps_still_has_them_when_their_last_mail_goes_again(
    world: World, pinned: bool, times: int
) -> None:
    pins = LAST.replace("from: marketing", "edits: pin\nfrom: marketing")
    world.deploy(files(last=pins))
    kim = world.lead(first_name="Kim")
    world.enter("last", kim)
    later = pins + "  - wait: 1 day\n  - email: two\n"
    if pinned:
        # They are of today's deployment, and keep the steps of an earlier one.
        world.deploy(files(last=later))
        while migrate(world.context):
            pass
    sends = world.provider.send
    in_mid_request(world, lambda world: edited(world, later, times), Answer.RETRY)
    advance.drain(world.context, "last", "known")
    world.provider.send = sends  # type: ignore[method-assign]
    assert world.status(kim, "last")[0] == "active"
    world.pass_(minutes=30)
    assert (ledger(world), world.status(kim, "last")[0]) == (["accepted"], "finished")


def test_whoever_could_not_begin_their_last_mail_is_not_at_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.deploy(files(last=LAST))
    kim = world.lead(first_name="Kim")
    world.enter("last", kim)
    with monkeypatch.context() as patched:
        patched.setattr(messages, "begin", lambda *_: ())
        advance.drain(world.context, "last", "known")
    assert (world.provider.batches, world.status(kim, "last")[0]) == ([], "active")

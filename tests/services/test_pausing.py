"""All sending pauses: on refused credentials, on an operator's word, and when the database may be an older copy."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from sequencer.core.lead import Lead
from sequencer.core.mail import Answer, Outcome, Receipt
from sequencer.services import advance, heartbeat, inspect
from sequencer.services.heartbeat import check, resume
from sequencer.services.seldom import Seldom
from sequencer.store import heartbeat as beats
from sequencer.store import opening, pauses
from sequencer.store.pauses import Gate, Reason
from workers.clock import tick
from workers.runner import lookout

from ..workspaces import WORKSPACE, files
from . import webhooks
from .conftest import World

REFUSED = Receipt(Outcome(Answer.REFUSED, "401: authorization required", scope="credentials"))
WELCOME = """
title: Welcome
state: live
topic: guides
pressure: exempt
enroll: {when: manual}
from: marketing
steps:
  - email: one
  - wait: 3 days
  - email: two
"""


class Memory:
    """A witness without Redis."""

    def __init__(self) -> None:
        self.noted: dict[str, int] = {}
        self.away = False

    def recall(self, ledger: str) -> int | None:
        if self.away:
            raise OSError("away")
        return self.noted.get(ledger)

    def note(self, ledger: str, number: int) -> None:
        if not self.away:
            self.noted[ledger] = number


def entered(world: World, count: int, sequence: str = WELCOME, workspace: str = WORKSPACE) -> list[Lead]:
    world.deploy(files(welcome=sequence) | {"sequences/workspace.yaml": workspace})
    people = [world.lead(f"lead{n}@harbor.example") for n in range(count)]
    world.enter("welcome", *people)
    return people


def paused(world: World) -> list[str]:
    with world.context.engine.connect() as conn:
        return [p.reason.value for p in pauses.current(conn)]


def retry_now(world: World) -> None:
    """The time until the next trial is over."""
    with world.context.engine.begin() as conn:
        conn.execute(text("UPDATE pause SET retry_at = clock_timestamp() - interval '1 second'"))


def silent_for(world: World, hours: float) -> None:
    """Nothing was at work for so long, by operating time."""
    with world.context.engine.begin() as conn:
        conn.execute(
            text("UPDATE heartbeat SET at = at - :span, worked_at = worked_at - :span"),
            {"span": timedelta(hours=hours)},
        )


def watched(world: World) -> tuple[World, Memory]:
    """With a witness, asked every time."""
    memory = Memory()
    world.context = replace(world.context, witness=memory, vouched=Seldom(0), noted=Seldom(0))
    return world, memory


# --- refused credentials


def test_refused_credentials_pause_all_sending_and_lose_nothing(world: World) -> None:
    entered(world, 30)
    world.context = replace(world.context, mails=10)
    world.provider.answers = [REFUSED]
    world.work()
    assert len(world.provider.batches) == 1
    assert paused(world) == ["credentials"]
    with world.context.engine.connect() as conn:
        said = inspect.status(conn, None)["paused"]
    assert [(p["reason"], p["detail"]) for p in said] == [("credentials", "401: authorization required")]


def test_one_mail_at_a_time_tries_whether_the_provider_takes_our_key_again(world: World) -> None:
    entered(world, 30)
    world.provider.answers = [REFUSED, REFUSED]
    world.work()
    retry_now(world)
    world.work()
    assert [len(batch.recipients) for batch in world.provider.batches] == [30, 1]
    assert paused(world) == ["credentials"]


def test_when_it_does_everybody_is_mailed_once(world: World) -> None:
    people = entered(world, 30)
    world.provider.answers = [REFUSED]
    world.work()
    retry_now(world)
    world.work()
    assert paused(world) == []
    assert [len(batch.recipients) for batch in world.provider.batches] == [30, 1, 29]
    assert {m["state"] for person in people for m in world.view(person)["messages"]} == {"accepted"}


def test_a_trial_that_mails_nobody_is_given_back(world: World) -> None:
    entered(world, 1)
    world.provider.answers = [REFUSED]
    world.work()
    with world.context.engine.begin() as conn:
        conn.execute(text("UPDATE lead SET suppressed = true"))
    retry_now(world)
    world.work()
    with world.context.engine.begin() as conn:
        assert opening.ask(conn, "guide").gate is Gate.TRIAL


def test_only_one_process_tries(world: World) -> None:
    with world.context.engine.begin() as conn:
        pauses.begin(conn, Reason.CREDENTIALS, "401", retry_after=-1)
    with world.context.engine.begin() as conn:
        assert opening.ask(conn, "guide").gate is Gate.TRIAL
    with world.context.engine.begin() as conn:
        assert opening.ask(conn, "guide").gate is Gate.SHUT


# --- an operator's word


def test_nothing_is_sent_while_an_operator_pauses_and_all_of_it_afterwards(world: World) -> None:
    entered(world, 3)
    with world.context.engine.begin() as conn:
        pauses.begin(conn, Reason.OPERATOR, "the domain is being moved")
    world.work()
    assert world.provider.batches == []
    assert [p.detail for p in resume(world.context)] == ["the domain is being moved"]
    world.work()
    assert len(world.provider.mails) == 3


def test_halts_are_effective_during_a_pause(world: World) -> None:
    [kim, *_] = entered(world, 2)
    with world.context.engine.begin() as conn:
        pauses.begin(conn, Reason.OPERATOR, "hold on")
    world.happens(kim, "unsubscribed")
    assert world.status(kim, "welcome") == ("stopped", "suppressed")


def test_a_trial_of_credentials_does_not_pass_an_operators_pause(world: World) -> None:
    with world.context.engine.begin() as conn:
        pauses.begin(conn, Reason.OPERATOR, "hold on")
        pauses.begin(conn, Reason.CREDENTIALS, "401", retry_after=-1)
    with world.context.engine.begin() as conn:
        assert opening.ask(conn, "guide").gate is Gate.SHUT


# --- a restored backup


def test_a_database_that_is_older_than_the_witness_remembers_sends_nothing(world: World) -> None:
    world, _ = watched(world)
    entered(world, 2)
    for _ in range(5):
        tick(world.context)
    with world.context.engine.begin() as conn:
        conn.execute(text("UPDATE heartbeat SET number = 2"))
    tick(world.context)
    world.work()
    assert (paused(world), world.provider.batches) == (["restored"], [])
    with world.context.engine.connect() as conn:
        detail = pauses.current(conn)[0].detail
    assert "knows 2 heartbeats, Redis remembers 5: it was restored from a backup" in detail


def test_a_worker_finds_out_before_it_claims_even_when_no_clock_runs(world: World) -> None:
    world, memory = watched(world)
    entered(world, 2)
    tick(world.context)
    memory.noted = dict.fromkeys(memory.noted, 99)
    world.work()
    assert (paused(world), world.provider.batches) == (["restored"], [])


def test_workers_are_left_alone_once_a_clock_that_was_at_work_falls_silent(world: World) -> None:
    alone = [heartbeat.left_alone(world.context, 600)]
    tick(world.context)
    alone.append(heartbeat.left_alone(world.context, 600))
    silent_for(world, hours=0.5)
    alone.append(heartbeat.left_alone(world.context, 600))
    assert [False, False, True] == alone


def test_a_worker_that_is_left_alone_does_nothing_before_the_witness_of_a_long_silence_can_be_asked(
    world: World,
) -> None:
    world, memory = watched(world)
    tick(world.context)
    silent_for(world, hours=2)
    memory.away = True
    assert heartbeat.left_alone(world.context, 600) is False


def test_an_operators_word_lets_a_restored_database_go_on_for_good(world: World) -> None:
    world, memory = watched(world)
    entered(world, 2)
    tick(world.context)
    memory.noted = dict.fromkeys(memory.noted, 99)
    tick(world.context)
    resume(world.context)
    tick(world.context)
    world.work()
    assert (paused(world), len(world.provider.mails)) == ([], 2)


def test_events_about_mails_that_the_ledger_has_forgotten_pause_sending_until_an_operator_knows(world: World) -> None:
    [kim, _] = entered(world, 2)
    world.work()
    forgotten = [webhooks.event(world, "delivered"), webhooks.event(world, "open", useragent="Mail")]
    with world.context.engine.begin() as conn:
        conn.execute(text("DELETE FROM message WHERE lead_id = :kim"), {"kim": kim.id})
        beats.beat(conn, at_rest=True)
    webhooks.post(world, forgotten[0])
    assert paused(world) == ["restored"]
    resume(world.context)
    webhooks.post(world, forgotten[1])
    assert paused(world) == []


def test_after_a_long_silence_somebody_must_vouch_when_the_witness_forgot_everything(world: World) -> None:
    world, memory = watched(world)
    entered(world, 2)
    tick(world.context)
    memory.noted.clear()
    silent_for(world, 3)
    tick(world.context)
    assert paused(world) == ["restored"]
    with world.context.engine.connect() as conn:
        assert "nothing was at work for 3.0 hours" in pauses.current(conn)[0].detail


def test_after_a_long_silence_the_witness_vouches(world: World) -> None:
    world, _ = watched(world)
    entered(world, 2)
    tick(world.context)
    silent_for(world, 60)
    tick(world.context)
    assert paused(world) == []


def test_a_witness_that_forgets_while_we_are_at_work_changes_nothing(world: World) -> None:
    world, memory = watched(world)
    entered(world, 2)
    tick(world.context)
    memory.noted.clear()
    tick(world.context)
    memory.away = True
    tick(world.context)
    memory.away = False
    tick(world.context)
    assert (paused(world), list(memory.noted.values())) == ([], [4])


def test_after_a_long_silence_nothing_goes_on_before_the_witness_can_be_asked(world: World) -> None:
    world, memory = watched(world)
    entered(world, 2)
    tick(world.context)
    silent_for(world, 3)
    memory.away = True
    assert (check(world.context), tick(world.context)) == (False, 0)
    assert advance.drain(world.context, "welcome", "one") is False
    assert world.provider.batches == []
    memory.away = False
    tick(world.context)
    world.work()
    assert len(world.provider.mails) == 2


# --- a downtime


def test_after_a_downtime_those_who_fell_due_are_spread_at_the_declared_rate(world: World) -> None:
    workspace = WORKSPACE + "pressure: {catch_up: 60}\n"
    world, _ = watched(world)
    entered(world, 120, workspace=workspace)
    tick(world.context)
    silent_for(world, 3)
    first = world.now()
    world.work()
    assert len(world.provider.mails) < 10
    world.pass_(hours=1)
    assert 40 <= len(world.provider.mails) <= 80
    world.pass_(hours=1)
    assert len(world.provider.mails) == 120
    assert world.now() - first == timedelta(hours=2)


def test_what_fits_into_a_few_minutes_is_not_spread(world: World) -> None:
    world, _ = watched(world)
    entered(world, 20)
    tick(world.context)
    silent_for(world, 3)
    world.work()
    assert len(world.provider.mails) == 20


def test_without_a_rate_all_follow_at_once(world: World) -> None:
    world, _ = watched(world)
    entered(world, 40, workspace=WORKSPACE + "pressure: {catch_up: none}\n")
    tick(world.context)
    silent_for(world, 3)
    world.work()
    assert len(world.provider.mails) == 40


@pytest.mark.parametrize(("max_lateness", "mailed"), [("2 hours", 0), ("1 day", 60)])
def test_being_put_off_is_not_what_makes_a_mail_late(world: World, max_lateness: str, mailed: int) -> None:
    """Lateness counts from when a mail was expected: too late by the downtime is too late, and nothing else is."""
    world, _ = watched(world)
    sequence = WELCOME.replace("steps:", f"max_lateness: {max_lateness}\nsteps:")
    entered(world, 60, sequence, WORKSPACE + "pressure: {catch_up: 60}\n")
    tick(world.context)
    world.idle(timedelta(hours=3))
    silent_for(world, 3)
    world.pass_(minutes=65)
    assert [step for _, step in world.provider.mails] == ["one"] * mailed


def test_work_that_goes_on_is_no_downtime(world: World) -> None:
    world, _ = watched(world)
    entered(world, 3)
    tick(world.context)
    with world.context.engine.begin() as conn:
        before = beats.last(conn)
    silent_for(world, 0.2)
    world.work()
    with world.context.engine.begin() as conn:
        after = beats.last(conn)
    assert before is not None and after is not None
    assert after.idle < timedelta(minutes=1) < after.silent


@pytest.mark.parametrize(("paused", "mailed"), [(False, 50), (True, 0)])
def test_quiet_without_a_clock_is_no_downtime_for_workers_who_look_unless_sending_was_paused(
    world: World, paused: bool, mailed: int
) -> None:
    """At one an hour nobody is mailed yet of those whom a downtime left behind."""
    world, _ = watched(world)
    entered(world, 0, workspace=WORKSPACE + "pressure: {catch_up: 1}\n")
    tick(world.context)
    silent_for(world, hours=0.5)
    if paused:
        with world.context.engine.begin() as conn:
            pauses.begin(conn, Reason.OPERATOR, "hold on")
    alone = lookout(world.context)
    assert (True, []) == (alone.left_alone(), [name for name, _ in alone.work() if name == "drain"])
    resume(world.context)
    people = [world.lead(f"lead{n}@harbor.example") for n in range(50)]
    world.enter("welcome", *people)
    world.work()
    assert mailed == len(world.provider.mails)


def test_what_a_look_without_a_clock_finds_is_caught_up_with_slowly(world: World) -> None:
    world, _ = watched(world)
    entered(world, 50, workspace=WORKSPACE + "pressure: {catch_up: 1}\n")
    tick(world.context)
    silent_for(world, hours=0.5)
    assert "drain" in [name for name, _ in lookout(world.context).work()]
    world.work()
    assert len(world.provider.mails) < 10


def test_another_process_waits_while_one_spreads(world: World) -> None:
    world, _ = watched(world)
    entered(world, 3)
    tick(world.context)
    silent_for(world, 3)
    with world.context.engine.begin() as conn:
        assert beats.lock(conn) is not None
        assert heartbeat.catch_up(world.context) is False
    assert heartbeat.catch_up(world.context) is True


@pytest.mark.parametrize("piece", [1, 7])
def test_spreading_in_pieces_reaches_everybody(world: World, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sequencer.services.heartbeat.PIECE", piece)
    world, _ = watched(world)
    entered(world, 30, workspace=WORKSPACE + "pressure: {catch_up: 30}\n")
    tick(world.context)
    silent_for(world, 3)
    assert heartbeat.catch_up(world.context) is True
    with world.context.engine.begin() as conn:
        late = conn.execute(text("SELECT count(*) FROM enrollment WHERE due_at > expected_at")).scalar_one()
    assert late == 30

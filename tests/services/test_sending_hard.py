"""Outages, retries, batches that fail half way, alerts that fail, releases that cannot be loaded any more."""

import time
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from sequencer.core.lead import Lead
from sequencer.core.mail import Answer, Outcome, Receipt
from sequencer.core.message import State
from sequencer.services import advance, reconcile
from sequencer.services import alerts as alert_service
from sequencer.services.context import Context
from sequencer.services.deliver import settlement
from sequencer.services.migrate import migrate
from sequencer.services.probe import AT_ONCE, LONGEST_WAIT, Probe
from sequencer.services.release import Releases
from sequencer.store import alerts
from tests.services.conftest import World
from tests.services.test_advance import EXEMPT, PACED
from tests.services.webhooks import event, post
from tests.workspaces import WORKSPACE, files

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LIMITED = Outcome(Answer.RETRY, detail="429")
UNTRIED = Outcome(Answer.UNTRIED, detail="not tried, because of others of the batch")
BAD_KEY = Outcome(Answer.REFUSED, detail="401", scope="credentials")
REFUSED = Outcome(Answer.REFUSED, detail="400 bad")
TIMEOUT = Outcome(Answer.UNKNOWN, detail="timeout")

TOLD = EXEMPT.replace("steps:\n", "steps:\n  - id: told\n    tell: owner\n    note: Hello\n  - wait: 1 day\n")
SILENT = EXEMPT.replace(
    "steps:\n",
    'steps:\n  - id: looked\n    if: lead.stage == "lead"\n    then:\n      - id: out\n        exit: enough\n',
)

TWO_CONTENTS = """
title: Two
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
steps:
  - id: which
    if: lead.stage == "mql"
    then:
      - email: one
    else:
      - email: two
"""


def states(world: World, *people: Lead) -> list[str]:
    return [m["state"] for p in people for m in world.view(p)["messages"]]


def tamper(world: World, statement: str, **values: object) -> None:
    """What operating time, or another version of the code, would do."""
    with world.context.engine.begin() as conn:
        conn.execute(text(statement), values)


# --- retries


@pytest.mark.parametrize(
    ("attempt", "outcome", "wait"),
    [
        (1, LIMITED, timedelta(seconds=30)),
        (2, LIMITED, timedelta(minutes=1)),
        (7, LIMITED, timedelta(minutes=32)),
        (8, LIMITED, timedelta(hours=1)),
        (1025, LIMITED, timedelta(hours=1)),
        (30_000, LIMITED, timedelta(hours=1)),
        (1, replace(LIMITED, retry_after=90.0), timedelta(seconds=90)),
        (3, replace(LIMITED, retry_after=1.0), timedelta(minutes=2)),
        (1, replace(LIMITED, retry_after=1e300), timedelta(hours=1)),
        (1, BAD_KEY, timedelta(0)),
        (1025, BAD_KEY, timedelta(0)),
        (1, replace(REFUSED, scope="content"), timedelta(hours=1)),
        (7, UNTRIED, timedelta(0)),
    ],
)
def test_what_was_surely_not_sent_goes_again_after_a_bounded_wait(
    attempt: int, outcome: Outcome, wait: timedelta
) -> None:
    settled = settlement(1, attempt, outcome, NOON)
    assert (settled.state, settled.retry_at) == (State.RETRY, NOON + wait)


@pytest.mark.parametrize(("outcome", "state"), [(REFUSED, State.REFUSED), (TIMEOUT, State.UNKNOWN)])
def test_what_was_refused_or_may_have_gone_never_goes_again(outcome: Outcome, state: State) -> None:
    settled = settlement(1, 1, outcome, NOON)
    assert (settled.state, settled.retry_at) == (state, None)


def test_a_mail_outlives_a_wrong_key_of_many_days(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    kim = world.lead()
    world.enter("quick", kim)
    world.provider.answers = [Receipt(BAD_KEY)] * 2
    world.work()
    for number, state in ((1025, "retry"), (1026, "accepted")):
        tamper(world, f"UPDATE message SET attempt = {number}")
        tamper(world, "UPDATE pause SET retry_at = clock_timestamp() - interval '1 second'")
        world.work()
        assert states(world, kim) == [state]
    assert [m["attempt"] for m in world.view(kim)["messages"]] == [1027]


def test_a_mail_that_was_to_go_again_is_not_late_after_a_pause(world: World) -> None:
    paced = PACED.replace("from: owner", "from: marketing\nmax_lateness: 1 day")
    world.deploy(files(paced=paced))
    kim = world.lead()
    world.pass_(hours=1)
    world.enter("paced", kim)
    world.provider.answers = [Receipt(LIMITED)]
    advance.drain(world.context, "paced", "one")
    world.happens(kim, "auto_replied", source="inbound")
    assert (world.status(kim, "paced"), states(world, kim)) == (("paused", "out of office"), ["retry"])
    world.pass_(days=12)
    assert states(world, kim)[:1] == ["accepted"]
    assert world.provider.mails[:2] == [("kim@harbor.example", "one")] * 2


def test_a_refused_mail_is_not_called_sent(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    kim = world.lead()
    world.enter("quick", kim)
    world.provider.answers = [Receipt(REFUSED)]
    world.work()
    assert states(world, kim) == ["refused"]
    assert [o["sentence"] for o in world.view(kim)["enrollments"][0]["outcomes"]] == ["came to one"]


# --- outages


def test_an_outage_makes_only_a_few_mails_unknown(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    small = World(replace(world.context, mails=20), world.provider)
    people = [small.lead(f"p{n}@harbor.example") for n in range(100)]
    small.enter("quick", *people)
    small.provider.answers = [Receipt(TIMEOUT)] * 3
    small.work()
    assert [len(batch.recipients) for batch in small.provider.batches] == [20, 1, 1, 1, 10, 20, 20, 20, 7]
    assert [states(small, *people).count(state) for state in ("unknown", "accepted")] == [22, 78]
    assert len(small.provider.mails) == len(set(small.provider.mails)) == 100


def test_a_mishap_of_one_request_limits_nobody_and_what_was_not_tried_is_due_at_once(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    small = World(replace(world.context, mails=20), world.provider)
    people = [small.lead(f"p{n}@harbor.example") for n in range(60)]
    small.enter("quick", *people)
    accepted = Outcome(Answer.ACCEPTED)
    small.provider.answers = [
        Receipt(accepted, {0: TIMEOUT}, (Answer.UNKNOWN, *[Answer.ACCEPTED] * 3)),
        Receipt(UNTRIED, {0: accepted, 1: TIMEOUT, 2: TIMEOUT}, (Answer.ACCEPTED, Answer.UNKNOWN, Answer.UNKNOWN)),
    ]
    small.work()
    assert [len(batch.recipients) for batch in small.provider.batches] == [20, 20, 1, 10, 9, 17]
    assert [states(small, *people).count(state) for state in ("unknown", "accepted")] == [3, 57]


def test_what_was_begun_before_another_thread_met_the_outage_is_not_handed_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.deploy(files(quick=EXEMPT))
    people = [world.lead(f"p{n}@harbor.example") for n in range(60)]
    world.enter("quick", *people)
    deliver = advance.deliver

    def overtaken(context: Context, *rest: Any) -> None:
        monkeypatch.setattr(advance, "deliver", deliver)
        context.probe.answered([Answer.UNKNOWN])
        deliver(context, *rest)

    monkeypatch.setattr(advance, "deliver", overtaken)
    world.work()
    assert [len(batch.recipients) for batch in world.provider.batches] == [1, 10, 49]
    assert states(world, *people) == ["accepted"] * 60


def test_ten_minutes_of_quick_refusals_make_a_few_mails_unknown_and_the_rest_follow(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    seconds = [0.0]
    small = World(replace(world.context, mails=20, probe=Probe(lambda: seconds[0])), world.provider)
    people = [small.lead(f"p{n}@harbor.example") for n in range(150)]
    small.enter("quick", *people)
    small.provider.answers = [Receipt(TIMEOUT)] * 150
    while seconds[0] < 600:
        advance.drain(small.context, "quick", "one")
        seconds[0] += 1.0
    small.provider.answers = []
    lost = states(small, *people).count("unknown")
    assert 20 < lost < 60
    seconds[0] += LONGEST_WAIT
    small.work()
    assert states(small, *people).count("accepted") == 150 - lost


def test_in_an_outage_who_is_mailed_nothing_goes_on_and_takes_no_turn_of_who_tries(world: World) -> None:
    world.deploy(files(silent=SILENT))
    seconds = [0.0]
    probe = Probe(lambda: seconds[0])
    people = [world.lead(f"p{n}@harbor.example", stage="lead") for n in range(5)]
    world.enter("silent", *people)
    probe.answered([Answer.UNKNOWN] * (AT_ONCE + 3))
    seconds[0] += LONGEST_WAIT
    advance.drain(replace(world.context, probe=probe), "silent", "looked")
    assert [("left", "exit: enough")] * 5 == [world.status(lead, "silent") for lead in people]
    assert probe.lets(1)


def test_the_proof_of_an_unknown_mail_wakes_whoever_stood_behind_it(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    kim = world.lead()
    world.enter("quick", kim)
    world.provider.answers = [Receipt(TIMEOUT)]
    world.pass_(hours=3)
    assert (states(world, kim), len(world.provider.mails)) == (["unknown"], 1)
    post(world, event(world, "delivered"))
    world.work()
    assert states(world, kim) == ["delivered", "accepted"]
    assert [step for _, step in world.provider.mails] == ["one", "two"]


# --- batches


def test_each_mail_has_the_id_of_the_request_that_took_it(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    people = [world.lead(f"p{n}@harbor.example") for n in range(3)]
    world.enter("quick", *people)
    first, second = (Outcome(Answer.ACCEPTED, provider_id=name) for name in ("first", "second"))
    world.provider.answers = [Receipt(first, {1: second})]
    world.work()
    with world.context.engine.connect() as conn:
        taken = {row.email: row.provider_id for row in conn.execute(text("SELECT email, provider_id FROM message"))}
    order = [recipient.to_email for recipient in world.provider.batches[0].recipients]
    assert [taken[email] for email in order] == ["first", "second", "first"]


def test_a_batch_that_fails_takes_no_other_with_it(world: World) -> None:
    world.deploy(files(two=TWO_CONTENTS))
    people = [world.lead("a@harbor.example", stage="mql"), world.lead("b@harbor.example", stage="lead")]
    world.enter("two", *people)
    world.provider.answers = [RuntimeError("the provider's code failed")]
    with pytest.raises(RuntimeError):
        world.work()
    assert sorted(states(world, *people)) == ["retry", "sending"]
    world.work()
    assert sorted(states(world, *people)) == ["accepted", "sending"]
    tamper(world, "UPDATE request SET lease_until = clock_timestamp() - interval '1 second'")
    reconcile.reap(world.context)
    world.pass_(days=2)
    assert sorted(states(world, *people)) == ["accepted", "unknown"]
    assert sorted(email for email, _ in world.provider.mails) == ["a@harbor.example", "b@harbor.example"]


def test_what_could_not_begin_within_half_its_lease_goes_later(world: World) -> None:
    world.deploy(files(quick=EXEMPT))
    kim = world.lead()
    world.enter("quick", kim)
    hurried = replace(world.context, lease=0.0)
    began = time.monotonic()
    advance.drain(hurried, "quick", "one")
    assert time.monotonic() - began < advance.LONGEST
    assert (states(world, kim), world.provider.batches) == (["retry"], [])
    world.work()
    assert (states(world, kim), world.provider.mails) == (["accepted"], [("kim@harbor.example", "one")])


def test_a_note_that_cannot_be_written_for_one_lead_holds_up_nobody(world: World) -> None:
    noted = TOLD.replace("note: Hello", 'note: "{{ 100 // lead.seats }} seats"').replace("  - wait: 1 day\n", "")
    seats = WORKSPACE.replace("next_attempt:", "seats: {number: true}\n  next_attempt:")
    world.deploy(files(quick=noted) | {"sequences/workspace.yaml": seats})
    none = world.lead("none@harbor.example", seats="0", owner_email="ana@acme.example")
    five = world.lead("five@harbor.example", seats="5", owner_email="ana@acme.example")
    world.enter("quick", none, five)
    world.work()
    assert sorted(world.provider.mails) == [("five@harbor.example", "one"), ("none@harbor.example", "one")]
    assert [a["note"] for a in world.view(five)["alerts"]] == ["20 seats"]
    [note] = [a["note"] for a in world.view(none)["alerts"]]
    assert note.startswith("(sequences/quick.yaml:") and "the note could not be written" in note


# --- alerts


def told(world: World, *emails: str) -> list[Lead]:
    """Leads of Ana, of whom she is to be told."""
    world.deploy(files(quick=TOLD))
    people = [world.lead(email, owner_email="ana@acme.example") for email in emails]
    world.enter("quick", *people)
    world.work()
    return people


def alert_states(world: World, *people: Lead) -> list[str]:
    return [a["state"] for p in people for a in world.view(p)["alerts"]]


@pytest.mark.parametrize("outcome", [BAD_KEY, LIMITED, replace(REFUSED, scope="content")])
def test_an_alert_goes_again_when_it_was_not_its_own_fault(world: World, outcome: Outcome) -> None:
    [kim] = told(world, "kim@harbor.example")
    world.provider.answers = [Receipt(outcome)]
    alert_service.deliver(world.context)
    with world.context.engine.connect() as conn:
        assert (alert_states(world, kim), alerts.due(conn)) == (["pending"], False)
    alert_service.deliver(world.context)
    assert len(world.provider.batches) == 1
    tamper(world, "UPDATE alert SET retry_at = clock_timestamp()")
    alert_service.deliver(world.context)
    assert (alert_states(world, kim), len(world.provider.batches)) == (["sent"], 2)


@pytest.mark.parametrize(("outcome", "state"), [(REFUSED, "refused"), (TIMEOUT, "unknown")])
def test_an_alert_that_was_refused_or_may_have_gone_never_goes_again(
    world: World, outcome: Outcome, state: str
) -> None:
    [kim] = told(world, "kim@harbor.example")
    world.provider.answers = [Receipt(outcome)]
    for _ in range(3):
        alert_service.deliver(world.context)
    assert (alert_states(world, kim), len(world.provider.batches)) == ([state], 1)


def test_several_alerts_for_one_rep_go_one_by_one_and_each_once(world: World) -> None:
    people = told(world, "a@harbor.example", "b@harbor.example", "c@harbor.example")
    for _ in range(2):
        alert_service.deliver(world.context)
    assert [[r.to_email for r in batch.recipients] for batch in world.provider.batches] == [["ana@acme.example"]] * 3
    assert alert_states(world, *people) == ["sent"] * 3


def test_an_alert_whose_request_fails_is_unknown_once_its_lease_is_over(world: World) -> None:
    [kim] = told(world, "kim@harbor.example")
    world.provider.answers = [RuntimeError("the provider's code failed")]
    with pytest.raises(RuntimeError):
        alert_service.deliver(world.context)
    assert alert_states(world, kim) == ["sending"]
    tamper(world, "UPDATE alert SET lease_until = clock_timestamp() - interval '1 second'")
    alert_service.deliver(world.context)
    assert (alert_states(world, kim), len(world.provider.batches)) == (["unknown"], 1)


# --- releases


def outdated(world: World) -> tuple[World, Lead]:
    """A lead in a deployment whose bundle this version of the code cannot load, seen by a new process."""
    world.deploy(files(quick=EXEMPT))
    kim = world.lead()
    world.enter("quick", kim)
    world.work()
    world.deploy(files(quick=EXEMPT.replace("2 hours", "6 hours")))
    tamper(
        world,
        "UPDATE release SET bundle = :bundle WHERE hash = (SELECT release FROM deployment WHERE number = 1)",
        bundle=zlib.compress(b'{"format": 0}'),
    )
    return World(replace(world.context, releases=Releases()), world.provider), kim


@pytest.mark.parametrize("kind", ["unsubscribe", "spamreport", "bounce"])
def test_a_halt_is_respected_whose_mails_release_cannot_be_loaded(world: World, kind: str) -> None:
    later, kim = outdated(world)
    click = event(later, "click", url="https://www.acme.example/price")
    post(later, click, event(later, kind), urgent=True)
    assert later.view(kim)["lead"]["suppressed"] is True
    assert later.status(kim, "quick") == ("stopped", "suppressed")


def test_people_go_on_in_the_current_deployment_when_theirs_cannot_be_loaded(world: World) -> None:
    later, kim = outdated(world)
    assert migrate(later.context) is False
    assert later.view(kim)["enrollments"][0]["deployment"] == 2
    later.pass_(hours=5)
    assert [step for _, step in later.provider.mails] == ["one"]
    later.pass_(hours=1)
    assert [step for _, step in later.provider.mails] == ["one", "two"]

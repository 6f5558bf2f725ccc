"""Messages of which nobody knows whether they went: held, proven, sent again where that is asked for, resolved."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from sequencer.core.mail import Answer, Outcome, Receipt
from sequencer.errors import NotFound
from sequencer.services import ingest
from sequencer.services.resolve import Verdict, resolve
from sequencer.store import clock

from ..workspaces import files
from .conftest import World
from .webhooks import bodies, event, post, take

LOST = Receipt(Outcome(Answer.UNKNOWN, "no whole answer within 12 seconds"))

HOLDS = """
title: Welcome
state: live
topic: guides
pressure: exempt
enroll: {when: manual}
from: marketing
steps:
  - email: one
    id: welcome
  - wait: 3 days
  - email: two
    id: second
"""
RESENDS = HOLDS.replace("    id: welcome\n", "    id: welcome\n    on_unknown: {resend_after: 6 hours}\n")


def begun(world: World, sequence: str = RESENDS, people: Sequence[str] = ("kim@harbor.example",)) -> list[Any]:
    """Everybody's first mail is unknown."""
    world.deploy(files(welcome=sequence))
    leads = [world.lead(email) for email in people]
    world.enter("welcome", *leads)
    world.provider.answers = [LOST]
    world.work()
    return leads


def webhooks(world: World, hours: float, every: float = 0.5, state: str = "done") -> None:
    """Time passes, and event posts about other mail come in all the while."""
    until = world.now() + timedelta(hours=hours)
    while world.now() < until:
        with world.context.engine.begin() as conn:
            conn.execute(
                text("INSERT INTO intake (door, body, state, at) VALUES ('events', '[]', :state, :at)"),
                {"state": state, "at": clock.now(conn)},
            )
        world.pass_(hours=min(every, (until - world.now()) / timedelta(hours=1)))


def due_at(world: World) -> Any:
    with world.context.engine.connect() as conn:
        return conn.execute(text("SELECT due_at FROM enrollment")).scalar_one()


def states(world: World, lead: Any) -> list[tuple[str, str, int]]:
    return [(m["step"], m["state"], m["attempt"]) for m in world.view(lead)["messages"]]


def test_an_unknown_message_is_never_sent_again_by_itself_and_the_sequence_goes_on_after_a_day(world: World) -> None:
    [kim] = begun(world, HOLDS)
    webhooks(world, 23)
    assert [step for _, step in world.provider.mails] == ["welcome"]
    world.pass_(days=5)
    assert [step for _, step in world.provider.mails] == ["welcome", "second"]
    assert states(world, kim) == [("welcome", "unknown", 1), ("second", "accepted", 1)]


def test_where_the_step_says_so_it_goes_again_once_its_events_would_have_come(world: World) -> None:
    [kim] = begun(world)
    webhooks(world, 5.9)
    assert [step for _, step in world.provider.mails] == ["welcome"]
    webhooks(world, 1.2)
    assert [step for _, step in world.provider.mails] == ["welcome", "welcome"]
    assert states(world, kim) == [("welcome", "accepted", 2)]
    world.pass_(days=5)
    assert [step for _, step in world.provider.mails] == ["welcome", "welcome", "second"]


def test_it_goes_again_only_once(world: World) -> None:
    [kim] = begun(world)
    world.provider.answers = [LOST, LOST]
    webhooks(world, 12)
    assert states(world, kim)[0] == ("welcome", "unknown", 2)


@pytest.mark.parametrize("silence", ["no posts at all", "an hour without a post", "a post set aside", "a post waits"])
def test_without_proof_that_webhooks_came_through_it_stays_held(world: World, silence: str) -> None:
    [kim] = begun(world)
    if silence == "no posts at all":
        world.pass_(hours=7)
    elif silence == "an hour without a post":
        webhooks(world, 2)
        world.pass_(hours=2)
        webhooks(world, 3)
    elif silence == "a post set aside":
        webhooks(world, 3)
        webhooks(world, 0.1, state="set_aside")
        webhooks(world, 4)
    else:
        with world.context.engine.begin() as conn:
            conn.execute(
                text(
                    "INSERT INTO intake (door, body, state, at, received_at)"
                    " VALUES ('events', '[]', 'pending', :now, clock_timestamp() - interval '6 minutes')"
                ),
                {"now": clock.now(conn)},
            )
        webhooks(world, 7)
    assert [step for _, step in world.provider.mails] == ["welcome"]
    assert states(world, kim) == [("welcome", "unknown", 1)]


def test_what_others_mail_says_and_what_answers_nothing_casts_no_doubt_on_event_posts(world: World) -> None:
    begun(world)
    webhooks(world, 3)
    post(world, event(world, "delivered", sq_enrollment="777", sq_lead="777", sq_request="theirs"))
    take(world, b"not an email", door="inbound", content_type="multipart/form-data; boundary=b")
    assert [state for state, _ in bodies(world)][-2:] == ["done", "set_aside"]
    webhooks(world, 4)
    assert [step for _, step in world.provider.mails] == ["welcome", "welcome"]


def test_who_was_halted_meanwhile_gets_nothing_again(world: World) -> None:
    [kim] = begun(world)
    webhooks(world, 3)
    world.happens(kim, "unsubscribed")
    webhooks(world, 6)
    assert [step for _, step in world.provider.mails] == ["welcome"]


def test_proof_that_comes_before_the_next_attempt_prevents_it(world: World) -> None:
    [kim] = begun(world)
    webhooks(world, 3)
    enrollment = world.view(kim)["enrollments"][0]["id"]
    world.happens(kim, "delivered", source="sendgrid", enrollment_id=enrollment, step="welcome")
    webhooks(world, 6)
    assert [step for _, step in world.provider.mails] == ["welcome"]
    assert states(world, kim) == [("welcome", "delivered", 1)]


def test_an_operator_says_that_it_went(world: World) -> None:
    [kim] = begun(world, HOLDS)
    done = resolve(world.context, Verdict.SENT, "kim@harbor.example", "welcome")
    assert (done.resolved, done.ended) == (1, 0)
    assert states(world, kim) == [("welcome", "accepted", 1)]
    world.pass_(days=3, hours=1)
    assert [step for _, step in world.provider.mails] == ["welcome", "second"]


def test_an_operator_sends_it_again(world: World) -> None:
    [kim] = begun(world, HOLDS)
    assert resolve(world.context, Verdict.RESEND, "kim@harbor.example").resolved == 1
    world.work()
    assert states(world, kim) == [("welcome", "accepted", 2)]
    assert [step for _, step in world.provider.mails] == ["welcome", "welcome"]


def test_proof_that_comes_between_the_operators_word_and_the_attempt_prevents_it(world: World) -> None:
    [kim] = begun(world, HOLDS)
    resolve(world.context, Verdict.RESEND, "kim@harbor.example")
    enrollment = world.view(kim)["enrollments"][0]["id"]
    world.happens(kim, "delivered", source="sendgrid", enrollment_id=enrollment, step="welcome")
    world.work()
    assert [step for _, step in world.provider.mails] == ["welcome"]
    assert states(world, kim) == [("welcome", "delivered", 1)]


def test_an_operator_drops_it_and_the_sequence_goes_on(world: World) -> None:
    [kim] = begun(world, HOLDS)
    assert resolve(world.context, Verdict.DROP, "kim@harbor.example").resolved == 1
    assert states(world, kim) == [("welcome", "cancelled", 1)]
    world.pass_(days=4)
    assert [step for _, step in world.provider.mails] == ["welcome", "second"]


def test_what_was_dropped_and_did_go_is_known_to_have_gone(world: World) -> None:
    [kim] = begun(world, HOLDS)
    resolve(world.context, Verdict.DROP, "kim@harbor.example")
    enrollment = world.view(kim)["enrollments"][0]["id"]
    world.happens(kim, "delivered", source="sendgrid", enrollment_id=enrollment, step="welcome")
    assert states(world, kim) == [("welcome", "delivered", 1)]


def test_all_are_resolved_in_pieces_and_those_whose_sequence_ended_stay_held(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sequencer.services.resolve.AT_ONCE", 3)
    people = begun(world, HOLDS, [f"lead{n}@harbor.example" for n in range(10)])
    for person in people[:2]:
        world.happens(person, "unsubscribed")
    done = resolve(world.context, Verdict.RESEND)
    assert (done.resolved, done.ended) == (8, 2)
    world.work()
    assert sorted(states(world, person)[0][1] for person in people) == ["accepted"] * 8 + ["unknown"] * 2
    assert resolve(world.context, Verdict.SENT).resolved == 2


def test_nobody_can_be_resolved_who_is_not_known(world: World) -> None:
    begun(world, HOLDS)
    with pytest.raises(NotFound, match="nobody@harbor"):
        resolve(world.context, Verdict.SENT, "nobody@harbor.example")
    assert resolve(world.context, Verdict.SENT, "kim@harbor.example", step="second").resolved == 0


def test_a_worker_that_dies_right_after_a_proof_leaves_nobody_waiting_behind_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    [kim] = begun(world, HOLDS)
    world.pass_(minutes=1)
    assert due_at(world) > world.now() + timedelta(hours=23)  # it is looked at again when the mail is given up

    def dies(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(ingest, "take_up", dies)
        with pytest.raises(SystemExit):
            post(world, event(world, "delivered"))
    assert states(world, kim) == [("welcome", "accepted", 1)]
    assert due_at(world) == world.now()


def test_an_event_proves_only_requests_that_carried_the_whole_batch(world: World) -> None:
    """One request was accepted, the other of the same batch lost: the first one's events say nothing of the second."""
    from tests.providers.servers import build

    begun(world, HOLDS, ["a@harbor.example", "b@harbor.example"])
    batch = world.provider.batches[0]
    whole, half = build(batch, batch.recipients), build(batch, batch.recipients[:1])
    assert [p["custom_args"].get("sq_request") for p in whole["personalizations"]] == [batch.request_id] * 2
    assert "sq_request" not in half["personalizations"][0]["custom_args"]

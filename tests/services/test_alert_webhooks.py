"""Alerts by the rep's webhook: beside the mail, each at most once, neither held up by the other."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from sequencer.core.event import Event
from sequencer.core.lead import Lead
from sequencer.core.mail import Answer, Batch, Outcome, Receipt
from sequencer.services import alerts as alert_service
from sequencer.services import reply
from sequencer.services.alerts import LATEST_AGAIN, POSTED_AT_ONCE, posted
from sequencer.services.report import report
from sequencer.store import alerts, clock
from tests.services.conftest import World
from tests.services.test_sending_hard import BAD_KEY, REFUSED, TIMEOUT, TOLD
from tests.workspaces import WORKSPACE, files

HOOK = "https://hooks.chat.example/services/T0K3N"
HOOKED = WORKSPACE.replace("name: Ana Ruiz, ", f"name: Ana Ruiz, webhook: {HOOK}, ")
LIMITED = Outcome(Answer.RETRY, detail="429", retry_after=90.0)


class Chat:
    """Takes everything, unless it was told what to answer next. Stands where the guarded client does."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[Outcome | Exception] = []
        self.before: Callable[[], object] = lambda: None

    def post(self, url: str, body: bytes) -> Outcome:
        self.before()
        self.posts.append((url, orjson.loads(body)))
        answer = self.answers.pop(0) if self.answers else Outcome(Answer.ACCEPTED)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def chat(world: World) -> Chat:
    found = Chat()
    world.context = replace(world.context, webhooks=found)  # type: ignore[arg-type]
    return found


def told(world: World, *emails: str, owner: str = "ana@acme.example") -> list[Lead]:
    """Leads of whom the owner is to be told. Ana has a webhook, Ben has none."""
    world.deploy(files(quick=TOLD) | {"sequences/workspace.yaml": HOOKED})
    people = [world.lead(email, owner_email=owner) for email in emails]
    world.enter("quick", *people)
    world.work()
    return people


def states(world: World, *people: Lead) -> list[tuple[str, str | None]]:
    """Of the mail and of the webhook."""
    return [(a["state"], a["webhook"]) for p in people for a in world.view(p)["alerts"]]


def tamper(world: World, statement: str) -> None:
    """What operating time would do."""
    with world.context.engine.begin() as conn:
        conn.execute(text(statement))


def wait_in_seconds(world: World) -> float:
    with world.context.engine.connect() as conn:
        query = "SELECT extract(epoch FROM retry_at - clock_timestamp()) FROM alert WHERE channel = 'webhook'"
        return float(conn.execute(text(query)).scalar_one())


def test_a_rep_with_a_webhook_is_told_by_mail_and_by_webhook_once_each(world: World, chat: Chat) -> None:
    [kim] = told(world, "kim@harbor.example")
    for _ in range(3):
        alert_service.deliver(world.context)
    assert ([("sent", "sent")], 1, 1) == (states(world, kim), len(world.provider.batches), len(chat.posts))
    [(url, body)] = chat.posts
    page = f"https://mail.acme.example/dashboard/leads/{kim.id}"
    assert HOOK == url
    said = ["kim@harbor.example: Hello", "kim@harbor.example, harbor.example", "Hello", "kim@harbor.example", page]
    assert {"text": "\n".join(said)} == body


def test_a_rep_without_a_webhook_is_told_by_mail_alone(world: World, chat: Chat) -> None:
    [kim] = told(world, "kim@harbor.example", owner="ben@acme.example")
    alert_service.deliver(world.context)
    assert ([("sent", None)], []) == (states(world, kim), chat.posts)


def test_an_answer_of_a_lead_goes_on_to_the_webhook_of_its_owner_too(world: World, chat: Chat) -> None:
    [kim] = told(world, "kim@harbor.example")
    with world.context.engine.begin() as conn:
        release = world.context.releases.current(conn)
        now = world.now()
        event = Event("replied", now, kim.id, "k1", "inbound", 1, "one", data={"text": "Call me"})
        reply.forward(conn, release, [event], now)
    alert_service.deliver(world.context)
    assert [("sent", "sent")] * 2 == states(world, kim)
    assert "kim@harbor.example answered" in [body["text"].split("\n")[0] for _, body in chat.posts]


@pytest.mark.parametrize(("outcome", "state"), [(REFUSED, "refused"), (TIMEOUT, "unknown")])
def test_a_webhook_that_refused_or_may_have_taken_it_is_never_posted_to_again(
    world: World, chat: Chat, outcome: Outcome, state: str
) -> None:
    [kim] = told(world, "kim@harbor.example")
    chat.answers = [outcome]
    for _ in range(3):
        alert_service.deliver(world.context)
    assert ([("sent", state)], 1) == (states(world, kim), len(chat.posts))


@pytest.mark.parametrize(
    ("said", "least", "most"), [(None, 50, 60), (5.0, 50, 60), (90.0, 80, 90), (1e6, LATEST_AGAIN - 10, LATEST_AGAIN)]
)
def test_what_a_webhook_surely_did_not_take_goes_again_after_a_bounded_wait(
    world: World, chat: Chat, said: float | None, least: float, most: float
) -> None:
    [kim] = told(world, "kim@harbor.example")
    chat.answers = [replace(LIMITED, retry_after=said)]
    alert_service.deliver(world.context)
    assert [("sent", "pending")] == states(world, kim)
    assert least < wait_in_seconds(world) <= most
    alert_service.deliver(world.context)
    assert 1 == len(chat.posts)
    tamper(world, "UPDATE alert SET retry_at = clock_timestamp()")
    alert_service.deliver(world.context)
    assert ([("sent", "sent")], 2, 1) == (states(world, kim), len(chat.posts), len(world.provider.batches))


def test_a_webhook_that_takes_nothing_for_a_day_is_given_up(world: World, chat: Chat) -> None:
    [kim] = told(world, "kim@harbor.example")
    chat.answers = [LIMITED, LIMITED]
    alert_service.deliver(world.context)
    world.pass_(hours=25)
    tamper(world, "UPDATE alert SET retry_at = clock_timestamp()")
    alert_service.deliver(world.context)
    assert [("sent", "refused")] == states(world, kim)


def test_a_mail_provider_that_fails_does_not_hold_up_the_webhook(world: World, chat: Chat) -> None:
    [kim] = told(world, "kim@harbor.example")
    world.provider.answers = [RuntimeError("the provider's code failed")]
    with pytest.raises(RuntimeError):
        alert_service.deliver(world.context)
    assert [("sending", "sent")] == states(world, kim)


def test_refused_credentials_of_the_mail_do_not_hold_up_the_webhook(world: World, chat: Chat) -> None:
    [kim] = told(world, "kim@harbor.example")
    world.provider.answers = [Receipt(BAD_KEY)]
    alert_service.deliver(world.context)
    assert [("pending", "sent")] == states(world, kim)


def test_a_webhook_that_fails_holds_up_neither_the_mail_nor_another_webhook(world: World, chat: Chat) -> None:
    people = told(world, "a@harbor.example", "b@harbor.example", "c@harbor.example")
    chat.answers = [RuntimeError(f"the client's code failed at {HOOK}")]
    alert_service.deliver(world.context)
    found = states(world, *people)
    assert ["sent"] * 3 == [mail for mail, _ in found]
    assert ["sent", "sent", "unknown"] == sorted(str(webhook) for _, webhook in found)
    alert_service.deliver(world.context)
    assert 3 == len(chat.posts)


def test_webhooks_of_one_claim_are_posted_side_by_side(world: World, chat: Chat) -> None:
    told(world, "a@harbor.example", "b@harbor.example", "c@harbor.example")
    together = threading.Barrier(3)
    chat.before = lambda: together.wait(30)
    alert_service.deliver(world.context)
    assert 3 == len(chat.posts)


def test_while_one_worker_posts_no_other_does_and_mail_goes_on(world: World, chat: Chat) -> None:
    """So hosts that hang keep one thread from mailing leads, and not all."""
    [kim] = told(world, "kim@harbor.example")
    seen: list[tuple[int, list[tuple[str, str | None]]]] = []

    def meanwhile() -> None:
        chat.before = lambda: None
        others = told_more(world)
        alert_service.deliver(world.context)
        seen.append((len(chat.posts), states(world, *others)))

    chat.before = meanwhile
    alert_service.deliver(world.context)
    assert [(0, [("sent", "pending")])] == seen
    assert [("sent", "sent")] == states(world, kim)


def test_one_thread_mails_alerts_and_the_others_are_left_to_the_leads(world: World) -> None:
    [kim] = told(world, "kim@harbor.example")
    context, seen = world.context, []

    class Meanwhile:
        """Another thread comes by while the first alert is on its way."""

        hanging = 0

        def send(self, batch: Batch) -> Receipt:
            if not seen:
                others = told_more(world)
                alert_service.deliver(busy)
                seen.extend(mail for mail, _ in states(world, *others))
            return context.provider.send(batch)

        def close(self) -> None:
            """Holds nothing."""

    busy = replace(context, provider=Meanwhile())
    alert_service.deliver(busy)
    assert ["pending"] == seen
    assert ["sent"] == [mail for mail, _ in states(world, kim)]


def told_more(world: World) -> list[Lead]:
    lee = world.lead("lee@harbor.example", owner_email="ana@acme.example")
    world.enter("quick", lee)
    world.work()
    return [lee]


def test_a_webhook_whose_poster_died_is_unknown_once_its_lease_is_over(world: World, chat: Chat) -> None:
    [kim] = told(world, "kim@harbor.example")
    with world.context.engine.begin() as conn:
        assert 1 == len(alerts.claim(conn, "webhook", 30, 20, clock.now(conn)))
    alert_service.deliver(world.context)
    assert ([("sent", "sending")], []) == (states(world, kim), chat.posts)
    tamper(world, "UPDATE alert SET lease_until = clock_timestamp() - interval '1 second' WHERE state = 'sending'")
    alert_service.deliver(world.context)
    assert ([("sent", "unknown")], []) == (states(world, kim), chat.posts)


def test_those_that_failed_before_come_after_those_that_are_new(world: World, chat: Chat) -> None:
    people = told(world, *(f"lead{n}@harbor.example" for n in range(POSTED_AT_ONCE)))
    chat.answers = [LIMITED] * POSTED_AT_ONCE
    alert_service.deliver(world.context)
    [late] = told_more(world)
    tamper(world, "UPDATE alert SET retry_at = clock_timestamp() WHERE state = 'pending' AND retry_at IS NOT NULL")
    assert alert_service.deliver(world.context)
    assert [("sent", "sent")] == states(world, late)
    assert 1 == sum(webhook == "pending" for _, webhook in states(world, *people))


def test_a_webhook_that_was_taken_out_of_the_workspace_gets_nothing_more(world: World, chat: Chat) -> None:
    [kim] = told(world, "kim@harbor.example")
    world.deploy(files(quick=TOLD))
    alert_service.deliver(world.context)
    assert ([("sent", "refused")], []) == (states(world, kim), chat.posts)


def test_counts_tell_the_two_apart_and_a_handoff_counts_once(world: World, chat: Chat) -> None:
    handoff = TOLD.replace("tell: owner", "handoff: {stage: customer}")
    world.deploy(files(quick=handoff) | {"sequences/workspace.yaml": HOOKED})
    world.enter("quick", world.lead(owner_email="ana@acme.example"))
    world.work()
    chat.answers = [REFUSED]
    alert_service.deliver(world.context)
    with world.context.engine.connect() as conn:
        found = report(conn)
    assert ({"handoff sent": 1, "handoff webhook refused": 1}, 1) == (found["alerts"], found["handoffs"])


def test_what_leads_write_becomes_no_markup_in_the_chat() -> None:
    title = "Kim <!channel> & Co"
    note = "@here <https://evil.example|Invoice> [Invoice](https://evil.example) kim@all.example"
    expected = (
        "Kim &lt;!channel&gt; &amp; Co\n"
        "@\u200bhere &lt;https://evil.example|Invoice&gt; [Invoice]\u200b(https://evil.example) kim@all.example"
    )
    assert expected == posted(title, [note])


def test_a_long_answer_is_cut() -> None:
    assert 3001 == len(posted("Kim answered", ["x" * 100_000]))

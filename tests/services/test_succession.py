"""The first mail of a lead's new owner, on a real database."""

from typing import Any

import pytest
from sqlalchemy import text

from sequencer.core.lead import Lead
from sequencer.core.mail import Answer, Outcome, Receipt
from sequencer.rendering.errors import RenderingFailed
from sequencer.services import companies, compose, review
from sequencer.services.operate import resume
from sequencer.services.why import why
from sequencer.store import clock, leads
from tests.core.test_succession import SERIES, texts
from tests.services.conftest import World
from tests.services.test_owners import owned_by


def test_the_first_mail_of_the_new_owner_says_so_also_when_it_has_to_go_again(world: World) -> None:
    world.deploy(texts("introduce"))
    kim = world.lead(owner_email="ana@acme.example")
    world.enter("series", kim)
    world.pass_(days=1)
    world.lead(owner_email="ben@acme.example")
    world.provider.answers.append(Receipt(Outcome(Answer.RETRY, "busy")))
    world.pass_(days=8)
    said = [world.provider.text(number) for number in range(len(world.provider.batches))]
    assert [step for _, step in world.provider.mails] == ["one", "two", "two", "three"]
    assert ["I follow Ana, who is well." in text for text in said] == [False, True, True, False]
    assert {step for _, step in world.provider.mails} == {m["step"] for m in world.view(kim)["messages"]}


def test_the_next_mail_introduces_when_the_first_cannot_be_rendered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = compose._Kinds.of

    def fails(kinds: Any, order: compose.Order, *more: Any) -> Any:
        if order.send.step.id == "two":
            raise RenderingFailed("two", "too long")
        return of(kinds, order, *more)

    monkeypatch.setattr(compose._Kinds, "of", fails)
    world.deploy(texts("introduce"))
    kim = world.lead(owner_email="ana@acme.example")
    world.enter("series", kim)
    world.pass_(days=1)
    world.lead(owner_email="ben@acme.example")
    world.pass_(days=12)
    assert [step for _, step in world.provider.mails] == ["one", "three"]
    assert [m["state"] for m in world.view(kim)["messages"]] == ["accepted", "refused", "accepted"]
    assert "I follow Ana, who is well." in world.provider.text()


def test_a_mail_whose_introduction_cannot_be_rendered_goes_without_it_and_the_history_says_why(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    partial = "content/partials/introduction.mjml"
    world.deploy({**texts("introduce"), partial: "I follow {{ 1 // (previous_owner.first_name | length - 3) }}."})
    kim = world.lead(owner_email="ana@acme.example")
    world.enter("series", kim)
    world.pass_(days=1)
    world.lead(owner_email="ben@acme.example")
    world.provider.answers.append(Receipt(Outcome(Answer.RETRY, "busy")))
    world.pass_(days=12)
    assert [step for _, step in world.provider.mails] == ["one", "two", "two", "three"]
    assert not any("I follow" in world.provider.text(number) for number in range(4))
    [passage] = world.view(kim)["enrollments"]
    [said] = [o["sentence"] for o in passage["outcomes"] if o["outcome"] == "unintroduced"]
    assert said.startswith("two did not introduce the new owner: that could not be rendered (two: the html part, line")
    assert "1 mails of series do not introduce the new owner: that cannot be rendered" in caplog.messages


def test_mail_of_a_new_owner_is_let_go_by_an_operator(world: World) -> None:
    world.deploy(texts("hold"))
    kim = world.lead(owner_email="ana@acme.example")
    world.enter("series", kim)
    world.lead(owner_email="ben@acme.example")
    world.pass_(days=6)
    assert [step for _, step in world.provider.mails] == []
    with world.context.engine.begin() as conn:
        assert [one.sequence for one in resume(world.context, conn, kim.email)] == ["series"]
    world.work()
    assert [step for _, step in world.provider.mails] == ["one"]


def owned_anew(world: World, **more: str) -> Lead:
    """A lead who has got the first mail of a series from Ana, and whose rep is Ben now."""
    world.deploy({**texts("introduce"), **more})
    kim = world.lead(owner_email="ana@acme.example")
    world.enter("series", kim)
    world.pass_(days=1)
    return world.lead(owner_email="ben@acme.example")


def introduced(world: World) -> list[tuple[str, bool]]:
    return [(step, "I follow Ana" in world.provider.text(n)) for n, (_, step) in enumerate(world.provider.mails)]


def coming(world: World, lead: Lead) -> list[str]:
    """What `why` says of an introduction that is still to come."""
    with world.context.engine.connect() as conn:
        [found] = leads.by_ids(conn, [lead.id])
        [answer] = why(conn, world.context.releases.current(conn), found, None, clock.now(conn))
    return [one.text for one in answer.now if "introduces" in one.text]


def test_an_introduction_counts_once_the_provider_took_its_mail(world: World) -> None:
    kim = owned_anew(world)
    world.provider.answers.append(Receipt(Outcome(Answer.REFUSED, "no such mailbox", scope="message")))
    assert coming(world, kim) == [
        "Ben Okafor is new to this lead: the next mail from them whose text can say so introduces them, who follow"
        " Ana Ruiz"
    ]
    world.pass_(days=5)
    assert coming(world, kim), "the mail was refused"
    world.pass_(days=7)
    assert not coming(world, kim)
    assert [m["state"] for m in world.view(kim)["messages"]] == ["accepted", "refused", "accepted"]
    assert introduced(world) == [("one", False), ("two", True), ("three", True)]
    assert world.lead().owner_before is None


def test_who_called_before_a_mail_goes_again_is_not_introduced_by_it(world: World) -> None:
    kim = owned_anew(world)
    world.provider.answers.append(Receipt(Outcome(Answer.RETRY, "busy", retry_after=3600)))
    world.pass_(days=3, minutes=1)
    assert introduced(world) == [("one", False), ("two", True)]
    world.happens(kim, "call_logged", rep="ben@acme.example")
    world.pass_(hours=1)
    assert introduced(world)[2:] == [("two", False)]


def test_a_mail_that_an_event_alone_proves_has_introduced_within_its_sequence(world: World) -> None:
    kim = owned_anew(world)
    world.provider.answers.append(Receipt(Outcome(Answer.UNKNOWN, "timeout")))
    world.pass_(days=4)
    assert introduced(world)[1:] == [("two", True)]
    enrollment = world.view(kim)["enrollments"][0]["id"]
    world.happens(kim, "delivered", enrollment_id=enrollment, step="two", source="sendgrid")
    world.pass_(days=8)
    assert introduced(world)[2:] == [("three", False)]


def test_a_mail_in_the_reps_own_words_leaves_the_introduction_to_the_next(world: World) -> None:
    series = SERIES.replace("email: two", "email: two\n    review: {by: owner, within: 2 business days, then: send}")
    owned_anew(world, **{"sequences/series.yaml": series})
    world.pass_(days=4)
    with world.context.engine.begin() as conn:
        [row] = conn.execute(text("SELECT enrollment_id, step FROM review"))
        review.send(world.context, conn, (row.enrollment_id, row.step), "Hello", "I wrote this myself.")
    world.pass_(days=8)
    assert introduced(world) == [("one", False), ("two", False), ("three", True)]
    assert world.lead().owner_before is None


def test_an_owner_who_was_the_companys_introduces_whoever_gets_the_lead(world: World) -> None:
    world.deploy(texts("introduce"))
    kim = world.lead(company="Harbor")
    owned_by(world, "ana@acme.example", kim)
    world.enter("series", kim)
    world.pass_(days=1)
    world.lead(owner_email="ben@acme.example")
    world.pass_(days=12)
    assert introduced(world) == [("one", False), ("two", True), ("three", False)]


def test_whose_company_becomes_that_of_another_rep_is_introduced_to_them(world: World) -> None:
    world.deploy(texts("introduce"))
    kim, lee, own = (
        world.lead(email, **more)
        for email, more in (
            ("kim@harbor.example", {}),
            ("lee@mill.example", {}),
            ("own@harbor.example", {"owner_email": "ana@acme.example"}),
        )
    )
    owned_by(world, "ana@acme.example", kim)
    owned_by(world, "ben@acme.example", lee)
    world.enter("series", kim)
    world.pass_(days=1)
    with world.context.engine.begin() as conn:
        companies.merge(conn, "harbor.example", "mill.example", clock.now(conn))
    while companies.move(world.context):
        pass
    assert [world.lead(one.email).owner_before for one in (kim, lee, own)] == ["ana@acme.example", None, None]
    world.pass_(days=12)
    assert introduced(world) == [("one", False), ("two", True), ("three", False)]

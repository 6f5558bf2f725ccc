"""The first mail of a lead's new owner, on a real database."""

from typing import Any

import pytest

from sequencer.core.mail import Answer, Outcome, Receipt
from sequencer.rendering.errors import RenderingFailed
from sequencer.services import compose
from sequencer.services.operate import resume
from tests.core.test_succession import texts
from tests.services.conftest import World


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
    one = compose._one

    def fails(context: Any, release: Any, sequence: Any, order: compose.Order, *more: Any) -> Any:
        if order.send.step.id == "two":
            raise RenderingFailed("two", "too long")
        return one(context, release, sequence, order, *more)

    monkeypatch.setattr(compose, "_one", fails)
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

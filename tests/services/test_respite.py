"""A provider that asks to be left alone is."""

from dataclasses import replace

import pytest

from sequencer.core.mail import Answer, Outcome, Receipt
from sequencer.services import advance
from sequencer.services.respite import LONGEST, Respite
from tests.services.conftest import World
from tests.workspaces import files

USED_UP = Outcome(Answer.ACCEPTED, provider_id="p1", retry_after=30.0)
MANY = "title: Many\nstate: live\ntopic: guides\nenroll: {when: manual}\nfrom: marketing\nsteps:\n  - email: one\n"


@pytest.mark.parametrize(
    ("said", "after", "lasts"),
    [
        ([Outcome(Answer.ACCEPTED)], 0.0, False),
        ([Outcome(Answer.RETRY, retry_after=30.0)], 29.9, True),
        ([Outcome(Answer.RETRY, retry_after=30.0)], 30.0, False),
        ([Outcome(Answer.ACCEPTED), USED_UP], 29.9, True),
        ([Outcome(Answer.RETRY, retry_after=1e9)], LONGEST - 0.1, True),
        ([Outcome(Answer.RETRY, retry_after=1e9)], LONGEST, False),
    ],
)
def test_a_respite_lasts_as_long_as_was_asked_for_and_a_minute_at_most(
    said: list[Outcome], after: float, lasts: bool
) -> None:
    seconds = [0.0]
    respite = Respite(lambda: seconds[0])
    respite.answered(said)
    seconds[0] = after
    assert respite.lasts is lasts


def test_a_shorter_wish_does_not_end_a_longer_one() -> None:
    seconds = [0.0]
    respite = Respite(lambda: seconds[0])
    respite.answered([USED_UP])
    respite.answered([Outcome(Answer.ACCEPTED)])
    seconds[0] = 29.0
    assert respite.lasts


def test_while_it_lasts_nobody_is_claimed(world: World) -> None:
    world.deploy(files(many=MANY))
    people = [world.lead(f"lead{n}@harbor.example") for n in range(3)]
    world.enter("many", *people)
    world.provider.answers = [Receipt(USED_UP)]
    seconds = [0.0]
    one_by_one = replace(world.context, mails=1, respite=Respite(lambda: seconds[0]))
    advance.drain(one_by_one, "many", "one")
    assert len(world.provider.mails) == 1, "the limit was used up by the first"
    advance.drain(one_by_one, "many", "one")
    assert len(world.provider.mails) == 1
    seconds[0] = 30.0
    advance.drain(one_by_one, "many", "one")
    assert sorted(world.provider.mails) == [(p.email, "one") for p in people]

"""The mail that comes last ends its sequence when the provider takes it; unless something happens on the way."""

from collections.abc import Callable

import pytest

from sequencer.core.mail import Answer, Batch, Outcome, Receipt
from sequencer.services import advance, operate
from tests.services.conftest import World
from tests.workspaces import files

LAST = """
title: Last
state: live
topic: guides
pressure: exempt
enroll: {when: manual}
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


@pytest.mark.parametrize(
    ("text", "happens", "answer", "stands"),
    [
        (LAST, nothing, Answer.ACCEPTED, "finished"),
        (LAST, nothing, Answer.RETRY, "active"),
        (LAST, nothing, Answer.UNKNOWN, "active"),
        (LAST, nothing, Answer.REFUSED, "active"),
        (LAST, pause, Answer.ACCEPTED, "paused"),
        (LAST, unsubscribe, Answer.ACCEPTED, "stopped"),
        (LAST, deploy_longer, Answer.ACCEPTED, "active"),
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

"""A sequence that an operator pauses, on a real database; single leads: tests/cli/test_operate.py."""

from datetime import timedelta

from sequencer.services import operate
from sequencer.services.why import why
from sequencer.store import opening, pauses
from sequencer.store.pauses import Gate, Reason
from tests.services.conftest import World
from tests.workspaces import WORKSPACE, files

GUIDE = """
title: Guide
state: live
topic: guides
pressure: exempt
enroll: {when: manual}
from: marketing
steps:
  - email: one
"""


def test_a_paused_sequence_mails_nobody_and_others_go_on(world: World) -> None:
    world.deploy(files(guide=GUIDE, other=GUIDE))
    ids = (world.lead("kim@harbor.example"), world.lead("lee@harbor.example"))
    world.enter("guide", ids[0])
    world.enter("other", ids[1])
    pause(world, "guide")
    world.pass_(days=3)
    assert {to for to, _ in world.provider.mails} == {"lee@harbor.example"}
    with world.context.engine.connect() as conn:
        release = world.context.releases.current(conn)
        answer = next(a for a in why(conn, release, ids[0], None, world.now()) if a.sequence == "guide")
    assert [one.text for one in answer.now] == [
        "is due, and waits: an operator paused the sequence, until `sequencer resume --sequence`"
    ]


def test_what_somebody_does_ends_a_paused_sequence_and_a_reply_does_not_let_it_go_on(world: World) -> None:
    world.deploy(files(guide=GUIDE))
    kim, lee = world.lead("kim@harbor.example"), world.lead("lee@harbor.example")
    world.enter("guide", kim, lee)
    pause(world, "guide")
    world.work()
    world.happens(kim, "unsubscribed")
    world.happens(lee, "replied")
    world.pass_(days=30)
    assert (world.status(kim, "guide"), world.status(lee, "guide")[0]) == (("stopped", "suppressed"), "paused")
    assert world.provider.mails == []


def test_a_sequence_that_goes_on_never_bursts(world: World) -> None:
    slowly = WORKSPACE + "pressure: {catch_up: 60}\n"
    world.deploy(files(guide=GUIDE) | {"sequences/workspace.yaml": slowly})
    people = [world.lead(f"p{n}@harbor.example") for n in range(30)]
    world.enter("guide", *people)
    pause(world, "guide")
    world.pass_(hours=2)
    assert operate.resume_sequence(world.context, "guide", lambda _: None) == (True, 30, timedelta(minutes=30))
    world.work()
    assert len(world.provider.mails) < 5
    world.pass_(minutes=15)
    assert 5 < len(world.provider.mails) < 25
    world.pass_(minutes=15)
    assert len(world.provider.mails) == 30
    assert operate.resume_sequence(world.context, "guide", lambda _: None) == (False, 0, timedelta())


def test_while_all_sending_and_a_sequence_are_paused_the_one_mail_that_tries_is_of_another(world: World) -> None:
    world.deploy(files(guide=GUIDE))
    pause(world, "guide")
    with world.context.engine.begin() as conn:
        pauses.begin(conn, Reason.CREDENTIALS, "401", retry_after=-1)
        assert opening.ask(conn, "guide").gate is Gate.HELD
        assert opening.ask(conn, "other").gate is Gate.TRIAL


def pause(world: World, sequence: str) -> None:
    with world.context.engine.begin() as conn:
        release = world.context.releases.current(conn)
        assert operate.pause_sequence(conn, release, sequence, "the prices are old", world.now())


NAMED = """
title: Named
state: live
topic: guides
pressure: exempt
enroll: {when: manual}
from: marketing
steps:
  - email: one
  - id: fork
    if: lead.stage == "lead"
    then:
      - email: two
      - {id: pause, wait: 2 days}
  - wait: 1 day
  - {id: rest, wait: 3 days}
  - email: three
"""


def test_somebody_is_moved_before_a_wait_by_its_name(world: World) -> None:
    world.deploy(files(named=NAMED))
    kim = world.lead(stage="lead")
    world.enter("named", kim)
    world.work()
    for name, position in (("rest", "three"), ("pause", "fork:then")):
        with world.context.engine.begin() as conn:
            operate.move(world.context, conn, kim.email, name, None)
        assert world.view(kim)["enrollments"][0]["position"] == position
    world.pass_(days=5, hours=23)
    assert world.provider.mails == [(kim.email, "one"), (kim.email, "two")]
    world.pass_(hours=1)
    assert world.provider.mails[2:] == [(kim.email, "three")]

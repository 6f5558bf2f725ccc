"""`choose` and `test` on a real database: recorded, explained, and followed as recorded after a deploy."""

from sequencer.services import audit
from sequencer.services.why import why
from tests.services.conftest import World
from tests.workspaces import files

FORKS = """
title: Forks
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
steps:
  - id: track
    choose:
      cost:
        if: has(lead.pains, "cost")
        steps:
          - email: one
      otherwise:
        steps:
          - email: two
  - wait: 1 day
  - id: objections
    test:
      blunt:
        share: 50
        steps:
          - wait: 1 day
          - email: three
      gentle:
        share: 50
        steps:
          - wait: 1 day
          - email: four
"""


def outcomes(world: World, email: str) -> dict[str, str]:
    view = world.view(world.lead(email))
    return {o["step"]: o["outcome"] for e in view["enrollments"] for o in e["outcomes"]}


def test_arms_are_recorded_and_after_an_edit_followed_as_recorded(world: World) -> None:
    world.deploy(files(forks=FORKS))
    people = [world.lead(f"p{n}@harbor.example", pains="cost" if n % 2 else "risk") for n in range(12)]
    world.enter("forks", *people)
    world.pass_(days=1, hours=12)
    before = {p.email: outcomes(world, p.email) for p in people}
    assert [before[p.email]["track"] for p in people] == ["otherwise", "cost"] * 6
    assert {b["objections"] for b in before.values()} == {"blunt", "gentle"}
    # All to one arm from now on; those who stand in the other go on in it.
    world.deploy(files(forks=FORKS.replace("share: 50", "share: 0", 1).replace("share: 50", "share: 100")))
    world.pass_(days=1)
    third = {email: step for email, step in world.provider.mails if step in ("three", "four")}
    assert third == {email: "three" if b["objections"] == "blunt" else "four" for email, b in before.items()}
    with world.context.engine.connect() as conn:
        assert set(audit.audit(conn, world.context.releases.current(conn)).values()) == {0}


def test_why_names_the_arm_and_what_led_there(world: World) -> None:
    world.deploy(files(forks=FORKS))
    kim = world.lead(pains="cost")
    world.enter("forks", kim)
    world.work()
    with world.context.engine.connect() as conn:
        release = world.context.releases.current(conn)
        past = [s.text for s in why(conn, release, kim, "track", world.now())[0].past]
    assert past == ["went down `cost` at track, Mon 23 Nov 2026 08:00 (London)"]

"""Whatever a condition asks, the audit knows it as the engine did."""

import pytest

from sequencer.services.audit import audit
from tests.services.conftest import World
from tests.services.test_advance import EXEMPT
from tests.workspaces import files

FORK = """
title: Fork
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
steps:
  - email: one
  - wait: 1 day
  - id: fork
    if: CONDITION
    then:
      - email: three
    else:
      - email: four
"""


@pytest.mark.parametrize(
    ("condition", "taken"),
    [
        ('company.domain == "harbor.example"', "three"),
        ('company.domain == "other.example"', "four"),
        ('received("two")', "three"),
        ('received("four")', "four"),
        ('lead.stage == "mql"', "four"),
        ('did("asked")', "three"),
        ('consent("guides")', "three"),
        ('consent("news")', "four"),
        ('clicked("one", "price")', "three"),
        ('opened("one")', "four"),
    ],
)
def test_a_branch_that_was_taken_rightly_is_no_contradiction(world: World, condition: str, taken: str) -> None:
    world.deploy(files(fork=FORK.replace("CONDITION", condition), quick=EXEMPT))
    kim = world.lead(stage="lead")
    world.enter("quick", kim)
    world.enter("fork", kim)
    world.pass_(hours=3)
    fork = next(e["id"] for e in world.view(kim)["enrollments"] if e["sequence"] == "fork")
    about = {"source": "sendgrid", "enrollment_id": fork, "step": "one", "content": "one"}
    world.happens(kim, "asked")
    world.happens(kim, "clicked", link="price", **about)
    world.pass_(days=2)
    world.lead(stage="mql")
    world.happens(kim, "opened", **about)
    assert world.provider.mails[-1] == ("kim@harbor.example", taken)
    with world.context.engine.connect() as conn:
        assert audit(conn, world.context.releases.current(conn))["branches_against_events"] == 0

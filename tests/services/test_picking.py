"""Content that is picked, on a real database: never what a lead has had from anywhere, one ledger row a round."""

from sequencer.core.mail import Answer, Outcome, Receipt
from sequencer.services import inspect
from sequencer.services.why import why
from tests.services.conftest import World
from tests.workspaces import content, files

SERIES = """
title: Series
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
steps:
  - id: tips
    series: {pick: tip, match: [pains]}
    every: 7 days
    up_to: 5
  - id: proof
    email: {pick: tip}
    fallback: four
"""

OTHER = """
title: Other
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
steps:
  - email: tips/b
"""


def workspace() -> dict[str, str]:
    link = '{{ link("price", "https://www.acme.example/price", "prices") }}'
    tips = {
        f"content/tips/{name}.md": content(f"Tip {name}", link).replace("kind: guide", f"kind: tip{tags}")
        for name, tags in (("a", ""), ("b", ""), ("c", "\npains: [cost]"), ("d", "\npains: [risk]"))
    }
    return files(series=SERIES, other=OTHER) | tips


def mailed(world: World, email: str) -> list[tuple[str, str]]:
    return [(m["step"], m["content"]) for m in world.view(world.lead(email))["messages"]]


def test_a_series_mails_each_lead_what_fits_and_nothing_that_came_from_elsewhere(world: World) -> None:
    world.deploy(workspace())
    kim, lee = world.lead(pains="cost"), world.lead("lee@harbor.example", pains="risk")
    world.enter("series", kim, lee)
    world.pass_(days=1)
    world.enter("other", lee)
    world.pass_(days=30)
    assert mailed(world, kim.email) == [
        ("tips:1", "tips/c"),
        ("tips:2", "tips/a"),
        ("tips:3", "tips/b"),
        ("proof", "four"),  # what is tagged for others is not picked
    ]
    assert mailed(world, lee.email) == [
        ("tips:1", "tips/d"),
        ("b", "tips/b"),
        ("tips:2", "tips/a"),
        ("proof", "four"),
    ]
    with world.context.engine.connect() as conn:
        release = world.context.releases.current(conn)
        rows = {row["step"]: row["messages"] for row in inspect.steps(conn, release)["series"]}
        said = [sentence.text for sentence in why(conn, release, kim, "tips", world.now())[0].past]
    assert rows == {"tips": {"accepted": 5}, "proof": {"accepted": 2}}
    assert said[0] == "was sent tips:1 (tips/c), Mon 23 Nov 2026 08:00 (London)"
    assert said[-2].startswith("the series tips ended: nothing new of the kind tip was left, Mon 14 Dec 2026")


def test_a_round_that_was_not_taken_goes_again_as_it_was(world: World) -> None:
    world.deploy(workspace())
    kim = world.lead(pains="cost")
    world.provider.answers = [Receipt(Outcome(Answer.RETRY, "busy"))]
    world.enter("series", kim)
    world.pass_(days=1)
    assert world.provider.mails == [(kim.email, "tips:1")] * 2
    assert mailed(world, kim.email) == [("tips:1", "tips/c")]


def test_a_click_in_a_round_is_known_by_its_content_and_link(world: World) -> None:
    text = SERIES.replace("up_to: 5\n", 'up_to: 5\n    until: clicked("tips/c", "price")\n')
    world.deploy(workspace() | {"sequences/series.yaml": text})
    kim = world.lead(pains="cost")
    world.enter("series", kim)
    world.pass_(days=1)
    enrollment = world.view(kim)["enrollments"][0]["id"]
    names = {"source": "sendgrid", "enrollment_id": enrollment, "step": "tips:1"}
    world.happens(kim, "clicked", **names, link="price", content="tips/c")
    world.work()
    assert [m["clicked"] for m in world.view(kim)["messages"]] == [["price"], []]
    assert mailed(world, kim.email) == [("tips:1", "tips/c"), ("proof", "tips/a")]

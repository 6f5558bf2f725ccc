"""A scenario of what a real lead went through plays the same again, and tells nobody who it was; on a real database."""

import pytest
from sqlalchemy import text

from sequencer.core.lead import Lead
from sequencer.core.simulate import simulate
from sequencer.errors import InvalidInput, NotFound
from sequencer.services.history import History, of_lead
from sequencer.workspace.save_scenario import as_scenario
from tests.services.conftest import World
from tests.workspaces import files

SERIES = """
title: A series
state: live
topic: guides
enroll:
  when: manual
from: marketing
exit_on:
  - replied()
steps:
  - email: one
  - id: looked
    if: clicked("one", "price")
    within: 3 days
    then:
      - id: dealt
        test:
          blunt:
            share: 5
            steps:
              - email: two
          gentle:
            share: 95
            steps:
              - email: three
    else:
      - email: four
  - wait: 4 days
  - id: noted
    if: has(lead.pains, "cost")
    then:
      - id: last
        email: four
"""


def made(world: World, lead: Lead, sequence: str | None = None) -> History:
    with world.context.engine.connect() as conn:
        return of_lead(conn, world.context.releases.current(conn), lead.email, sequence, world.now())


def played(world: World, history: History) -> list[tuple[str, str]]:
    with world.context.engine.connect() as conn:
        release = world.context.releases.current(conn)
    came = simulate(release.workspace, history.series, release.contents, history.case)
    return [(letter.send.step.id, f"{letter.at:%m-%d %H:%M}") for letter in came.letters]


def sent(world: World, lead: Lead) -> list[tuple[str, str]]:
    query = text("SELECT step, sent_at FROM message WHERE lead_id = :id ORDER BY sent_at")
    with world.context.engine.connect() as conn:
        return [(row.step, f"{row.sent_at:%m-%d %H:%M}") for row in conn.execute(query, {"id": lead.id})]


def test_what_a_lead_did_comes_to_the_same_again_without_the_person(world: World) -> None:
    world.deploy(files(series=SERIES))
    people = [world.lead(f"kim{n}@harbor.example", first_name="Kim", last_name="Kowalski") for n in range(40)]
    world.enter("series", *people)
    world.pass_(hours=30)
    for lead in people:
        enrollment = world.view(lead)["enrollments"][0]["id"]
        world.happens(lead, "clicked", enrollment_id=enrollment, step="one", source="sendgrid", link="price")
    world.pass_(days=2)
    blunt = next(lead for lead in people if "two" in dict(sent(world, lead)))
    world.lead(blunt.email, pains="cost")
    world.pass_(days=8)
    assert [step for step, _ in sent(world, blunt)] == ["one", "two", "last"]
    history = made(world, blunt)
    assert played(world, history) == sent(world, blunt)
    with world.context.engine.connect() as conn:
        release = world.context.releases.current(conn)
    came = simulate(release.workspace, history.series, release.contents, history.case)
    said = as_scenario("as it was", history.series, history.case, came)
    assert "- 30 hours after one: clicked one price\n" in said
    assert "changed pains cost" in said
    assert not [word for word in ("kim", "Kim", "Kowalski", "harbor") if word in said]


def test_a_lead_is_as_it_was_when_it_entered(world: World) -> None:
    world.deploy(files(series=SERIES))
    kim = world.lead(stage="lead", pains="risk")
    world.enter("series", kim)
    world.pass_(days=1)
    world.lead(stage="mql", pains="cost")
    case = made(world, kim).case
    assert (case.lead.stage, case.lead.get("pains"), case.lead.first_name) == ("lead", ["risk"], None)
    assert {str(cue) for cue in case.cues} == {"1 day: changed stage mql", "1 day: changed pains cost"}


def test_what_the_sequence_does_not_know_any_more_is_left_out_and_named(world: World) -> None:
    world.deploy(files(series=SERIES))
    kim = world.lead()
    world.enter("series", kim)
    world.pass_(hours=1)
    world.happens(kim, "demo_requested")
    history = made(world, kim)
    assert history.case.cues == ()
    [left_out] = history.left_out
    assert left_out.startswith("1 hour: demo_requested: no sequence asks for `demo_requested`")


def test_it_must_be_clear_which_passage_is_meant(world: World) -> None:
    world.deploy(files(series=SERIES, other=SERIES))
    kim = world.lead()
    with pytest.raises(NotFound, match="was never in a sequence that is deployed"):
        made(world, kim)
    world.enter("series", kim)
    assert made(world, kim).series.id == "series"
    world.enter("other", kim)
    with pytest.raises(InvalidInput, match=r"was in several sequences \(other, series\): say which with --sequence"):
        made(world, kim)
    with pytest.raises(NotFound, match="was never in nowhere; it was in other, series"):
        made(world, kim, "nowhere")

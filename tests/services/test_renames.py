"""A step gets a new name while people are inside, on a real database."""

import pytest

from sequencer.cli.why import known_step
from sequencer.core.mail import Answer, Outcome, Receipt
from sequencer.errors import NotFound
from sequencer.services import inspect
from sequencer.services.operate import move
from sequencer.services.release import WorkspaceProblems
from sequencer.services.resolve import Verdict, resolve
from sequencer.services.why import why
from sequencer.store import clock, messages
from sequencer.web.flow import flow
from tests.core.test_renames import NEW, OLD, text
from tests.services.conftest import World
from tests.workspaces import files


def test_nobody_gets_it_twice_loses_a_place_or_reads_the_old_name(world: World) -> None:
    world.deploy(files(it=text(OLD)))
    kim, lee = world.lead(), world.lead("lee@harbor.example")
    world.enter("it", kim)
    world.work()
    world.deploy(files(it=text(NEW)))
    world.enter("it", lee)
    [enrollment] = world.view(kim)["enrollments"]
    world.happens(kim, "clicked", enrollment_id=enrollment["id"], step="hello", link="price", source="sendgrid")
    world.pass_(hours=20)
    assert world.provider.mails == [(kim.email, "hello"), (lee.email, "hello"), (kim.email, "two")]

    view = world.view(kim)
    assert [m["step"] for m in view["messages"]] == ["greeting", "second"]
    assert [o["step"] for o in view["enrollments"][0]["outcomes"]] == ["greeting", "interested", "second"]
    assert view["enrollments"][0]["position"] == "interested:then"
    with world.context.engine.begin() as conn:
        release, now = world.context.releases.current(conn), clock.now(conn)
        assert sorted(messages.of_enrollments(conn, [enrollment["id"]])[enrollment["id"]]) == ["hello", "two"]
        status, rows = inspect.status(conn, release), inspect.steps(conn, release)
        [answer] = why(conn, release, kim, "second", now)
        with pytest.raises(NotFound, match="did you mean `greeting`"):
            known_step(release, "greetin")
        move(world.context, conn, lee.email, "greeting", None)
    assert [s.text.partition(",")[0] for s in answer.past] == ["was sent second", "the provider took second"]
    assert status["positions"]["it"] == {"interested": 1, "interested:then": 1}
    assert [(row["step"], row["standing"]) for row in rows["it"]][:2] == [("greeting", 0), ("interested", 1)]
    nodes = flow(release.workspace.sequences["it"], release.contents, rows["it"], status["positions"]["it"])
    assert [(node.name, node.standing, node.mailed) for node in nodes[:2]] == [("greeting", 0, 2), ("interested", 1, 0)]
    assert nodes[1].arms[0][1][1].name == "interested:then"

    with pytest.raises(WorkspaceProblems, match="expected `was: hello`"):
        world.deploy(files(it=text(NEW.replace("    was: hello\n", ""))))
    world.pass_(days=10)
    assert len(world.provider.mails) == len(set(world.provider.mails))
    assert world.status(kim, "it") == world.status(lee, "it") == ("finished", "finished")


def test_a_held_mail_is_resolved_by_the_name_that_its_step_has_now(world: World) -> None:
    world.deploy(files(it=text(OLD)))
    kim = world.lead()
    world.enter("it", kim)
    world.provider.answers.append(Receipt(Outcome(Answer.UNKNOWN, detail="reset")))
    world.work()
    world.deploy(files(it=text(NEW)))
    assert [m["step"] for m in world.view(kim)["messages"]] == ["greeting"]
    assert resolve(world.context, Verdict.SENT, step="second").resolved == 0
    assert resolve(world.context, Verdict.SENT, step="greeting").resolved == 1

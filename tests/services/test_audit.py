"""The audit must find what it is for."""

from sqlalchemy import text

from sequencer.services.audit import audit
from tests.services.conftest import World
from tests.services.test_advance import BRANCH
from tests.workspaces import files


def found(world: World) -> dict[str, int]:
    with world.context.engine.connect() as conn:
        return {name: count for name, count in audit(conn, world.context.releases.current(conn)).items() if count}


def tamper(world: World, statement: str) -> None:
    with world.context.engine.begin() as conn:
        conn.execute(text(statement))


def played(world: World) -> None:
    world.deploy(files(branch=BRANCH.replace("pressure: exempt\n", "")))
    clicks, waits = world.lead("clicks@harbor.example"), world.lead("waits@harbor.example")
    world.enter("branch", clicks, waits)
    world.pass_(hours=1)
    enrollment = world.view(clicks)["enrollments"][0]["id"]
    world.happens(
        clicks, "clicked", source="sendgrid", enrollment_id=enrollment, step="one", link="price", content="one"
    )
    world.pass_(days=5)


def test_an_honest_run_holds(world: World) -> None:
    played(world)
    assert found(world) == {}


def test_an_arm_that_nothing_led_to_is_found(world: World) -> None:
    played(world)
    tamper(world, """UPDATE enrollment SET outcomes = replace(outcomes::text, '"else"', '"then"')::jsonb""")
    assert found(world) == {"branches_against_events": 1}


def test_mail_after_a_halt_or_a_reply_is_found(world: World) -> None:
    played(world)
    for kind in ("unsubscribed", "replied"):
        tamper(
            world,
            "INSERT INTO event (at, lead_id, key, kind, source)"
            f" SELECT entered_at + interval '1 minute', lead_id, '{kind}', '{kind}', 'test'"
            " FROM enrollment ORDER BY id LIMIT 1",
        )
    assert found(world) == {"mailed_after_halt": 1, "mailed_after_reply": 1}

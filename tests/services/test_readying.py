"""Who becomes sales-ready by a changed signals.yaml: what `plan` says is what the deploy does, at the declared pace."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import select, text

from sequencer.cli import plan_github, plan_text
from sequencer.core.event import Event
from sequencer.core.lead_input import read
from sequencer.core.plan import Plan
from sequencer.services import inspect
from sequencer.services.leads import save
from sequencer.services.plan import foresee
from sequencer.services.react import react
from sequencer.services.release import prepare
from sequencer.store import clock, leads
from sequencer.store.tables import alert, enrollment, handoff, lead, readiness
from tests.services.conftest import World
from tests.services.test_weighing import SIGNALS, workspace

PEOPLE = 120
RATE = 60
STEP = timedelta(hours=1) / RATE
BEFORE = """
points:
  - {when: visited("/contact*"), points: 40}
sales_ready: score >= 80
"""
AFTER = (
    SIGNALS
    + """  needs: [owner]
learn:
  - {when: visited("/costs"), add: {pains: cost}}
"""
)
RATED = f"pressure: {{catch_up: {RATE}}}\n"


def in_turn(moments: Iterable[datetime]) -> bool:
    """No two are closer to each other than the declared pace lets them be."""
    return all(later - sooner >= STEP for sooner, later in pairwise(sorted(moments)))


def people(world: World, owned: bool = False) -> None:
    """Companies of five; visits by number, so that some are ready before, some by each reason, some wait, most not.

    `owned`: everybody has an owner; else each seventh has none.
    """
    with world.context.engine.begin() as conn:
        release, now = world.context.releases.current(conn), clock.now(conn)
        raw: list[dict[str, Any]] = [
            {
                "email": f"p{number}@c{number // 5}.example",
                "country": "DE" if number % 2 else "FR",
                "stage": "lead",
                **({"owner_email": "ana@acme.example"} if owned or number % 7 else {}),
            }
            for number in range(PEOPLE)
        ]
        save(conn, release, [read(one, release.workspace) for one in raw], "test", now, announce_new=False)
        ids = leads.ids_by_email(conn, [one["email"] for one in raw])
        happened = []
        for number, one in enumerate(raw):
            pages = ["/pricing"] * (number % 5) * (number % 2) + ["/contact"] * (number % 11 // 9 * 2)
            pages += ["/costs"] * (number % 13 == 0) + ["/pricing/eu"] * (number // 5 % 4 == 0)
            for visit, page in enumerate(pages):
                at = now - timedelta(days=number % 3, minutes=visit)
                happened.append(Event("visited", at, ids[one["email"]], f"{visit}", "test", data={"page": page}))
        react(conn, release, happened, now)


def planned(world: World, files: dict[str, str], named: int = 0) -> Plan:
    with world.context.engine.connect() as conn:
        known = world.context.releases
        return foresee(conn, known, known.current(conn), prepare(files), clock.now(conn), named)


def readied(world: World) -> list[Any]:
    with world.context.engine.connect() as conn:
        return list(conn.execute(select(readiness)).all())


def test_what_is_planned_of_a_changed_file_is_what_happens_at_the_declared_pace(world: World) -> None:
    world.deploy(workspace(BEFORE, RATED))
    world.lead("first@other.example")
    world.work()
    people(world)
    world.pass_(hours=1)
    assert readied(world)
    edited = workspace(AFTER, RATED)
    found = planned(world, edited).readying
    assert found is not None and found.counted == PEOPLE + 1
    began = world.now()
    world.deploy(edited)
    with world.context.engine.connect() as conn:
        assert inspect.status(conn, world.context.releases.current(conn))["weighing"]["uncounted"] == PEOPLE + 1
    world.pass_(hours=PEOPLE // RATE + 1)
    after = [row for row in readied(world) if row.at > began]

    assert found.ready == len(after) > PEOPLE // 10
    assert found.reasons == Counter(reason for row in after for reason in row.reasons)
    assert set(found.reasons) == {"price", "together"}
    assert found.over == len([row for row in readied(world) if row.at <= began and row.over_at])
    assert in_turn(row.at for row in after)
    with world.context.engine.connect() as conn:
        entered = conn.execute(select(enrollment.c.lead_id).where(enrollment.c.entered_at > began)).scalars().all()
        stages = Counter(conn.execute(select(lead.c.stage).where(lead.c.stage == "mql")).scalars())
        taught = conn.execute(text("SELECT count(*) FROM lead WHERE fields ->> 'pains' = '[\"cost\"]'")).scalar_one()
        status = inspect.status(conn, world.context.releases.current(conn))
    assert found.entering == {"ready": len(entered)} and set(entered) <= {row.lead_id for row in after}
    assert (found.stages, found.learned) == (stages, {"pains": taught})
    assert found.waiting and status["weighing"] is None
    again = planned(world, edited)
    assert (again.readying, bool(again.edit)) == (None, False)


HANDOFF = "handoff: {stage: sql}\n"


def test_exactly_those_whom_the_plan_counts_are_handed_off_or_told_of_again(world: World) -> None:
    fading = BEFORE.replace("points: 40}", "points: 40, half_life: 1 day}") + "  needs: [owner]\n"
    fading = fading.replace("sales_ready: score >= 80", "sales_ready:\n  any: {once: score >= 80}")
    world.deploy(workspace(fading + HANDOFF, RATED))
    people(world)
    world.pass_(days=3)
    open_ = {row.lead_id for row in handed(world)}
    assert open_ and all(row.over_at for row in readied(world)), (
        "their reps have yet to answer, and they have fallen back"
    )
    edited = workspace(AFTER.replace("half_life: 10 days, at_most: 60", "at_most: 60") + HANDOFF, RATED)
    plan = planned(world, edited)
    found, began = plan.readying, world.now()
    world.deploy(edited)
    world.pass_(hours=PEOPLE // RATE + 1)
    ready = {row.lead_id: row.at for row in readied(world) if row.at > began}
    of = {row.lead_id: row.at for row in handed(world) if row.at > began}

    assert found is not None and found.following and found.waiting
    assert found.ready + found.following == len(ready) > found.told_again == len(ready.keys() & open_) > 0
    assert in_turn(of.values())
    assert of == ready and len(handed(world)) == len(open_ | of.keys()), "each has one handoff, as of then"
    with world.context.engine.connect() as conn:
        told = Counter(conn.execute(select(alert.c.lead_id).where(alert.c.handoff.is_not(None))).scalars())
        stages = set(conn.execute(select(lead.c.stage).where(lead.c.id.in_(of))).scalars())
    assert told == Counter(open_) + Counter(of.keys())
    assert stages == {"sql"}
    assert f"{found.told_again}  of them wait for a rep's answer" in plan_text.as_text(plan)


def handed(world: World) -> list[Any]:
    with world.context.engine.connect() as conn:
        return list(conn.execute(select(handoff).order_by(handoff.c.at, handoff.c.lead_id)).all())


def test_a_plan_says_who_becomes_ready_and_why_without_saying_who_it_is(world: World) -> None:
    world.deploy(workspace(BEFORE, RATED))
    kim = world.lead(country="DE", owner_email="ana@acme.example")
    for number in range(3):
        world.happens(kim, "visited", f"v{number}", page="/pricing")
    world.happens(kim, "visited", "c", page="/contact")
    world.work()
    found = planned(world, workspace(AFTER, RATED))
    said = plan_text.as_text(found)
    assert (
        said
        == f"""~ signals.yaml
    counted anew: 1 lead
             1  become sales-ready, at {RATE} an hour
             1  of them by `price`
             1  move forward to `mql`
             1  enter `ready`
                for example: score 40 -> 60, fit 20: price

~ changed
changes to deployment 1: signals.yaml; nobody inside
"""
    )
    assert "- 1  become sales-ready, at 60 an hour" in plan_github.as_github(found)
    assert "kim" not in said


def test_whoever_asks_is_told_who_becomes_ready_and_how_many_more_there_are(world: World) -> None:
    world.deploy(workspace(BEFORE, RATED))
    people(world)
    world.pass_(hours=1)
    edited = workspace(AFTER + HANDOFF, RATED)
    found = planned(world, edited, PEOPLE).readying
    began = world.now()
    few = planned(world, edited, 2)
    assert few.readying is not None
    assert f"… and {few.readying.ready + few.readying.following - 2:,} more" in plan_text.as_text(few)
    world.deploy(edited)
    world.pass_(hours=PEOPLE // RATE + 1)
    with world.context.engine.connect() as conn:
        ready = conn.execute(
            select(lead.c.email, readiness.c.reasons)
            .join_from(readiness, lead, lead.c.id == readiness.c.lead_id)
            .where(readiness.c.at > began)
        ).all()
    assert found is not None and found.following
    assert sorted((one.email, one.reasons) for one in found.named) == sorted((one[0], tuple(one[1])) for one in ready)

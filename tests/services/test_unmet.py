"""Who would be handed to sales and lacks something is remembered, and shown, until it comes. On a real database."""

from collections.abc import Callable
from typing import Any

import pytest

from sequencer.services import halt
from sequencer.services.inspect import status
from sequencer.store import suppressions, unmet
from tests.services.conftest import World
from tests.services.test_handoffs import REPS, RULES, SIGNALS, asks, of, workspace
from tests.services.test_weighing import visits
from tests.workspaces import edited

NEEDS = """needs:
    - owner
    - consent("news")
    - known("country")
    - not lead.title == "Student"
"""
STOPS = "  never-again: {label: Never again, stops: all}\nfields:"


def needing(needs: str = NEEDS) -> dict[str, str]:
    """Nobody is drawn: who has no owner lacks one."""
    files = workspace(SIGNALS.replace("needs: [owner]\n", needs), rules="")
    return edited(files, "fields:", STOPS)


def listed(world: World, rep: str | None = None) -> list[tuple[str, float, tuple[str, ...], tuple[str, ...]]]:
    """Name, for how many days, reasons, and what is missing."""
    with world.context.engine.connect() as conn:
        found = unmet.listed(conn, world.context.releases.current(conn).workspace, rep, 10)
    return [(row.email[:3], (world.now() - row.since).days, tuple(row.reasons), tuple(row.lacks)) for row in found]


def counts(world: World) -> dict[str, int]:
    with world.context.engine.connect() as conn:
        found: dict[str, int] = status(conn, world.context.releases.current(conn))["not_handed_over_for_lack_of"]
    return found


def test_who_asks_waits_visibly_for_what_is_missing_and_is_handed_over_once_it_comes(world: World) -> None:
    world.deploy(needing())
    kim, lee = world.lead(country="DE"), world.lead("lee@mill.example", owner="ana@acme.example", title="Student")
    world.lead("pat@mill.example")
    asks(world, kim)
    world.pass_(days=2)
    asks(world, lee)
    assert listed(world) == [
        ("lee", 0, ("asked",), ('consent("news")', 'known("country")', 'not lead.title == "Student"')),
        ("kim", 2, ("asked",), ("owner", 'consent("news")')),
    ]
    assert [one[0] for one in listed(world, "ana@acme.example")] == ["lee"]
    wanted = {"consent to news": 2, '`not lead.title == "Student"`': 1, "an owner": 1, "country": 1}
    assert counts(world) == wanted and next(iter(counts(world))) == "consent to news"
    world.lead(owner="ben@acme.example")
    world.work()
    assert ("kim", 2, ("asked",), ('consent("news")',)) in listed(world) and of(world, kim) == []
    with world.context.engine.begin() as conn:
        suppressions.give(conn, kim.email, "news", world.now(), "form")
    world.happens(kim, "resubscribed", topic="news")
    world.work()
    assert [(one.rep, one.reasons) for one in of(world, kim)] == [("ben@acme.example", ("asked",))]
    assert [one[0] for one in listed(world)] == ["lee"]


def halted(world: World) -> None:
    with world.context.engine.begin() as conn:
        halt.halt(conn, world.lead().email, world.now())


@pytest.mark.parametrize(
    "ends",
    [
        lambda world: world.happens(world.lead(), "unsubscribed"),
        halted,
        lambda world: world.lead(status="never-again"),
        lambda world: world.pass_(days=11),
        lambda world: world.deploy(edited(needing(), "price: score >= 60", "price: score >= 90")),
        lambda world: world.deploy(
            {name: text for name, text in needing().items() if name != "sequences/signals.yaml"}
        ),
    ],
    ids=["unsubscribes", "is halted", "is stopped by a status", "cools off", "is judged by another rule", "by none"],
)
def test_nobody_is_shown_who_stops_or_would_not_be_handed_over_any_more(
    world: World, ends: Callable[[World], Any]
) -> None:
    world.deploy(needing())
    visits(world, world.lead(), "/pricing", "/pricing")
    world.work()
    assert [one[2] for one in listed(world)] == [("price",)] and counts(world)["an owner"] == 1
    ends(world)
    world.work()
    assert (listed(world), counts(world)) == ([], {})


def test_whoever_waits_over_a_deploy_waits_since_before_it_and_by_what_it_needs(world: World) -> None:
    world.deploy(needing())
    asks(world, world.lead())
    world.pass_(days=3)
    world.deploy(needing("needs: [owner]\n"))
    world.work()
    assert listed(world) == [("kim", 3, ("asked",), ("owner",))]
    world.deploy(needing("needs: []\n"))
    world.pass_(hours=2)
    assert listed(world) == [] and len(of(world, world.lead())) == 1


def test_who_has_an_open_handoff_by_a_step_is_not_shown_as_waiting_for_one(world: World) -> None:
    world.deploy(needing("needs: [owner]\n") | {"sequences/workspace.yaml": REPS + RULES})
    kim = world.lead()
    world.enter("steps", kim)
    world.deploy(needing('needs: [consent("news")]\n'))
    asks(world, kim)
    assert len(of(world, kim)) == 1 and listed(world) == []

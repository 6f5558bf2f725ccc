"""What `plan` says of ten thousand people is what a deploy does with them, number by number."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest
from sqlalchemy import text

from sequencer.core.plan import Kept, Looks, Lost, Move, Newcomers, Plan, Shared
from sequencer.services import positions
from sequencer.services.migrate import migrate
from sequencer.services.plan import foresee
from sequencer.services.release import prepare
from sequencer.store import clock, releases
from tests.services.conftest import START, World
from tests.workspaces import WORKSPACE, files

HEAD = """
title: Long
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
exit_on:
  - lead.stage == "customer"
steps:
"""
BODY = """\
  - email: one
  - wait: 5 days
  - email: two
  - id: asked
    if: did("asked")
    within: 3 days
    then:
      - email: three
    else:
      - wait: 2 days
      - id: better
        set: {stage: mql}
  - email: four
"""
EDITED = """\
  - email: one
  - wait: 3 days
  - email: four
  - id: asked
    if: did("asked")
    within: 3 days
    then:
      - email: three
    else:
      - wait: 2 days
      - id: better
        set: {stage: mql}
"""
PLACES = {
    "one": "",
    "two": '{"step": "one", "outcome": "sent", "at": "2026-11-20T08:00:00+00:00"}',
    "asked": '{"step": "one", "outcome": "sent", "at": "2026-11-20T08:00:00+00:00"},'
    '{"step": "two", "outcome": "sent", "at": "2026-11-20T08:00:00+00:00"}',
    "better": '{"step": "one", "outcome": "sent", "at": "2026-11-20T08:00:00+00:00"},'
    '{"step": "two", "outcome": "sent", "at": "2026-11-20T08:00:00+00:00"},'
    '{"step": "asked", "outcome": "else", "at": "2026-11-20T08:00:00+00:00"}',
}


def people(world: World, number: int) -> None:
    """So many inside `long`, a quarter at each place, come there up to three days ago, due in an hour."""
    with world.context.engine.begin() as conn:
        for position, passed in PLACES.items():
            conn.execute(
                text(
                    """
                    WITH new AS (
                        INSERT INTO lead (email, zone, stage, created_at, updated_at)
                        SELECT 'lead' || n || '@' || :position || '.example',
                               (ARRAY['Europe/London', 'America/New_York', NULL])[n % 3 + 1], 'lead', :now, :now
                        FROM generate_series(1, :number) n RETURNING id
                    )
                    INSERT INTO enrollment (
                        id, lead_id, sequence, deployment, position, since, due_at, status, entered_at, outcomes)
                    SELECT ((extract(epoch FROM CAST(:now AS timestamptz)) * 1000)::bigint << 20)
                           | (nextval('enrollment_number') & 1048575), id, 'long',
                           (SELECT max(number) FROM deployment) - id % 2, :position,
                           :now - make_interval(days => (id % 4)::int), :now + interval '1 hour', 'active',
                           :now - interval '30 days',
                           CAST('[' || :passed || ']' AS jsonb)
                    FROM new
                    """
                ),
                {"number": number // 4, "position": position, "passed": passed, "now": START},
            )


def planned(world: World, workspace: dict[str, str]) -> Plan:
    with world.context.engine.connect() as conn:
        known = world.context.releases
        return foresee(conn, known, known.current(conn), prepare(workspace), clock.now(conn))


def taken_over(world: World) -> None:
    while migrate(world.context):
        pass
    with world.context.engine.connect() as conn:
        left = "SELECT count(*) FROM enrollment WHERE deployment < (SELECT max(number) FROM deployment)"
        assert conn.execute(text(left)).scalar_one() == 0


def standing(world: World) -> Counter[str]:
    with world.context.engine.connect() as conn:
        query = "SELECT position, count(*) FROM enrollment WHERE status = 'active' GROUP BY position"
        return Counter({position: count for position, count in conn.execute(text(query))})


def inside(world: World, number: int, rate: str = "none") -> dict[str, str]:
    """So many people, half of them not taken yet to the second deployment; returns the workspace of an edit."""
    rated = {"sequences/workspace.yaml": WORKSPACE + f"pressure: {{catch_up: {rate}}}\n"}
    world.deploy(files(long=HEAD + BODY) | rated)
    world.deploy(files(long=HEAD + BODY.replace("within: 3 days", "within: 4 days")) | rated)
    people(world, number)
    return files(long=HEAD + EDITED) | rated


def test_what_is_planned_for_ten_thousand_is_what_happens(world: World) -> None:
    edited = inside(world, 10_000, "5000")
    plan = planned(world, edited)
    (long,) = plan.inside
    assert (10_000, 0) == (long.people, long.finish)
    assert (Move("two", "asked", 2_500),) == long.moves
    # `four` moved before the fork: only whoever got no mail yet still gets it.
    assert (Lost("two", 5_000, "removed", 0), Lost("four", 7_500, "passed by", 0)) == long.never
    assert ["passed-by", "removed"] == sorted(danger.kind for danger in plan.dangers)

    before = world.now()
    world.deploy(edited)
    taken_over(world)
    assert long.places == standing(world)
    assert long.looks is not None
    # Everybody who stood at `two`, and of those at `asked` whoever was dated when it waited for four days.
    assert 3_750 == long.looks.soon
    with world.context.engine.connect() as conn:
        spread_to = releases.spread_to(conn, 3)
        turns = "SELECT count(*), count(DISTINCT due_at) FROM enrollment WHERE due_at < :spread_to"
        assert (3_750, 3_750) == tuple(conn.execute(text(turns), {"spread_to": spread_to}).one())
    assert spread_to == before + timedelta(minutes=45)


def test_who_entered_first_has_the_first_turn_wherever_the_rows_lie(world: World) -> None:
    edited = inside(world, 40, "60")
    with world.context.engine.begin() as conn:
        conn.execute(text("UPDATE enrollment SET since = since WHERE id % 3 = 0"))
    world.deploy(edited)
    taken_over(world)
    with world.context.engine.connect() as conn:
        turns = "SELECT id FROM enrollment WHERE due_at < :spread_to ORDER BY due_at"
        in_turn = conn.execute(text(turns), {"spread_to": releases.spread_to(conn, 3)}).scalars().all()
    assert len(in_turn) == 15 and in_turn == sorted(in_turn)


def test_nobody_gets_a_step_twice_or_what_was_said_never_to_come(world: World) -> None:
    edited = inside(world, 200)
    (long,) = planned(world, edited).inside
    world.deploy(edited)
    taken_over(world)
    world.pass_(days=12)
    with world.context.engine.connect() as conn:
        left = conn.execute(text("SELECT status, count(*) FROM enrollment GROUP BY status")).all()
    assert [("finished", 200)] == [tuple(row) for row in left]
    mails = Counter(world.provider.mails)
    assert {1} == set(mails.values())
    by_step = Counter(step for _, step in mails)
    assert (50, 0, 50) == (by_step["one"], by_step["two"], by_step["four"])
    assert 200 - by_step["four"] == next(lost.people for lost in long.never if lost.step == "four")


def test_who_meets_what_ends_a_sequence_now_is_counted_and_leaves(world: World) -> None:
    edited = inside(world, 200)
    edited["sequences/long.yaml"] = (HEAD + BODY).replace("exit_on:\n", 'exit_on:\n  - lead.stage == "sql"\n')
    with world.context.engine.begin() as conn:
        conn.execute(text("UPDATE lead SET stage = 'sql' WHERE id % 4 = 0"))
    plan = planned(world, edited)
    (long,) = plan.inside
    assert long.looks is not None
    assert (200, 50) == (long.looks.soon, long.looks.leaving)
    assert ["leaving"] == [danger.kind for danger in plan.dangers]
    world.deploy(edited)
    taken_over(world)
    world.work()
    with world.context.engine.connect() as conn:
        assert 50 == conn.execute(text("SELECT count(*) FROM enrollment WHERE status = 'left'")).scalar_one()


def test_a_fix_of_copy_moves_and_dates_nobody(world: World) -> None:
    inside(world, 200)
    taken_over(world)
    rows = "SELECT id, position, since, due_at, expected_at, outcomes::text FROM enrollment ORDER BY id"
    with world.context.engine.connect() as conn:
        current = world.context.releases.current(conn)
        before = conn.execute(text(rows)).all()
    edited = dict(current.files) | {"content/two.md": "---\nsubject: Two and a half\nkind: guide\n---\nHello\n"}
    plan = planned(world, edited)
    assert [("two", ("subject", "text"))] == [(copy.content, tuple(copy.parts)) for copy in plan.edit.copies]
    assert ((), [Looks()]) == (plan.dangers, [one.looks for one in plan.inside])
    world.deploy(edited)
    taken_over(world)
    with world.context.engine.connect() as conn:
        assert before == conn.execute(text(rows)).all()


def offline(world: World, edited: dict[str, str]) -> Plan:
    with world.context.engine.connect() as conn:
        known = world.context.releases
        raw = positions.export(conn, known, known.current(conn), clock.now(conn))
    return positions.foresee(raw, prepare(edited))


def test_who_keeps_older_steps_is_counted_by_deployment_and_nothing_becomes_of_them(world: World) -> None:
    edited = inside(world, 200)
    edited["sequences/long.yaml"] = edited["sequences/long.yaml"].replace("topic: guides", "topic: guides\nedits: pin")
    for plan in (planned(world, edited), offline(world, edited)):
        (long,) = plan.inside
        assert (long.kept, long.moves, long.never, long.new) == ((Kept(2, 200),), (), (), ())
        assert not plan.dangers
    world.deploy(edited)
    taken_over(world)
    assert long.places == standing(world)
    # Some more enter, and another edit leaves three kinds of people.
    world.enter("long", world.lead())
    again = {**edited, "sequences/long.yaml": edited["sequences/long.yaml"].replace("3 days", "2 days")}
    (long,) = planned(world, again).inside
    assert long.kept == (Kept(2, 200), Kept(3, 1))


def test_what_is_planned_for_those_who_kept_older_steps_is_what_happens(world: World) -> None:
    edited = inside(world, 200)
    pinned = edited["sequences/long.yaml"].replace("topic: guides", "topic: guides\nedits: pin")
    world.deploy({**edited, "sequences/long.yaml": pinned})
    world.deploy({**edited, "sequences/long.yaml": pinned.replace("  - wait: 3 days\n  - email: four\n", "")})
    taken_over(world)
    follows = {**edited, "sequences/long.yaml": pinned.replace("edits: pin", "edits: follow")}
    plan, other = planned(world, follows), offline(world, follows)
    (long,) = plan.inside
    assert (long, plan.code) == (other.inside[0], other.code)
    assert Lost("two", 100, "removed", 0) in long.never
    world.deploy(follows)
    taken_over(world)
    assert long.places == standing(world)
    with world.context.engine.connect() as conn:
        assert not conn.execute(text("SELECT count(pinned) FROM enrollment")).scalar_one()


CUSTOMER = 'exit_on:\n  - lead.stage == "customer"\n'


@pytest.mark.parametrize(
    ("edit", "looks"),
    [
        (lambda series: HEAD + EDITED, Looks(75)),
        (lambda series: series.replace("wait: 5 days", "wait: 2 days"), Looks(25)),
        (lambda series: series.replace(CUSTOMER, CUSTOMER + '  - lead.stage == "sql"\n'), Looks(175, 50)),
        (lambda series: series.replace(CUSTOMER, CUSTOMER + '  - known("country")\n'), None),
        (lambda series: series.replace(CUSTOMER, 'goal: did("bought")\n' + CUSTOMER), None),
    ],
)
def test_a_plan_by_a_file_says_the_same_and_names_what_it_cannot_tell(
    world: World, edit: Callable[[str], str], looks: Looks | None
) -> None:
    """None: what ends the sequence now asks for more than is counted."""
    deployed = inside(world, 200) | files(long=HEAD + BODY)
    with world.context.engine.begin() as conn:
        conn.execute(text("UPDATE lead SET stage = 'sql' WHERE id % 4 = 0"))
    taken_over(world)
    edited = {**deployed, "sequences/long.yaml": edit((HEAD + BODY).replace("within: 3 days", "within: 4 days"))}
    here, there = planned(world, edited), offline(world, edited)
    told = [replace(one, looks=one.looks and replace(one.looks, untold=())) for one in there.inside]
    assert (here.edit, here.dangers, here.code, list(here.inside)) == (there.edit, there.dangers, there.code, told)
    (found,) = (one.looks for one in there.inside)
    assert found is not None and (found == looks or (looks is None and len(found.untold) == 1))


def test_a_file_of_positions_holds_nobody(world: World) -> None:
    """Who it is and when exactly they came is not in it; nor is what their stage is joined with where they stand."""
    world.deploy(files(long=HEAD + BODY))
    world.deploy(files(long=HEAD + BODY, other=HEAD + "  - email: one\n"))
    people(world, 200)
    with world.context.engine.connect() as conn:
        raw = positions.export(conn, world.context.releases, world.context.releases.current(conn), clock.now(conn))
    written = orjson.loads(raw)
    assert b"@one.example" not in raw and b"lead1" not in raw
    assert (["stage", "status"], []) == (written["fields"], written["dates"])
    assert [["long", None, ["lead", None], 200]] == written["told"]
    assert 200 == sum(people for *_, people in written["dated"])
    # 4 places, 4 days, 3 zones: fewer rows than people.
    assert len(written["dated"]) <= 48 and {int} == {type(row[1]) for row in written["dated"]}


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"format": 3, "deployment": 1, "files": {}, "standing": [[1]]}'])
def test_what_is_no_file_of_positions_is_refused(raw: bytes) -> None:
    with pytest.raises(Exception, match="expected a file that `sequencer plan --export-positions` wrote"):
        positions.foresee(raw, prepare(files(long=HEAD + BODY)))


ENTERED = """
title: Entered
state: live
topic: guides
enroll:
  any:
TRIGGERS
from: marketing
pressure: exempt
steps:
  - email: one
"""
SILENT = '    - when: silent("asked", "10 days")\n'
FITTING = '      if: lead.stage == "lead"\n'


def entered(triggers: str, state: str = "live") -> dict[str, str]:
    return files(
        entered=ENTERED.replace("TRIGGERS\n", triggers).replace("live", state), other=HEAD + "  - email: two\n"
    )


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        (files(other=HEAD + "  - email: two\n"), entered(SILENT + FITTING), (3, 0, 0)),
        (entered(SILENT, "draft"), entered(SILENT + FITTING), (3, 0, 0)),
        (entered(SILENT + '      if: lead.stage == "sql"\n'), entered(SILENT + FITTING), (3, 0, 0)),
        (entered("    - when: manual\n"), entered('    - when: became("stage", "lead")\n'), (0, 0, 5)),
        (entered("    - when: manual\n"), entered("    - at: 2026-12-10 10:00\n" + FITTING), (0, 5, 0)),
        (entered("    - when: manual\n"), entered("    - at: 2026-11-10 10:00\n" + FITTING), None),
        (entered(SILENT), entered(SILENT), None),
        (entered("    - when: manual\n"), entered('    - when: did("asked")\n'), None),
    ],
)
def test_who_enters_by_an_edit_of_enroll_and_who_only_fits_is_counted(
    world: World, old: dict[str, str], new: dict[str, str], counts: tuple[int, int, int] | None
) -> None:
    """Six of nine leads are of the stage; of these two asked lately, and one must not be mailed."""
    world.deploy(files(other=HEAD + "  - email: two\n"))
    people = [world.lead(f"p{n}@harbor.example", stage="lead" if n < 6 else "mql") for n in range(9)]
    with world.context.engine.begin() as conn:
        now = clock.now(conn)
        conn.execute(text("UPDATE lead SET created_at = :then"), {"then": now - timedelta(days=30)})
        conn.execute(text("UPDATE lead SET suppressed = true WHERE id = :id"), {"id": people[0].id})
    for person in people[1:3]:
        world.happens(person, "asked")
    world.deploy(old)
    world.pass_(hours=1)
    found = planned(world, new).newcomers
    if counts is None:
        assert found == ()
        return
    assert found == (Newcomers("entered", *counts, leads=9, looked_at=9),)
    world.deploy(new)
    world.pass_(hours=5)
    with world.context.engine.connect() as conn:
        inside = "SELECT count(*) FROM enrollment WHERE sequence = 'entered'"
        assert counts[0] == conn.execute(text(inside)).scalar_one()


def test_whose_company_is_none_by_what_is_declared_as_shared_is_counted_by_domain(world: World) -> None:
    shared = {"sequences/workspace.yaml": WORKSPACE + "companies: {shared: [agency.example, guild.example]}\n"}
    world.deploy(files(other=HEAD + "  - email: two\n"))
    for address in ("ana@agency.example", "bo@agency.example", "cy@berlin.agency.example", "di@harbor.example"):
        world.lead(address)
    new = files(other=HEAD + "  - email: two\n") | shared
    found = planned(world, new)
    assert (Shared("agency.example", 2), Shared("berlin.agency.example", 1)) == found.shared
    assert found.edit.workspace == ("shared_domains",)
    world.deploy(new)
    assert planned(world, files(other=HEAD + "  - email: three\n") | shared).shared == ()
    assert world.lead("eve@agency.example").company_id is None, "who comes from now on"
    assert world.lead("di@harbor.example").company_id is not None

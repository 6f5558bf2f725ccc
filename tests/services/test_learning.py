"""What leads do fills their profile, and what anybody says of them counts more: on a real database."""

import io
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from sequencer.cli import timeline
from sequencer.core.lead import Lead
from sequencer.services import due, weigh
from sequencer.services.imports import import_csv
from sequencer.services.standing import standing_view
from sequencer.store import leads
from sequencer.store.tables import alert
from tests.services.conftest import World
from tests.services.test_weighing import visits
from tests.services.webhooks import enrolled, event, links, post, reply_form, take
from tests.workspaces import WORKSPACE, content, files

FIELDS = "  role: {one_of: [finance, it]}\n"
LEARN = """
fit:
  - {if: lead.role == "finance", points: 20}
sales_ready: fit >= 20
learn:
  - when: visited("/cost*", at_least=2, within="60 days")
    add: {pains: cost}
  - {when: visited("/finance*"), set: {role: finance}}
  - {when: visited("/api*"), set: {role: it}}
"""

COSTLY = """
title: Costly
state: live
topic: guides
pressure: exempt
enroll:
  when: became("pains", "cost")
from: marketing
steps:
  - email: one
"""

SETS = """
title: Sets
state: live
topic: guides
enroll: {when: manual}
from: marketing
steps:
  - id: role
    set: {role: it}
  - email: two
"""


def workspace(learn: str = LEARN) -> dict[str, str]:
    return files(costly=COSTLY, sets=SETS) | {
        "sequences/workspace.yaml": WORKSPACE.replace("fields:\n", "fields:\n" + FIELDS),
        "sequences/signals.yaml": learn,
    }


def profile(world: World, lead: Lead) -> dict[str, tuple[Any, str | None, int]]:
    """By field: value, who said so, how sure that is."""
    known = world.view(lead)["lead"]
    told = {name: (value, known["sources"][name]) for name, value in known["fields"].items()}
    return {name: (value, source["by"], source["confidence"]) for name, (value, source) in told.items()}


def bring(world: World, row: str) -> None:
    import_csv(world.context, io.StringIO(f"email,role,pains\n{row}\n", newline=""), None)


def test_behaviour_fills_the_profile_and_lets_into_sequences_like_any_change(world: World) -> None:
    world.deploy(workspace())
    kim = world.lead()
    visits(world, kim, "/cost")
    world.work()
    assert profile(world, kim) == {}
    visits(world, kim, "/costs/hidden", "/finance/month-end")
    world.work()
    assert profile(world, kim) == {"pains": (["cost"], "signals", 67), "role": ("finance", "signals", 50)}
    assert world.provider.mails == [("kim@harbor.example", "one")]
    ready = [e["sentence"] for e in world.view(kim)["events"] if e["event"] == "sales_ready"]
    assert ready == ["became sales-ready: sales-ready"], "what is learned counts for the fit in the same look"
    visits(world, kim, "/api", "/api")
    world.work()
    assert profile(world, kim)["role"] == ("it", "signals", 67), "newer behaviour replaces what was only inferred"
    sentences = [e["sentence"] for e in world.view(kim)["events"] if e["source"] == "signals"]
    assert "was understood: pains became cost, 67 % sure (visited /cost* twice)" in sentences


@pytest.mark.parametrize("door", ["file", "api", "sequence"])
@pytest.mark.parametrize("first", ["answer", "behaviour"])
def test_an_answer_wins_whichever_door_it_comes_by_and_whenever(world: World, door: str, first: str) -> None:
    world.deploy(workspace())
    kim = world.lead()

    def answer() -> None:
        if door == "file":
            bring(world, "kim@harbor.example,it,")
        elif door == "api":
            world.lead(role="it")
        else:
            world.enter("sets", kim)
            world.work()

    if first == "answer":
        answer()
    visits(world, kim, "/finance")
    world.work()
    if first == "behaviour":
        answer()
    visits(world, kim, "/finance")
    world.work()
    assert profile(world, kim) == {"role": ("it", {"file": "import", "api": "test"}.get(door, door), 100)}


@pytest.mark.parametrize("door", ["file", "api"])
def test_an_answer_that_says_what_was_inferred_makes_it_one(world: World, door: str) -> None:
    world.deploy(workspace())
    kim = world.lead()
    visits(world, kim, "/finance")
    world.work()
    if door == "file":
        bring(world, "kim@harbor.example,finance,")
    else:
        world.lead(role="finance")
    visits(world, kim, "/api")
    world.work()
    assert profile(world, kim)["role"] == ("finance", {"file": "import", "api": "test"}[door], 100)


def test_what_a_file_or_a_caller_brought_keeps_its_source_and_time(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.deploy(workspace())
    bring(world, "kim@harbor.example,finance,risk;cost")
    world.pass_(days=2)
    kim = world.lead(pains=["risk"])
    known = world.view(kim)["lead"]["sources"]
    assert {name: (source["by"], source["at"][:10]) for name, source in known.items()} == {
        "role": ("import", "2026-11-23"),
        "pains": ("test", "2026-11-25"),
        "time_zone": ("test", "2026-11-25"),
    }
    bring(world, "kim@harbor.example,finance,risk")
    assert world.view(kim)["lead"]["sources"] == known, "said again, nothing is new"
    timeline.show(world.view(kim), ZoneInfo("Europe/London"))
    said = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["role", "finance", *"from a file, 23 Nov 2026".split()] in said


def test_a_scanners_click_is_unlearned(world: World) -> None:
    two = content("One", "".join(f'{{{{ link("{n}", "https://www.acme.example/{n}", "{n}") }}}} ' for n in "ab"))
    two = two.replace("kind: guide", "kind: guide\npains: [cost]")
    learn = 'learn:\n  - when: clicked_tag("cost")\n    add: {pains: cost}\n'
    world.deploy(workspace(learn) | {"content/two.md": two, "sequences/costly.yaml": SETS})
    kim = enrolled(world, "sets")
    first, second = links(world)
    post(world, event(world, "click", url=first, useragent="Mozilla/5.0"))
    world.work()
    assert profile(world, kim)["pains"] == (["cost"], "signals", 50)
    post(world, event(world, "click", url=second, useragent="Mozilla/5.0"))
    world.work()
    assert "pains" not in profile(world, kim)
    sentences = [e["sentence"] for e in world.view(kim)["events"]]
    assert "pains is unknown again: what it was learned from was taken back" in sentences


def test_a_changed_file_teaches_anew_from_all_that_happened(world: World) -> None:
    world.deploy(workspace("sales_ready: replied()\n"))
    kim, lee = world.lead(), world.lead("lee@harbor.example")
    visits(world, kim, "/finance")
    world.work()
    assert profile(world, kim) == {}
    world.pass_(days=1)
    world.deploy(workspace())
    world.pass_(hours=1)
    assert profile(world, kim) == {"role": ("finance", "signals", 50)}
    world.deploy(workspace("sales_ready: replied()\n"))
    world.pass_(hours=1)
    assert (profile(world, kim), profile(world, lee)) == ({}, {})


def test_learning_counts_nothing_for_the_score(world: World) -> None:
    world.deploy(workspace())
    kim = world.lead()
    visits(world, kim, "/finance", "/finance")
    world.work()
    with world.context.engine.connect() as conn:
        release, lead = world.context.releases.current(conn), leads.by_ids(conn, [kim.id])[0]
        found = standing_view(conn, release, lead, world.now())
    assert found is not None and (found["score"], found["fit"], found["signals"]) == (0, 20, [])


PRICE = """
inquiries:
  price:
    phrases: {en: [how much]}
points:
  - {when: asked_about("price"), points: 40}
sales_ready: score >= 40
"""


def test_who_asks_about_price_is_heard_in_answers_and_forms_and_the_rep_reads_the_sentence(world: World) -> None:
    world.deploy(workspace(PRICE))
    kim = enrolled(world, "sets", owner_email="ana@acme.example")
    body, content_type = reply_form(
        world, "Thanks! How much is it\nfor us?\n\nOn 23 Nov 2026, Ana wrote:\n> How much do you pay?\n"
    )
    take(world, body, door="inbound", content_type=content_type)
    world.work()
    lee = world.lead("lee@harbor.example")
    world.happens(lee, "submitted", form="demo", message="Please tell me how much")
    world.happens(lee, "submitted", "other", form="demo", message="Nothing")
    world.work()
    asked = "asks about price: “How much is it for us?”"
    assert f"answered two; {asked}" in [e["sentence"] for e in world.view(kim)["events"]]
    [told] = world.view(kim)["alerts"]
    assert told["note"] == "Thanks! How much is it\nfor us?"
    with world.context.engine.connect() as conn:
        reasons = conn.execute(select(alert.c.reasons)).scalars().all()
        release = world.context.releases.current(conn)
        standing = [standing_view(conn, release, lead, world.now()) for lead in leads.by_ids(conn, [kim.id, lee.id])]
    assert reasons == [[asked]]
    assert [one and (one["score"], one["sales_ready"], len(one["events"])) for one in standing] == [(40, True, 1)] * 2


WAITS = """
title: Waits
state: live
topic: guides
enroll: {when: manual}
from: marketing
steps:
  - id: asked
    if: %s
    within: 20 days
    then:
      - email: one
    else:
      - email: two
"""


@pytest.mark.parametrize(
    ("condition", "woken"),
    [
        ('has(lead.pains, "cost")', True),
        ('known("pains")', True),
        ("fit >= 200", True),
        ('lead.role == "finance"', False),
        ("replied()", False),
    ],
)
def test_a_lesson_wakes_those_who_wait_for_what_it_taught(world: World, condition: str, woken: bool) -> None:
    world.deploy(workspace() | {"sequences/waits.yaml": WAITS % condition})
    kim = world.lead()
    world.enter("waits", kim)
    world.work()
    before = [e["due_at"] for e in world.view(kim)["enrollments"] if e["sequence"] == "waits"]
    visits(world, kim, "/cost/a", "/cost/b")
    [number] = [args[0] for name, args in due.work(world.context) if name == "weigh"]
    weigh.look(world.context, int(str(number)))
    after = [e["due_at"] for e in world.view(kim)["enrollments"] if e["sequence"] == "waits"]
    assert (profile(world, kim)["pains"][0], after != before) == (["cost"], woken)

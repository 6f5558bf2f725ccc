"""Who first called, met or wrote is the lead's rep, at once and in whatever order it becomes known."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from sequencer.core.event import Event
from sequencer.core.lead import Lead
from sequencer.services import companies
from sequencer.services.react import react
from sequencer.store import clock, readiness
from tests.services.conftest import World
from tests.services.test_companies import Change, belong, merge
from tests.services.test_handoffs import RULES, STEPS, asks, of, workspace

ANA, BEN, EVA = "ana@acme.example", "ben@acme.example", "eva@acme.example"
OWNED = STEPS[: STEPS.index("steps:")].replace("from: marketing", "from: owner") + "steps:\n  - email: one\n"


@pytest.fixture
def owned(world: World) -> World:
    world.deploy(workspace() | {"sequences/owned.yaml": OWNED})
    return world


def contacts(world: World, lead: Lead, *told: tuple[int, str]) -> None:
    """Each by itself: so many hours ago this rep called."""
    for hours, rep in told:
        with world.context.engine.begin() as conn:
            now = clock.now(conn)
            e = Event("call_logged", now - timedelta(hours=hours), lead.id, f"{hours}", "crm", data={"rep": rep})
            react(conn, world.context.releases.current(conn), [e], now)


def senders(world: World) -> list[tuple[str, str]]:
    return [(r.to_email, r.from_email) for batch in world.provider.batches for r in batch.recipients]


def test_who_calls_a_lead_without_a_rep_is_theirs_and_its_series_goes_out(owned: World) -> None:
    kim = owned.lead()
    owned.enter("owned", kim)
    owned.work()
    assert owned.provider.mails == []
    contacts(owned, kim, (1, BEN))
    owned.work()
    assert (owned.lead().owner, senders(owned)) == (BEN, [(kim.email, BEN)])
    changes = [e["data"] for e in owned.view(kim)["events"] if e["event"] == "changed"]
    assert changes == [{"field": "owner", "before": None, "after": BEN, "contact": "call"}]


TOLD = ((3, "stranger@x.example"), (2, BEN), (1, ANA))


@pytest.mark.parametrize("before", [None, "gone@acme.example"])
def test_the_earliest_contact_counts_in_whatever_order_they_become_known(owned: World, before: str | None) -> None:
    given: dict[str, Any] = {"owner": before} if before else {}
    for number, order in enumerate(permutations(TOLD)):
        kim = owned.lead(f"p{number}@h{number}.example", **given)
        contacts(owned, kim, *order, *order)
        after = owned.lead(kim.email)
        assert (after.owner, after.owner_before) == (BEN, None), order


def test_an_owner_who_was_named_stays_whoever_was_in_touch_before(owned: World) -> None:
    named = owned.lead("named@h.example", owner=ANA)
    contacts(owned, named, (1, BEN))
    moved = owned.lead("moved@i.example")
    contacts(owned, moved, (1, BEN))
    owned.pass_(hours=1)
    owned.lead("moved@i.example", owner=ANA)
    contacts(owned, moved, (3, EVA))
    handed = owned.lead("handed@j.example", country="DE")
    asks(owned, handed)
    contacts(owned, handed, (3, BEN))
    assert [owned.lead(one.email).owner for one in (named, moved, handed)] == [ANA, ANA, EVA]


def test_the_leads_own_first_contact_comes_before_the_companys_rep_everywhere(owned: World) -> None:
    kim, lee, max_ = (owned.lead(f"{name}@harbor.example", company="Harbor") for name in ("kim", "lee", "max"))
    asks(owned, kim)
    assert owned.lead(kim.email).owner == ANA, "and so the company's"
    contacts(owned, lee, (1, BEN))
    for lead in (lee, max_):
        asks(owned, lead)
        owned.enter("owned", lead)
    owned.work()
    assert [of(owned, lead)[0].rep for lead in (lee, max_)] == [BEN, ANA]
    assert sorted(senders(owned)) == [(lee.email, BEN), (max_.email, ANA)]
    assert [owned.lead(lead.email).owner for lead in (lee, max_)] == [BEN, None]


def test_whom_a_handoff_goes_to_is_the_leads_owner_also_where_the_company_is_anothers(world: World) -> None:
    rules = "\nowner:\n  assign: [{territory: country}]\n"
    world.deploy(workspace(rules=rules) | {"sequences/owned.yaml": OWNED})
    kim = world.lead(company="Harbor", owner=ANA)
    asks(world, kim)
    lee = world.lead("lee@harbor.example", company="Harbor", country="DE")
    asks(world, lee)
    assert (of(world, lee)[0].rep, world.lead(lee.email).owner) == (EVA, EVA)


def companys(world: World) -> str | None:
    with world.context.engine.connect() as conn:
        return companies.named(conn, "harbor.example").owner


@pytest.mark.parametrize(
    ("rules", "owner", "calls", "rep", "company"),
    [
        (RULES, BEN, None, BEN, BEN),
        (RULES, None, BEN, BEN, BEN),
        (RULES, BEN, ANA, BEN, BEN),
        (RULES, "gone@acme.example", None, EVA, EVA),
        ("\nowner: {assign: [{territory: country}, company_owner]}\n", BEN, None, EVA, BEN),
        ("\nowner: {assign: [{territory: country}, company_owner]}\n", None, BEN, BEN, BEN),
        ("\nowner: {assign: [{territory: country}]}\n", BEN, ANA, ANA, BEN),
        ("\nowner: {of: lead, assign: [company_owner, {territory: country}]}\n", BEN, None, EVA, None),
    ],
)
def test_a_company_is_whose_its_people_are_before_any_handoff(
    world: World, rules: str, owner: str | None, calls: str | None, rep: str, company: str | None
) -> None:
    world.deploy(workspace(rules=rules))
    kim = world.lead(company="Harbor", **({"owner": owner} if owner else {}))
    if calls:
        contacts(world, kim, (1, calls))
    lee = world.lead("lee@harbor.example", country="DE")
    asks(world, lee)
    own = None if calls and owner is None else rep  # By the call the company is Ben's at once, and Lee by it.
    assert (of(world, lee)[0].rep, world.lead(lee.email).owner, companys(world)) == (rep, own, company)


def test_of_several_reps_the_first_is_the_companys_and_the_others_keep_their_own(owned: World) -> None:
    kim, lee = owned.lead(company="Harbor"), owned.lead("lee@harbor.example", owner=BEN)
    owned.pass_(hours=1)
    owned.lead(kim.email, owner=ANA)
    asks(owned, kim)
    assert (of(owned, kim)[0].rep, companys(owned)) == (ANA, BEN), "Ben was somebody's before, though Kim came first"
    max_ = owned.lead("max@harbor.example", country="DE")
    asks(owned, max_)
    assert of(owned, max_)[0].rep == BEN
    assert [owned.lead(lead.email).owner for lead in (kim, lee, max_)] == [ANA, BEN, None]


@pytest.mark.parametrize("change", [merge, belong])
def test_companies_of_two_reps_that_become_one_are_the_firsts(owned: World, change: Change) -> None:
    owned.lead("max@labs.example", owner=BEN)
    owned.pass_(hours=1)
    owned.lead(owner=ANA)
    change(owned, "labs.example", "harbor.example")
    owned.work()
    lee = owned.lead("lee@harbor.example", country="DE")
    asks(owned, lee)
    assert (of(owned, lee)[0].rep, companys(owned)) == (BEN, BEN)


def waits(world: World) -> Lead:
    """Somebody of Harbor whose mail and handoff wait for an owner."""
    lee = world.lead("lee@harbor.example", company="Harbor")
    world.enter("owned", lee)
    asks(world, lee)
    assert (world.provider.mails, of(world, lee), companys(world)) == ([], [], None)
    return lee


@pytest.mark.parametrize("how", ["named", "called", "moved to the company"])
def test_unowned_colleagues_inherit_the_rep_of_who_gets_one_before_any_handoff(world: World, how: str) -> None:
    world.deploy(workspace(rules="") | {"sequences/owned.yaml": OWNED})
    kim = world.lead()
    lee = waits(world)
    if how == "named":
        world.lead(owner=BEN)
    elif how == "called":
        contacts(world, kim, (1, BEN))
    else:
        world.lead("max@labs.example", owner=BEN)
        merge(world, "labs.example", "harbor.example")
    world.work()
    assert (companys(world), senders(world)) == (BEN, [(lee.email, BEN)])
    assert [one.rep for one in of(world, lee)] == [BEN] and world.lead(lee.email).owner is None
    contacts(world, kim, (2, EVA))
    world.lead("lee@harbor.example", owner=ANA)
    assert companys(world) == BEN, "who is another's now does not take the company along"


@pytest.mark.parametrize("change", [merge, belong])
def test_people_of_a_company_that_becomes_a_reps_inherit_them(world: World, change: Change) -> None:
    world.deploy(workspace(rules="") | {"sequences/owned.yaml": OWNED})
    world.lead("max@labs.example")
    world.lead("max@labs.example", owner=BEN)
    lee = waits(world)
    change(world, "harbor.example", "labs.example")
    world.pass_(days=1)
    assert (senders(world), [one.rep for one in of(world, lee)]) == ([(lee.email, BEN)], [BEN])


def test_each_lead_has_their_own_rep_where_leads_are_not_shared(world: World) -> None:
    world.deploy(workspace(rules="\nowner: {of: lead}\n") | {"sequences/owned.yaml": OWNED})
    world.lead()
    waits(world)
    world.lead(owner=BEN)
    world.pass_(days=2)
    assert (companys(world), world.provider.mails) == (None, [])


def test_a_company_that_somebody_holds_is_not_waited_for_and_is_whose_the_next_is(world: World) -> None:
    world.deploy(workspace(rules="") | {"sequences/owned.yaml": OWNED})
    kim = world.lead()
    lee = waits(world)
    assert kim.company_id is not None
    with world.context.engine.begin() as held:
        readiness.lock_companies(held, [kim.company_id])
        contacts(world, kim, (1, BEN))
    assert (world.lead().owner, companys(world)) == (BEN, None)
    world.lead("max@harbor.example")
    world.lead("max@harbor.example", owner=ANA)
    world.work()
    assert (companys(world), [one.rep for one in of(world, lee)]) == (BEN, [BEN]), "Ben was somebody's first"

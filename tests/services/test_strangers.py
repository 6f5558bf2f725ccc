"""People leave a company that is none, as strangers share its domain. On a real database."""

from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest

from sequencer.core.enrollment import Status
from sequencer.core.lead import Lead
from sequencer.errors import InvalidInput
from sequencer.services import strangers
from sequencer.services.context import Context
from sequencer.services.owners import owners
from sequencer.store import leads
from tests.services.conftest import START, World
from tests.services.test_colleagues import heard, stands, workspace
from tests.services.test_companies import merge, people, view
from tests.services.test_company_cap import CAPPED, deploy, dues, mailed
from tests.services.test_handoffs import asks, of
from tests.services.test_weighing import visits

SHARED = "companies: {shared: [agency.example]}\n"


def detach(world: World, domain: str | None = None, context: Context | None = None) -> dict[str, tuple[int, int, int]]:
    """By domain: people, passages that go on, people who keep their rep."""
    used = context or world.context
    with used.engine.begin() as conn:
        found = strangers.concerned(conn, used.releases.current(conn), domain)
    done = [asdict(strangers.detach(used, one, lambda _: None)) for one in found]
    return {one["domain"]: (one["people"], one["resumed"], one["kept"]) for one in done}


def of_agency(world: World, *names: str) -> list[Lead]:
    return people(world, *(f"{name}@agency.example" for name in names))


def owned(world: World, *people: Lead) -> list[str | None]:
    with world.context.engine.connect() as conn:
        found = owners(conn, world.context.releases.current(conn).workspace, leads.by_ids(conn, [p.id for p in people]))
    return [found[one.id].email if one.id in found else None for one in people]


def test_who_leaves_has_no_colleagues_no_rep_by_them_and_rests_for_none_of_them(world: World) -> None:
    world.deploy(workspace())
    kim, lee, max_, joe = of_agency(world, "kim", "lee", "max", "joe")
    world.enter("education", lee, joe)
    world.work()
    visits(world, lee, "/pricing")
    asks(world, kim)
    asks(world, max_)
    rep = of(world, kim)[0].rep
    assert owned(world, lee, max_) == [rep, rep], "by the company"
    assert stands(world, lee).status is Status.PAUSED
    world.deploy(workspace(SHARED))
    assert detach(world, "agency.example") == {"agency.example": (4, 2, 1)}
    assert owned(world, kim, lee, max_, joe) == [rep, None, rep, None]
    world.work()
    assert [stands(world, one).status for one in (lee, joe)] == [Status.ACTIVE] * 2
    assert [len(of(world, one)) for one in (kim, lee, max_, joe)] == [1, 0, 1, 0], "nobody is handed off again"
    found = view(world, "agency.example")
    assert (found["people"], found["engaged"][0]["people"]) == ([], 0)
    asks(world, joe)
    assert (heard(world, lee), len(of(world, joe))) == (["colleague_handed_off"] * 2, 1), "no more news of strangers"
    world.pass_(days=5)
    assert stands(world, lee).ended_at == START + timedelta(days=4), "what was left of the wait, and no more"
    assert detach(world, "agency.example") == {}


@pytest.mark.parametrize(
    ("kind", "data", "reason", "days"),
    [
        ("replied", {}, "replied", 14),
        ("auto_replied", {"back": "2026-11-30"}, "out of office", None),
        ("call_logged", {"rep": "ana@acme.example"}, "call", 10),
    ],
)
def test_a_pause_of_the_leads_own_stays_when_that_for_a_colleague_goes(
    world: World, kind: str, data: dict[str, Any], reason: str, days: int | None
) -> None:
    world.deploy(workspace("contact: {call: 10 days}\n"))
    kim, lee = of_agency(world, "kim", "lee")
    world.enter("education", lee)
    world.work()
    world.happens(lee, kind, **data)
    own = stands(world, lee)
    assert own.reason == reason and own.resume_at is not None
    assert days is None or own.resume_at == START + timedelta(days=days)
    world.pass_(days=2)
    asks(world, kim)
    assert stands(world, lee).reason == "colleague handed off"
    world.deploy(workspace("contact: {call: 10 days}\n" + SHARED))
    # By the call to Lee the company was Ana's, so Kim, who was handed to her, keeps her.
    assert detach(world) == {"agency.example": (2, 1, 1 if kind == "call_logged" else 0)}
    found = stands(world, lee)
    assert (found.status, found.reason, found.resume_at) == (Status.PAUSED, reason, own.resume_at)


def test_those_whom_strangers_made_ready_are_handed_off_once_and_no_longer_together(world: World) -> None:
    world.deploy(workspace())
    three = of_agency(world, "kim", "lee", "max")
    for one in three:
        visits(world, one, "/pricing")
    world.work()
    assert [one.reasons for lead in three for one in of(world, lead)] == [("together",)] * 3
    world.deploy(workspace(SHARED))
    new = people(world, "sam@agency.example")
    assert new[0].company_id is None
    assert detach(world) == {"agency.example": (3, 0, 2)}, "of whom one had the rep as their own"
    world.pass_(days=30)
    for one in (*three, *new):
        visits(world, one, "/pricing")
    world.work()
    assert [len(of(world, lead)) for lead in (*three, *new)] == [1, 1, 1, 0]


def test_who_waited_for_the_mails_of_strangers_is_next(world: World) -> None:
    deploy(world, CAPPED.replace("mails: 2", "mails: 1"))
    a, b, c = of_agency(world, "a", "b", "c")
    world.enter("first", a, b, c)
    world.work()
    assert (mailed(world), dues(world, b, c)) == (["a"], [timedelta(hours=4), timedelta(hours=8)])
    deploy(world, CAPPED.replace("mails: 2", "mails: 1") + SHARED)
    assert detach(world) == {"agency.example": (3, 0, 0)}
    world.work()
    assert sorted(mailed(world)) == ["a", "b", "c"]


def test_only_those_leave_whose_address_is_at_the_domain_also_of_one_that_was_merged(world: World) -> None:
    world.deploy(workspace())
    people(world, "kim@harbor.example", "lee@agency.example", "joe@berlin.agency.example", "max@myagency.example")
    merge(world, "agency.example", "harbor.example")
    world.work()
    with world.context.engine.begin() as conn, pytest.raises(InvalidInput, match=r"agency\.example is a company's"):
        strangers.concerned(conn, world.context.releases.current(conn), "agency.example")
    world.deploy(workspace(SHARED))
    assert detach(world, " Agency.example ") == {"agency.example": (1, 0, 0), "berlin.agency.example": (1, 0, 0)}
    assert [one["email"] for one in view(world, "harbor.example")["people"]] == ["kim@harbor.example"]
    assert world.lead("lee@agency.example").company_id is None
    assert world.lead("max@myagency.example").company_id is not None


def test_it_goes_in_batches_passes_over_who_is_held_and_goes_on_after_it_was_cut_short(world: World) -> None:
    world.deploy(workspace())
    five = of_agency(world, "a", "b", "c", "d", "e")
    world.deploy(workspace(SHARED))
    small = replace(world.context, batch=2)

    class CutShort(Exception):
        pass

    def cut(people: int) -> None:
        raise CutShort

    with world.context.engine.begin() as conn:
        leads.lock(conn, [five[0].id])
        [which] = strangers.concerned(conn, world.context.releases.current(conn), None)
        for _ in range(2):
            with pytest.raises(CutShort):
                strangers.detach(small, which, cut)
    gone = [one.email[0] for one in five if world.lead(one.email).company_id is None]
    assert gone == ["b", "c"], "one at a time, beside the one that is held"
    assert detach(world, context=small) == {"agency.example": (3, 0, 0)}

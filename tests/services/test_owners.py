"""Whoever has no rep of their own has their company's, wherever a rep is asked for."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from sequencer.core.lead import Lead
from sequencer.core.workspace import OwnerPolicy
from sequencer.services import alerts, calls, due, inspect
from sequencer.services import owners as owner_service
from sequencer.services.alerts import USEFUL
from sequencer.services.owners import HELD, owners
from sequencer.services.seldom import Seldom
from sequencer.store import clock, leads, listings
from tests.services.conftest import World
from tests.services.test_advance import BRANCH
from tests.services.test_alert_webhooks import HOOK, HOOKED, LIMITED, Chat
from tests.services.test_sending_hard import TOLD
from tests.services.webhooks import enrolled, reply_form, take
from tests.workspaces import WORKSPACE, files

ANA, BEN = "ana@acme.example", "ben@acme.example"


def owned_by(world: World, rep: str, *people: Lead) -> None:
    """The company is this rep's."""
    with world.context.engine.begin() as conn:
        conn.execute(
            text("UPDATE company SET owner = :rep WHERE id = ANY(:ids)"),
            {"rep": rep, "ids": [lead.company_id for lead in people]},
        )


@pytest.mark.parametrize("own", [None, "gone@acme.example"], ids=["nobody's", "of a rep who left"])
def test_what_a_colleague_answers_goes_to_the_companys_rep(world: World, own: str | None) -> None:
    world.deploy(files(branch=BRANCH))
    lee = enrolled(world, "branch", company="Harbor", **({"owner": own} if own else {}))
    owned_by(world, ANA, lee)
    body, content_type = reply_form(world, "Please call me")
    take(world, body, urgent=True, door="inbound", content_type=content_type)
    assert [(a["kind"], a["rep"]) for a in world.view(lee)["alerts"]] == [("reply", ANA)]


def test_a_colleague_comes_up_on_the_list_of_the_companys_rep_and_a_call_names_them(world: World) -> None:
    world.deploy(files(branch=BRANCH))
    lee, other = world.lead(company="Harbor", next_attempt="2026-11-23"), world.lead("x@mill.example", company="Mill")
    owned_by(world, ANA, lee)
    owned_by(world, BEN, other)
    with world.context.engine.begin() as conn:
        release, now = world.context.releases.current(conn), clock.now(conn)
        for rep in (None, ANA):
            assert [(c.lead.id, c.rep) for c in calls.listed(conn, release, rep, now, 10).calls] == [(lee.id, ANA)]
        assert calls.listed(conn, release, BEN, now, 10).calls == []
        calls.log(world.context, conn, lee.id, True, "", date(2026, 12, 1))
    events = {e["event"]: e["data"] for e in world.view(lee)["events"]}
    assert events["call_logged"] == {"rep": ANA}


@pytest.mark.parametrize("of", ["company", "lead"])
def test_a_reps_leads_are_those_of_whom_each_by_themselves_they_are_the_owner(world: World, of: str) -> None:
    world.deploy(files(branch=BRANCH))
    companies = ("none", "ana", "ben", "gone", "under-ana", "under-ana-but-ben")
    own = (None, ANA, BEN, "gone@acme.example")
    people = [
        world.lead(f"p{number}@{company}.example", company=company, **({"owner": rep} if rep else {}))
        for company in companies
        for number, rep in enumerate(own)
    ]
    people.append(world.lead("alone@gmail.com"))
    with world.context.engine.begin() as conn:
        for domain, rep in (("ana", ANA), ("ben", BEN), ("gone", "gone@acme.example"), ("under-ana-but-ben", BEN)):
            conn.execute(text("UPDATE company SET owner = :o WHERE domain = :d"), {"o": rep, "d": f"{domain}.example"})
        conn.execute(
            text(
                "UPDATE company SET parent_id = (SELECT id FROM company WHERE domain = 'ana.example')"
                " WHERE domain LIKE 'under-%'"
            )
        )
        workspace = replace(world.context.releases.current(conn).workspace, owner=OwnerPolicy(of=of))  # type: ignore[arg-type]
        known = owners(conn, workspace, leads.by_ids(conn, [one.id for one in people]))
        for rep in (ANA, BEN):
            expected = [one.id for one in people if one.id in known and known[one.id].email == rep]
            found = [one.id for one in listings.of_leads(conn, workspace, 0, rep, 100)]
            assert found == expected and len(found) == (10 if of == "company" else 6)
            assert [one.id for one in listings.of_leads(conn, workspace, found[1], rep, 3)] == expected[2:5]


@pytest.mark.parametrize(("of", "without"), [("company", {}), ("lead", {"owned": 1})])
def test_who_waits_for_a_rep_is_counted_as_their_mail_waits(world: World, of: str, without: dict[str, int]) -> None:
    owned = BRANCH.replace("from: marketing", "from: owner")
    world.deploy(files(owned=owned) | {"sequences/workspace.yaml": f"{WORKSPACE}\nowner: {{of: {of}}}\n"})
    lee = world.lead(company="Harbor")
    owned_by(world, ANA, lee)
    world.enter("owned", lee)
    world.pass_(hours=2)
    assert len(world.provider.mails) == (1 if of == "company" else 0)
    with world.context.engine.connect() as conn:
        assert inspect.status(conn, world.context.releases.current(conn))["without_owner"] == without


def test_a_webhook_that_fails_is_posted_again_also_for_what_was_held_for_days(world: World) -> None:
    chat = Chat()
    world.context = replace(world.context, webhooks=chat)  # type: ignore[arg-type]
    world.deploy(files(quick=TOLD) | {"sequences/workspace.yaml": HOOKED})
    kim = world.lead()
    world.enter("quick", kim)
    world.work()
    world.pass_(days=5)
    with world.context.engine.begin() as conn:
        conn.execute(text("UPDATE lead SET owner = :rep WHERE id = :id"), {"rep": ANA, "id": kim.id})
    owner_service.find(world.context)
    for state in ("pending", "refused"):
        chat.answers = [LIMITED]
        alerts.deliver(world.context)
        assert [a["webhook"] for a in world.view(kim)["alerts"]] == [state]
        with world.context.engine.begin() as conn:
            conn.execute(text("UPDATE alert SET retry_at = clock_timestamp() WHERE state = 'pending'"))
        world.idle(USEFUL + timedelta(minutes=1))


def test_what_was_to_be_told_to_an_owner_whom_there_was_not_yet_is_held_and_told_to_the_first(world: World) -> None:
    chat = Chat()
    world.context = replace(world.context, holding=Seldom(0), webhooks=chat)  # type: ignore[arg-type]
    world.deploy(files(quick=TOLD) | {"sequences/workspace.yaml": HOOKED.replace("of: lead", "of: company")})
    kim, lee = world.lead(company="Harbor"), world.lead("lee@mill.example", company="Mill")
    old = world.lead("old@pier.example", company="Pier")
    world.enter("quick", kim, lee, old)
    world.work()
    with world.context.engine.begin() as conn:
        late = clock.now(conn) - HELD - timedelta(minutes=1)
        conn.execute(text("UPDATE alert SET at = :late WHERE lead_id = :id"), {"late": late, "id": old.id})
    owned_by(world, ANA, kim, old)
    assert ("owned", ()) in due.work(world.context)
    assert not owner_service.find(world.context)
    assert ("owned", ()) not in due.work(world.context)
    for _ in range(2):
        alerts.deliver(world.context)

    def told(lead: Lead) -> list[tuple[str | None, str, str | None]]:
        return [(a["rep"], a["state"], a["webhook"]) for a in world.view(lead)["alerts"]]

    assert told(kim) == [(ANA, "sent", "sent")]
    assert told(lee) == told(old) == [(None, "no_owner", None)]
    assert [url for url, _ in chat.posts] == [HOOK]
    assert [r.to_email for b in world.provider.batches for r in b.recipients] == [ANA]

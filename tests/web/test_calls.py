"""The call list: who comes up, in which order and why, and what a rep says of a call."""

import re

import pytest

from sequencer.core.handoff import State
from sequencer.services import calls
from sequencer.store import handoffs
from tests.services.test_handoffs import SIGNALS, asks, of, visits
from tests.web.conftest import Site, csrf
from tests.workspaces import WORKSPACE, files

CALLS = """
title: Calls
state: live
topic: guides
pressure: exempt
enroll: {when: manual}
from: marketing
steps:
  - id: call
    task: call
    note: Ask about the demo
    due: 2 business days
    hold: true
  - email: one
"""


@pytest.fixture
def list_(site: Site) -> Site:
    site.world.deploy(files(calls=CALLS) | {"sequences/workspace.yaml": WORKSPACE, "sequences/signals.yaml": SIGNALS})
    site.log_in()
    return site


def names(site: Site, query: str = "") -> list[str]:
    """Who is listed, in order."""
    shown = site.http.get(f"/dashboard/calls{query}").text
    return re.findall(r'<h3><a href="/dashboard/leads/\d+">([^<]+)</a>', shown)


def said(site: Site, name: str) -> str:
    """The chips of somebody on the list."""
    found = re.search(
        rf">{name}</a></h3>\s*<span class=\"chips\">(.*?)</span>\s*</div>", site.http.get("/dashboard/calls").text, re.S
    )
    assert found is not None
    return " · ".join(re.findall(r">([^<>]+)<", found[1]))


def test_who_comes_up_again_is_listed_after_what_is_asked_for_with_the_reason(list_: Site) -> None:
    world = list_.world
    ana = {"owner": "ana@acme.example"}
    old = world.lead("old@h.example", first_name="Old", stage="mql", **ana)
    world.lead("young@h.example", first_name="Unready", stage="lead", **ana)
    world.lead("nobody@h.example", first_name="Ownerless", stage="mql")
    world.lead("parked@h.example", first_name="Parked", stage="mql", next_attempt="2027-06-01", **ana)
    world.lead("due@h.example", first_name="Due", stage="lead", next_attempt="2027-01-20", **ana)
    assert names(list_) == [], "nobody is idle yet"
    world.pass_(days=61)
    asked = world.lead("asked@h.example", first_name="Asked", owner="ben@acme.example")
    world.enter("calls", asked)
    world.lead("new@h.example", first_name="New", stage="mql", **ana)
    world.work()
    assert names(list_) == ["Asked", "Due", "Old"]
    assert names(list_, "?rep=ben@acme.example") == ["Asked"]
    assert said(list_, "Due") == "next attempt 20 Jan" and said(list_, "Old") == "nobody called for 60 days"
    world.happens(old, "call_logged")
    assert names(list_) == ["Asked", "Due"]


def test_better_campaigns_come_first_then_the_score_then_who_was_active_last(list_: Site) -> None:
    world = list_.world
    for number, state in enumerate((State.ACCEPTED, State.ACCEPTED, State.DECLINED, State.DECLINED)):
        campaign = "webinar" if state is State.ACCEPTED else "giveaway"
        lead = world.lead(f"p{number}@h{number}.example", campaign=campaign, owner="ana@acme.example")
        asks(world, lead)
        with world.context.engine.begin() as conn:
            handoffs.write(conn, [of(world, lead)[0]._replace(state=state, due_at=None)])
        world.happens(lead, "call_logged", f"later {number}")
    world.pass_(days=31)
    people = [("Giveaway", "giveaway", 0), ("Quiet", "", 0), ("Warm", "", 1), ("Webinar", "webinar", 0)]
    for name, campaign, count in people:
        more = {"campaign": campaign} if campaign else {}
        lead = world.lead(f"{name.lower()}@h.example", first_name=name, stage="mql", owner="ana@acme.example", **more)
        world.pass_(hours=1)
        visits(world, lead, *["/pricing"] * count)
    for number in range(4):
        world.happens(world.lead(f"p{number}@h{number}.example"), "call_logged", f"again {number}")
    world.pass_(days=61)
    found = [name for name in names(list_) if not name.startswith("p")]
    assert found == ["Webinar", "Warm", "Quiet", "Giveaway"]
    assert "webinar: 2 of 2 handoffs accepted" in said(list_, "Webinar")


def post(site: Site, lead_id: int, **fields: str) -> int:
    token = csrf(site.http.get("/dashboard/calls").text)
    return int(site.http.post(f"/dashboard/calls/{lead_id}", data={"csrf": token, **fields}).status_code)


def test_a_call_is_taken_off_the_list_or_put_off_by_the_page(list_: Site) -> None:
    world = list_.world
    kim = world.lead(first_name="Kim", owner="ana@acme.example")
    world.enter("calls", kim)
    world.work()
    assert post(list_, kim.id, do="again", note="Voice mail", again="2026-11-27") == 303
    assert "by Fri 27 Nov 09:00" in said(list_, "Kim")
    assert world.lead().fields["next_attempt"] == "2026-11-27"
    assert post(list_, kim.id, do="again") == 303
    assert "by Fri 27 Nov 09:00" in said(list_, "Kim"), "never earlier than it was put off to"
    world.pass_(hours=1)
    assert world.provider.mails == [], "the series still waits for the call"
    assert post(list_, kim.id, do="done", note="Wants an offer") == 303
    assert names(list_) == []
    world.work()
    assert [step for _, step in world.provider.mails] == ["one"]
    events = {e["event"]: e["data"] for e in world.view(world.lead())["events"]}
    assert events["call_logged"] == {"rep": "ana@acme.example", "note": "Wants an offer"}
    world.pass_(days=5)
    assert names(list_) == [], "who was reached needs no further attempt, unless the rep says when"
    assert post(list_, kim.id, do="done", again="2026-12-01") == 303
    world.pass_(days=4)
    assert said(list_, "Kim") == "next attempt 1 Dec"


def test_only_a_form_of_ours_about_a_lead_there_is_acts(list_: Site) -> None:
    kim = list_.world.lead(first_name="Kim", owner="ana@acme.example")
    assert list_.http.post(f"/dashboard/calls/{kim.id}", data={"do": "done"}).status_code == 403
    assert [post(list_, kim.id, do="x"), post(list_, 10**30, do="done"), post(list_, 10**6, do="done")] == [404] * 3


def test_whom_nobody_is_to_approach_does_not_come_up_again(site: Site) -> None:
    world = site.world
    stops = WORKSPACE.replace("statuses:\n", "statuses:\n  bad-fit: {label: Bad fit, stops: all}\n")
    assert stops != WORKSPACE
    never = 'never:\n  - company.domain in list("rivals.txt")\n'
    world.deploy(
        files(calls=CALLS) | {"sequences/workspace.yaml": stops + never, "sequences/rivals.txt": "evil.example\n"}
    )
    site.log_in()
    known = {"owner": "ana@acme.example", "stage": "mql"}
    world.lead("bad@h.example", first_name="Bad", status="bad-fit", **known)
    # More of them than one reading of the list finds, all before the one who is to be called.
    for number in range(3):
        world.lead(f"eve{number}@evil.example", first_name="Eve", next_attempt="2026-12-01", **known)
    kim = world.lead(first_name="Kim", **known)
    world.pass_(days=61)
    assert names(site) == ["Kim"]
    with world.context.engine.connect() as conn:
        release = world.context.releases.current(conn)
        found = calls.listed(conn, release, "ana@acme.example", world.now(), 1).calls
    assert [one.lead.id for one in found] == [kim.id]


def test_a_reps_handoffs_stand_at_the_top_until_they_are_answered_and_the_lead_was_called(list_: Site) -> None:
    world = list_.world
    ana, ben = {"owner": "ana@acme.example"}, {"owner": "ben@acme.example"}
    world.lead("old@h.example", first_name="Due", next_attempt="2026-11-01", **ana)
    kim = world.lead(first_name="Kim", **ana)
    asks(world, kim)
    asks(world, world.lead("lee@other.example", first_name="Lee", **ben))
    world.enter("calls", kim)
    world.work()
    assert names(list_, "?rep=ana@acme.example") == ["Kim", "Due"], "once, though a sequence asks for a call as well"
    chips = said(list_, "Kim")
    assert "accept or decline · asked" in chips and "by Wed 25 Nov" in chips
    shown = list_.http.get("/dashboard/calls?rep=ana@acme.example").text
    found = re.search(r'<a href="(/h/[a-z2-7]{32})">Accept or decline by Mon 23 Nov', shown)
    assert found is not None
    assert list_.http.post(found[1], data={"do": "accept"}).status_code == 303
    assert names(list_) == ["Lee", "Kim", "Due"] and "accepted, not called yet" in said(list_, "Kim")
    assert post(list_, kim.id, do="again", again="2026-11-26") == 303
    assert "by Thu 26 Nov 09:00" in said(list_, "Kim") and "not called yet" not in said(list_, "Kim")
    world.pass_(days=3)
    assert "accepted, not called yet" in said(list_, "Kim"), "the next attempt has come"
    assert post(list_, kim.id, do="done") == 303
    assert "Kim" not in names(list_)

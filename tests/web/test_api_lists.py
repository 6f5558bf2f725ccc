"""Lists of the API, page by page, and what programs may do beside saving leads and events."""

from typing import Any

import pytest

from sequencer.core import cursor
from sequencer.core.cursor import BadCursor
from sequencer.store import handoffs, listings
from tests.services.test_handoffs import asks, workspace
from tests.web.conftest import BEARER, Site
from tests.workspaces import edited

EMAIL = "kim@harbor.example"


def get(site: Site, path: str, **query: Any) -> Any:
    answer = site.http.get(path, params=query, headers=BEARER)
    assert answer.status_code == 200, answer.text
    return answer.json()


def post(site: Site, path: str, body: Any, status: int = 200) -> Any:
    answer = site.http.post(path, json=body, headers=BEARER)
    assert answer.status_code == status, answer.text
    return answer.json()


def walked(site: Site, noun: str, between: Any = lambda: None, **query: Any) -> list[Any]:
    """Everything, in pages of two; `between` is done after each."""
    found, following = [], None
    while True:
        page = get(site, f"/api/{noun}", limit=2, **query, **({"cursor": following} if following else {}))
        found += page[noun]
        between()
        following = page["next"]
        if following is None:
            return found
        assert len(page[noun]) == 2


def test_pages_show_everybody_once_whoever_comes_meanwhile(site: Site) -> None:
    names = [f"p{number}@harbor.example" for number in range(5)]
    for name in names:
        site.world.enter("welcome", site.world.lead(name, owner_email="ana@acme.example"))
    new = iter(range(100))
    found = walked(site, "leads", lambda: site.world.lead(f"a{next(new)}@mill.example"), owner="ana@acme.example")
    assert [one["email"] for one in found] == names
    assert [one["email"] for one in walked(site, "enrollments", sequence="welcome", status="active")] == names
    assert [one["email"] for one in walked(site, "enrollments", email=names[2])] == [names[2]]


def test_a_reps_leads_are_those_of_their_companies_too(site: Site) -> None:
    people = [site.world.lead(f"{name}@harbor.example", company="Harbor") for name in ("kim", "lee")]
    site.world.lead("max@mill.example", company="Mill")
    with site.world.context.engine.begin() as conn:
        handoffs.own_company(conn, {people[0].company_id or 0: "ana@acme.example"})
    assert [one["id"] for one in walked(site, "leads", owner="ana@acme.example")] == [one.id for one in people]


def test_a_page_of_what_is_rare_looks_at_so_many_and_the_next_goes_on_there(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listings, "LOOKED", 3)
    people = [site.world.lead(f"p{number}@harbor.example") for number in range(8)]
    for lead in people:
        site.world.enter("welcome", lead)
    for lead in (people[4], people[7]):
        site.world.happens(lead, "unsubscribed")
    pages, following = [], ""
    while following is not None:
        page = get(site, "/api/enrollments", status="stopped", **({"cursor": following} if following else {}))
        pages.append([one["email"] for one in page["enrollments"]])
        following = page["next"]
    assert pages == [[], [people[4].email], [people[7].email]]
    assert len(get(site, "/api/enrollments")["enrollments"]) == 8
    assert get(site, "/api/enrollments", email=people[7].email, status="stopped")["next"] is None


def test_events_come_newest_first_and_none_twice(site: Site) -> None:
    site.world.lead(EMAIL)
    for number in range(5):
        post(site, "/api/events", {"email": EMAIL, "event": f"said-{number}", "at": "2026-11-23T08:00:00Z"})
    at_once = [one["event"] for one in get(site, "/api/events", email=EMAIL)["events"]]
    later, at_nine = iter(range(100)), {"email": EMAIL, "at": "2026-11-23T09:00:00Z"}
    more = lambda: post(site, "/api/events", {**at_nine, "event": f"later-{next(later)}"})  # noqa: E731
    paged = [one["event"] for one in walked(site, "events", more, email=EMAIL)]
    assert (paged, len(set(paged))) == (at_once, 5)


def test_a_stop_is_listed_and_taken_back_and_what_the_lead_said_stays(site: Site) -> None:
    kim = site.world.lead(EMAIL)
    site.world.enter("welcome", kim)
    assert post(site, "/api/suppressions", {"email": "Kim@Harbor.example"}) == {"email": EMAIL, "stopped": ["welcome"]}
    post(site, "/api/events", {"email": EMAIL, "event": "complained"})
    assert [(one["email"], one["topic"], one["reason"]) for one in walked(site, "suppressions")] == [
        (EMAIL, None, "complained"),
        (EMAIL, None, "operator"),
    ]
    answer = site.http.delete(f"/api/suppressions/{EMAIL}", headers=BEARER)
    assert (answer.status_code, answer.json()) == (200, {"lifted": True, "still": "complained"})
    assert site.world.view(kim)["lead"]["suppressed"] is True
    post(site, "/api/suppressions", {"email": "who@harbor.example"}, 404)


def test_who_enters_by_the_api_is_told_why_not_and_the_workers_are_woken(site: Site) -> None:
    kim = site.world.lead(EMAIL)
    wanted = {"email": EMAIL, "sequence": "welcome"}
    assert post(site, "/api/enrollments", wanted) == {"lead": kim.id, "entered": True, "why": None}
    assert ("drain", "welcome", "one") in site.world.hints
    assert post(site, "/api/enrollments", wanted)["why"] == "is in it already"
    assert "deployed: customers, welcome" in str(post(site, "/api/enrollments", {**wanted, "sequence": "x"}, 422))
    post(site, "/api/enrollments", {**wanted, "email": "who@harbor.example"}, 404)


def test_a_handoff_is_listed_and_answered_once(site: Site) -> None:
    site.world.deploy(workspace())
    kim = site.world.lead(EMAIL, owner="ana@acme.example")
    asks(site.world, kim)
    [one] = get(site, "/api/handoffs", rep="ana@acme.example", state="waiting")["handoffs"]
    assert (one["email"], one["number"], one["reasons"]) == (EMAIL, 1, ["asked"])
    place = f"/api/handoffs/{kim.id}/1"
    assert "expected why" in str(post(site, place, {"answer": "decline"}, 422))
    assert "expected one of" in str(post(site, place, {"answer": "decline", "reason": "nope"}, 422))
    for day in ("2026-11-23", "1999-01-01", "2036-11-23"):
        said = {"answer": "decline", "reason": "not-now", "until": day}
        assert "from tomorrow on" in str(post(site, place, said, 422))
    left = edited(workspace(), "ana@acme.example", "eva2@acme.example")
    site.world.deploy(left)
    assert "no rep any more" in str(post(site, place, {"answer": "accept"}, 409))
    site.world.deploy(workspace())
    assert post(site, place, {"answer": "accept"}) == {"lead": kim.id, "number": 1, "state": "accepted"}
    post(site, place, {"answer": "accept"}, 409)
    for wrong in (f"/api/handoffs/{kim.id}/2", f"/api/handoffs/{10**30}/1"):
        post(site, wrong, {"answer": "accept"}, 404)


def test_the_day_from_which_a_handoff_is_put_off_is_the_reps_tomorrow(site: Site) -> None:
    west = edited(workspace(), "Ana Ruiz, zone: Europe/London", "Ana Ruiz, zone: Pacific/Honolulu")
    site.world.deploy(west)
    kim = site.world.lead(EMAIL, owner="ana@acme.example")
    asks(site.world, kim)
    said = {"answer": "decline", "reason": "not-now"}
    assert "from tomorrow on" in str(post(site, f"/api/handoffs/{kim.id}/1", {**said, "until": "2026-11-22"}, 422))
    assert post(site, f"/api/handoffs/{kim.id}/1", {**said, "until": "2026-11-23"})["state"] == "declined"


def test_a_form_that_is_passed_on_counts_once_and_says_what_is_missing(site: Site) -> None:
    forms = "handbook: {title: The Handbook, always: [first_name], message: What for?}\n"
    site.world.deploy({**workspace(), "sequences/forms.yaml": forms})
    [form] = get(site, "/api/forms")["forms"]
    assert [(one["name"], one["needed"]) for one in form["questions"]] == [("email", True), ("first_name", True)]
    assert "first_name" in str(post(site, "/api/forms/handbook", {"email": EMAIL}, 422))
    sent = {
        "email": EMAIL,
        "answers": {"first_name": "Kim"},
        "message": "An audit",
        "key": "7",
        "query": "utm_campaign=autumn",
    }
    assert [post(site, "/api/forms/handbook", sent) for _ in range(2)] == [{"status": "done"}] * 2
    view = site.world.view(site.world.lead(EMAIL))
    assert (view["lead"]["first_name"], view["lead"]["campaign"]) == ("Kim", "autumn")
    assert [e["data"]["text"] for e in view["events"] if e["event"] == "submitted"] == ["An audit"]
    post(site, "/api/forms/none", sent, 404)


@pytest.mark.parametrize(
    ("path", "query", "status", "says"),
    [
        ("leads", {"limit": "0"}, 422, "from 1 to 1000"),
        ("leads", {"limit": "1001"}, 422, "from 1 to 1000"),
        ("leads", {"limit": "²"}, 422, "from 1 to 1000"),
        ("leads", {"owner": "nobody"}, 422, "owner"),
        ("leads", {"page": "2"}, 422, "expected only owner, limit, cursor"),
        ("leads", {"cursor": "WzE"}, 400, "leave it out to begin again"),
        ("leads", {"cursor": "\ud7ff"}, 400, "leave it out to begin again"),
        ("leads", {"cursor": ""}, 400, "leave it out to begin again"),
        ("events", {}, 422, "email"),
        ("events", {"email": "who@harbor.example"}, 404, "no lead"),
        ("enrollments", {"sequence": "a\0b"}, 422, "sequence"),
        ("enrollments", {"status": "gone"}, 422, "expected one of active"),
        ("handoffs", {"state": "lost"}, 422, "expected one of waiting"),
        ("handoffs", {"cursor": cursor.write({"": "/api/handoffs"}, ("x", 1))}, 400, "begin again"),
        ("leads", {"cursor": cursor.write({"": "/api/leads"}, (2**63,))}, 400, "begin again"),
        ("suppressions", {"cursor": cursor.write({"": "/api/suppressions"}, ("a\0", "", ""))}, 400, "begin again"),
    ],
)
def test_a_question_that_means_nothing_is_refused(
    site: Site, path: str, query: dict[str, str], status: int, says: str
) -> None:
    answer = site.http.get(f"/api/{path}", params=query, headers=BEARER)
    assert (answer.status_code, says in answer.text) == (status, True), answer.text


def test_a_cursor_belongs_to_its_question() -> None:
    asked = {"": "/api/leads", "owner": "ana@acme.example"}
    made = cursor.write(asked, (17, "x"))
    assert cursor.read({**asked, "status": None}, made, (int, str)) == (17, "x")
    for question, types in (({"": "/api/leads"}, (int, str)), (asked, (int,)), (asked, (str, str))):
        with pytest.raises(BadCursor):
            cursor.read(question, made, types)

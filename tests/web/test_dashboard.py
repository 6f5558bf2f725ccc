"""The dashboard: what is seen of sequences and of leads."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sequencer.core.mail import Answer, Outcome, Receipt
from sequencer.core.message import State
from sequencer.services.migrate import migrate
from sequencer.store import clock, handoffs, pauses
from sequencer.web.flow import slices
from sequencer.web.pages import relative
from sequencer.web.timeline import timeline
from tests.web.conftest import WELCOME, Site
from tests.workspaces import files

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.fixture
def inside(site: Site) -> Site:
    site.log_in()
    return site


def words(page: str) -> str:
    """What a reader sees."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_a_sequence_shows_its_steps_in_order_with_people_and_mails(inside: Site) -> None:
    people = [inside.world.lead(f"p{n}@harbor.example") for n in range(3)]
    inside.world.enter("welcome", *people)
    inside.world.work()
    inside.world.enter("welcome", inside.world.lead("late@harbor.example"))
    text = words(inside.http.get("/dashboard").text)
    assert re.search(
        r"Welcome live welcome · Guides 4 in it goal did\(\"meeting_booked\"\)", text.replace("&#34;", '"')
    )
    order = [
        "email one",
        "2 days later",
        "if clicked",
        "within 3 days",
        "then tell owner",
        "else email two",
        "1 day later",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert "email one One 1 3 accepted" in text
    assert "within 3 days looked 3 then" in text


def test_those_who_keep_older_steps_are_drawn_at_their_own(inside: Site) -> None:
    pinned = WELCOME.replace("topic: guides", "topic: guides\nedits: pin")
    inside.world.deploy(files(welcome=pinned))
    inside.world.enter("welcome", inside.world.lead())
    inside.world.work()
    inside.world.deploy(files(welcome=pinned[: pinned.index("  - wait: 2 days")]))
    inside.world.work()
    assert migrate(inside.world.context) is False
    text = words(inside.http.get("/dashboard").text)
    today, older = text.split("1 keeps the steps of deployment 2")
    assert "within 3 days" not in today and "within 3 days looked 1 then tell owner" in older


def test_a_pause_of_all_sending_stands_on_the_first_page_with_what_ends_it(inside: Site) -> None:
    with inside.world.context.engine.begin() as conn:
        pauses.begin(conn, pauses.Reason.CREDENTIALS, "401: authorization required", 300)
    overview = words(inside.http.get("/dashboard").text)
    assert "All sending is paused 401: authorization required set a valid SENDGRID_API_KEY" in overview


def test_a_paused_sequence_is_shown_with_what_ends_it(inside: Site) -> None:
    with inside.world.context.engine.begin() as conn:
        pauses.begin_sequence(conn, "welcome", "<the prices in it> are old", clock.now(conn))
    overview = words(inside.http.get("/dashboard").text)
    assert "welcome is paused &lt;the prices in it&gt; are old Since 20" in overview
    assert "UTC, until sequencer resume --sequence welcome" in overview


def test_held_messages_are_shown(inside: Site) -> None:
    inside.world.provider.answers = [Receipt(Outcome(Answer.UNKNOWN, "timed out"))]
    kim = inside.world.lead()
    inside.world.enter("welcome", kim)
    inside.world.work()
    overview = words(inside.http.get("/dashboard").text)
    assert "Held messages" in overview
    assert "kim@harbor.example · one of welcome “One” — timed out" in overview
    assert "one of welcome may or may not have gone (timed out)" in words(
        inside.http.get(f"/dashboard/leads/{kim.id}").text
    )


def test_leads_are_found_by_name_and_address_and_are_listed_with_their_company(inside: Site) -> None:
    inside.world.lead("kim@harbor.example", first_name="Kim", last_name="Weiss", company="Harbor", stage="mql")
    inside.world.lead("lee@quay.example")
    assert "Kim Weiss kim@harbor.example Harbor mql" in words(inside.http.get("/dashboard/leads?q=weiss").text)
    assert "lee@" not in inside.http.get("/dashboard/leads?q=weiss").text
    assert "lee@quay.example" in inside.http.get("/dashboard/leads").text
    assert "No lead&#39;s name" in inside.http.get("/dashboard/leads?q=%25%00").text.replace("'", "&#39;")


def test_a_leads_page_tells_the_story_in_local_time_and_what_comes_next(inside: Site) -> None:
    kim = inside.world.lead(first_name="Kim", time_zone="Asia/Tokyo", owner_email="ana@acme.example", pains="cost;risk")
    inside.world.enter("welcome", kim)
    inside.world.work()
    [one] = inside.world.view(kim)["messages"]
    inside.world.pass_(hours=1)
    inside.world.happens(
        kim, "clicked", enrollment_id=one["enrollment_id"], step="one", source="sendgrid", link="price"
    )
    inside.world.pass_(days=2)
    text = words(inside.http.get(f"/dashboard/leads/{kim.id}").text)
    assert "Local time 18:00 in Tokyo" in text
    assert re.search(r"Monday 23 November 2026 18:00 clicked price in one", text)
    assert "17:00 was sent one accepted welcome One" in text
    assert "the owner was told (tell-rep) pending welcome Looked at prices" in text
    assert "What comes next Welcome in 23 hours" in text
    assert "waits until Thu 26 Nov 2026 17:00 (Tokyo), before three sequences/welcome.yaml:" in text
    assert "Owner Ana Ruiz" in text
    assert "Pains cost, risk" in text


def test_a_leads_page_says_whose_it_is_by_the_company(inside: Site) -> None:
    lee = inside.world.lead("lee@harbor.example", company="Harbor")
    with inside.world.context.engine.begin() as conn:
        handoffs.own_company(conn, {lee.company_id or 0: "ana@acme.example"})
    assert "Owner Ana Ruiz through the company" in words(inside.http.get(f"/dashboard/leads/{lee.id}").text)


SIGNALS = """
points:
  - {when: visited("/pricing*"), points: 20, half_life: 14 days}
sales_ready:
  any:
    warm: score >= 20
learn:
  - {when: visited("/pricing*"), add: {pains: cost}}
"""


def test_a_leads_page_says_how_the_lead_stands_and_what_was_learned(inside: Site) -> None:
    inside.world.deploy(files(welcome=WELCOME) | {"sequences/signals.yaml": SIGNALS})
    kim = inside.world.lead(company="Harbor")
    inside.world.happens(kim, "visited", page="/pricing/<b>eu")
    inside.world.work()
    said = words(inside.http.get(f"/dashboard/leads/{kim.id}").text)
    moment = "Mon 23 Nov 2026 08:00 (London)"
    assert f"score 20, fit 0; sales-ready since {moment}: warm" in said
    assert f"+20 points: visited /pricing* once, last {moment} sequences/signals.yaml:3" in said
    assert "+20: visited /pricing/&lt;b&gt;eu" in said
    assert "Pains cost from behaviour, 23 Nov 2026, 50 % sure: visited /pricing* once" in said
    assert "was understood: pains became cost, 50 % sure" in said


def test_a_suppressed_lead_says_so_first(inside: Site) -> None:
    kim = inside.world.lead()
    inside.world.enter("welcome", kim)
    inside.world.happens(kim, "complained")
    text = words(inside.http.get(f"/dashboard/leads/{kim.id}").text)
    assert "kim@harbor.example must not be mailed: reported spam" in text
    assert "Nothing: this lead is in no sequence now." in text
    assert "was stopped (suppressed)" in text


@pytest.mark.parametrize("path", ["/dashboard/leads/999", f"/dashboard/leads/{2**70}"])
def test_a_lead_that_does_not_exist_is_a_404(inside: Site, path: str) -> None:
    assert inside.http.get(path).status_code == 404


def test_hostile_names_are_shown_and_not_run(inside: Site) -> None:
    kim = inside.world.lead(first_name="<script>alert(1)</script>", last_name="{{7*7}}", title='"><img src=x>')
    for path in ("/dashboard/leads", f"/dashboard/leads/{kim.id}", "/dashboard/leads?q=<script>"):
        page = inside.http.get(path).text
        assert "<script>" not in page
        assert "<img src=x" not in page
    assert "{{7*7}}" in inside.http.get(f"/dashboard/leads/{kim.id}").text


def test_a_bar_is_a_whole() -> None:
    bar = slices({State.DELIVERED: 2, State.BOUNCED: 1, State.UNKNOWN: 1})
    assert [(one.name, one.count, one.start, one.width) for one in bar] == [
        ("delivered", 2, 0.0, 50.0),
        ("held", 1, 50.0, 25.0),
        ("failed", 1, 75.0, 25.0),
    ]
    assert sum(len(one) for one in [slices({state: 1}) for state in State]) == len(State)


@pytest.mark.parametrize(
    ("away", "expected"),
    [
        (timedelta(days=3), "in 3 days"),
        (timedelta(hours=-26), "1 day ago"),
        (timedelta(minutes=89), "in 1 hour"),
        (timedelta(seconds=20), "now"),
    ],
)
def test_distances_in_time_are_told_in_the_largest_unit(away: timedelta, expected: str) -> None:
    assert relative(NOW + away, NOW) == expected


CALLS = """
title: Calls
state: live
topic: guides
enroll:
  when: manual
from: marketing
steps:
  - id: first-call
    task: call
    note: Ask <b>them</b> why
    due: 1 business day
  - wait: 30 days
  - email: one
"""


def test_calls_to_make_are_listed_for_everybody_and_for_one_rep(inside: Site) -> None:
    assert "Nobody is to be called." in words(inside.http.get("/dashboard/calls").text)
    inside.world.deploy(files(calls=CALLS))
    kim = inside.world.lead(first_name="Kim", last_name="Weiss", owner_email="ana@acme.example")
    inside.world.enter("calls", kim, inside.world.lead("lee@quay.example"))
    inside.world.pass_(days=2)
    page = inside.http.get("/dashboard/calls").text
    assert "Kim Weiss late by Tue 24 Nov 08:00 Ana Ruiz – Ask &lt;b&gt;them&lt;/b&gt; why" in words(page)
    assert "lee@quay.example late by Tue 24 Nov 08:00 nobody owns this lead – Ask &lt;b&gt;them&lt;/b&gt; why" in words(
        page
    )
    ana = words(inside.http.get("/dashboard/calls?rep=ANA@acme.example%00").text)
    assert ("Calls to make for Ana Ruiz" in ana, "Kim Weiss" in ana, "lee@quay" in ana) == (True, True, False)


def test_days_are_the_leads_own() -> None:
    view = {
        "lead": {"created_at": "2026-11-23T20:00:00+00:00"},
        "enrollments": [],
        "messages": [],
        "alerts": [],
        "events": [],
    }
    assert [one.name for one in timeline(view, ZoneInfo("Asia/Tokyo"))] == ["Tuesday 24 November 2026"]


@pytest.mark.parametrize("event", ["delivered", "opened"])
def test_what_became_of_a_mail_is_shown_above_its_sending(event: str) -> None:
    """The newest stands first. Providers' times are whole seconds, ours have fractions."""
    sent = "2026-11-23T08:00:00.700000+00:00"
    outcome = {"step": "one", "outcome": "sent", "at": sent, "sentence": "was sent one"}
    mail = {"sequence": "welcome", "subject": "One", "state": "delivered", "failure": None, "sent_at": sent}
    followed = {"event": event, "at": "2026-11-23T08:00:00+00:00", "source": "sendgrid", "machine": False, "data": {}}
    view = {
        "lead": {"created_at": None},
        "enrollments": [{"id": 1, "sequence": "welcome", "entered_at": sent, "outcomes": [outcome], "ended_at": None}],
        "messages": [{"enrollment_id": 1, "step": "one", **mail}],
        "alerts": [],
        "events": [{"enrollment_id": 1, "step": "one", "sentence": f"{event} one", **followed}],
    }
    [day] = timeline(view, ZoneInfo("UTC"))
    assert [f"{event} one", "was sent one", "entered welcome"] == [entry.sentence for entry in day.entries]

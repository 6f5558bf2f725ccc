"""The rep's answer: the page behind the signed address, the mail that tells, and answering it."""

import re

import pytest

from sequencer.core.mail import join
from sequencer.core.token import mint_handoff
from sequencer.services import alerts
from tests.services.conftest import World
from tests.services.test_handoffs import asks, of, workspace
from tests.services.test_unmet import needing
from tests.services.webhooks import reply_form, take
from tests.web.conftest import Site
from tests.workspaces import edited


def mailed(site: Site) -> tuple[str, str]:
    """The text of the last alert, and the path of the page that it links to."""
    while alerts.deliver(site.world.context):
        pass
    text = site.world.provider.text()
    found = re.search(r"https://mail\.acme\.example(/h/[a-z2-7]{32})", text)
    assert found is not None, text
    return text, found[1]


@pytest.fixture
def page(site: Site) -> str:
    site.world.deploy(workspace())
    kim = site.world.lead(first_name="<b>Kim</b>", company="Harbor", owner="ana@acme.example", pains=["cost"])
    asks(site.world, kim)
    return mailed(site)[1]


def state(site: Site) -> tuple[str, str, str | None]:
    """Of the last handoff: state, answer, rep."""
    one = of(site.world, site.world.lead())[-1]
    return one.state.value, one.answer, one.rep


def test_the_mail_says_who_why_and_what_next(site: Site, page: str) -> None:
    text, _ = mailed(site)
    assert "<b>Kim</b>, Harbor" in text and "Why now: asked" in text
    assert "Submitted the form demo – Mon 23 Nov 2026 08:00 (London)" in text
    assert "They asked themselves: answer that first" in text and "What bothers them: cost" in text
    assert "https://mail.acme.example/dashboard/leads/" in text
    [recipient] = site.world.provider.batches[-1].recipients
    assert (recipient.to_email, site.world.provider.batches[-1].skeleton.reply_to[0]) == ("ana@acme.example", "r-")


def test_opening_the_page_changes_nothing_and_accepting_counts_once(site: Site, page: str) -> None:
    for method in ("GET", "HEAD"):
        assert site.http.request(method, page).status_code == 200
    shown = site.http.get(page).text
    assert "<b>Kim" not in shown and "Please answer by <b>Monday 23 November 13:00</b>" in shown
    assert state(site)[0] == "waiting"
    assert site.http.post(page, data={"do": "accept"}).status_code == 303
    assert state(site) == ("accepted", "", "ana@acme.example")
    assert "You accepted this lead" in site.http.get(page).text
    assert site.http.post(page, data={"do": "decline", "reason": "no-budget"}).status_code == 409
    site.world.pass_(days=4)
    assert state(site)[0] == "accepted" and len(site.world.view(site.world.lead())["alerts"]) == 1


def test_declining_needs_a_reason_and_a_date_brings_the_lead_back_then(site: Site, page: str) -> None:
    assert site.http.post(page, data={"do": "decline"}).status_code == 400
    written = {"do": "decline", "reason": "not-now", "until": "2027-03-01"}
    past = site.http.post(page, data=written | {"until": "1999-01-01"})
    assert past.status_code == 400 and "Choose a day from tomorrow on" in past.text
    assert site.http.post(page, data=written).status_code == 303
    assert state(site) == ("declined", "not-now", "ana@acme.example")
    lead = site.world.lead()
    assert (lead.status, lead.fields["next_attempt"], lead.stage) == ("idle-timing", "2027-03-01", "sql")
    sentences = [e["sentence"] for e in site.world.view(lead)["events"]]
    assert "ana@acme.example declined the handoff: Not now" in sentences


@pytest.mark.parametrize(
    ("zone", "hours", "day", "fits"),
    [
        ("Pacific/Honolulu", 0, "2026-11-23", True),  # It is 22:00 on the 22nd.
        ("Pacific/Auckland", 4, "2026-11-24", False),  # It is 01:00 on the 24th.
        ("Pacific/Auckland", 4, "2026-11-25", True),
    ],
)
def test_tomorrow_is_the_reps_and_what_was_typed_stands_there_again(
    site: Site, zone: str, hours: int, day: str, fits: bool
) -> None:
    site.world.deploy(edited(workspace(), "Ana Ruiz, zone: Europe/London", f"Ana Ruiz, zone: {zone}"))
    asks(site.world, site.world.lead(owner="ana@acme.example"))
    _, page = mailed(site)
    site.world.pass_(hours=hours)
    said = {"do": "decline", "reason": "not-now", "words": '"><b>later', "until": day}
    answer = site.http.post(page, data=said)
    assert answer.status_code == (303 if fits else 400)
    if not fits:
        assert 'value="not-now" checked>' in answer.text and f'name="until" value="{day}"' in answer.text
        assert "later" in answer.text and "<b>later" not in answer.text


def test_after_a_reassignment_the_first_reps_page_says_who_has_it(site: Site, page: str) -> None:
    site.world.pass_(hours=10)
    assert "went to Ben Okafor meanwhile" in site.http.get(page).text
    assert site.http.post(page, data={"do": "accept"}).status_code == 409
    token = mint_handoff(site.world.context.secret, site.world.lead().id, 1, "ben@acme.example")
    other = f"/h/{token}"
    while alerts.deliver(site.world.context):
        pass
    assert {r.values[-1]: r.to_email for b in site.world.provider.batches for r in b.recipients}[
        token
    ] == "ben@acme.example"
    assert state(site) == ("waiting", "", "ben@acme.example")
    assert site.http.post(other, data={"do": "accept"}).status_code == 303
    assert (state(site)[0], site.world.lead().owner) == ("accepted", "ben@acme.example")


def profile(site: Site, page: str) -> bool:
    """Whether the page says who the lead is; it always says how the handoff stands."""
    shown = site.http.get(page)
    assert shown.status_code == 200
    return any(word in shown.text for word in ("Kim", "Harbor", "kim@harbor.example", "What bothers them"))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("accept", "You accepted this lead on Monday 23 November 08:00"),
        ("decline", "This lead was declined on Monday 23 November 08:00: No budget"),
        ("reassign", "This lead went to Ben Okafor meanwhile, on Monday 23 November 17:00"),
        ("expire", "This lead went back to nurture on Tuesday 24 November 13:00: nobody accepted it in time"),
        ("leave", "This handoff is over"),
    ],
    ids=["accepted", "declined", "reassigned", "expired", "the rep left"],
)
def test_once_it_is_over_the_link_says_so_and_not_who_the_lead_is(site: Site, page: str, how: str, says: str) -> None:
    assert profile(site, page)
    if how == "leave":
        left = edited(workspace(), "ana@acme.example", "eva2@acme.example")
        site.world.deploy(left)
        assert site.http.post(page, data={"do": "accept"}).status_code == 409
        assert state(site)[0] == "waiting"
    elif how in ("reassign", "expire"):
        site.world.pass_(hours=10 if how == "reassign" else 72)
    else:
        assert site.http.post(page, data={"do": how, "reason": "no-budget"}).status_code == 303
        assert profile(site, page) == (how == "accept")
        site.world.pass_(days=29)
        assert profile(site, page) == (how == "accept"), "the rep who accepted has the mail's link for a month"
        site.world.pass_(days=1)
    assert not profile(site, page)
    assert says in site.http.get(page).text
    if how in ("accept", "decline"):
        assert site.http.post(page, data={"do": "accept"}).status_code == 409


def test_a_rep_who_answers_for_a_lead_that_went_to_another_is_told_so_and_no_more(site: Site, page: str) -> None:
    body, content_type = reply_form(site.world, "accept")
    site.world.pass_(hours=10)
    take(site.world, body, urgent=True, door="inbound", content_type=content_type)
    mailed(site)
    texts = {r.to_email: join(b.skeleton.text, r.values) for b in site.world.provider.batches for r in b.recipients}
    assert "the lead went to Ben Okafor meanwhile" in texts["ana@acme.example"]
    assert "What bothers them" in texts["ben@acme.example"] and "What bothers them" not in texts["ana@acme.example"]


def test_only_tokens_of_ours_open_it(site: Site, page: str) -> None:
    kim = site.world.lead()
    wrong = [
        mint_handoff(b"another", kim.id, 1, "ana@acme.example"),
        mint_handoff(site.world.context.secret, kim.id, 1, "ben@acme.example"),
        mint_handoff(site.world.context.secret, kim.id, 2, "ana@acme.example"),
        "x",
    ]
    assert [site.http.get(f"/h/{token}").status_code for token in wrong] == [404] * 4
    assert site.http.post(f"/h/{wrong[1]}", data={"do": "accept"}).status_code == 404
    assert state(site)[0] == "waiting"


def answers(world: World, text: str, **headers: str) -> None:
    """The rep answers the last mail, and Inbound Parse posts that."""
    body, content_type = reply_form(world, text, **headers)
    take(world, body, urgent=True, door="inbound", content_type=content_type)


@pytest.mark.parametrize(
    ("written", "expected", "next_attempt"),
    [
        ("Accept\n\nOn Mon, 23 Nov 2026 Acme wrote:\n> no budget", ("accepted", ""), None),
        ("no budget", ("declined", "no-budget"), None),
        ("not now, March", ("declined", "not-now"), "2027-03-01"),
        ("What is this about?", ("waiting", ""), None),
    ],
)
def test_answering_the_mail_works_as_well(
    site: Site, page: str, written: str, expected: tuple[str, str], next_attempt: str | None
) -> None:
    answers(site.world, written)
    assert state(site)[:2] == expected
    assert site.world.lead().fields.get("next_attempt") == next_attempt
    if expected[0] == "waiting":
        mailed(site)
        text = site.world.provider.text()
        assert "You wrote: What is this about?" in text and "did not say whether you take the lead on" in text


def test_a_rep_is_told_and_answers_in_their_own_language(site: Site) -> None:
    german = edited(workspace(), "{name: Ana Ruiz", "{name: Ana Ruiz, language: de")
    site.world.deploy(german)
    kim = site.world.lead(first_name="Kim", company="Harbor", owner="ana@acme.example", pains=["cost"])
    asks(site.world, kim)
    text, path = mailed(site)
    [recipient] = site.world.provider.batches[-1].recipients
    assert recipient.values[0] == "Kim ist bereit für ein Gespräch"
    assert "Annehmen oder ablehnen: https://" in text and "annehmen · kein Budget · jetzt nicht, März" in text
    assert "Hat das Formular demo abgeschickt – Mo., 23. Nov. 2026, 08:00 (London)" in text
    assert "Warum jetzt: asked" in text and "Was stört: cost" in text
    shown = site.http.get(path).text
    assert "Bitte antworten bis <b>Montag, 23. November 2026, 13:00</b> (London)." in shown
    assert "> Jetzt nicht</label>" in shown and ">Ablehnen</button>" in shown
    assert "Bitte einen Grund wählen" in site.http.post(path, data={"do": "decline"}).text
    past = {"do": "decline", "reason": "not-now", "until": "1999-01-01"}
    assert "Bitte einen Tag ab morgen wählen" in site.http.post(path, data=past).text
    answers(site.world, "Worum geht es?")
    assert "Sie schrieben: Worum geht es?" in mailed(site)[0]
    answers(site.world, "Jetzt nicht, im März", Message_ID="<second@acme.example>")
    assert state(site)[:2] == ("declined", "not-now")
    assert site.world.lead().fields["next_attempt"] == "2027-03-01"
    assert "Dieser Lead wurde abgelehnt, Montag, 23. November 2026" in site.http.get(path).text


def test_an_out_of_office_note_of_the_rep_answers_nothing(site: Site, page: str) -> None:
    answers(site.world, "accept", Auto_Submitted="auto-replied")
    assert state(site)[0] == "waiting"
    assert [a["kind"] for a in site.world.view(site.world.lead())["alerts"]] == ["handoff"]


def test_the_list_shows_whose_turn_it_is_and_leads_to_the_page(site: Site, page: str) -> None:
    site.log_in()
    shown = site.http.get("/dashboard/handoffs").text
    assert page in shown and "Ana Ruiz" in shown and "waiting until Mon 23 Nov 13:00" in shown
    assert page not in site.http.get("/dashboard/handoffs?rep=ben@acme.example").text
    assert page not in site.http.get("/dashboard/handoffs?state=accepted").text
    kim = site.world.lead()
    lead = site.http.get(f"/dashboard/leads/{kim.id}").text
    assert "was handed to ana@acme.example, who is to accept or decline, until Mon 23 Nov 2026 13:00" in lead


def test_the_list_shows_who_would_be_handed_over_and_what_is_missing(site: Site) -> None:
    site.world.deploy(edited(needing(), "known(", "known( "))
    people = {name: site.world.lead(f"{name}@{name}.example", first_name=f"<b>{name}</b>") for name in ("kim", "lee")}
    site.world.lead("lee@lee.example", owner="ana@acme.example", country="DE")
    for lead in people.values():
        asks(site.world, lead)
    site.log_in()
    shown = site.http.get("/dashboard/handoffs").text
    assert "Ready, and not handed over yet" in shown and "<b>kim" not in shown
    assert [re.sub(r"<[^>]*>|\s+", " ", row) for row in re.findall(r"lacks [^<]*", shown)] == [
        "lacks consent to news",
        "lacks an owner and consent to news and `known( &#34;country&#34;)`",
    ]
    ana = site.http.get("/dashboard/handoffs?state=lacking&rep=ana@acme.example").text
    assert shown.count(f"/dashboard/leads/{people['lee'].id}") == ana.count(f"/dashboard/leads/{people['lee'].id}") == 1
    assert f"/dashboard/leads/{people['kim'].id}" not in ana
    assert "Ready, and" not in site.http.get("/dashboard/handoffs?state=waiting").text
    assert "but for lack of consent to news" in site.http.get(f"/dashboard/leads/{people['lee'].id}").text
    for name in ("a", "b", *"0123456789"):
        asks(site.world, site.world.lead(f"{name}@mill.example"))
    shown = site.http.get("/dashboard/handoffs").text
    assert shown.count("lacks ") == 10 and 'href="/dashboard/handoffs?state=lacking">see lacking</a>' in shown
    assert site.http.get("/dashboard/handoffs?state=lacking").text.count("lacks ") == 14

"""Unsubscribing: looking changes nothing, saying so stops everything at once, and wrong tokens look like right ones."""

import pytest

from sequencer.core.lead import Lead
from sequencer.core.snapshot import Consent
from sequencer.services.halt import halt
from sequencer.store import clock, suppressions
from sequencer.web.throttle import Throttle
from tests.web.conftest import WELCOME, Site, forged
from tests.workspaces import WORKSPACE, files

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def kim(site: Site) -> Lead:
    """A lead who got a mail and is in the middle of a sequence."""
    kim = site.world.lead()
    site.world.enter("welcome", kim)
    site.world.work()
    return kim


def reasons(site: Site, lead: Lead) -> dict[str, str]:
    with site.world.context.engine.connect() as conn:
        return {topic: reason for (_, topic), reason in suppressions.of(conn, [lead.email]).items()}


def events(site: Site, lead: Lead) -> list[tuple[str, str | None]]:
    return [(e["event"], e["data"].get("topic")) for e in site.world.view(lead)["events"]]


def test_opening_the_page_changes_nothing(site: Site, kim: Lead) -> None:
    assert site.http.get(f"/u/{site.token()}").status_code == 200
    assert site.http.head(f"/u/{site.token()}").status_code == 200
    assert site.http.get(f"/preferences/{site.token()}").status_code == 200
    assert site.world.status(kim, "welcome") == ("active", None)
    assert reasons(site, kim) == {}


@pytest.mark.parametrize("multipart", [False, True])
def test_one_click_stops_everything_in_the_same_moment(site: Site, kim: Lead, multipart: bool) -> None:
    body = {"files": {"List-Unsubscribe": (None, "One-Click")}} if multipart else {"data": ONE_CLICK}
    assert site.http.post(f"/u/{site.token()}", **body).status_code == 200
    assert site.world.status(kim, "welcome") == ("stopped", "suppressed")
    assert reasons(site, kim) == {"": "unsubscribed"}
    site.world.pass_(days=30)
    assert len(site.world.provider.mails) == 1


def test_unsubscribing_twice_is_one_event(site: Site, kim: Lead) -> None:
    for _ in range(3):
        assert site.http.post(f"/u/{site.token().upper()}", data=ONE_CLICK).status_code == 200
    assert events(site, kim) == [("unsubscribed", None)]


def test_unsubscribing_twice_is_one_event_also_of_a_lead_whom_something_stronger_stopped(site: Site, kim: Lead) -> None:
    with site.world.context.engine.begin() as conn:
        halt(conn, kim.email, clock.now(conn))
    for _ in range(3):
        assert site.http.post(f"/u/{site.token()}", data=ONE_CLICK).status_code == 200
    assert events(site, kim) == [("unsubscribed", None)]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("door", ["u", "preferences"])
def test_a_wrong_token_is_answered_like_a_right_one(site: Site, kim: Lead, method: str, door: str) -> None:
    body = {"data": {"do": "save", "topic": "guides"}} if method == "POST" else {}
    answers = [
        site.http.request(method, f"/{door}/{token}", **body)
        for token in (site.token(), forged(), "nonsense", "é", "a" * 500)
    ]
    assert {(a.status_code, a.content, tuple(sorted(a.headers.items()))) for a in answers} == {
        (200, answers[0].content, tuple(sorted(answers[0].headers.items())))
    }
    assert kim.email not in answers[0].text


def test_a_token_of_a_link_unsubscribes_nobody(site: Site, kim: Lead) -> None:
    [recipient] = site.world.provider.batches[0].recipients
    reply_token = recipient.headers["Message-ID"][1:].partition(".")[0]
    site.http.post(f"/u/{reply_token}", data=ONE_CLICK)
    assert reasons(site, kim) == {}


def test_a_topic_can_be_left_and_asked_for(site: Site, kim: Lead) -> None:
    address = f"/preferences/{site.token()}"
    assert 'value="guides" checked' in site.http.get(address).text
    saved = site.http.post(address, data={"do": "save", "topic": ["news"]})
    assert ("Saved" in saved.text, 'value="news" checked' in saved.text) == (True, True)
    assert site.world.status(kim, "welcome") == ("left", "unsubscribed: guides")
    with site.world.context.engine.connect() as conn:
        said = suppressions.consents(conn, [kim.email])[kim.email]
    assert said == Consent(refused=frozenset({"guides"}), given=frozenset({"news"}))
    assert sorted(events(site, kim)) == [("resubscribed", "news"), ("unsubscribed", "guides")]
    assert 'value="news" checked' in site.http.get(address).text


def test_saving_what_is_already_so_says_nothing_new(site: Site, kim: Lead) -> None:
    site.http.post(f"/preferences/{site.token()}", data={"do": "save", "topic": ["guides", "unheard-of"]})
    assert (events(site, kim), reasons(site, kim)) == ([], {})
    assert site.world.status(kim, "welcome") == ("active", None)


@pytest.mark.parametrize("form", [{"do": "none", "topic": "guides"}, {"do": "save"}])
def test_no_topic_at_all_is_unsubscribing_from_everything(site: Site, kim: Lead, form: dict[str, str]) -> None:
    site.http.post(f"/preferences/{site.token()}", data=form)
    assert reasons(site, kim) == {"": "unsubscribed"}
    assert "checked" not in site.http.get(f"/preferences/{site.token()}").text


def test_who_unsubscribed_may_come_back_to_the_topics_chosen_and_no_others(site: Site, kim: Lead) -> None:
    site.http.post(f"/u/{site.token()}", data=ONE_CLICK)
    site.http.post(f"/preferences/{site.token()}", data={"do": "save", "topic": "news"})
    assert reasons(site, kim) == {"guides": "unsubscribed"}
    lead = site.world.view(kim)["lead"]
    assert lead["suppressed"] is False


@pytest.mark.parametrize(("kind", "reason"), [("complained", "complained"), ("bounced", "bounced")])
def test_nothing_but_an_unsubscription_can_be_taken_back(site: Site, kim: Lead, kind: str, reason: str) -> None:
    site.world.happens(kim, kind)
    site.http.post(f"/preferences/{site.token()}", data={"do": "save", "topic": "guides"})
    assert reasons(site, kim) == {"": reason}
    assert site.world.view(kim)["lead"]["suppressed"] is True


def test_thousands_may_unsubscribe_from_one_address_but_guesses_are_limited(site: Site, kim: Lead) -> None:
    statuses = [site.http.post(f"/u/{forged()}").status_code for _ in range(61)]
    assert (statuses[59], statuses[60]) == (200, 429)
    assert site.http.post(f"/u/{site.token()}", data=ONE_CLICK).status_code == 200
    assert reasons(site, kim) == {"": "unsubscribed"}


def test_a_throttle_is_bounded_and_forgets_the_longest_unseen() -> None:
    throttle = Throttle(1, 60.0, places=2)
    assert [throttle.allows(key) for key in ("a", "a", "b", "c", "a")] == [True, False, True, True, True]


def test_the_page_of_a_workspace_with_a_hostile_name_is_escaped(site: Site, kim: Lead) -> None:
    workspace = {"sequences/workspace.yaml": WORKSPACE.replace("name: Acme", "name: <b>Acme")}
    site.world.deploy(files(welcome=WELCOME) | workspace)
    assert "<b>" not in site.http.get(f"/u/{site.token()}").text

"""Forms as people and programs meet them: what is asked, what is kept, what is mailed, and what nobody learns."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from sequencer.core import challenge
from sequencer.core.lead import Lead
from sequencer.core.questions import _number
from sequencer.services import due, tidy, visits
from sequencer.services.seldom import Seldom
from sequencer.web.app import build
from sequencer.web.forms import texts
from sequencer.web.options import WebSettings
from tests.services.test_visits import tells
from tests.web.conftest import ADDRESS, CUSTOMERS, WELCOME, Site
from tests.workspaces import WORKSPACE, content, edited, files

FORMS = """
handbook:
  title: The Handbook
  topic: news
  always: [email, first_name]
  ask_up_to: 1
  order: [role, tool]
  magnet: content/magnets/handbook.pdf
  deliver: delivery
  confirm: confirm
  enroll: welcome
  event: handbook_wanted
worksheet:
  title: The Worksheet
  magnet: content/magnets/handbook.pdf
  confirm: confirm
contact:
  title: Write to us
  message: What is it about?
german:
  title: Auf Deutsch
  topic: guides
  confirm: confirm
  deliver: delivery
  always: [email, country]
  double_opt_in: {countries: [DE]}
"""
FIELDS = "  role: {one_of: [finance, it], ask: Your role}\n  tool: {text: true, ask: What do you use?}\n"
V = "c" * 32


def workspace() -> dict[str, str]:
    said = WORKSPACE.replace("topics:", f"{FIELDS}topics:") + "\nsite: {hosts: [www.acme.example]}\n"
    return files(welcome=WELCOME.replace('    - when: submitted("handbook")\n', ""), customers=CUSTOMERS) | {
        "sequences/workspace.yaml": said,
        "sequences/forms.yaml": FORMS,
        "content/magnets/handbook.pdf": "sha256 x",
        "content/delivery.md": content("Here it is", "[Download]({{ download_url }})"),
        "content/confirm.md": content("Is this you?", "[Yes]({{ confirm_url }})"),
    }


@pytest.fixture
def door(site: Site, tmp_path: Any) -> Iterator[Site]:
    site.world.deploy(workspace())
    (tmp_path / "content" / "magnets").mkdir(parents=True)
    (tmp_path / "content" / "magnets" / "handbook.pdf").write_bytes(b"%PDF")
    app = build(site.world.context, WebSettings(folder=tmp_path))
    with TestClient(app, base_url=ADDRESS, follow_redirects=False) as http:
        yield Site(site.world, app, http)


def hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)"(?: value="([^"]*)")?>', page))


def asked(page: str) -> set[str]:
    names = set(re.findall(r'<(?:input|select|textarea)[^>]* name="([\w-]+)"', page))
    return names - hidden(page).keys() - {"sq-website"}


def solved(issued: str) -> str:
    """As a browser does it, some seconds later."""
    later = challenge._issued(issued.rpartition(".")[0]) + challenge.SOONEST
    return next(str(n) for n in count() if challenge.proves(issued, str(n), later))


def send(door: Site, form: str, at: str = "", human: bool = True, **given: Any) -> Any:
    """Opens the form's page, fills it in and sends it."""
    page = door.http.get(f"/f/{form}{at}")
    assert page.status_code == 200, page.text
    fields = hidden(page.text)
    if human:
        fields["p"] = solved(fields["c"])
    return door.http.post(f"/f/{form}", data={**fields, **given})


@pytest.fixture(autouse=True)
def at_leisure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits a second in tests."""
    monkeypatch.setattr(challenge, "SOONEST", challenge.SOONEST * 0)


def work(door: Site) -> None:
    visits.process(door.world.context)
    door.world.work()


def found(door: Site, email: str) -> dict[str, Any] | None:
    answer = door.world
    with answer.context.engine.connect() as conn:
        known = conn.execute(text("SELECT id FROM lead WHERE email = :e"), {"e": email}).scalar()
    return answer.view(Lead(known, email)) if known is not None else None


def kinds(view: dict[str, Any] | None) -> list[str]:
    assert view is not None
    return sorted(e["event"] for e in view["events"])


def mails(door: Site) -> list[tuple[str, str]]:
    return door.world.provider.mails


def address(door: Site, part: str) -> str:
    """Of a link in the last mail."""
    match = re.search(rf"https://mail\.acme\.example(/{part}/[a-z2-7]{{32}})", door.world.provider.text())
    assert match is not None
    return match[1]


def test_a_form_saves_consents_enrols_mails_and_tells(door: Site) -> None:
    page = door.http.get("/f/handbook?utm_campaign=autumn", headers={"Referer": "https://search.example/x"})
    assert asked(page.text) == {"email", "first_name", "role"}
    given = {"email": "Kim@harbor.example", "first_name": "Kim", "role": "it", "zone": "Europe/Madrid"}
    answer = send(door, "handbook", "?utm_campaign=autumn", **given)
    assert (answer.status_code, "on its way" in answer.text, "kim@" in answer.text.lower()) == (200, True, False)
    view = found(door, "kim@harbor.example")
    assert view is not None
    lead = view["lead"]
    assert (lead["first_name"], lead["fields"]["role"], lead["time_zone"], lead["stage"], lead["campaign"]) == (
        *("Kim", "it", "Europe/Madrid", "subscriber", "autumn"),
    )
    assert {"submitted", "handbook_wanted", "resubscribed"} <= set(kinds(view))
    assert [e["sequence"] for e in view["enrollments"]] == ["handbook-delivery", "welcome"]
    work(door)
    assert sorted(mails(door)) == [("kim@harbor.example", "delivery"), ("kim@harbor.example", "one")]


def test_the_gated_file_comes_by_a_signed_link(door: Site) -> None:
    send(door, "handbook", email="kim@harbor.example", first_name="Kim")
    work(door)
    [batch] = [b for b in door.world.provider.batches if b.recipients[0].custom_args["sq_step"] == "delivery"]
    door.world.provider.batches.append(batch)
    link = address(door, "d")
    got = door.http.get(link)
    assert (got.status_code, got.content) == (200, b"%PDF")
    assert "attachment" in got.headers["content-disposition"]
    assert door.http.get(f"{link[:-1]}{'a' if link[-1] != 'a' else 'b'}").status_code == 404


def test_a_form_that_mails_nothing_gives_access_on_its_page_at_once_or_when_the_address_is_confirmed(
    door: Site,
) -> None:
    def opened(page: str) -> list[tuple[int, bytes]]:
        links = re.findall(r'href="(/f/worksheet/magnet[^"]*)"', page)
        return [(got.status_code, got.content) for got in map(door.http.get, links)]

    assert opened(send(door, "worksheet", email="kim@harbor.example").text) == [(200, b"%PDF")]
    assert opened(send(door, "worksheet", human=False, email="lee@harbor.example").text) == []
    work(door)
    assert opened(door.http.post(address(door, "c")).text) == [(200, b"%PDF")]
    issued = door.http.get("/f/worksheet", headers={"Accept": "application/json"}).json()["challenge"]
    said = {"challenge": issued, "proof": solved(issued), "answers": {"email": "ann@harbor.example"}}
    told = door.http.post("/f/worksheet", json=said).json()
    assert (told["status"], door.http.get(told["download"].removeprefix(ADDRESS)).status_code) == ("done", 200)
    for closed in (f"/f/worksheet/magnet?pass={issued}", "/f/worksheet/magnet", "/f/contact/magnet"):
        assert door.http.get(closed).status_code == 404


def test_who_passes_the_link_to_the_file_on_gives_nothing_else_away_and_links_of_before_lead_on(door: Site) -> None:
    send(door, "handbook", email="kim@harbor.example", first_name="Kim")
    work(door)
    [batch] = [b for b in door.world.provider.batches if b.recipients[0].custom_args["sq_step"] == "delivery"]
    door.world.provider.batches.append(batch)
    given = address(door, "d").rpartition("/")[2]
    for path in (f"/u/{given}", f"/preferences/{given}", f"/c/{given}"):
        door.http.post(path)
    view = found(door, "kim@harbor.example")
    assert view is not None and not view["lead"]["suppressed"] and "unsubscribed" not in kinds(view)
    old = door.token()
    assert old != given and door.http.get(f"/d/{old}").content == b"%PDF"


def test_what_a_mail_gave_access_to_is_there_as_long_as_the_file_is_whatever_became_of_the_form(
    door: Site, tmp_path: Path
) -> None:
    send(door, "handbook", email="kim@harbor.example", first_name="Kim")
    work(door)
    [batch] = [b for b in door.world.provider.batches if b.recipients[0].custom_args["sq_step"] == "delivery"]
    door.world.provider.batches.append(batch)
    link = address(door, "d")
    other = edited(workspace(), "content/magnets/handbook.pdf", "https://www.acme.example/handbook.pdf")
    for became, status in [
        (edited(workspace(), "handbook:\n", "guide-book:\n"), 200),
        (edited(workspace(), "  magnet: content/magnets/handbook.pdf\n  deliver", "  deliver"), 200),
        ({**workspace(), "sequences/forms.yaml": "contact: {title: Write to us}\n"}, 200),
        (other, 303),
    ]:
        door.world.deploy(became)
        assert door.http.get(link).status_code == status
    door.world.deploy({**workspace(), "sequences/forms.yaml": "contact: {title: Write to us}\n"})
    (tmp_path / "content" / "magnets" / "handbook.pdf").unlink()
    app = build(door.world.context, WebSettings(folder=tmp_path))
    with TestClient(app, base_url=ADDRESS) as http:
        assert [http.get(link).status_code for _ in range(2)] == [404, 404]


def test_a_link_that_confirms_nothing_says_so_and_always_in_the_same_words(door: Site) -> None:
    send(door, "german", human=False, email="kim@harbor.example", country="DE")
    work(door)
    link = address(door, "c")
    door.world.deploy(edited(workspace(), "german:\n", "austrian:\n"))
    pages = [door.http.post(one) for one in (link, f"/c/{'a' * 32}", "/c/x", f"/c/{door.token()}")]
    assert {page.status_code for page in pages} == {404} and len({page.content for page in pages}) == 1
    assert "We do not know this link" in pages[0].text and "Thank you" not in pages[0].text
    door.world.deploy(workspace())
    assert "Thank you" in door.http.post(link).text


def test_what_is_wrong_is_said_beside_the_field_and_what_was_typed_stays(door: Site) -> None:
    answer = send(door, "handbook", email="kim", first_name="<b>Kim</b>", role="boss")
    assert answer.status_code == 422
    assert "does not look like an email address" in answer.text and "Please choose from the list" in answer.text
    assert 'value="kim"' in answer.text and "&lt;b&gt;Kim&lt;/b&gt;" in answer.text
    assert found(door, "kim@harbor.example") is None


def test_software_is_told_nothing_and_leaves_nothing(door: Site) -> None:
    answer = send(
        door, "handbook", email="kim@harbor.example", first_name="Kim", **{"sq-website": "http://spam.example"}
    )
    assert (answer.status_code, "Thank you" in answer.text) == (200, True)
    assert found(door, "kim@harbor.example") is None


def test_without_a_script_the_address_is_confirmed_by_mail(door: Site) -> None:
    answer = send(door, "handbook", human=False, email="kim@harbor.example", first_name="Kim", role="it")
    assert "One more step" in answer.text
    view = found(door, "kim@harbor.example")
    assert view is not None and (view["lead"]["first_name"], view["lead"]["stage"]) == (None, None)
    assert {one["reason"] for one in view["lead"]["suppressions"]} == {"unconfirmed"}
    # Nothing else is mailed until then, whoever enrols.
    refused = door.world.enter("welcome", Lead(view["lead"]["id"], "kim@harbor.example"))
    assert (refused.leads, dict(refused.refused)) == (set(), {"unsubscribed from guides": 1})
    work(door)
    assert mails(door) == [("kim@harbor.example", "confirm")]
    link = address(door, "c")
    assert door.http.get(link).status_code == 200
    assert kinds(found(door, "kim@harbor.example")) == ["unconfirmed"]
    assert "on its way" in door.http.post(link).text
    assert "on its way" in door.http.post(link).text
    view = found(door, "kim@harbor.example")
    assert view is not None
    assert (view["lead"]["first_name"], view["lead"]["fields"], view["lead"]["suppressions"]) == (
        "Kim",
        {"role": "it"},
        [],
    )
    assert kinds(view).count("submitted") == 1
    work(door)
    assert sorted(step for _, step in mails(door)) == ["confirm", "delivery", "one"]


def test_what_waits_to_be_confirmed_is_told_to_the_owner_once_it_is(door: Site) -> None:
    told = workspace()
    told["sequences/forms.yaml"] += "  message: And?\n  tell: owner\n"
    door.world.deploy(told)
    kim = door.world.lead(owner="ana@acme.example")

    def alerts() -> list[tuple[str, str]]:
        return [(one["rep"], one["note"]) for one in door.world.view(kim)["alerts"]]

    send(door, "german", email=kim.email, country="DE", message="Call me.")
    work(door)
    assert alerts() == []
    door.http.post(address(door, "c"))
    assert alerts() == [("ana@acme.example", "Submitted the form german: “Call me.”")]


def test_a_form_without_a_confirmation_needs_the_script(door: Site) -> None:
    answer = send(door, "contact", human=False, email="kim@harbor.example", message="Hello")
    assert (answer.status_code, "run its script" in answer.text) == (422, True)
    assert found(door, "kim@harbor.example") is None


def test_the_script_is_run_before_anybody_can_send_the_form(door: Site) -> None:
    page = door.http.get("/f/contact").text
    assert re.search(r"<script[^>]*>", page[: page.index("<body")]) is not None
    assert not re.search(r"<script[^>]* (defer|async)", page)


@pytest.mark.parametrize(("country", "step"), [("DE", "confirm"), ("Germany", "confirm"), ("GB", "delivery")])
def test_double_opt_in_by_country(door: Site, country: str, step: str) -> None:
    send(door, "german", email="kim@harbor.example", country=country)
    work(door)
    assert mails(door) == [("kim@harbor.example", step)]


def test_a_country_is_chosen_by_its_name_and_kept_as_its_code_also_where_a_program_passes_on_a_name(door: Site) -> None:
    door.world.deploy(edited(workspace(), "topics:", "locale: de\ntopics:"))
    page = door.http.get("/f/german").text
    options = re.search(r'<select name="country" autocomplete="country" required>(.*?)</select>', page)
    assert options is not None
    told = re.findall(r'<option value="(\w*)">([^<]*)</option>', options[1])
    assert told[0] == ("", "") and {("AT", "Österreich"), ("DE", "Deutschland")} < set(told)
    again = send(door, "german", email="kim", country="AT").text
    assert '<option value="AT" selected>Österreich</option>' in again
    assert "Please choose." in send(door, "german", email="kim@harbor.example", country="").text
    for number, (given, kept) in enumerate([("AT", "AT"), ("Austria", "AT"), ("u.k.", "GB"), ("Benelux", "Benelux")]):
        assert send(door, "german", human=True, email=f"{number}@harbor.example", country=given).status_code == 200
        view = found(door, f"{number}@harbor.example")
        assert view is not None
        said = [e["data"]["answers"]["country"] for e in view["events"] if e["event"] in ("submitted", "unconfirmed")]
        assert said == [kept]
    asked_of = door.http.get("/f/german", headers={"Accept": "application/json"}).json()["questions"][-1]
    assert (asked_of["type"], "NL" in asked_of["choices"]) == ("country", True)


def test_who_confirms_does_not_vouch_for_what_somebody_else_typed(door: Site) -> None:
    door.world.lead(first_name="Kim", country="NL", role="finance")
    send(door, "handbook", human=False, email="kim@harbor.example", first_name="Kim", role="it")
    send(door, "handbook", human=False, email="kim@harbor.example", first_name="Mallory", role="it", tool="x")
    work(door)
    assert mails(door) == [("kim@harbor.example", "confirm")]
    assert "on its way" in door.http.post(address(door, "c")).text
    view = found(door, "kim@harbor.example")
    assert view is not None
    assert (view["lead"]["first_name"], view["lead"]["fields"]) == ("Kim", {"role": "it", "tool": "x"}), (
        "what both say, and what nobody knew"
    )


def test_what_was_confirmed_before_does_not_keep_what_is_confirmed_now(door: Site) -> None:
    for name in ("Kim", "Kimberly"):
        send(door, "handbook", human=False, email="kim@harbor.example", first_name=name)
        work(door)
        assert door.http.post(address(door, "c")).status_code == 200
        door.world.pass_(days=5)
    view = found(door, "kim@harbor.example")
    assert view is not None and view["lead"]["first_name"] == "Kimberly"


@pytest.mark.parametrize(("told", "stored"), [(2.125, "2.125"), ("2.125", "2125"), (12.5, "12.5"), (3, "3")])
def test_a_number_of_json_is_what_it_says_and_text_what_people_mean(told: Any, stored: str) -> None:
    [text_] = texts(told)
    assert float(_number(text_) or "nan") == float(stored)


def test_the_first_campaign_is_the_leads_also_where_it_is_known_only_after_the_form(door: Site) -> None:
    door.http.cookies.set("sq_v", V)
    tells(door.world, V, "/", q="utm_campaign=spring")
    door.world.pass_(days=1)
    send(door, "handbook", "?utm_campaign=autumn", email="kim@harbor.example", first_name="Kim")
    work(door)
    view = found(door, "kim@harbor.example")
    assert view is not None
    assert (view["lead"]["campaign"], view["lead"]["first_touch"]["campaign"]) == ("spring", "spring")


def test_whoever_types_a_known_address_changes_nothing_that_is_known(door: Site) -> None:
    door.world.lead(first_name="Kim", role="finance")
    before = send(door, "handbook", email="kim@harbor.example", first_name="Mallory", role="it", tool="x")
    stranger = send(door, "handbook", email="nobody@harbor.example", first_name="Mallory", role="it")
    view = found(door, "kim@harbor.example")
    assert view is not None
    assert (view["lead"]["first_name"], view["lead"]["fields"]) == ("Kim", {"role": "finance", "tool": "x"})
    assert before.text == stranger.text


def test_an_unsubscription_is_not_taken_back_by_a_typed_address(door: Site) -> None:
    kim = door.world.lead()
    door.world.happens(kim, "unsubscribed", topic="news")
    send(door, "handbook", email=kim.email, first_name="Kim")
    view = found(door, kim.email)
    assert view is not None and view["lead"]["suppressions"] == [{"topic": "news", "reason": "unsubscribed"}]


def test_a_cookie_shows_only_what_its_own_browser_answered(door: Site) -> None:
    door.world.lead(first_name="Kim", role="finance")
    door.http.cookies.set("sq_v", V)
    tells(door.world, V, "/pricing")
    send(door, "contact", email="kim@harbor.example", message="Hello")
    work(door)
    # The browser is Kim's now, as far as a form says; what Kim answered elsewhere is asked again.
    page = door.http.get("/f/handbook").text
    assert asked(page) == {"email", "first_name", "role"}
    assert "Kim" not in page and "kim@" not in page
    send(door, "handbook", email="kim@harbor.example", first_name="Kim", role="it")
    work(door)
    assert asked(door.http.get("/f/handbook").text) == {"email", "first_name", "tool"}
    view = found(door, "kim@harbor.example")
    assert "visited" in kinds(view)


def test_a_link_of_ours_shows_who_it_is_and_asks_what_is_unknown(door: Site) -> None:
    kim = door.world.lead(first_name="Kim", role="finance")
    door.world.enter("welcome", kim)
    door.world.work()
    [recipient] = door.world.provider.batches[-1].recipients
    found_token = re.search(r"sq=([a-z2-7]{32}\.1)", door.world.provider.text())
    assert found_token is not None and recipient.to_email == kim.email
    at = f"?sq={found_token[1]}"
    page = door.http.get(f"/f/handbook{at}").text
    assert asked(page) == {"email", "first_name", "tool"}
    assert "Kim" not in page and "finance" not in page and kim.email not in page
    send(door, "handbook", at, email=kim.email, first_name="Kimberly", tool="paper")
    view = found(door, kim.email)
    assert view is not None and view["lead"]["first_name"] == "Kimberly"


def test_what_was_only_guessed_of_a_lead_is_still_asked_and_the_answer_counts(door: Site) -> None:
    learn = 'learn:\n  - {when: visited("/money*"), set: {role: finance}}\n'
    door.world.deploy(workspace() | {"sequences/signals.yaml": learn})
    kim = door.world.lead(first_name="Kim")
    door.world.enter("welcome", kim)
    door.world.work()
    met = re.search(r"sq=([a-z2-7]{32}\.1)", door.world.provider.text())
    assert met is not None
    at = f"?sq={met[1]}"
    assert asked(door.http.get(f"/f/handbook{at}").text) == {"email", "first_name", "role"}
    door.world.happens(kim, "visited", page="/money")
    door.world.work()
    view = found(door, kim.email)
    assert view is not None and view["lead"]["fields"] == {"role": "finance"}
    page = door.http.get(f"/f/handbook{at}").text
    assert asked(page) == {"email", "first_name", "role"} and " checked" not in page and " selected" not in page
    send(door, "handbook", at, email=kim.email, first_name="Kim", role="it")
    view = found(door, kim.email)
    assert view is not None and view["lead"]["fields"] == {"role": "it"}
    assert asked(door.http.get(f"/f/handbook{at}").text) == {"email", "first_name", "tool"}


def test_nobody_is_led_into_another_ones_browser(door: Site) -> None:
    page = door.http.get(f"/f/handbook?v={V}").text
    assert hidden(page)["v"] == ""
    assert hidden(door.http.get(f"/f/handbook?framed=1&v={V}").text)["v"] == V


def test_pressing_twice_counts_once(door: Site) -> None:
    page = door.http.get("/f/contact")
    fields = hidden(page.text)
    fields |= {"p": solved(fields["c"]), "email": "kim@harbor.example", "message": "Hello"}
    assert [door.http.post("/f/contact", data=fields).status_code for _ in range(2)] == [200, 200]
    view = found(door, "kim@harbor.example")
    assert view is not None
    [told] = [e for e in view["events"] if e["event"] == "submitted"]
    assert told["data"]["text"] == "Hello"


def test_what_is_solved_once_counts_once_whatever_is_sent_with_it(door: Site) -> None:
    page = hidden(door.http.get("/f/handbook").text)
    fields = {**page, "p": solved(page["c"]), "first_name": "Kim"}

    def post(name: str, **more: str) -> Any:
        return door.http.post("/f/handbook", data={**fields, "email": f"{name}@harbor.example", **more})

    first = post("kim")
    others = [post(name) for name in ("lee", "ann", "bo")] + [post("kim", role="it")]
    assert (first.status_code, {other.status_code for other in others}) == (200, {422})
    assert all("was sent already" in other.text for other in others)
    # A browser's retry is answered as before, by whichever process.
    again = TestClient(build(door.world.context, WebSettings()), base_url=ADDRESS)
    assert again.post("/f/handbook", data={**fields, "email": "KIM@harbor.example"}).text == first.text
    view = found(door, "kim@harbor.example")
    assert kinds(view).count("submitted") == 1 and view is not None and view["lead"]["fields"] == {}
    assert [found(door, f"{name}@harbor.example") for name in ("lee", "ann", "bo")] == [None] * 3
    # Whoever meant it sends the page that came back.
    fresh = hidden(others[0].text)
    assert fresh["c"] != page["c"] and hidden(others[0].text)["v"] == page["v"]
    fields |= fresh | {"p": solved(fresh["c"])}
    assert post("lee").status_code == 200 and found(door, "lee@harbor.example") is not None


def test_a_page_that_needs_no_work_counts_once_too(door: Site) -> None:
    """It is confirmed by mail; else one page would mail any number of people."""
    page = hidden(door.http.get("/f/handbook").text)
    statuses = [
        door.http.post("/f/handbook", data={**page, "email": f"{name}@harbor.example", "first_name": "X"}).status_code
        for name in ("kim", "lee", "kim")
    ]
    assert statuses == [200, 422, 200]
    work(door)
    assert mails(door) == [("kim@harbor.example", "confirm")]


def test_what_was_used_is_forgotten_when_it_is_too_old_to_be_used(door: Site) -> None:
    def left() -> tuple[bool, int]:
        """Whether the clock finds something to tidy, the next time that it looks for it; and how much there is."""
        context = replace(door.world.context, forgetting=Seldom(1000.0))
        with context.engine.connect() as conn:
            return ("tidy", ()) in due.work(context), conn.execute(
                text("SELECT count(*) FROM used_challenge")
            ).scalar_one()

    send(door, "contact", email="kim@harbor.example", message="Hello")
    assert left() == (False, 1)
    with door.world.context.engine.begin() as conn:
        conn.execute(text("UPDATE used_challenge SET until = until - interval '14 hours'"))
    assert left() == (True, 1)
    tidy.tidy(door.world.context)
    assert left() == (False, 0)


def test_programs_and_pages_of_our_site_use_json(door: Site) -> None:
    page = {"Origin": "https://www.acme.example", "Accept": "application/json"}
    form = door.http.get("/f/handbook", headers=page)
    assert form.headers["access-control-allow-origin"] == page["Origin"]
    told = form.json()
    assert [one["name"] for one in told["questions"]] == ["email", "first_name", "role"]
    body = {"answers": {"email": "x", "role": "it"}, "challenge": told["challenge"], "proof": solved(told["challenge"])}
    wrong = door.http.post("/f/handbook", json=body, headers=page)
    assert (wrong.status_code, sorted(wrong.json()["problems"])) == (422, ["email", "first_name"])
    body["answers"] = {"email": "kim@harbor.example", "first_name": "Kim"}
    assert door.http.post("/f/handbook", json=body, headers=page).json() == {"status": "done"}
    assert door.http.options("/f/handbook", headers=page).status_code == 204
    evil = {**page, "Origin": "https://evil.example"}
    assert door.http.get("/f/handbook", headers=evil).status_code == 403
    assert door.http.options("/f/handbook", headers=evil).status_code == 403
    body["answers"]["email"] = "lee@harbor.example"
    used = door.http.post("/f/handbook", json=body, headers=page)
    assert (used.status_code, list(used.json()["problems"])) == (422, [""])
    for odd in (b"", b"[]", b"{", b'{"answers": 1}', b'{"answers": {"email": {"a": 1}, "first_name": [[["x"]]]}}'):
        answer = door.http.post("/f/handbook", content=odd, headers={**page, "Content-Type": "application/json"})
        assert answer.status_code in (400, 422), odd


def test_only_declared_sites_may_frame_a_form(door: Site) -> None:
    own, framed = (door.http.get(f"/f/handbook{at}").headers for at in ("", "?framed=1"))
    assert "frame-ancestors 'none'" in own["content-security-policy"]
    assert "frame-ancestors www.acme.example" in framed["content-security-policy"]
    for headers in (own, framed):
        assert {"default-src 'none'", "script-src 'self'"} <= set(headers["content-security-policy"].split("; "))
    assert "script-src" not in door.http.get("/login").headers["content-security-policy"]
    assert "iframe" in door.http.get("/f.js").text


def test_a_caller_sends_twenty_forms_a_minute(door: Site) -> None:
    statuses = [door.http.post("/f/contact", data={}).status_code for _ in range(21)]
    assert statuses == [422] * 20 + [429]


@pytest.mark.parametrize("path", ["/f/none", "/f/handbook%00", "/d/x", f"/d/{'a' * 32}"])
def test_what_there_is_not(door: Site, path: str) -> None:
    assert door.http.get(path).status_code == 404


def test_an_old_page_is_sent_once_more(door: Site) -> None:
    answer = door.http.post("/f/contact", data={"email": "kim@harbor.example", "c": "x.1.y", "p": "1"})
    assert (answer.status_code, "open for too long" in answer.text) == (422, True)
    assert 'value="kim@harbor.example"' in answer.text


def known(door: Site, email: str) -> dict[str, tuple[Any, str, int]]:
    """Time zone and language of a lead: the value, who says so, and how sure that is."""
    view = found(door, email)
    assert view is not None
    lead = view["lead"]
    values = {"time_zone": lead["time_zone"], "language": lead["fields"].get("language")}
    said = {name: lead["sources"].get(name, {}) for name in values}
    return {
        name: (value, said[name]["by"], said[name]["confidence"]) for name, value in values.items() if value is not None
    }


def test_the_zone_that_an_older_version_kept_until_the_address_is_confirmed_still_counts(door: Site) -> None:
    send(door, "handbook", human=False, email="kim@harbor.example", first_name="Kim")
    older = "UPDATE event SET data = data - 'traces' || '{\"zone\": \"Europe/Vienna\"}' WHERE kind = 'unconfirmed'"
    with door.world.context.engine.begin() as conn:
        assert conn.execute(text(older)).rowcount == 1
    work(door)
    door.http.post(address(door, "c"))
    assert known(door, "kim@harbor.example") == {"time_zone": ("Europe/Vienna", "browser", 90)}


def test_zone_and_language_are_guessed_from_where_a_form_comes_and_the_browser_and_answers_know_better(
    door: Site,
) -> None:
    door.world.deploy(workspace() | {"content/delivery.de.md": content("Da ist es", "[Laden]({{ download_url }})")})
    app = build(door.world.context, WebSettings(country_header="CF-IPCountry"))
    with TestClient(app, base_url=ADDRESS, headers={"CF-IPCountry": "DE"}) as http:
        behind = Site(door.world, app, http)
        send(behind, "contact", email="kim@harbor.example", message="Hello")
        assert known(door, "kim@harbor.example") == {
            "time_zone": ("Europe/Berlin", "country", 40),
            "language": ("de", "country", 40),
        }
        http.headers["Accept-Language"] = "en-GB,en;q=0.9,de;q=0.5"
        send(behind, "contact", email="kim@harbor.example", message="Hello", zone="Europe/Vienna")
        by_browser = {"time_zone": ("Europe/Vienna", "browser", 90), "language": ("en", "browser", 90)}
        assert known(door, "kim@harbor.example") == by_browser
        send(behind, "contact", email="kim@harbor.example", message="Hello", zone="Asia/Tokyo")
        assert known(door, "kim@harbor.example") == by_browser
        # What waits to be confirmed remembers it.
        send(behind, "german", email="lee@harbor.example", country="DE")
        work(door)
        http.post(address(door, "c"))
        assert known(door, "lee@harbor.example") == {
            "time_zone": ("Europe/Berlin", "told", 70),
            "language": ("en", "browser", 90),
        }
    events = [e for e in (found(door, "kim@harbor.example") or {})["events"] if e["data"].get("field") == "time_zone"]
    told = [(e["source"], e["data"]["before"], e["data"]["after"]) for e in reversed(events)]
    assert told == [("country", None, "Europe/Berlin"), ("browser", "Europe/Berlin", "Europe/Vienna")]
    door.world.lead("kim@harbor.example", time_zone="Europe/Vienna", language="de")
    answered = {"time_zone": ("Europe/Vienna", "test", 100), "language": ("de", "test", 100)}
    assert known(door, "kim@harbor.example") == answered
    # A header that nobody set up, anybody can send.
    door.http.headers["CF-IPCountry"] = "DE"
    send(door, "contact", email="jo@harbor.example", message="Hello")
    assert known(door, "jo@harbor.example") == {}

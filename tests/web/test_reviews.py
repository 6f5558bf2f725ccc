"""The pages on which reps look at mails before they go."""

import re

import pytest

from sequencer.store import reviews
from tests.services.test_reviews import OTHER, SERIES
from tests.web.conftest import Site, csrf
from tests.workspaces import content, files

ODD = 'Kim <i>"x"</i> [y](http://evil.example)'


@pytest.fixture
def page(site: Site) -> str:
    """The address of a mail that waits for the rep of somebody with an odd name."""
    site.world.deploy(
        files(reviewed=SERIES, other=OTHER) | {"content/one.md": content("One for {{ lead.first_name }}")}
    )
    site.world.pass_(hours=4)
    site.world.enter("reviewed", site.world.lead(first_name=ODD, owner_email="ana@acme.example"))
    site.world.work()
    site.log_in()
    [address] = re.findall(r"/dashboard/reviews/\d+/one", site.http.get("/dashboard/reviews").text)
    return str(address)


def post(site: Site, page: str, **fields: str) -> tuple[int, str]:
    answer = site.http.post(page, data={"csrf": csrf(site.http.get("/dashboard/reviews").text), **fields})
    return answer.status_code, answer.headers.get("location", answer.text)


def test_the_page_shows_the_mail_as_this_lead_would_get_it_and_nothing_of_it_is_markup(site: Site, page: str) -> None:
    shown = site.http.get(page).text
    assert "<i>" not in shown and "Mail to" in shown and "from Ana Ruiz" in shown
    assert 'value="One for Kim &lt;i&gt;&#34;x&#34;&lt;/i&gt; [y](http://evil.example)"' in shown
    assert r"Hello Kim \&lt;i&gt;&#34;x&#34;\&lt;/i&gt; \[y\](http://evil.example)" in shown
    assert "It goes as it is unless you say otherwise by <b>Wednesday 25 November 12:00</b>" in shown
    status, looked = post(site, page, do="look", subject="Mine", body="</textarea><script>{{ 1 }}")
    assert (status, looked.count("&lt;/textarea&gt;&lt;script&gt;{{ 1 }}"), "<script>" in looked) == (200, 2, False)


def test_send_takes_what_was_written_and_says_what_cannot_go(site: Site, page: str) -> None:
    status, shown = post(site, page, do="send", subject="S", body="[x](link:nope) stays written")
    assert (status, "there is no link “link:nope”" in shown, "stays written" in shown) == (400, True, True)
    assert post(site, page, do="send", subject="S", body="x" * 200_000)[0] == 413
    assert post(site, page, do="send", subject="Mine", body="Hello") == (303, "/dashboard/reviews?done=changed")
    assert "goes as you wrote it" in site.http.get("/dashboard/reviews?done=changed").text
    assert site.world.hints[-1] == ("drain", "reviewed", "one")
    site.world.work()
    assert site.world.provider.text().startswith("Hello\n\nAcme Ltd")
    assert [site.http.get(page).status_code, post(site, page, do="send")[0], post(site, page, do="skip")[0]] == [
        409
    ] * 3


def test_the_form_as_it_was_shown_sends_the_mail_as_it_is_and_skip_sends_none(site: Site, page: str) -> None:
    shown = site.http.get(page).text
    unescape = lambda text: text.replace("&lt;", "<").replace("&gt;", ">").replace("&#34;", '"')  # noqa: E731
    subject = unescape(re.search(r'name="subject" value="([^"]*)"', shown)[1])  # type: ignore[index]
    body = unescape(re.search(r"required>\n(.*)</textarea>", shown, re.DOTALL)[1])  # type: ignore[index]
    written = {"subject": subject, "body": body.replace("\n", "\r\n")}
    assert post(site, page, do="send", **written) == (303, "/dashboard/reviews?done=sent")
    site.world.enter("reviewed", site.world.lead("ben@harbor.example", owner_email="ana@acme.example"))
    site.world.work()
    [other] = re.findall(r"/dashboard/reviews/\d+/one", site.http.get("/dashboard/reviews").text)
    assert post(site, other, do="skip") == (303, "/dashboard/reviews?done=skipped")


def test_only_a_form_of_ours_in_a_session_acts(site: Site, page: str) -> None:
    assert site.http.post(page, data={"do": "send"}).status_code == 403
    assert site.http.post(page, data={"do": "send"}, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert post(site, "/dashboard/reviews/7/one", do="send")[0] == 404
    assert site.http.get(f"/dashboard/reviews/{10**30}/one").status_code == 404
    site.http.cookies.clear()
    assert site.http.get(page).headers["location"].startswith("/login?next=")
    assert site.http.post(page, data={"do": "send", "csrf": "x"}).status_code == 403
    with site.world.context.engine.connect() as conn:
        assert len(reviews.still_open(conn, None, 10)) == 1

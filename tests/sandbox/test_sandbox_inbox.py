"""The inbox in the browser: what it shows, and what its buttons tell the sender."""

import email
from email.message import Message
from email.parser import BytesParser

import pytest

POLICY = "default-src 'none'; style-src 'self'"


def form(post) -> dict[str, str]:
    """The fields of a multipart/form-data post."""
    raw = f"Content-Type: {post.headers['Content-Type']}\r\n\r\n".encode() + post.body
    parts: list[Message] = BytesParser().parsebytes(raw).get_payload()
    return {
        str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True).decode()
        for part in parts
    }


@pytest.fixture
def received(sandbox, sender, mail):
    """The id of a mail that has arrived."""
    mail["headers"]["List-Unsubscribe"] = f"<mailto:u@kestrel.example>, <{sender.url}/u/token>"
    sandbox.send(mail)
    sender.wait_for_kinds("delivered")
    return sandbox.get("/messages.json")[0]["id"]


def text(sandbox, path):
    answer = sandbox.call("GET", path)
    assert 200 == answer.status
    return answer.data.decode()


def test_the_inbox_lists_the_newest_first_and_in_pages(sandbox, mail, person):
    mail["personalizations"] = [person(f"lead{n}@acme.example", f"Lead {n:02}") for n in range(60)]
    sandbox.send(mail)

    first = text(sandbox, "/")

    assert first.index("Hello Lead 59") < first.index("Hello Lead 10")
    assert "Hello Lead 09" not in first
    older = first.split('">Older')[0].rpartition('href="')[2].replace("&amp;", "&")
    second = text(sandbox, f"/{older}")
    assert "Hello Lead 09" in second
    assert "Hello Lead 10" not in second


def test_the_inbox_can_be_searched_and_narrowed_to_a_recipient(sandbox, mail, person):
    mail["personalizations"] = [person("jane@acme.example", "Jane"), person("john_x@acme.example", "John")]
    sandbox.send(mail)

    assert "Hello John" not in text(sandbox, "/?to=JANE@acme.example")
    assert "Hello Jane" not in text(sandbox, "/?q=hello+john")
    assert "Hello Jane" not in text(sandbox, "/?q=_x")
    assert "No mail matches." in text(sandbox, "/?q=%25%27%22%00")


def test_the_inbox_shows_a_mails_preheader_else_its_text(sandbox, mail):
    sandbox.send(mail)
    assert "Dear Jane, see https" in text(sandbox, "/")
    hidden = '<div style="display:none;font-size:1px;">What it &amp; you cost&zwnj;</div>'
    mail["content"][1]["value"] = f"<html><body>{hidden}<p>Dear %name%</p></body></html>"
    sandbox.send(mail)
    assert '<span class="muted">What it &amp; you cost</span>' in text(sandbox, "/")


def test_an_empty_inbox_says_what_to_do(sandbox):
    assert "No mail yet." in text(sandbox, "/")


def test_what_senders_wrote_is_escaped_and_pages_allow_no_script(sandbox, mail, person):
    mail["subject"] = "<script>alert(1)</script>"
    mail["personalizations"] = [person("jane@acme.example", '"><img src=x onerror=alert(1)>')]
    sandbox.send(mail)
    number = sandbox.get("/messages.json")[0]["id"]

    for path in ("/", f"/messages/{number}", f"/messages/{number}?tab=text", f"/messages/{number}?tab=headers"):
        answer = sandbox.call("GET", path)
        assert answer.headers["Content-Security-Policy"].startswith(POLICY)
        assert b"<script" not in answer.data
        assert b"<img src=x" not in answer.data


def test_the_message_page_shows_text_and_headers_and_every_link(sandbox, received):
    page = text(sandbox, f"/messages/{received}")
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert "https://www.kestrel.example/faq?sq=jane.2" in page
    assert "Dear Jane,\nsee" in text(sandbox, f"/messages/{received}?tab=text")
    assert "sq_sequence" in text(sandbox, f"/messages/{received}?tab=headers")


def test_loading_the_mail_counts_as_an_open_and_leads_its_links_through_the_sandbox(sandbox, sender, received):
    answer = sandbox.call("GET", f"/messages/{received}/frame")

    assert answer.headers["Content-Security-Policy"].endswith("sandbox allow-popups allow-popups-to-escape-sandbox")
    html = answer.data.decode()
    assert f'<a href="/sandbox/messages/{received}/links/1" target="_blank" rel="noopener"><b>questions</b></a>' in html
    sender.wait_for_kinds("open")
    [opened] = [event for event in sender.events() if event["event"] == "open"]
    assert opened["sg_machine_open"] is False


def test_following_a_link_fires_a_click_and_shows_where_it_leads(sandbox, sender, received):
    page = text(sandbox, f"/messages/{received}/links/1")

    assert "https://www.kestrel.example/faq?sq=jane.2" in page
    [clicked] = [event for event in sender.events() if event["event"] == "click"]
    assert ("https://www.kestrel.example/faq?sq=jane.2", 1) == (clicked["url"], clicked["url_offset"]["index"])
    assert 404 == sandbox.call("GET", f"/messages/{received}/links/2").status


@pytest.mark.parametrize("tab", ["html", "text", "headers"])
def test_the_way_back_leads_to_the_tab_that_was_left_and_is_no_further_open(sandbox, sender, received, tab):
    assert f'/messages/{received}/bounce?tab={tab}"' in text(sandbox, f"/messages/{received}?tab={tab}")
    pressed = sandbox.call("POST", f"/messages/{received}/spamreport?tab={tab}", b"")
    followed = text(sandbox, f"/messages/{received}/links/1?tab={tab}")

    back = f"/sandbox/messages/{received}?tab={tab}&seen=1"
    assert f"{back}#activity" == pressed.headers["Location"]
    assert back.replace("&", "&amp;") in followed
    frame = f'src="/sandbox/messages/{received}/frame?seen=1"'
    assert (tab == "html") == (frame in text(sandbox, back.removeprefix("/sandbox")))
    sandbox.call("GET", f"/messages/{received}/frame?seen=1")
    sandbox.press(received, "bounce")
    sender.wait_for_kinds("bounce")
    assert "open" not in {event["event"] for event in sender.events()}


def test_tracking_that_is_switched_off_tells_nothing(sandbox, sender, mail):
    mail["tracking_settings"] = {"click_tracking": {"enable": False}, "open_tracking": {"enable": False}}
    sandbox.send(mail)
    sender.wait_for_kinds("delivered")
    number = sandbox.get("/messages.json")[0]["id"]

    sandbox.call("GET", f"/messages/{number}/frame")
    sandbox.call("GET", f"/messages/{number}/links/0")
    sandbox.press(number, "spamreport")

    assert ["processed", "delivered", "spamreport"] == [event["event"] for event in sender.events()]


@pytest.mark.parametrize(("action", "kind"), [("open", "open"), ("spamreport", "spamreport"), ("bounce", "bounce")])
def test_a_button_posts_its_event_before_the_page_is_back(sandbox, sender, received, action, kind):
    answer = sandbox.press(received, action)

    assert 303 == answer.status
    [event] = [event for event in sender.events() if event["event"] == kind]
    assert "7" == event["sq_lead"]


def test_a_reply_comes_in_as_inbound_parse_brings_it(sandbox, sender, received):
    sandbox.press(received, "reply", text="Wie teuer?\nGrüße")

    [post] = sender.to("/inbound")
    fields = form(post)
    headers = email.message_from_string(fields["headers"])
    assert "r-jane@reply.kestrel.example" == fields["to"]
    assert "Jane <jane@acme.example>" == fields["from"]
    assert "Re: Hello Jane" == fields["subject"]
    assert "Wie teuer?\r\nGrüße" == fields["text"].replace("\r\n", "\n").replace("\n", "\r\n")
    assert '{"to":["r-jane@reply.kestrel.example"],"from":"jane@acme.example"}' == fields["envelope"]
    assert {"charsets", "SPF", "dkim", "spam_score"} <= fields.keys()
    assert "<Jane@mail.kestrel.example>" == headers["In-Reply-To"] == headers["References"]
    assert headers["Auto-Submitted"] is None


def test_an_out_of_office_answer_says_that_it_is_automatic(sandbox, sender, received):
    sandbox.press(received, "auto_reply")

    [post] = sender.to("/inbound")
    assert "auto-replied" == email.message_from_string(form(post)["headers"])["Auto-Submitted"]


def test_no_subject_smuggles_a_header_into_a_reply(sandbox, sender, mail):
    mail["subject"] = "Hi\r\nAuto-Submitted: auto-replied\nX: ü"
    sandbox.send(mail)
    sandbox.press(sandbox.get("/messages.json")[0]["id"], "reply")

    [post] = sender.to("/inbound")
    headers = email.message_from_string(form(post)["headers"])
    assert headers["Auto-Submitted"] is None
    assert headers["MIME-Version"] == "1.0"


def test_unsubscribing_posts_one_click_to_the_address_in_the_header(sandbox, sender, received):
    sandbox.press(received, "unsubscribe")

    [post] = sender.to("/u/token")
    assert b"List-Unsubscribe=One-Click" == post.body
    assert "application/x-www-form-urlencoded" == post.headers["Content-Type"]


def test_what_the_sender_does_not_take_is_shown_with_the_reason(sandbox, sender, received):
    sender.answers.append(404)
    sandbox.press(received, "unsubscribe")

    assert "not received: answered with status 404" in text(sandbox, f"/messages/{received}?tab=text")


def test_a_mail_without_the_header_offers_no_unsubscribing(sandbox, mail):
    sandbox.send(mail)
    number = sandbox.get("/messages.json")[0]["id"]

    assert "Unsubscribe</button>" not in text(sandbox, f"/messages/{number}")
    assert 404 == sandbox.press(number, "unsubscribe").status


def test_other_sites_cannot_press_the_buttons(sandbox, received):
    answer = sandbox.call("POST", f"/messages/{received}/bounce", b"", **{"Sec-Fetch-Site": "cross-site"})

    assert 403 == answer.status


def test_unknown_messages_are_not_found(sandbox):
    assert 404 == sandbox.call("GET", "/messages/99").status
    assert 404 == sandbox.call("GET", f"/messages/{10**30}").status
    assert 404 == sandbox.press(99, "reply").status

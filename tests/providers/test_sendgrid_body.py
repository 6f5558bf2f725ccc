"""The request's JSON: what stands in it once, what per recipient, and that substitution gives back the joined text."""

import json

from hypothesis import given
from hypothesis import strategies as st

from sequencer.core.mail import Skeleton, join
from sequencer.providers.sendgrid_body import LIMIT, Letter, clean_name, fits
from tests.providers.servers import batch, build, recipient, subject, substituted


def test_the_skeleton_stands_once_and_the_values_by_recipient() -> None:
    made = batch(2)
    body = build(made, made.recipients)
    tag = next(iter(body["personalizations"][0]["substitutions"]))
    assert f"<p>{tag}</p>" == next(c["value"] for c in body["content"] if c["type"] == "text/html")
    assert ["value 0", "value 1"] == [p["substitutions"][tag] for p in body["personalizations"]]


def test_plain_text_comes_before_html() -> None:
    made = batch(1)
    assert ["text/plain", "text/html"] == [c["type"] for c in build(made, made.recipients)["content"]]


def test_one_recipient_gets_the_joined_text_and_no_substitutions() -> None:
    made = batch(1)
    body = build(made, made.recipients)
    assert "substitutions" not in body["personalizations"][0]
    assert "<p>value 0</p>" == body["content"][1]["value"]


def test_what_all_recipients_share_is_no_substitution() -> None:
    skeleton = Skeleton(subject=("Hi ", 0), html=(0, " ", 1), text=())
    made = batch([recipient(1, "same", "a"), recipient(2, "same", "b")], skeleton=skeleton)
    body = build(made, made.recipients)
    assert "Hi same" == body["subject"]
    assert [1, 1] == [len(p["substitutions"]) for p in body["personalizations"]]


def test_places_with_the_same_for_each_recipient_have_one_tag_but_a_header_line_has_its_own() -> None:
    skeleton = Skeleton(subject=(0,), html=(1, " ", 2), text=(3,))
    made = batch([recipient(1, *["a", "a", "b", "b"]), recipient(2, *["c\n", "c\n", "d", "d"])], skeleton=skeleton)
    body = build(made, made.recipients)
    text, html = (part["value"] for part in body["content"])
    assert (text, body["subject"] in html) == (html.split(" ")[1], False)
    assert [{"a", "b"}, {"c ", "c\n", "d"}] == [set(p["substitutions"].values()) for p in body["personalizations"]]
    made = batch([recipient(1, *["a", "a", "b", "b"]), recipient(2, *["c", "c", "d", "e"])], skeleton=skeleton)
    assert [4, 4] == [len(p["substitutions"]) for p in build(made, made.recipients)["personalizations"]]


def test_reply_to_keeps_a_valid_local_part_with_its_tag() -> None:
    skeleton = Skeleton(subject=("S",), html=("<p>x</p>",), text=("x",), reply_to=("r-", 0, "@reply.example.com"))
    made = batch([recipient(1, "aaa"), recipient(2, "bbb")], skeleton=skeleton)
    local, _, domain = build(made, made.recipients)["reply_to"]["email"].partition("@")
    assert ("reply.example.com", True, True) == (domain, local.startswith("r-"), local[2:].isalnum())


def test_tracking_of_opens_and_clicks_is_on_and_of_subscriptions_off() -> None:
    made = batch(1)
    assert {
        "click_tracking": {"enable": True, "enable_text": False},
        "open_tracking": {"enable": True},
        "subscription_tracking": {"enable": False},
    } == build(made, made.recipients)["tracking_settings"]


def test_constant_headers_and_categories_stand_at_the_root_and_the_others_by_recipient() -> None:
    made = batch(2)
    body = build(made, made.recipients)
    assert {"X-Auto-Response-Suppress": "OOF, AutoReply"} == body["headers"]
    assert ["education"] == body["categories"]
    assert [{"Message-ID": "<0@sender.example>"}, {"Message-ID": "<1@sender.example>"}] == [
        p["headers"] for p in body["personalizations"]
    ]
    assert [{"sq_enrollment": n, "sq_request": made.request_id} for n in "01"] == [
        p["custom_args"] for p in body["personalizations"]
    ]


def test_only_a_request_that_carries_the_whole_batch_names_it_in_its_events() -> None:
    """An event that names the request proves all of it: a part's events must not speak for the other part."""
    made = batch(2)
    assert [{"sq_enrollment": "0"}] == [p["custom_args"] for p in build(made, made.recipients[:1])["personalizations"]]


def test_each_part_of_the_recipients_gets_the_letter_as_all_of_them_would() -> None:
    skeleton = Skeleton(subject=("Hello ", 0), html=(1, " ", 2), text=(3,))
    people = [recipient(n, f"a\n{n % 2}", f"b\n{n}", "c" * n, "d", to_name="Kim" if n else "Kim;") for n in range(4)]
    made = batch(people, skeleton=skeleton)
    letter = Letter(made, people)
    for part in (people, people[:2], people[2:], people[3:]):
        body = json.loads(letter.to(part))
        for number, one in enumerate(part):
            assert join(skeleton.html, one.values) == substituted(body, number)
            assert f"Hello {one.values[0]}".replace("\n", " ") == subject(body, number)
            assert {"email": one.to_email, "name": "Kim"} == body["personalizations"][number]["to"][0]


def test_another_sender_stands_at_its_recipient() -> None:
    made = batch([recipient(1), recipient(2, from_email="bob@sender.example", from_name="Bob")])
    body = build(made, made.recipients)
    assert {"email": "ann@sender.example", "name": "Ann"} == body["from"]
    assert [None, {"email": "bob@sender.example", "name": "Bob"}] == [p.get("from") for p in body["personalizations"]]


def test_names_lose_what_sendgrid_refuses_and_what_would_begin_a_header() -> None:
    assert "Doe Jane" == clean_name("Doe, Jane;")
    assert "x Bcc: y@example.com" == clean_name("x\r\nBcc: y@example.com")
    for name in (";x", "x,", " x", "x ", "x  y", "x\u2028y", "", "x|y"):
        made = batch([recipient(1, to_name=name), recipient(2)])
        first = build(made, made.recipients)["personalizations"][0]["to"][0]
        assert clean_name(name) == first.get("name", "")
    made = batch([recipient(1, to_name="\r\nBcc: x@example.com")])
    assert "Bcc: x@example.com" == build(made, made.recipients)["personalizations"][0]["to"][0]["name"]


def test_a_recipient_without_a_name_has_only_an_address() -> None:
    made = batch([recipient(1, to_name=" ;, ")])
    assert [{"email": "lead1@example.com"}] == build(made, made.recipients)["personalizations"][0]["to"]


def test_line_breaks_never_reach_subject_or_headers() -> None:
    made = batch([recipient(1, "a\r\nBcc: x@example.com", headers={"List-Unsubscribe": "<https://x>\r\nBcc: y"})])
    body = build(made, made.recipients)
    assert "Hello a Bcc: x@example.com" == body["subject"]
    assert {"List-Unsubscribe": "<https://x> Bcc: y"} == body["personalizations"][0]["headers"]


def test_the_limit_counts_keys_and_values_in_bytes() -> None:
    made = batch(1)
    assert fits(made, recipient(1, "x" * (LIMIT - 6)))
    assert not fits(made, recipient(1, "x" * (LIMIT - 5)))
    assert not fits(made, recipient(1, "é" * (LIMIT // 2)))


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=12)
parts = st.lists(texts | st.integers(0, 2), max_size=6).map(tuple)


@given(html=parts, text=parts, title=parts, people=st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=5))
def test_substituting_gives_every_recipient_the_joined_text(
    html: tuple[str | int, ...],
    text: tuple[str | int, ...],
    title: tuple[str | int, ...],
    people: list[tuple[str, str, str]],
) -> None:
    skeleton = Skeleton(subject=("S", *title), html=("<p>", *html), text=(".", *text))
    made = batch([recipient(n, *values) for n, values in enumerate(people)], skeleton=skeleton)
    body = build(made, made.recipients)
    json.dumps(body)
    for number, values in enumerate(people):
        assert join(skeleton.html, values) == substituted(body, number)
        assert join(skeleton.text, values) == substituted(body, number, "text/plain")
        assert join(skeleton.subject, values) == subject(body, number)

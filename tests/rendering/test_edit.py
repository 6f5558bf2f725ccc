"""One lead's mail as a rep may edit it: nothing that is written, or that a lead is called, becomes more than text."""

from typing import Any

import pytest

from sequencer.rendering.edit import BODY, SUBJECT, Files, draft, tidy_subject, written
from sequencer.rendering.errors import Unfit
from tests.rendering.mails import LAYOUTS, NAMES, PARTIALS, TOKEN, item, mail, prose, view

HEAD = "subject: Prices for {{ lead.first_name }}\npreheader: In short"
TEXT = """Hello {{ lead.first_name }},

{% if lead.first_name %}
See {{ link("price", "https://www.acme.example/price", "the prices") }},
or [more]({{ link("more", "https://www.acme.example/m") }}), or [leave]({{ unsubscribe_url }}).
{% endif %}

Ana<br>
Acme
"""


def files(text: str = TEXT, head: str = HEAD, kind: str = "md") -> Files:
    return Files(item(text, head, kind), f"---\n{head}\n---\n{text}", LAYOUTS, PARTIALS, NAMES)


def made(body: str | None, subject: str | None = None, **who: Any) -> tuple[str, str, str]:
    return mail(written(files(), subject, body), view(**who))


def test_the_mail_of_this_lead_stands_there_as_markdown_with_its_links_by_name() -> None:
    found = draft(files(), view())
    assert found.subject == "Prices for Jo"
    assert found.body == (
        "Hello Jo,\n\nSee [the prices](link:price),\nor [more](link:more), or [leave](link:unsubscribe_url).\n\n"
        "Ana\\\nAcme"
    )


def test_unchanged_it_comes_to_the_same_mail() -> None:
    body = draft(files(), view()).body
    subject, html, text = made(body)
    original = mail(item(TEXT, HEAD), view())
    assert (subject, text) == (original[0], original[2])
    assert html.replace("<br />", "<br>").split() == original[1].replace("<br />", "<br>").split()


@pytest.mark.parametrize(
    "name",
    ["[x](https://evil.example)", "<b>Jo</b>", "# Jo", "*Jo* _of_ `it`", "~~Jo~~ | a", "{{ lead.email }}", "&lt;i&gt;"],
)
def test_whatever_a_lead_is_called_stays_letter_for_letter(name: str) -> None:
    body = draft(files(), view(name)).body
    assert body is not None
    assert made(body, first_name=name)[2].startswith(f"Hello {name},\n")


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("<script>x</script>", "<p>&lt;script&gt;x&lt;/script&gt;</p>"),
        ("{{ lead.email }} {% if %} {#", "<p>&#123;&#123; lead.email }} &#123;% if %} &#123;#</p>"),
        ("a sqtk00000e b", "<p>a sqtk00000e b</p>"),
        (
            "![p](https://a.example/p.png)",
            '<p>!<a href="https://a.example/p.png">p</a></p>',
        ),
        (
            '[x](link:price "t&quot; onclick=1")',
            f'<p><a href="https://www.acme.example/price?sq={TOKEN}.1" title="t&quot; onclick=1">x</a></p>',
        ),
        ("<https://a.example/?a=1&b={{2>", '<p><a href="https://a.example/?a=1&amp;b=%7B%7B2">'),
    ],
)
def test_what_is_written_is_text_and_links_and_nothing_else(body: str, html: str) -> None:
    assert prose(made(body)[1]).startswith(html)


def test_around_what_is_written_stands_what_every_mail_must_show() -> None:
    subject, html, text = made("Hi", "{{ lead.email }}\r\nBcc: a@b.example\x00")
    assert subject == "{{ lead.email }} Bcc: a@b.example"
    assert 'href="https://app.example/u/?a=1&amp;b=t0k"' in html
    assert text.startswith("Hi\n") and "1 Example Street" in text and "In short" in html


@pytest.mark.parametrize(
    "body",
    [
        "",
        " \n\x00 ",
        "x" * (BODY + 1),
        "[x](link:nope)",
        "[x](javascript:alert(1))",
        "[x](data:text/html,x)",
        "[x](http://localhost/a)",
        "[x](https://a.example/?sq=1)",
        "[x](ftp://a.example)",
        "[ref]\n\n[ref]: link:nope",
    ],
)
def test_what_cannot_go_is_refused_with_why(body: str) -> None:
    with pytest.raises(Unfit):
        made(body)


@pytest.mark.parametrize("subject", ["", " \r\n\t ", "x" * (SUBJECT + 1)])
def test_a_subject_is_one_line_that_says_something(subject: str) -> None:
    with pytest.raises(Unfit):
        tidy_subject(subject)


SECTIONS = "<mj-section><mj-column><mj-text>Hi</mj-text></mj-column></mj-section>"


@pytest.mark.parametrize(
    "laid_out",
    [
        files('Hello <span style="color:red">you</span>'),
        files("![A picture](https://www.acme.example/p.png)"),
        files(SECTIONS, f"{HEAD}\nlayout: sections", "mjml"),
        files("{{ brand.postal_address }} [leave]({{ unsubscribe_url }})", f"{HEAD}\nlayout: bare"),
    ],
)
def test_of_a_mail_laid_out_by_hand_only_the_subject_may_be_changed(laid_out: Files) -> None:
    assert draft(laid_out, view()).body is None
    assert mail(written(laid_out, "Mine", None), view())[0] == "Mine"

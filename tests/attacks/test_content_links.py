"""`javascript:` and its like in addresses: by content, and by what leads are said to be."""

import html
import re
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sequencer.core.content import Content
from sequencer.rendering import markup
from sequencer.rendering.errors import RenderingFailed
from sequencer.rendering.html_check import ADDRESSES
from sequencer.rendering.links import harmless_address
from tests.rendering.mails import compiled, item, mail, problems, view

SCHEMES = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "  javascript:alert(1)",
    "\tjavascript:alert(1)",
    "\x01javascript:alert(1)",
    "\x1fjavascript:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "java\rscript:alert(1)",
    "java\0script:alert(1)",
    "javascript\t:alert(1)",
    "javascript&colon;alert(1)",
    "&#106;avascript:alert(1)",
    "&#x6A;avascript:alert(1)",
    "&#0000106avascript:alert(1)",
    "java&Tab;script:alert(1)",
    "java&NewLine;script:alert(1)",
    "&#1;javascript:alert(1)",
    "%6Aavascript:alert(1)",
    "\u2028javascript:alert(1)",
    "\u00a0javascript:alert(1)",
    "\ufeffjavascript:alert(1)",
    "ｊavascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "DATA:text/html;base64,PHNjcmlwdD4=",
    "vbscript:msgbox(1)",
    "VbScRiPt:msgbox(1)",
    "livescript:x",
    "mocha:x",
    "view-source:javascript:x",
    "file:///etc/passwd",
    "blob:https://a.example/1",
    "jar:javascript:x",
    "feed:javascript:x",
    "//evil.example/x",
    "\\\\evil.example\\x",
    "/\\evil.example",
    "https:evil.example",
    "https:///evil.example",
    "?x=javascript:alert(1)",
    "javascript://https://www.example.com/%0aalert(1)",
    "x' onmouseover='alert(1)",
    'x" onmouseover="alert(1)',
    'https://a.example/" onmouseover="alert(1)',
    "https://a.example/><script>alert(1)</script>",
]
PLACES = [
    '<a href="{{ lead.site }}">x</a>',
    "<a href='{{ lead.site }}'>x</a>",
    '<a HREF=" {{ lead.site }}">x</a>',
    "<a href=\"{{ lead.site or '' }}\">x</a>",
    '<a href="{{ lead.site | lower }}">x</a>',
    "<a href=\"{{ lead.site | trim | default('x') }}\">x</a>",
    "<a href=\"{{ '' ~ lead.site }}\">x</a>",
    '<a href="{{ lead.site if lead.site else unsubscribe_url }}">x</a>',
    '<a href="{% if lead.site %}{{ lead.site }}{% endif %}">x</a>',
    '<a href="{% if lead.email %}{{ lead.site }}{% else %}https://a.example{% endif %}">x</a>',
    '<a href="{% if lead.items %}https://a.example{% else %}{{ lead.site }}{% endif %}">x</a>',
    '<a href="{% if lead.items %}https://{% endif %}{{ lead.site }}">x</a>',
    '<a href="{% if lead.items %}a{{ lead.site }}{% else %}b{% endif %}">x</a>',
    '<a href="{% if lead.items == "/" %}/{% endif %}{{ lead.site }}">x</a>',
    '<a href="{{ lead.items }}{{ lead.site }}">x</a>',
    '<a href="{% set a = lead.site %}{{ a }}">x</a>',
    '{% set a = lead.site %}<a href="{{ a }}">x</a>',
    '{% set a %}{{ lead.site }}{% endset %}<a href="{{ a }}">x</a>',
    '<a href="{% set a %}https:{% endset %}{{ lead.site }}">x</a>',
    '<a href="{% for a in [lead.site] %}{{ a }}{% endfor %}">x</a>',
    '{% for a in [lead.site] %}<a href="{{ a }}">x</a>{% endfor %}',
    '<a href="{{ lead.site.split() }}">x</a>',
    '<a href="{{ link("a", "https://a.example") if not lead.site else lead.site }}">x</a>',
    '<a href="{{ lead.site or link("a", "https://a.example") }}">x</a>',
    '<a title="{% if lead.site %}" href="{% endif %}{{ lead.site }}">x</a>',
    '<a href="{% if lead.items %}https://a.example" title="{% endif %}{{ lead.site }}">x</a>',
    "<a href={{ lead.site }}>x</a>",
    "<a {{ lead.site }}>x</a>",
    '<a href="java{{ lead.site }}">x</a>',
    '<a href="{{ "java" }}script:{{ lead.site }}">x</a>',
    '<a href="{{ "javascript:" }}{{ lead.site }}">x</a>',
    '<a href="{% if true %}javascript{% endif %}:{{ lead.site }}">x</a>',
    '<a href="javascript:{{ lead.site }}">x</a>',
    '<a href="data:text/html,{{ lead.site }}">x</a>',
    '<a href="&#106;avascript:{{ lead.site }}">x</a>',
    '<a href="https:{{ lead.site }}">x</a>',
    '<a href="/{{ lead.site }}">x</a>',
    '<a href="?a={{ lead.site }}">x</a>',
    '<img alt="" src="{{ lead.site }}" />',
    '<img alt="" srcset="{{ lead.site }} 2x" />',
    '<form action="{{ lead.site }}"><button formaction="{{ lead.site }}">x</button></form>',
    '<table><tr><td background="{{ lead.site }}">x</td></tr></table>',
    '<video poster="{{ lead.site }}"></video>',
    '<blockquote cite="{{ lead.site }}">x</blockquote>',
    '<svg><a xlink:href="{{ lead.site }}">x</a></svg>',
    '<a onclick="{{ lead.site }}">x</a>',
    '<a ONCLICK="{{ lead.site }}">x</a>',
    '<p style="background: url({{ lead.site }})">x</p>',
    '<iframe srcdoc="{{ lead.site }}"></iframe>',
    '<iframe src="{{ lead.site }}"></iframe>',
    '<object data="{{ lead.site }}"></object>',
    '<embed src="{{ lead.site }}" />',
    '<meta http-equiv="refresh" content="0;url={{ lead.site }}" />',
    '<base href="{{ lead.site }}" />',
    "<script>{{ lead.site }}</script>",
    "<style>{{ lead.site }}</style>",
    "[x]({{ lead.site }})",
    "![x]({{ lead.site }})",
    "<{{ lead.site }}>",
    "[x][1]\n\n[1]: {{ lead.site }}",
]
SECTIONS = [
    '<mj-section><mj-column><mj-button href="{{ lead.site }}">x</mj-button></mj-column></mj-section>',
    '<mj-section><mj-column><mj-image alt="" src="{{ lead.site }}" href="{{ lead.site }}" /></mj-column></mj-section>',
    '<mj-section background-url="{{ lead.site }}"><mj-column><mj-text>x</mj-text></mj-column></mj-section>',
    '<mj-section><mj-column><mj-social><mj-social-element href="{{ lead.site }}">x</mj-social-element></mj-social>'
    "</mj-column></mj-section>",
    '<mj-section><mj-column><mj-navbar base-url="{{ lead.site }}"><mj-navbar-link href="/x">x</mj-navbar-link>'
    "</mj-navbar></mj-column></mj-section>",
]
_FINE = re.compile(r"(?:https?://[^/]|mailto:|tel:|cid:|#)", re.IGNORECASE)


def addresses(text: str) -> Iterator[str]:
    """Every address in a mail as a mail program reads it: entities resolved, control characters gone."""
    for tag in markup.read(markup.without_conditionals(text)):
        assert not (isinstance(tag, markup.Tag) and tag.name.lower() == "script")
        for attribute in tag.attributes if isinstance(tag, markup.Tag) else ():
            if attribute.name.lower() in ADDRESSES | {"data", "srcset"}:
                yield re.sub(r"[\x00-\x1f]", "", html.unescape(attribute.value or "")).strip()
            assert not attribute.name.lower().startswith("on"), attribute


def prepared(body: str, kind: str) -> Content | None:
    return compiled(body, "subject: Hello" if kind == "md" else "subject: Hello\nlayout: sections", kind)[0]


def dangers(content: Content | None, site: str = "https://a.example") -> list[str]:
    """Addresses in the mail that are no plain web, mail or phone addresses; none when `check` refuses the content."""
    if content is None:
        return []
    try:
        _, sent, _ = mail(content, view(site=site, items=""))
    except RenderingFailed:
        return []
    return [address for address in addresses(sent) if address and not _FINE.match(address)]


@pytest.mark.parametrize("place", PLACES)
def test_no_value_of_a_lead_makes_an_address_dangerous(place: str) -> None:
    content = prepared(place, "md")
    assert {site: found for site in SCHEMES if (found := dangers(content, site))} == {}


@pytest.mark.parametrize("section", SECTIONS)
def test_nor_does_it_in_the_components_of_mjml(section: str) -> None:
    content = prepared(section, "mjml")
    assert {site: found for site in SCHEMES if (found := dangers(content, site))} == {}


def test_a_plain_address_of_a_lead_still_is_a_link() -> None:
    content = item('<a href="{{ lead.site }}">x</a> <a href="{% if lead.site %}{{ lead.site }}{% endif %}">x</a>')
    for site in ("https://a.example/b?c=d&e#f", "http://a.example", "HTTPS://A.example", "mailto:a@b.example"):
        found = [address for address in addresses(mail(content, view(site=site))[1]) if address == site]
        assert len(found) == 2


@pytest.mark.parametrize("place", [place for place in PLACES if "{{ lead.site }}" in place])
def test_content_itself_has_none_either(place: str) -> None:
    for written in SCHEMES[:3] + SCHEMES[6:7] + SCHEMES[11:13] + ["data:text/html,x", "vbscript:x", "//evil.example"]:
        assert dangers(prepared(place.replace("{{ lead.site }}", written), "md")) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nor_in_the_plainest_places_whatever_the_scheme(scheme: str) -> None:
    for written in (scheme, html.escape(scheme)):
        assert dangers(prepared(f'<a href="{written}">x</a>', "md")) == []
        assert dangers(prepared(f"[x](<{written}>)", "md")) == []
        for section in SECTIONS:
            assert dangers(prepared(section.replace("{{ lead.site }}", written), "mjml")) == []


@pytest.mark.parametrize(
    "scheme", [one for one in SCHEMES if "'" not in one and '"' not in one and one.isprintable() and one.isascii()]
)
def test_a_named_link_goes_to_the_web_or_to_a_mailbox(scheme: str) -> None:
    (problem,) = problems(f'{{{{ link("a", "{scheme}") }}}}')
    assert problem in ("4:15 bad-link", "4:1 template-syntax")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('<a href="{% if lead.items %}javascript{% endif %}:alert(1)">x</a>', "bad-address"),
        ('<a href="{% if lead.items %}https://a.example{% endif %}/x">x</a>', "bad-address"),
        ('<a href="{% for a in [1] %}{{ a }}{% endfor %}">x</a>', "bad-address"),
        ('<a title="{% if lead.items %}" href="{% endif %}">x</a>', "crossed-structure"),
        ("<iframe></iframe>", "mjml"),
        ('<p onclick="x">x</p>', "mjml"),
    ],
)
def test_content_is_told_what_may_not_be(body: str, expected: str) -> None:
    assert {problem.split()[1] for problem in problems(body)} == {expected}


@pytest.mark.parametrize(
    "body",
    [
        '<a href="{% if lead.items %}https://a.example{% else %}https://b.example{% endif %}/x">x</a>',
        '<a href="{% if lead.items %}{{ link("a", "https://a.example") }}{% else %}{{ unsubscribe_url }}{% endif %}">x'
        "</a>",
        '<a href="https://a.example/{% for a in lead.pains or [] %}{{ a }}{% endfor %}">x</a>',
        '<a href="https://{{ lead.site or "a.example" }}/x">x</a>',
        '<a href="mailto:{{ owner.email }}?subject={{ lead.first_name or "" }}">x</a>',
        '<a href="tel:{{ owner.phone or "1" }}">x</a>',
        '<img alt="" srcset="https://a.example/1.png 1x, https://a.example/2.png 2x" src="https://a.example/1.png" />',
    ],
)
def test_and_what_may_be_is_left_alone(body: str) -> None:
    assert problems(body) == []


@settings(max_examples=1000)
@given(st.text(alphabet="javscriptdthml:/&#;\t\n\0 %.", max_size=20) | st.text(max_size=12))
@example("\x85https://a.example")
def test_an_address_is_plain_or_a_hash(value: str) -> None:
    assert harmless_address(value) == "#" or _FINE.match(harmless_address(value))

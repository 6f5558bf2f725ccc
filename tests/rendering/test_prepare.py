"""Skeletons and slots: attack strings, bounds, and equality with plain Jinja."""

import dataclasses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sequencer.core.content import Content, Link
from sequencer.core.mail import join
from sequencer.core.workspace import Brand
from sequencer.rendering.environment import ENVIRONMENTS, Mode
from sequencer.rendering.errors import RenderingFailed
from sequencer.rendering.prepare import prepare
from sequencer.rendering.scope import Scope
from sequencer.rendering.view import View
from tests.rendering.mails import LETTERHEAD, TOKEN, item, mail, prose, view

ATTACKS = [
    "{{7*7}}",
    "<script>alert(1)</script>",
    "{% if %}",
    "x\r\nBcc: y@example.com",
    "-tag-0-",
    "%tag%",
    "\x00\ud800",
]


def plain(html: str, subject: str = "", text: str = "", links: tuple[Link, ...] = (), preheader: str = "") -> Content:
    return Content("x", "content/x.md", "", subject, preheader, html, text, links)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_value_comes_out_literally_whatever_it_looks_like(attack: str) -> None:
    content = item("Hi {{ lead.first_name or 'x' }}!", "subject: 'Hi {{ lead.first_name or \"x\" }}!'")
    subject, html, text = mail(content, view(attack))
    clean = attack.replace("\r\n", "\n").replace("\x00", "").replace("\ud800", "")
    escaped = clean.replace("<", "&lt;").replace(">", "&gt;")
    assert prose(html) == f"<p>Hi {escaped}!</p>"
    assert text.startswith(f"Hi {clean}!\n")
    assert subject == f"Hi {clean.replace(chr(10), ' ')}!"
    assert (subject + html + text).encode()


def test_a_long_name_is_no_trouble_and_a_huge_one_is_that_leads_trouble() -> None:
    content = item("Hi {{ lead.first_name or 'x' }}!")
    assert "A" * 10_000 in mail(content, view("A" * 10_000))[1]
    with pytest.raises(RenderingFailed, match=r"guides/it: .*at most 100000 characters"):
        prepare(content, LETTERHEAD).values(view("A" * 100_001))


def test_the_skeleton_is_one_object_for_all_leads_and_the_token_one_slot() -> None:
    content = item(
        '{{ link("a", "https://a.example") }} {{ link("b", "https://b.example") }} {{ lead.email }} {{ lead.email }}'
    )
    prepared = prepare(content, LETTERHEAD)
    assert prepare(dataclasses.replace(content), LETTERHEAD) is prepared
    assert prepared.values(view()).count(TOKEN) == 1
    assert prepared.values(view()).count("jo@buyer.example") == 2, "once for HTML, once for text"
    assert prepared.skeleton.subject == ("Hello",)


def test_what_reads_the_same_in_html_and_text_is_one_slot_and_pages_share_their_token() -> None:
    choice = "{% if lead.industry == 'retail' %}Shops{% else %}Others{% endif %}"
    pages = "{{ unsubscribe_url }} {{ preferences_url }} {{ confirm_url }}"
    prepared = prepare(item(f"{choice} {pages} {{{{ download_url }}}}"), LETTERHEAD)
    assert prepared.values(view(industry="retail")).count("Shops") == 1
    assert prepared.values(view()).count("t0k") == 2, "that of the download may be another one"
    assert "d0k" in prepared.values(view()._replace(download_token="d0k"))


def test_what_stands_on_every_mail_is_part_of_the_skeleton() -> None:
    choice = "{% if brand.name == 'Kestrel' %}ours{% endif %}"
    prepared = prepare(
        plain("{{ brand.name | upper }} {{ brand.postal_address }} " + choice, "{{ brand.name }}"), LETTERHEAD
    )
    assert prepared.skeleton.subject == ("Kestrel",)
    assert prepared.skeleton.html[1] == " 1 Example Street, London "
    assert prepared.values(view()) == ("KESTREL", "ours")
    renamed = LETTERHEAD._replace(brand=dataclasses.replace(LETTERHEAD.brand, name="<K>"), reply_domain="r.example")
    prepared = prepare(plain("{{ brand.name }} {{ confirm_url }}", ""), renamed)
    assert prepared.skeleton.html == ("&lt;K&gt; https://app.example/c/", 0)
    assert prepared.skeleton.reply_to == ("r-", 1, "@r.example")
    assert prepared.values(view()._replace(letterhead=renamed, reply_token="a2")) == ("t0k", "a2")


def test_a_brand_that_a_template_sets_is_that_one() -> None:
    content = plain("{% for brand in ['a'] %}{{ brand }}{% endfor %}{{ brand.name }}{% set brand = 'b' %}{{ brand }}")
    assert mail(content, view())[1] == "aKestrelb"


def test_an_address_from_a_leads_data_is_harmless() -> None:
    content = item(
        '<a href="{{ lead.site or "" }}">a</a> <a href="{% if lead.site %}{{ lead.site }}{% endif %}">b</a> '
        '<a href="https://a.example/{{ lead.site or "" }}">c</a>'
    )
    _, html, _ = mail(content, view(site=" jaVascript:alert(1)"))
    assert prose(html) == (
        '<p><a href="#">a</a> <a href="#">b</a> <a href="https://a.example/ jaVascript:alert(1)">c</a></p>'
    )
    _, html, _ = mail(content, view(site="https://x.example/?a=1&b"))
    assert '<a href="https://x.example/?a=1&amp;b">a</a>' in html


@pytest.mark.parametrize(
    "expression",
    [
        "'a' * 200000000",
        "200000000 * 'a'",
        "[1] * 200000000",
        "9 ** 9 ** 9",
        "'%200000000d' % 1",
        "range(100000000) | join",
        "'aaaaaaaaaa' | replace('', 'aaaaaaaaaa' | replace('a', 'a' ~ range(900) | join))",
        "(range(900) | join) | join(range(900) | join)",
        "''.__class__.__mro__",
        "lead.first_name.__class__.__init__.__globals__",
        "1 // 0",
    ],
)
def test_what_would_eat_the_machine_or_look_behind_it_fails_for_that_lead(expression: str) -> None:
    with pytest.raises(RenderingFailed):
        prepare(plain("{{ " + expression + " }}"), LETTERHEAD).values(view())


def test_doubling_by_set_and_loops_without_end_are_bounded() -> None:
    doubling = "{% set a = 'aaaaaaaa' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}"
    looping = "{% for a in range(1000) %}{% for b in range(1000) %}{{ lead.first_name }}{% endfor %}{% endfor %}"
    for template in (doubling, doubling.replace("~", "+"), looping):
        with pytest.raises(RenderingFailed):
            prepare(plain(template), LETTERHEAD).values(view())


def test_a_field_named_like_a_method_is_the_field() -> None:
    assert mail(item("{{ lead.items or 'none' }} {{ lead['items'] | upper }}"), view(items="x"))[2].startswith("x X\n")


def test_the_subject_may_stand_in_the_mail() -> None:
    content = plain(
        "<i>{{ subject }}</i>{% if preheader %}<b>{{ preheader | upper }}</b>{% endif %}",
        "A & {{ lead.first_name }}",
        "{{ subject }}",
        preheader="p {% for n in range(2) %}{{ n }}{% endfor %}",
    )
    assert mail(content, view("<J>")) == ("A & <J>", "<i>A &amp; &lt;J&gt;</i><b>P 01</b>", "A & <J>")


NAMES = ("alpha", "beta")
EXPRESSIONS = st.sampled_from(
    [
        "lead.first_name",
        "lead.first_name or 'there'",
        "lead.industry if lead.first_name else '<none>'",
        "lead.industry | default('&')",
        "lead.pains or []",
        "lead.pains | join(' & ')",
        "lead.employees + 1 if lead.employees else 'few'",
        "lead.first_name ~ '<' ~ lead.industry",
        "lead.industry | upper",
        "company.name",
        "owner.phone or owner.name",
        "brand.postal_address",
        "brand.name | upper if brand.url != lead.industry else brand['name']",
        "unsubscribe_url",
        "subject",
        "preheader",
        "link('one', 'https://a.example/?x=1&y=2#z')",
        "link('two', 'https://b.example', 'w & <w>')",
        "link('two', 'https://b.example', lead.first_name)",
        "link('two', 'https://b.example', brand.name)",
        "brand.url | default('&')",
        "link('one', 'https://a.example/?x=1&y=2#z') if lead.industry else 'x'",
        "(lead.industry) | _address",
        "'literal <&>'",
        "3.0",
        "alpha",
        "beta",
        "not lead.industry",
        "lead.employees > 10",
        "lead.industry == 'retail' or lead.industry in ('public', 'other')",
    ]
)
TESTS = st.sampled_from(
    [
        "lead.first_name",
        "lead.employees > 10",
        "not lead.industry",
        "'cost' in lead.pains",
        "alpha",
        "lead.industry | length > 3",
    ]
)


def _templates() -> st.SearchStrategy[str]:
    data = st.sampled_from(["", "text ", "<p>", "&amp;", "é\n", " } ", "{ "])
    leaf = st.one_of(data, EXPRESSIONS.map(lambda it: "{{ " + it + " }}"))
    sets = st.builds(
        lambda name, it: "{% set " + name + " = " + it + " %}", st.sampled_from(NAMES), EXPRESSIONS
    ) | st.builds(lambda name, it: "{% set " + name + " %}" + it + "{% endset %}", st.sampled_from(NAMES), leaf)

    def nest(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        many = st.lists(inner, max_size=3).map("".join)
        return st.one_of(
            many,
            st.builds(lambda t, a: "{% if " + t + " %}" + a + "{% endif %}", TESTS, many),
            st.builds(lambda t, a, b: "{%- if " + t + " %}" + a + "{% else %}" + b + "{% endif -%}", TESTS, many, many),
            st.builds(lambda a: "{% for alpha in lead.pains or [] %}" + a + "{{ loop.index }}{% endfor %}", many),
        )

    whole = st.lists(st.recursive(st.one_of(leaf, sets), nest, max_leaves=8), max_size=8).map("".join)
    # Both are set first: what is not set is found by the check, not here.
    return whole.map(lambda it: "{% set alpha = 1 %}{% set beta = lead.industry %}" + it)


LEADS = st.builds(
    view,
    st.none() | st.sampled_from(ATTACKS) | st.text(max_size=20),
    industry=st.none() | st.sampled_from(["retail", "", "<&>", "javascript:x", "https://x.example/?a&b"]),
    employees=st.none() | st.integers(0, 99) | st.floats(0, 99),
    pains=st.none() | st.lists(st.sampled_from(["cost", "ri<sk"]), max_size=3),
)
ODD = LETTERHEAD._replace(brand=Brand("<K> & 'Co'\a 5 %s", "", "1 Way\nLondon"))
ODD_VIEW = view()._replace(letterhead=ODD)
VIEWS = LEADS | st.builds(lambda seen: seen._replace(letterhead=ODD), LEADS)


def _rendered(template: str, mode: Mode, scope: Scope) -> str:
    variables = scope.context(mode) | {name: scope.value(name) for name in ("subject", "preheader")}
    return ENVIRONMENTS[mode].from_string(template).render(variables)


@example("{{ link('two', 'https://b.example', brand.name) }}", "{{ brand.url | default('&') }}", ODD_VIEW)
@given(_templates(), _templates(), VIEWS)
def test_joined_slots_equal_plain_jinja_byte_for_byte(html: str, text: str, seen: View) -> None:
    subject = "5 % {{ brand.name }} {{ lead.first_name or '&' }}"
    preheader = "P {% if lead.industry %}{{ lead.industry }}{% endif %}"
    links = (Link("one", "https://a.example/?x=1&y=2#z"), Link("two", "https://b.example"))
    prepared = prepare(plain(html, subject, text, links, preheader), seen.letterhead)
    lines = {
        "subject": lambda scope: _rendered_line(subject, scope),
        "preheader": lambda scope: _rendered_line(preheader, scope),
    }
    scope = Scope(seen, {"one": 1, "two": 2}, lines)
    try:
        expected = [_rendered(html, Mode.HTML, scope), _rendered(text, Mode.TEXT, scope), lines["subject"](scope)]
    except Exception as error:
        with pytest.raises(RenderingFailed):
            prepared.values(seen)
        assert not isinstance(error, RecursionError)
        return
    values = prepared.values(seen)
    skeleton = prepared.skeleton
    assert [join(part, values) for part in (skeleton.html, skeleton.text, skeleton.subject)] == expected
    assert prepared.subject(values) == expected[2]


def _rendered_line(template: str, scope: Scope) -> str:
    return ENVIRONMENTS[Mode.HEADER].from_string(template).render(scope.context(Mode.HEADER))

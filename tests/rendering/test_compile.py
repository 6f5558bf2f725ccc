"""From content files to compiled items, through the real MJML compiler."""

from datetime import date

import pytest

from sequencer.core.content import Link
from sequencer.rendering.compile import Source, compile_content
from tests.rendering.mails import LAYOUTS, NAMES, PARTIALS, TOKEN, compiled, item, mail, problems, prose, view


def test_a_markdown_item_becomes_html_and_text_in_its_layout() -> None:
    subject, html, text = mail(
        item(
            "Hi {{ lead.first_name or 'there' }},\n\nthe **answer** to [all](https://www.kestrel.example/q?a=1&b=2).\n",
            "subject: 'News for {{ company.name or \"you\" }}'\npreheader: In short",
        ),
        view(),
    )
    assert subject == "News for Buyer & Sons"
    assert prose(html) == (
        "<p>Hi Jo,</p><p>the <strong>answer</strong> to "
        '<a href="https://www.kestrel.example/q?a=1&amp;b=2">all</a>.</p>'
    )
    assert "<title>News for Buyer &amp; Sons</title>" in html
    assert html.index("In short") < html.index("Hi Jo")
    assert text == (
        "Hi Jo,\n\nthe answer to all (https://www.kestrel.example/q?a=1&b=2).\n\n"
        "Kestrel, 1 Example Street, London\n"
        "Unsubscribe (https://app.example/u/?a=1&b=t0k) · Preferences (https://app.example/preferences/t0k)\n"
    )


def test_unicode_survives_every_step() -> None:
    subject, html, text = mail(item("Grüße – 日本 🎉 {{ lead.first_name or '' }}", "subject: Añadir 🎉"), view("Ł‮𝒳"))
    assert subject == "Añadir 🎉"
    assert prose(html) == "<p>Grüße – 日本 🎉 Ł‮𝒳</p>"
    assert text.startswith("Grüße – 日本 🎉 Ł‮𝒳\n")


def test_front_matter_goes_into_the_item() -> None:
    content = item(
        "x", "subject: S\nkind: pricing\nstage: [mql, sql]\npains: cost\nindustry: [retail]\nlayout: personal"
    )
    assert (content.kind, content.stages, content.pains, content.tags) == (
        "pricing",
        ("mql", "sql"),
        ("cost",),
        {"industry": ("retail",)},
    )
    assert content.preheader == ""


def test_a_whole_mjml_document_is_compiled_as_it_is() -> None:
    body = LAYOUTS["default"].replace("{{ content }}", "<p>Dear {{ lead.first_name or 'reader' }}</p>")
    _, html, text = mail(item(body, kind="mjml"), view())
    assert prose(html) == "<p>Dear Jo</p>"
    assert text.startswith("Dear Jo\n\nKestrel")


def test_sections_are_placed_into_a_layout_and_may_depend_on_the_lead() -> None:
    content = item(
        "{% if lead.industry %}<mj-section><mj-column><mj-text>For {{ lead.industry }}</mj-text>"
        '<mj-button href="{{ link("go", "https://www.kestrel.example/go") }}">Go</mj-button>'
        "</mj-column></mj-section>{% endif %}"
        "<mj-section><mj-column><mj-text><b>All</b>\n<i>of you</i></mj-text></mj-column></mj-section>",
        "subject: S\nlayout: sections",
        "mjml",
    )
    _, html, text = mail(content, view(industry="retail"))
    assert f'href="https://www.kestrel.example/go?sq={TOKEN}.1"' in html
    assert text.startswith(f"For retail\nGo (https://www.kestrel.example/go?sq={TOKEN}.1)\nAll of you")
    _, html, text = mail(content, view())
    assert "https://www.kestrel.example/go" not in html
    assert text.startswith("All of you\n")


def test_a_paragraph_inside_one_if_leaves_nothing_behind() -> None:
    content = item("One.\n\n{% if lead.industry %}Two {{ lead.industry }}.{% endif %}\n\nThree.")
    _, html, text = mail(content, view())
    assert [prose(html), text.split("\n\n")[:2]] == ["<p>One.</p><p>Three.</p>", ["One.", "Three."]]
    _, html, text = mail(content, view(industry="retail"))
    assert prose(html) == "<p>One.</p><p>Two retail.</p><p>Three.</p>"
    assert text.split("\n\n")[:3] == ["One.", "Two retail.", "Three."]


def test_list_items_may_be_repeated_and_left_out() -> None:
    content = item(
        "{% for pain in lead.pains or [] %}\n- {{ pain }}\n{% endfor %}\n\n"
        "Then\n\n- one\n{% if lead.industry %}\n- two\n{% endif %}\n- three\n"
    )
    _, html, _ = mail(content, view(pains=["cost", "risk"]))
    assert prose(html) == ("<ul><li>cost</li><li>risk</li></ul><p>Then</p><ul><li>one</li><li>three</li></ul>")


def test_an_unknown_value_prints_as_nothing_and_compares_as_false() -> None:
    content = item(
        "[{{ lead.industry }}] {% if lead.employees > 50 %}big{% else %}small{% endif %} "
        "{% if lead.industry != 'retail' %}other{% endif %} {{ lead.current_tool | default('none') }} "
        "{{ lead.site | upper }}"
        "{% if 'cost' in lead.pains %}cost{% endif %}"
    )
    assert prose(mail(content, view())[1]) == "<p>[] small  none</p>"
    rich = view(industry="public", employees=80.0, current_tool="Excel", pains=["cost"])
    assert prose(mail(content, rich)[1]) == "<p>[public] big other Excel cost</p>"


def test_values_print_as_people_write_them() -> None:
    content = item("{{ lead.employees or 0 }} {{ lead.pains or [] }} {{ lead.renewal_date | date }}")
    seen = view(employees=50.0, pains=["cost", "risk"], renewal_date=date(2026, 12, 21))
    assert prose(mail(content, seen)[1]) == "<p>50 cost, risk 21 December 2026</p>"


def test_named_links_carry_the_token_in_every_form() -> None:
    content = item(
        '{{ link("words", "https://a.example/x", "a <b>") }} [md]({{ link("md", "https://a.example/?q=1&r=2#top") }})'
        " <a href=\"{{ link('html', 'https://a.example') }}\">here</a>"
        ' {{ link("post", "mailto:a@b.example", "mail") }}'
    )
    assert content.links == (
        Link("words", "https://a.example/x"),
        Link("md", "https://a.example/?q=1&r=2#top"),
        Link("html", "https://a.example"),
        Link("post", "mailto:a@b.example"),
    )
    _, html, text = mail(content, view())
    assert prose(html) == (
        f'<p><a href="https://a.example/x?sq={TOKEN}.1">a &lt;b&gt;</a> '
        f'<a href="https://a.example/?q=1&amp;r=2&amp;sq={TOKEN}.2#top">md</a> '
        f'<a href="https://a.example?sq={TOKEN}.3">here</a> <a href="mailto:a@b.example">mail</a></p>'
    )
    assert text.split("\n")[0] == (
        f"a <b> (https://a.example/x?sq={TOKEN}.1) md (https://a.example/?q=1&r=2&sq={TOKEN}.2#top) "
        f"here (https://a.example?sq={TOKEN}.3) mail (mailto:a@b.example)"
    )


def test_comments_never_leave_the_house() -> None:
    content = item("a {# secret #}<!-- also {{ lead.secret }} -->b")
    assert prose(content.html) == "<p>a b</p>"


def test_literal_braces_are_no_template() -> None:
    _, html, text = mail(item("&#123;&#123; 7*7 }} and \\{{ '{' }}% x"), view())
    assert prose(html) == "<p>&#123;{ 7*7 }} and \\{% x</p>"
    assert text.startswith("{{ 7*7 }} and \\{% x\n")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("{{ lead.frist_name or 'x' }}", ["4:9 unknown-name"]),
        ("Hi {{ first_name }}", ["4:7 unknown-name"]),
        ("{{ lead }}", ["4:4 unknown-name"]),
        ("{{ lead.first_name or 'x' | uper }}", ["4:29 unknown-filter"]),
        ("{{ lead.email | safe }}", ["4:17 unknown-filter"]),
        ("x {{ lead.first_name", ["4:3 template-syntax"]),
        ("x {{ lead. }}", ["4:3 template-syntax"]),
        ("{% if lead.email %}\n\nx", ["4:1 template-syntax"]),
        ("{% endfor %}", ["4:1 template-syntax"]),
        ("{% extends 'x' %}", ["4:1 forbidden-statement"]),
        ("{% import 'x' as y %}", ["4:1 forbidden-statement"]),
        ("{% macro m() %}{% endmacro %}", ["4:1 forbidden-statement", "4:16 forbidden-statement"]),
        ("{% filter upper %}x{% endfilter %}", ["4:1 forbidden-statement", "4:20 forbidden-statement"]),
        ("{% set lead = 1 %}", ["4:8 forbidden-expression"]),
        ("{{ cycler(1) }}", ["4:1 forbidden-expression"]),
        ("{{ lead.email.upper() }}", ["4:1 forbidden-expression"]),
        ("{{ lead.email ** 9 }}", ["4:1 forbidden-expression"]),
        ("{{ ''.__class__ }}", ["4:1 forbidden-expression"]),
        ("Dear {{ lead.first_name }}", ["4:14 no-default"]),
        ("Dear {{ lead.first_name | upper }}", ["4:14 no-default"]),
        ("{% if lead.first_name %}{{ lead.first_name }}{% endif %} {{ lead.email }}", []),
        ("{% if lead.email %}{% set a = 1 %}{% endif %}{{ a }}", ["4:49 unknown-name"]),
        ("{{ content }}", ["4:4 unknown-name"]),
        ("{% include 'foter' %}", ["4:1 missing-partial"]),
        ("{{ link('a', 'javascript:alert(1)') }}", ["4:15 bad-link"]),
        ("{{ link('a', '/pricing') }}", ["4:15 bad-link"]),
        ("{{ link('a', 'http://localhost:8000/') }}", ["4:15 bad-link"]),
        ("{{ link('a', 'http://127.0.0.1/') }}", ["4:15 bad-link"]),
        ("{{ link('a', lead.email) }}", ["4:4 bad-link"]),
        ("{{ link('a', 'https://a.example') }}\n{{ link('a', 'https://b.example') }}", ["5:10 duplicate-link"]),
        ("<a href=\"{{ link('a', 'https://a.example', 'w') }}\">x</a>", ["4:10 bad-link"]),
        ("[x](javascript:alert)", ["4:1 bad-address"]),
        ("One.\n\n[x](/pricing)", ["6:1 bad-address"]),
        ("One.\n\n**{% if lead.email %}a** b{% endif %}", ["6:3 crossed-structure"]),
        ('<p style="color: {{ lead.email }}">x</p>', ["4:18 token-in-style"]),
        ("One.\n\n<b>x", ["6:1 html"]),
        ('<img src="https://a.example/x.png">', ["4:1 no-alt"]),
    ],
)
def test_faults_are_told_with_line_and_column(body: str, expected: list[str]) -> None:
    assert problems(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<mj-section><mj-colum></mj-colum></mj-section>", ["5:13 mjml"]),
        ("<mj-section><mj-text>x</mj-text></mj-section>", ["5:13 mjml"]),
        ('<mj-section colour="red"></mj-section>', ["5:13 mjml"]),
        ("<mj-section>\n  words</mj-section>", ["6:3 mjml"]),
        ("<mj-section>{{ lead.email }}</mj-section>", ["5:13 mjml"]),
        ("<p>x</p>", ["5:1 mjml"]),
        ("<mj-section><mj-column><mj-text>a < b</mj-text></mj-column></mj-section>", ["5:35 mjml"]),
        (
            "<mj-section><mj-column></mj-section>",
            ["5:24 mjml"],
        ),
        ('<mj-section><mj-column width="{{ lead.email }}"><mj-text>x</mj-text></mj-column></mj-section>', ["token"]),
    ],
)
def test_mjml_is_checked_before_mrml_passes_over_it(body: str, expected: list[str]) -> None:
    found = problems(body, "subject: S\nlayout: sections", "mjml")
    assert found == expected or (expected == ["token"] and "token" in found[0])


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("preheader: x", ["1:1 front-matter"]),
        ("subject: S\nsubjct: x", ["3:1 unknown-key"]),
        ("subject: S\nsubject: T", ["3:1 duplicate-key"]),
        ("subject: Tip #3", ["2:10 front-matter"]),
        ("subject: {{ lead.email }}", ["1:1 front-matter", "2:10 front-matter"]),
        ("subject: 'x {{ lead.nam or 1 }}'", ["2:21 unknown-name"]),
        ("subject: S\npreheader: x {{ subject }}", ["3:17 unknown-name"]),
        ("subject: S\nlayout: nope", ["3:9 missing-layout"]),
        ("subject: S\nlayout: sections", ["3:9 layout-mismatch"]),
        ("subject: S\nlayout: bare", ["1:1 no-postal-address", "1:1 no-unsubscribe"]),
        ("subject: [a", ["3:1 yaml"]),
    ],
)
def test_faults_of_the_front_matter_are_told(head: str, expected: list[str]) -> None:
    assert problems("x", head) == expected


def test_deep_nesting_is_a_problem_and_not_the_end_of_the_process() -> None:
    assert problems("x", f"subject: {'[' * 100_000}") == ["1:1 front-matter"]


def test_a_file_without_front_matter_is_told_what_to_write() -> None:
    content, found = compile_content(Source("x", "content/x.md", "Hello"), LAYOUTS, PARTIALS, NAMES)
    assert content is None
    assert str(found[0]).startswith("content/x.md:1:1: front-matter expected front matter")


def test_faults_in_a_layout_are_told_where_the_layout_has_them() -> None:
    _, found = compiled("x", default=LAYOUTS["default"].replace("subject", "subjct"))
    assert [str(problem.mark) for problem in found] == ["content/layouts/default.mjml:3:18"]


def test_a_layout_holds_the_place_for_the_content_once() -> None:
    assert problems("x", default="<mjml></mjml>") == ["1:1 layout-place"]


def test_unsubscribing_may_not_depend_on_the_lead() -> None:
    layout = LAYOUTS["bare"].replace(
        "{{ content }}",
        "{{ content }}{{ brand.postal_address }}{% if lead.email %}<a href='{{ unsubscribe_url }}'>x</a>{% endif %}",
    )
    assert problems("x", default=layout) == ["2:68 no-unsubscribe"]


def test_compiling_twice_gives_the_same_bytes() -> None:
    assert item("Hi {{ lead.email }}") == item("Hi {{ lead.email }}")


def test_an_unclosed_token_is_told_by_its_first_line_only() -> None:
    _, [problem, *_] = compiled('Hello {{ lead.first_name or "there" },\n\nand this {{ lead.email }}.')
    assert '{{ lead.first_name or "there" }, …' in problem.message
    assert "and this" not in problem.message

"""What of a mail depends on its reader, how it is marked, dark mode, and whom it can be read as: all pure."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from sequencer.core.lead import Company, Lead, Rep
from sequencer.core.lead_input import InvalidLead
from sequencer.core.workspace import Brand
from sequencer.preview import dark
from sequencer.preview.conditions import conditions_of, lines_of
from sequencer.preview.desk import Desk
from sequencer.preview.mail import rendered
from sequencer.preview.marks import STYLE, marked
from sequencer.preview.readers import NOBODY, examples, pasted
from sequencer.rendering.assemble import file_text
from sequencer.rendering.prepare import Prepared
from sequencer.rendering.view import Letterhead, Pages, View
from sequencer.workspace.settings import load_settings

from .conftest import LEADS, workspace

DECLARED = load_settings(workspace())[0]
LETTERHEAD = Letterhead(Brand("Acme", "https://a.example", "1 Way"), Pages.all_at("u"))
REP = Rep("ana@acme.example", "Ana Ruiz")


def view(**known: object) -> View:
    lead = Lead(1, "kim@harbor.example", fields=known)
    return View(
        lead,
        Company(1, "harbor.example"),
        REP,
        REP,
        LETTERHEAD,
        "p",
    )


def said(text: str, **known: object) -> list[tuple[str, bool | None]]:
    return [(one.words, one.taken) for one in conditions_of(file_text("a.md", text), view(**known))]


CHOICE = """---
subject: Hello
---
{% if lead.industry == "food" %}
Food
{% elif lead.industry == "retail" %}Retail
{% else %}
{% if lead.employees > 50 %}Large{% endif %}
Others
{% endif %}
"""


@pytest.mark.parametrize(
    ("known", "taken"),
    [
        ({"industry": "food"}, [True, False, False, False]),
        ({"industry": "retail", "employees": 60.0}, [False, True, False, True]),
        ({"industry": "steel", "employees": 60.0}, [False, False, True, True]),
        ({}, [False, False, True, False]),
    ],
)
def test_of_the_branches_of_a_condition_the_first_that_holds_is_taken(
    known: dict[str, object], taken: list[bool]
) -> None:
    words = ['if lead.industry == "food"', 'elif lead.industry == "retail"', "else", "if lead.employees > 50"]
    assert list(zip(words, taken, strict=True)) == said(CHOICE, **known)


def test_lines_that_the_reader_does_not_get_are_told_from_the_others() -> None:
    lines = lines_of(file_text("a.md", CHOICE), view(industry="retail"))
    assert ["Food", "{% if lead.employees > 50 %}Large{% endif %}", "Others"] == [x.text for x in lines if x.left_out]
    assert [] == [line.text for line in lines_of(file_text("a.md", CHOICE), None) if line.left_out]


def test_conditions_know_what_was_set_before_and_are_unknown_inside_of_loops() -> None:
    text = (
        "{% set size = lead.employees or 0 %}{% if size > 9 %}a{% endif %}"
        "{% for p in [1, 2] %}{% if p > 1 %}b{% else %}c{% endif %}{% endfor %}"
    )
    assert [("if size > 9", True), ("if p > 1", None), ("else", None)] == said(text, employees=10.0)
    assert [("if lead.nonsense(", None)] == said("{% if lead.nonsense( %}{% endif %}")


def test_marks_stand_beside_words_and_never_in_attributes_or_between_rows() -> None:
    html = (
        "<html><head><title>{{ subject }}</title></head><body><p>Hi {{ lead.first_name or 'you' }}</p>"
        '<p><a href="{% if lead.stage %}https://a.example{% else %}https://b.example{% endif %}">x</a>'
        "{% if lead.stage == '<mql>' %}Ready{% endif %}</p>"
        "<table>{% for n in [1] %}<tr>{% if lead.stage %}<td>1</td>{% endif %}</tr>{% endfor %}</table></body></html>"
    )
    shown = marked(html)
    assert 1 == shown.count('class="sq-value"') and "<title>{{ subject }}</title>" in shown
    assert '<a href="{% if lead.stage %}https://a.example{% else %}https://b.example{% endif %}">' in shown
    assert "<tr>{% if lead.stage %}<td>1</td>{% endif %}</tr>" in shown
    assert 1 == shown.count('class="sq-if"') == shown.count('class="sq-no"')
    assert "if lead.stage == &#x27;&lt;mql&gt;&#x27;" in shown


def test_a_marked_mail_says_the_same_as_the_mail() -> None:
    html = (
        "<html><head></head><body><p>{% if lead.stage %}Ready"
        "{% else %}Reading {{ lead.first_name or '{{x' }}{% endif %}</p></body></html>"
    )
    values = Prepared("a", "s", "", marked(html), "", (), LETTERHEAD).values(view())
    assert any("Reading" in value and "{{x" in value and 'class="sq-if"' in value for value in values)


def test_but_for_the_marks_every_mail_is_what_it_is_without_them(folder: Path) -> None:
    desk = Desk(folder)
    desk.look()
    assert 4 == len(desk.sheet.contents)
    badges = 0
    for item, made in desk.sheet.contents.items():
        seeing = desk.sheet.view(item, NOBODY, "https://acme.example/u")
        assert seeing is not None
        shown = rendered(replace(made, html=marked(made.html)), seeing).html.replace(STYLE, "")
        shown, count = re.subn(r'<span class="sq-(?:if|no)"[^>]*>[^<]*</span>', "", shown)
        badges += count
        shown = re.sub(r'<span class="sq-value"[^>]*>(.*?)</span>', r"\1", shown, flags=re.DOTALL)
        assert rendered(made, seeing).html == shown
    assert badges > 0


@pytest.mark.parametrize(("in_dark", "rule"), [(True, "(min-width: 0)"), (False, "(max-width: 0)")])
def test_a_mail_is_shown_in_dark_or_light_whatever_the_browser_prefers(in_dark: bool, rule: str) -> None:
    html = "<head><style>@media ( prefers-color-scheme:dark ) and (max-width: 9px) {a{}}</style></head>"
    assert f"@media {rule} and (max-width: 9px)" in dark.shown(html, in_dark)
    assert dark.knows_dark(html) and not dark.knows_dark("<head></head>")


def test_a_mail_that_says_nothing_of_dark_mode_keeps_its_light_ground() -> None:
    assert "color-scheme: light !important" in dark.shown("<head></head>", True)
    declared = '<head><meta name="color-scheme" content="light dark"></head>'
    assert "color-scheme: dark !important" in dark.shown(declared, True)


def test_example_leads_are_those_that_an_import_would_take() -> None:
    assert DECLARED is not None
    found = examples("\ufeff" + LEADS, DECLARED)
    assert ["ana@harbor.example", "bo@dock.example"] == [reader.key for reader in found]
    assert ("Ana · Harbor", "Harbor", "ana@acme.example") == (
        found[0].label,
        found[0].company and found[0].company.name,
        found[0].lead.owner,
    )


@pytest.mark.parametrize(
    "text",
    [
        "email: kim@harbor.example\nfirst_name: Kim\nstage: mql",
        "email\tfirst_name\tstage\nkim@harbor.example\tKim\tmql\n",
        "email,first_name,stage\nkim@harbor.example,Kim,mql",
        "email;first_name;stage\nkim@harbor.example;Kim;mql",
        '{"email": "kim@harbor.example", "first_name": "Kim", "stage": "mql"}',
        "email: kim@harbor.example\nfirst_name: Kim\ntitle: Head of A, B; C\nstage: mql",
    ],
)
def test_a_lead_can_be_pasted_in_the_ways_that_people_have_one(text: str) -> None:
    assert DECLARED is not None
    reader = pasted(text, DECLARED)
    assert ("pasted", "kim@harbor.example", "Kim", "mql") == (
        reader.key,
        reader.lead.email,
        reader.lead.first_name,
        reader.lead.stage,
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "expected lines as"),
        ("Kim Harbor", "expected lines as"),
        ("{nonsense", "expected a JSON object"),
        ("email,stage\na@b.example,mql\nc@d.example,mql", "one row"),
        ("first_name: Kim", "email: is missing"),
        ("email: kim@harbor.example\nstage: nonsense", "stage: expected one of"),
    ],
)
def test_what_is_no_lead_is_refused_with_what_was_expected(text: str, problem: str) -> None:
    assert DECLARED is not None
    with pytest.raises(InvalidLead, match=problem):
        pasted(text, DECLARED)

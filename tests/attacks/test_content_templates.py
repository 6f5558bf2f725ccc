"""Template injection: by what leads are said to be, and by what content says."""

import resource
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sequencer.core.content import Content
from sequencer.rendering.budget import OUTPUT, STEPS
from sequencer.rendering.errors import RenderingFailed
from sequencer.rendering.prepare import WHOLE, prepare
from sequencer.rendering.view import Letterhead
from tests.providers.servers import build, subject, substituted
from tests.rendering.mails import LETTERHEAD, compiled, item, mail, view
from tests.services.conftest import World
from tests.services.conftest import world as world
from tests.workspaces import files

LOOK_ALIKES = [
    "{{7*7}}",
    "{{ 7*7 }}",
    "{% if 1 %}49{% endif %}",
    "{%- for a in range(9) -%}49{%- endfor -%}",
    "{# gone #}",
    "{{ lead.email }}",
    "{{ ''.__class__.__mro__ }}",
    "${7*7} #{7*7} <%= 7*7 %> @(7*7)",
    "<mj-text>49</mj-text>",
    "<mj-include path='/etc/passwd'/>",
    "<mj-raw>{{7*7}}</mj-raw></mj-text></mj-column>",
    "[x](javascript:alert(1)) **bold** ![x](x)",
    "sqtk00000e sqtk00001e",
    "-slot0- %slot0% {slot0} [slot0] <%slot0%> :slot0 -name-",
    "[unsubscribe] -unsubscribe- <%asm_group_unsubscribe_raw_url%> %open-track%",
    "%s %(email)s {0} {0.__class__}",
]
FIELDS = ["first_name", "last_name", "title", "country", "campaign", "company", "shoe"]
"""Columns that take any text; `shoe` is declared in the workspace."""

PRINTED = "".join(f"<i>{{{{ lead.{name} }}}}</i>" for name in FIELDS if name != "company") + "<i>{{ company.name }}</i>"
ALL_SHOWN = f"""---
subject: "{"".join(f"<{{{{ lead.{name} }}}}>" for name in FIELDS if name != "company")}<{{{{ company.name }}}}>"
preheader: "{{{{ lead.first_name }}}}"
---
{PRINTED}
"""
SHOW = """
title: Show
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
steps:
  - email: one
  - id: tell
    tell: owner
    note: "About {{ lead.first_name }} {{ lead.shoe }}"
"""


def shown() -> dict[str, str]:
    found = files(show=SHOW) | {"content/one.md": ALL_SHOWN}
    workspace = found["sequences/workspace.yaml"].replace("fields:", "fields:\n  shoe: {text: true}")
    return found | {"sequences/workspace.yaml": workspace}


def escaped(value: str) -> str:
    """As MarkupSafe writes it."""
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("'", "&#39;"), ('"', "&#34;")):
        value = value.replace(sign, entity)
    return value


@pytest.mark.parametrize("attack", LOOK_ALIKES)
def test_a_look_alike_in_any_field_of_a_lead_comes_out_letter_for_letter(world: World, attack: str) -> None:
    world.deploy(shown())
    values = dict.fromkeys(FIELDS, attack)
    people = [
        world.lead("kim@harbor.example", owner_email="ana@acme.example", **values),
        world.lead("lee@mill.example", owner_email="ben@acme.example", **{**values, "first_name": f"{attack} 2"}),
    ]
    world.enter("show", *people)
    world.pass_(hours=1)
    (batch,) = world.provider.batches
    body = build(batch, batch.recipients)
    # Both in one request, so that what SendGrid substitutes is seen too.
    html, text = substituted(body, 0), substituted(body, 0, "text/plain")
    assert html.count(f"<i>{escaped(attack)}</i>") == len(FIELDS)
    assert text.count(attack) >= len(FIELDS)
    assert subject(body, 0) == f"<{attack}>" * len(FIELDS)
    assert "49" not in (html + text + subject(body, 0)).replace(escaped(attack), "").replace(attack, "")
    assert [alert["note"] for alert in world.view(people[0])["alerts"]] == [f"About {attack} {attack}"]


def test_a_tag_that_stands_in_what_a_lead_wrote_is_not_used_for_substituting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter("Qabc" + "Qabd" + "Rxyz")
    monkeypatch.setattr("sequencer.providers.sendgrid_body.secrets.choice", lambda letters: next(drawn))
    world.deploy(shown())
    first = world.lead("kim@harbor.example", first_name="Qabcaa QabcabQabcac", shoe="1")
    second = world.lead("lee@mill.example", first_name="Lee", title="Qabd", shoe="2")
    world.enter("show", first, second)
    world.pass_(hours=1)
    (batch,) = world.provider.batches
    body = build(batch, batch.recipients)
    assert {tag[:4] for person in body["personalizations"] for tag in person["substitutions"]} == {"Rxyz"}
    assert "<i>Qabcaa QabcabQabcac</i>" in substituted(body, 0)


# --- what content may not do

BEHIND = [
    "''.__class__.__mro__",
    "''['__class__']",
    "'' | attr('__class__')",
    "[] | map(attribute='__class__') | list",
    "['a'] | sum(attribute='__class__')",
    "['a', 'b'] | sort(attribute='__class__') | first",
    "['a', 'b'] | min(attribute='__class__.__mro__')",
    "(['a', 'b'] | unique(attribute='__class__')) | list",
    "lead.__class__",
    "lead['__class__']",
    "lead.first_name.__class__",
    "lead['first_name']['upper']",
    "'a'['join']",
    "lead['read']",
    "self",
    "self.__init__.__globals__",
    "cycler.__init__.__globals__.os",
    "lipsum.__globals__['os'].popen('id').read()",
    "namespace(a=1)",
    "dict(a=1)",
    "joiner",
    "caller()",
    "_budget",
    "_budget.spend",
    "link.__globals__",
    "range.__call__",
    "range(3).__class__",
    "'{0.__class__}'.format(lead)",
    "'%s' % lead",
    "'%(a)s' % {'a': 1}",
    "'{0.__class__.__init__.__globals__}' | format(lead)",
    "'a' | string | attr('format')",
    "{}.__class__",
    "(lead.first_name | upper).__class__",
    "unsubscribe_url.__class__",
]


def refused_or_empty_handed(body: str) -> str:
    """What `check` says, or how rendering fails; what comes out, when it does come out."""
    content, problems = compiled(body)
    if content is None:
        return "; ".join(str(problem) for problem in problems)
    try:
        return "OUT " + mail(content, view())[2]
    except RenderingFailed as failure:
        return str(failure)


@pytest.mark.parametrize("expression", BEHIND)
def test_content_cannot_look_behind_its_values(expression: str) -> None:
    said = refused_or_empty_handed("before {{ " + expression + " }} after")
    assert not said.startswith("OUT "), said
    assert "guides/it" in said or "content/" in said, "it says where"


@pytest.mark.parametrize(
    "statement",
    [
        "{% set lead = 'x' %}",
        "{% set lead.first_name = 'x' %}",
        "{% set a = [1] %}{{ a.append(2) }}",
        "{% set a = [1] %}{% if a.extend([2]) %}{% endif %}",
        "{% set a = {'x': 1} %}{{ a.update({'y': 2}) }}",
        "{% import 'os' as os %}",
        "{% from 'x' import y %}",
        "{% include lead.first_name %}",
        "{% include '../../sequences/workspace.yaml' %}",
        "{% include '/etc/passwd' %}",
        "{% extends 'x' %}",
        "{% macro a() %}{{ a() }}{% endmacro %}",
        "{% call a() %}{% endcall %}",
        "{% filter upper %}x{% endfilter %}",
        "{% autoescape false %}{{ lead.first_name }}{% endautoescape %}",
        "{% block a %}{% endblock %}",
        "{% do a %}",
        "{% with a = 1 %}{% endwith %}",
        "{% for a in lead %}{% endfor %}",
        "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% raw %}{{ 7*7 }}",
    ],
)
def test_content_changes_nothing_and_loads_nothing(statement: str) -> None:
    content, problems = compiled(statement)
    assert content is None
    assert all(problem.mark.line >= 1 and problem.mark.file.startswith("content/") for problem in problems)


@pytest.mark.parametrize("expression", ["'<b>' | safe", "'<b>' | e", "('<b>' | forceescape)", "Markup('<b>')"])
def test_nothing_turns_escaping_off(expression: str) -> None:
    assert not refused_or_empty_handed("{{ " + expression + " }}").startswith("OUT ")


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("Hi {{ nobody }}", "content/guides/it.md:4:7"),
        ("x\n\n{{ lead.shoe }}", "content/guides/it.md:6:9"),
        ("{% if lead.email %}{% set a = 1 %}{% endif %}{{ a }}", "content/guides/it.md:4:49"),
        ("{% for a in lead.pains or [] %}{% endfor %}{{ a }}", "content/guides/it.md:4:47"),
    ],
)
def test_an_unknown_name_is_an_error_that_says_where(body: str, place: str) -> None:
    content, problems = compiled(body)
    assert content is None
    assert place in [str(problem.mark) for problem in problems]


def test_an_unknown_name_that_got_past_the_check_fails_and_never_prints_as_nothing() -> None:
    with pytest.raises(RenderingFailed, match=r"x: the html part, line 3: 'nobody' is undefined"):
        prepare(plain("a\nb\n{{ nobody }}"), LETTERHEAD).values(view())


def plain(html: str) -> Content:
    return Content("x", "content/x.md", "", "", "", html, "", ())


# --- what would take all memory, or all time

BIG = "{% set a = 'abcdefgh' %}" + "{% set a = a ~ a %}" * 12
"""32,768 characters: less than a value may have."""
LISTS = "{% set a = ['x', 'y'] %}" + "{% set a = [a, a] %}" * 40
"""Small in memory; printed, the universe is too small for it."""
BOMBS = {
    "repeated text": "{{ 'a' * 200000000 }}",
    "repeated list": "{{ [0] * 200000000 }}",
    "power": "{{ 9 ** 9 ** 9 }}",
    "huge product": "{% set a = 99999999999999999999 %}" + "{% set a = a * a %}" * 40 + "{{ a }}",
    "long range": "{% for a in range(1000000000) %}{% endfor %}",
    "huge range": "{{ range(9999999999999999999999999) | length }}",
    "doubling": "{% set a = 'abcdefgh' %}" + "{% set a = a ~ a %}" * 50 + "{{ a | length }}",
    "doubling by plus": "{% set a = 'abcdefgh' %}" + "{% set a = a + a %}" * 50 + "{{ a | length }}",
    "doubling a list": "{% set a = [1, 2, 3] %}" + "{% set a = a + a %}" * 50 + "{{ a | length }}",
    "doubling by replace": "{% set a = 'aa' %}" + "{% set a = a | replace('a', 'aa') %}" * 50 + "{{ a | length }}",
    "urlencode": BIG.replace("abcdefgh", "é%é%é%é%") + "{{ a | urlencode | length }}",
    "doubling by join": "{% set a = 'ab' %}" + "{% set a = [a, a] | join(a) %}" * 30 + "{{ a | length }}",
    "replace nothing": BIG + "{{ a | replace('', a) | length }}",
    "join": BIG + "{{ a | join(a) | length }}",
    "lists in lists": LISTS + "{{ a }}",
    "lists in lists as text": LISTS + "{{ a | string | length }}",
    "lists in lists compared": LISTS + LISTS.replace(" a ", " b ").replace("[a, a]", "[b, b]") + "{{ a == b }}",
    "lists in lists summed": "{% set a = [[1]] %}" + "{% set a = a + a %}" * 16 + "{{ a | sum(start=[]) | length }}",
    "loops in silence": "{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
    "loops one after another": "{% for a in range(1000) %}{% for b in range(19) %}{% endfor %}{% endfor %}" * 50,
    "a loop over characters": BIG + "{% for b in a %}{% for c in a %}{% endfor %}{% endfor %}",
    "a loop with a test": BIG + "{% for b in a if b == a %}{% endfor %}",
    "work in a loop": BIG + "{% for b in range(1000) %}{% if a | replace('a', 'b') == a %}x{% endif %}{% endfor %}",
    "sorting in a loop": BIG + "{% for b in range(1000) %}{% if a | sort == a %}x{% endif %}{% endfor %}",
    "words in a loop": BIG + "{% for b in range(1000) %}{% if a | title == 'x' %}x{% endif %}{% endfor %}",
    "searching in a loop": BIG + "{% for b in range(1000) %}{% if (a ~ 'x') in a %}x{% endif %}{% endfor %}",
    "lists in a loop": "{% set a = [1, 2] %}" + "{% set a = a + a %}" * 14
    + "{% for b in range(1000) %}{% if [a] == [a + [b]] %}x{% endif %}{% endfor %}",
    "a set block": BIG + "{% set b %}{% for c in range(1000) %}{% for d in range(9) %}{{ a }}{% endfor %}{% endfor %}"
    "{% endset %}{{ b | length }}",
    "a set block of plain text": "{% set b %}{% for c in range(1000) %}{% for d in range(19) %}" + "x" * 20_000
    + "{% endfor %}{% endfor %}{% endset %}{{ b | length }}",
    "output": BIG + "{{ a }}{{ a }}{{ a }}{{ a }}{{ a }}{{ a }}{{ a }}{{ a }}",
    "output of many places": BIG + "".join(f"{{% if lead.email != '{n}' %}}{{{{ a }}}}{{% endif %}}" for n in range(9)),
    "comments to strip": "{% set a = '<!--x-->' %}" + "{% set a = a ~ a %}" * 12 + "{{ a | striptags }}",
    "center": "{{ 'a' | center(200000000) }}",
    "indent": "{{ 'a\n' | indent(200000000) }}",
    "wordwrap": "{{ 'aaaa' | wordwrap(1, wrapstring='a' ~ 'b') }}",
    "format": "{{ '%0200000000d' | format(1) }}",
    "printf": "{{ '%0200000000d' % 1 }}",
    "digits": "{{ " + "9" * 5000 + " }}",
    "digits with places": "{{ " + "9_" * 5000 + "9 }}",
    "infinity": "{{ 1e999 }}",
    "brackets": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "brackets in a statement": "{% if " + "[" * 5000 + "]" * 5000 + " %}x{% endif %}",
    "filters": "{{ 'a'" + " | upper" * 5000 + " }}",
    "a long sum": "{{ 1" + " + 1" * 5000 + " }}",
    "a long not": "{{ " + "not " * 5000 + "1 }}",
    "a long minus": "{{ " + "-" * 5000 + "1 }}",
    "a long or": "{{ 1" + " or 1" * 5000 + " }}",
    "ifs in ifs": "{% if 1 %}" * 400 + "x" + "{% endif %}" * 400,
    "loops in loops": "{% for a in [1] %}" * 30 + "x" + "{% endfor %}" * 30,
    "includes in includes": "{% include 'footer' %}" * 3000 + "{% include 'footerx' %}",
}  # fmt: skip
SECONDS = 3.0
"""For checking and failing; far above what any of them takes, far below what they took without the bounds."""
MEGABYTES = 150


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_would_take_all_memory_or_time_is_refused_or_fails_soon(bomb: str) -> None:
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    said = refused_or_empty_handed(BOMBS[bomb])
    assert not said.startswith("OUT "), said[:200]
    assert time.process_time() - began < SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MEGABYTES
    assert len(said) < 20_000, "the message is no bomb either"


def test_steps_are_counted_over_the_whole_mail_and_for_each_lead_anew() -> None:
    loop = "{% for a in range(1000) %}{% if lead.first_name == 'x' %}{{ a }}{% endif %}{% endfor %}"
    prepared = prepare(plain(loop * (STEPS // 2000 - 1)), LETTERHEAD)
    assert {prepared.values(view()) for _ in range(5)} == {("",)}, "equal places are one, and each mail starts afresh"
    different = "".join(loop.replace("'x'", f"'{n}'") for n in range(STEPS // 2000 + 1))
    with pytest.raises(RenderingFailed, match="steps"):
        prepare(plain(different), LETTERHEAD).values(view())


def test_an_honest_long_list_is_far_from_the_bounds() -> None:
    body = "{% for a in range(200) %}{% if a > 3 %}{{ a }}: {{ lead.first_name or 'you' }}, {% endif %}{% endfor %}"
    assert mail(item(body), view("Jo"))[2].count("Jo") == 196


def test_what_many_places_come_to_is_bounded_too() -> None:
    same, different = "{{ lead.first_name }}" * 5, "".join(f"{{{{ lead.first_name or {n} }}}}" for n in range(5))
    for template in (same, different):
        with pytest.raises(RenderingFailed, match=rf"at most {WHOLE} characters"):
            prepare(plain(template), LETTERHEAD).values(view("x" * (OUTPUT // 2)))
        assert prepare(plain(template), LETTERHEAD).values(view("x" * (OUTPUT // 3)))


CODE = st.sampled_from(
    [
        *(
            "{{",
            "}}",
            "{%",
            "%}",
            "{#",
            "#}",
            "if ",
            "elif ",
            "else",
            "endif",
            "for x in ",
            "endfor",
            "set x = ",
            "endset",
        ),
        *("lead.first_name", "lead.pains", "lead.nope", "company.name", "range(9)", "x", "loop.index", "subject"),
        *("'a'", "9", "[x]", "()", "[", "]", "(", ")", "|", "upper", "join(x)", "replace('a', x)", "~", "+", "*", "-"),
        *(" or ", " and ", "not ", " is ", "none", "==", "<", ".", ":", "__class__", " if x else ", "include 'footer'"),
        *("<p>", "</p>", '<a href="', '">', "</a>", "<!--", "-->", "\n\n", "- ", "> ", "#", "`", "é", "\0", "&", "<"),
        *("{{ lead.first_name or 'x' }}", "{% if lead.pains %}", "{% endif %}", "{% for x in [1] %}", "{% endfor %}"),
    ]
)


@settings(max_examples=400)
@given(st.lists(CODE, max_size=25).map("".join) | st.text(max_size=60))
@example("")
@example("<!-- {{ lead.first_name }} -->")
@example("{# only a comment #}")
def test_whatever_content_says_there_are_problems_or_a_mail(body: str) -> None:
    content, problems = compiled(body)
    assert content is not None or problems
    if content is not None:
        try:
            mail(content, view(pains=["cost"]))
        except RenderingFailed as failure:
            assert "guides/it" in str(failure)


# --- one lead's trouble

HALF = (
    BIG.replace("\n", " ")
    + "{% if lead.first_name == 'Kim' %}"
    + "{% for b in range(1000) %}{{ a }}{% endfor %}"
    + ("{% endif %}Hello")
)


def test_a_template_that_never_ends_fails_for_its_lead_and_the_rest_of_the_batch_goes(world: World) -> None:
    world.deploy(files(show=SHOW.replace("{{ lead.shoe }}", "")) | {"content/one.md": f"---\nsubject: S\n---\n{HALF}"})
    people = [world.lead(f"p{n}@harbor.example", first_name="Kim" if n == 2 else "Lee") for n in range(5)]
    world.enter("show", *people)
    world.work()
    assert [email for email, _ in world.provider.mails] == [f"p{n}@harbor.example" for n in (0, 1, 3, 4)]
    (failed,) = world.view(people[2])["messages"]
    assert (failed["state"], "expected at most" in failed["failure"]) == ("refused", True)


def test_an_item_that_cannot_be_prepared_fails_and_stalls_nobody_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should a template get past the check that no worker can read."""

    def broken(content: Content, letterhead: Letterhead, keep: bool = True) -> object:
        if content.id == "one":
            return prepare(plain("{{ " + "(" * 5000 + "}}"), letterhead)
        return prepare(content, letterhead, keep)

    monkeypatch.setattr("sequencer.services.compose.prepare", broken)
    other = SHOW.replace("title: Show", "title: Other").replace("one", "two").replace("{{ lead.shoe }}", "")
    world.deploy(files(show=SHOW.replace("{{ lead.shoe }}", ""), other=other))
    kim = world.lead()
    lee = world.lead("lee@mill.example")
    world.enter("show", kim)
    world.enter("other", lee)
    world.work()
    assert world.provider.mails == [("lee@mill.example", "two")]
    assert [message["state"] for message in world.view(kim)["messages"]] == ["refused"]


def test_the_shipped_content_keeps_the_bounds() -> None:
    """Partials that include themselves many times over are cut off by depth, not by size; the shipped ones are few."""
    root = Path(__file__).parents[2] / "content"
    assert max(path.stat().st_size for path in root.rglob("*.m*")) < OUTPUT

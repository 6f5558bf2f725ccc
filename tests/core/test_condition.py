"""Conditions: what they mean, what they refuse and where, and what they depend on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sequencer.core.condition import Asks, Condition, ConditionProblems, Names, compile_condition, merged
from sequencer.core.condition_functions import FUNCTIONS
from sequencer.core.condition_names import MadeUp
from sequencer.core.duration import Duration
from sequencer.core.field import Field
from sequencer.core.lead import Lead
from sequencer.core.mark import Mark

MARK = Mark("sequences/sales.yaml", 7, 11)

NAMES = Names(
    fields={
        "employees": Field("employees", "number"),
        "pains": Field("pains", "some_of", ("cost", "risk", "speed")),
        "industry": Field("industry", "one_of", ("retail", "public")),
        "renewal_date": Field("renewal_date", "date"),
        "next_attempt": Field("next_attempt", "date"),
        "vip": Field("vip", "flag"),
        "current_tool": Field("current_tool", "text"),
    },
    stages=("subscriber", "mql", "sql", "customer", "lost"),
    statuses=("new", "working"),
    steps={"pricing": "sales/pricing", "faq": "sales/faq", "tell-rep": None},
    links={"sales/pricing": frozenset({"calculator", "book"})},
    contents=frozenset({"sales/pricing", "sales/faq"}),
    kinds=frozenset({"pricing", "faq"}),
    topics=frozenset({"sales", "guides"}),
)
ENROLLING = Names(fields=NAMES.fields, steps=NAMES.steps, links=NAMES.links, contents=NAMES.contents, scope="ever")


@dataclass
class KnownFacts:
    """Facts as a test states them, and every question that was asked."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    true: bool = True
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lead: MadeUp | Lead = MadeUp(self.fields.get)

    def company(self, name: str) -> Any:
        return self.fields.get(f"company.{name}")

    def answer(self, *question: Any) -> bool:
        self.asked.append(question)
        return self.true

    def opened(self, step: str) -> bool:
        return self.answer("opened", step)

    def clicked(self, step: str, link: str | None) -> bool:
        return self.answer("clicked", step, link)

    def opened_content(self, content: str, *, within: Duration | None, at_least: int, ever: bool) -> bool:
        return self.answer("opened_content", content, within, at_least, ever)

    def clicked_content(
        self, content: str, link: str | None, *, within: Duration | None, at_least: int, ever: bool
    ) -> bool:
        return self.answer("clicked_content", content, link, within, at_least, ever)

    def clicked_kind(self, kinds: tuple[str, ...], *, within: Duration | None, at_least: int, ever: bool) -> bool:
        return self.answer("clicked_kind", kinds, within, at_least, ever)

    def clicked_among(self, contents: tuple[str, ...], *, within: Duration | None, at_least: int, ever: bool) -> bool:
        return self.answer("clicked_among", contents, within, at_least, ever)

    def happened(self, kind: str, detail: str | None, *, within: Duration | None, at_least: int, ever: bool) -> bool:
        return self.answer("happened", kind, detail, within, at_least, ever)

    def asked_about(self, inquiry: str, *, within: Duration | None, at_least: int, ever: bool) -> bool:
        return self.answer("asked_about", inquiry, within, at_least, ever)

    def received(self, content: str) -> bool:
        return self.answer("received", content)

    def consent(self, topic: str) -> bool:
        return self.answer("consent", topic)

    def score(self) -> int:
        return int(self.fields.get("score", 0))

    def fit(self) -> int:
        return int(self.fields.get("fit", 0))

    def sales_ready(self) -> bool:
        return self.answer("sales_ready")

    def engaged_people(self, *, within: Duration) -> int:
        return int(self.fields.get(str(within), 0))


def compiled(source: str, names: Names = NAMES) -> Condition:
    return compile_condition(source, MARK, names)


def truth(source: str, **fields: Any) -> bool:
    return compiled(source).test(KnownFacts(fields))


def problems(source: str, names: Names = NAMES) -> list[tuple[int, str, str]]:
    """Column within the source (from 1), code and message of each problem."""
    with pytest.raises(ConditionProblems) as caught:
        compile_condition(source, MARK, names)
    assert {(MARK.file, MARK.line)} == {(p.mark.file, p.mark.line) for p in caught.value.problems}
    return [(p.mark.column - MARK.column + 1, p.code, p.message) for p in caught.value.problems]


# --- what they mean


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('lead.stage == "mql"', True),
        ('lead.stage != "mql"', False),
        ('lead.stage != "sql"', True),
        ('lead.stage in ["mql", "sql"]', True),
        ('lead.stage not in ["mql", "sql"]', False),
        ('not lead.stage in ["customer"]', True),
        ("lead.employees >= 50", True),
        ("lead.employees > 50", False),
        ("lead.employees <= 50.5 and lead.employees < 51", True),
        ("10 < lead.employees <= 50", True),
        ("10 < lead.employees < 50", False),
        ("lead.employees in [49, 50]", True),
        ("-1 < lead.employees", True),
        ('lead.renewal_date < "2026-12-31"', True),
        ('"2026-12-01" == lead.renewal_date', True),
        ('lead.renewal_date in ["2026-12-01"]', True),
        ("lead.renewal_date <= lead.next_attempt", True),
        ("lead.vip", True),
        ("lead.vip == false", False),
        ('has(lead.pains, "cost")', True),
        ('has(lead.pains, "risk")', False),
        ('"risk" not in lead.pains', True),
        ('lead.first_name == "Zoë"', True),
        ('company.domain == "harbor.example" and company.name != "Kestrel"', True),
        ('lead.stage == "sql" or lead.vip and not has(lead.pains, "risk")', True),
        ('(lead.stage == "sql" or lead.vip) and has(lead.pains, "risk")', False),
        ('(lead.stage == "sql") == false', True),
        ('known("employees") and known("pains") and known("stage")', True),
        ("true", True),
        ("not true", False),
    ],
)
def test_a_condition_means_what_it_says(source: str, expected: bool) -> None:
    facts = {
        "stage": "mql",
        "employees": 50,
        "renewal_date": "2026-12-01",
        "next_attempt": date(2026, 12, 1),
        "vip": True,
        "pains": ["cost", "speed"],
        "first_name": "Zoë",
        "company.domain": "harbor.example",
        "company.name": "Harbor",
    }
    assert expected is compiled(source).test(KnownFacts(facts))


COMPARISONS = [
    "lead.employees == 5",
    "lead.employees != 5",
    "lead.employees < 5",
    "lead.employees <= 5",
    "lead.employees > 5",
    "lead.employees >= 5",
    "1 < lead.employees < 5",
    "lead.employees in [5]",
    "lead.employees not in [5]",
    'lead.stage == "mql"',
    'lead.stage != "mql"',
    'lead.stage in ["mql"]',
    'lead.stage not in ["mql"]',
    "lead.stage == lead.industry",
    "lead.stage != lead.industry",
    'lead.renewal_date < "2026-12-31"',
    'lead.renewal_date not in ["2026-12-31"]',
    'has(lead.pains, "cost")',
    '"cost" not in lead.pains',
    "has(lead.pains, lead.current_tool)",
    "lead.vip",
    "lead.vip == false",
    "lead.vip != true",
    'company.name != "Kestrel"',
]


@pytest.mark.parametrize("source", COMPARISONS)
def test_comparing_the_unknown_is_false_and_its_opposite_true(source: str) -> None:
    assert False is truth(source)
    assert True is truth(f"not ({source})")


@pytest.mark.parametrize(
    "source", [*COMPARISONS, *(f'known("{name}")' for name in ("stage", "time_zone", *NAMES.fields))]
)
def test_an_empty_text_of_a_lead_is_unknown(source: str) -> None:
    empty = Lead(1, "kim@harbor.example", stage="", zone="", fields=dict.fromkeys(NAMES.fields, ""))
    for lead in (empty, empty._replace(stage=None, zone=None, fields={})):
        facts = KnownFacts()
        facts.lead = lead
        assert False is compiled(source).test(facts)


def test_fields_are_read_from_the_lead() -> None:
    fields = {"employees": 5, "pains": ["cost"], "industry": "retail", "renewal_date": "2026-12-01", "vip": True}
    facts = KnownFacts()
    facts.lead = Lead(1, "kim@harbor.example", stage="mql", zone="Europe/Madrid", fields=fields)
    assert compiled('lead.time_zone == "Europe/Madrid" and lead.zone == "Europe/Madrid"').test(facts)
    assert compiled('lead.stage in ["mql"] and lead.industry == "retail" and has(lead.pains, "cost")').test(facts)
    assert compiled('lead.employees == 5 and lead.vip and lead.renewal_date < "2026-12-02"').test(facts)


@pytest.mark.parametrize("source", COMPARISONS)
@given(
    value=st.none() | st.binary() | st.complex_numbers() | st.dictionaries(st.text(), st.integers()) | st.builds(object)
)
def test_comparing_what_cannot_be_compared_is_false(source: str, value: Any) -> None:
    fields = ("employees", "stage", "industry", "renewal_date", "pains", "current_tool", "vip", "company.name")
    facts = KnownFacts(dict.fromkeys(fields, value))
    assert False is compiled(source).test(facts)


@pytest.mark.parametrize("value", ["fifty", "50", [50], True])
@pytest.mark.parametrize("op", ["==", "!=", "<", "<=", ">", ">=", "in", "not in"])
def test_a_value_of_another_type_is_neither_equal_nor_different(op: str, value: Any) -> None:
    right = "[1, 50]" if "in" in op else "1"
    assert False is truth(f"lead.employees {op} {right}", employees=value)


@pytest.mark.parametrize("value", ["soon", "2026-13-01", 20261231, [], ""])
def test_a_date_that_is_none_is_unknown(value: Any) -> None:
    assert False is truth('lead.renewal_date != "2026-12-31"', renewal_date=value)


@pytest.mark.parametrize("value", [None, "", [], ()])
def test_empty_answers_are_unknown(value: Any) -> None:
    assert False is truth('known("pains")', pains=value)


def test_known_is_true_of_zero_and_false() -> None:
    assert truth('known("employees") and known("vip")', employees=0, vip=False)


WEEK = Duration(1, "week")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('opened("pricing")', ("opened", "pricing")),
        ('clicked("pricing")', ("clicked", "pricing", None)),
        ('clicked("pricing", "calculator")', ("clicked", "pricing", "calculator")),
        ('opened("sales/pricing")', ("opened_content", "sales/pricing", None, 1, False)),
        ('clicked("sales/pricing", "book")', ("clicked_content", "sales/pricing", "book", None, 1, False)),
        (
            'clicked("sales/pricing", within="1 week")',
            ("clicked_content", "sales/pricing", None, WEEK, 1, False),
        ),
        (
            'clicked_kind("pricing", "faq", at_least=2)',
            ("clicked_kind", ("pricing", "faq"), None, 2, False),
        ),
        ("replied()", ("happened", "replied", None, None, 1, False)),
        ("unsubscribed()", ("happened", "unsubscribed", None, None, 1, False)),
        ('visited("/pricing*")', ("happened", "visited", "/pricing*", None, 1, False)),
        ('submitted("demo", ever=true)', ("happened", "submitted", "demo", None, 1, True)),
        (
            'did("call_logged", within="1 week", at_least=3)',
            ("happened", "call_logged", None, WEEK, 3, False),
        ),
        ('received("sales/pricing")', ("received", "sales/pricing")),
        ('consent("guides")', ("consent", "guides")),
    ],
)
def test_a_function_asks_the_facts(source: str, expected: tuple[Any, ...]) -> None:
    facts = KnownFacts()
    assert compiled(source).test(facts)
    assert [expected] == facts.asked
    assert not compiled(source).test(KnownFacts(true=False))


def test_where_leads_enrol_everything_ever_done_counts() -> None:
    facts = KnownFacts()
    compiled('did("call_logged") and submitted("demo", within="1 week")', ENROLLING).test(facts)
    assert [
        ("happened", "call_logged", None, None, 1, True),
        ("happened", "submitted", "demo", WEEK, 1, False),
    ] == facts.asked


def test_what_follows_from_the_left_is_not_asked() -> None:
    facts = KnownFacts()
    assert compiled('replied() or did("meeting_booked")').test(facts)
    assert 1 == len(facts.asked)


def test_a_condition_reads_as_it_was_written() -> None:
    source = 'replied()  or lead.stage == "lost"'
    assert source == str(compiled(source))
    assert compiled(source) == compiled(source)


# --- what they depend on


def test_a_condition_tells_what_it_depends_on() -> None:
    source = (
        'lead.stage == "mql" and known("employees") and company.name == "X" and opened("faq")'
        ' and clicked("pricing", "book") and did("call_logged") and clicked_kind("faq", within="60 days")'
        ' and submitted("demo", within="2 weeks") and received("sales/pricing") and consent("sales")'
    )
    expected = Asks(
        fields=frozenset({"stage", "employees"}),
        company=frozenset({"name"}),
        steps=frozenset({"faq", "pricing"}),
        events=frozenset({"call_logged", "clicked", "submitted"}),
        contents=frozenset({"sales/pricing"}),
        topics=frozenset({"sales"}),
        bounded=Duration(60, "day"),
        ever=False,
        links=frozenset({"book"}),
    )
    assert expected == compiled(source).asks


def test_only_a_question_without_bound_needs_all_events() -> None:
    assert not compiled("replied()").asks.ever
    assert compiled("replied(ever=true)").asks.ever
    assert compiled("replied()", ENROLLING).asks.ever
    assert not compiled('replied(within="1 week")', ENROLLING).asks.ever


def test_business_days_are_looked_back_for_far_enough() -> None:
    assert Duration(3, "week") == compiled('replied(within="3 business days")').asks.bounded


def test_several_conditions_depend_on_all_that_each_does() -> None:
    several = [compiled(s).asks for s in ("lead.vip", 'replied(within="1 week")', 'did("x", within="8 days")')]
    assert Asks(fields=frozenset({"vip"}), events=frozenset({"replied", "x"}), bounded=Duration(8, "day")) == merged(
        several
    )
    assert Asks() == merged([])


# --- what they refuse


@pytest.mark.parametrize(
    ("source", "column", "code", "message"),
    [
        ("", 1, "condition-syntax", "got nothing"),
        ("lead.employees = 3", 16, "condition-syntax", "expected `==` to compare, got `=`"),
        ("replied() AND lead.vip", 11, "condition-syntax", "expected `and`, got `AND`"),
        ("NOT lead.vip", 1, "condition-syntax", "expected `not`, got `NOT`"),
        ("lead.vip && lead.vip", 10, "condition-syntax", "expected `and`, got `&`"),
        ("lead.vip || lead.vip", 10, "condition-syntax", "expected `or`"),
        ("{{ lead.vip }}", 1, "condition-syntax", "without curly braces"),
        ("lead.vip }} x {{ lead.vip", 10, "condition-syntax", "without curly braces"),
        ('lead.current_tool == "x', 22, "condition-syntax", 'closing quote for "'),
        ("lead.current_tool == ", 21, "condition-syntax", "expected a value, got the end"),
        ("(lead.vip", 10, "condition-syntax", "got the end"),
        ("lead.vip)", 9, "condition-syntax", "got `)`"),
        ("lead.vip lead.vip", 10, "condition-syntax", "expected `and`, `or` or the end of the condition, got `lead`"),
        ("lead.employees|int > 3", 15, "condition-syntax", "filters are not part of conditions"),
        ("lead.current_tool is none", 19, "condition-syntax", 'known("field")'),
        ("lead.current_tool == none", 22, "condition-type", 'known("field")'),
        ('lead.current_tool == ""', 22, "condition-type", 'known("field")'),
        ('lead.current_tool == "a\\n"', 24, "condition-syntax", "expected text without `\\`"),
        ('lead.current_tool == "a\0"', 24, "condition-syntax", "control character"),
        ("lead.vip if lead.vip else true", 10, "condition-syntax", "no inline `if`"),
        ("lead.employees + 1 > 2", 16, "condition-syntax", "got `+`"),
        ("lead.employees - 1 > 2", 1, "condition-syntax", "without arithmetic"),
        ("lead.employees > -lead.employees", 19, "condition-syntax", "expected a number after `-`"),
        ('lead.stage in ("mql", "sql")', 21, "condition-syntax", "square brackets"),
        ('lead["stage"] == "mql"', 5, "condition-syntax", "expected `lead.FIELD`"),
        ("lead.stage.upper() == 'MQL'", 12, "condition-name", "expected `lead.FIELD`"),
        ("lead.__class__ == 'x'", 6, "unknown-field", "expected a field, got `__class__`"),
        ("lead.emplyees > 5", 6, "unknown-field", "did you mean `employees`?"),
        ('company.nam == "x"', 9, "unknown-field", "did you mean `name`?"),
        ('known("emplyees")', 7, "unknown-field", "did you mean `employees`?"),
        ('stage == "mql"', 1, "condition-name", "expected `lead.stage`, got `stage`"),
        ("lead", 1, "condition-name", "such as `lead.stage`"),
        ("replied", 1, "condition-name", "expected `replied(…)`"),
        ("score >= 30", 1, "condition-name", "`score` is not available here"),
        ("replyed()", 1, "condition-name", "did you mean `replied`?"),
        ("sales_ready()", 1, "condition-name", "not available here"),
        ('in_audience("icp")', 13, "unknown-audience", "none is declared"),
        ('company.domain in list("rivals.txt")', 24, "unknown-list", "none is declared"),
        ("lead.stage in list()", 15, "condition-argument", 'expected list("competitors.txt")'),
        ('company.engaged_people("30 days") >= 3', 9, "condition-name", "not available here"),
        ('clicked("pricng")', 9, "unknown-step", "did you mean `pricing`?"),
        ('opened("tell-rep")', 8, "unknown-step", "expected a step that mails"),
        ('clicked("pricing", "calculater")', 20, "unknown-link", "did you mean `calculator`?"),
        ('clicked("sales/pricing", "calc")', 26, "unknown-link", "possible: book, calculator"),
        ('received("sales/pricng")', 10, "unknown-content", "did you mean `sales/pricing`?"),
        ('clicked_kind("faq", "prices")', 21, "unknown-kind", "`prices`"),
        ('consent("sale")', 9, "unknown-topic", "did you mean `sales`?"),
        ('downloaded("handbook")', 1, "condition-name", "there is no `downloaded()`; did you mean `submitted(…)`?"),
        ('cliked("pricing")', 1, "condition-name", "there is no `cliked()`; did you mean `clicked`?"),
        ("scroe >= 30", 1, "condition-name", "there is no `scroe`; expected"),
        ("led.stage", 5, "condition-name", "there is no `led.stage`; expected `lead.FIELD`"),
        ('clicked("pricing"', 18, "condition-syntax", "expected `,` or `)`, got the end"),
        ('lead.stage in ["mql"', 21, "condition-syntax", "expected `,` or `]`, got the end"),
        ("lead.stage == “mql”", 15, "condition-syntax", 'got `“`: write straight quotes, `"`'),
        ('lead.stage == "mql”', 15, "condition-syntax", 'a closing quote for ": write straight quotes'),
        ('lead.status == "x"', 16, "unknown-choice", "expected one of new, working, got `x`"),
        ('lead.stage == "mqll"', 15, "unknown-choice", "did you mean `mql`?"),
        ('lead.status in ["new", "workin"]', 24, "unknown-choice", "did you mean `working`?"),
        ('"retial" != lead.industry', 1, "unknown-choice", "did you mean `retail`?"),
        ('has(lead.pains, "costs")', 17, "unknown-choice", "did you mean `cost`?"),
        ('lead.employees > "many"', 18, "condition-type", 'expected a number, as `lead.employees` is, got `"many"`'),
        ("lead.employees in [1, 'x']", 23, "condition-type", "expected a number"),
        ("lead.current_tool == 3", 22, "condition-type", "expected text"),
        ("lead.vip == 1", 13, "condition-type", "expected true or false"),
        ("lead.current_tool == lead.employees", 22, "condition-type", "expected text"),
        ('lead.renewal_date < "31.12.2026"', 21, "condition-type", 'such as "2026-12-31"'),
        ('lead.stage >= "mql"', 1, "condition-type", "has no order"),
        ("lead.vip > false", 1, "condition-type", "has no order"),
        ("lead.current_tool", 1, "condition-type", 'or `known("current_tool")`'),
        ('"yes"', 1, "condition-type", "expected a comparison"),
        ('lead.pains == "cost"', 1, "condition-type", 'expected has(lead.pains, "cost"), as it holds several values'),
        ('lead.pains contains "cost"', 12, "condition-syntax", 'expected `has(lead.field, "value")`'),
        ('has(lead.current_tool, "x")', 5, "condition-type", "expected a field of several values"),
        ('lead.stage in "mql"', 15, "condition-type", "expected a list after `in`"),
        ("lead.stage in []", 15, "condition-type", "expected values in the list"),
        ("lead.stage in [lead.status]", 16, "condition-type", "expected values in the list"),
        ("lead.employees > 1e999", 18, "condition-type", "expected a smaller number"),
        ('replied("x")', 1, "condition-argument", "expected replied()"),
        ("did()", 1, "condition-argument", 'expected did("event")'),
        ("did(call)", 5, "condition-argument", "expected text in quotes"),
        ('did("")', 5, "condition-argument", "expected text in quotes"),
        ('did("bounced")', 5, "condition-argument", "something that a lead does"),
        ('did("x", withn="3 days")', 16, "condition-argument", "did you mean `within`?"),
        ('did("x", within="3 fortnights")', 17, "condition-argument", "expected a duration such as"),
        ('did("x", within="0 days")', 17, "condition-argument", "longer than nothing"),
        ('did("x", within=3)', 17, "condition-argument", 'such as `within="60 days"`'),
        ('did("x", at_least=0)', 19, "condition-argument", "from 1 to 1000"),
        ('did("x", at_least=true)', 19, "condition-argument", "from 1 to 1000"),
        ('did("x", ever=false)', 15, "condition-argument", "expected `ever=true`"),
        ('did("x", ever=true, within="1 day")', 1, "condition-argument", "got both"),
        ('did("x", ever=true, ever=true)', 26, "condition-argument", "once"),
        ('clicked("pricing", within="3 days")', 27, "condition-argument", "counts from this enrollment on"),
        ('consent("sales", within="3 days")', 25, "condition-argument", "got `within`"),
        ("has(lead.pains)", 1, "condition-argument", "expected has(lead.field"),
        ("lead.vip or " * 200 + "true", 1, "condition-syntax", "at most 2,000 characters, got 2,404"),
        ("(" * 26 + "lead.vip" + ")" * 26, 26, "condition-syntax", "at most 25 deep"),
        ("not " * 26 + "lead.vip", 101, "condition-syntax", "at most 25 deep"),
    ],
)
def test_a_mistake_is_told_with_its_place(source: str, column: int, code: str, message: str) -> None:
    found = problems(source)
    assert [(column, code)] == [(c, k) for c, k, _ in found]
    assert message in found[0][2]


def test_a_step_is_nothing_to_enrol_by() -> None:
    found = problems('clicked("pricing")', ENROLLING)
    assert [(9, "unknown-step")] == [(column, code) for column, code, _ in found]
    assert "such as `sales/pricing`: nobody has passed a step yet here" in found[0][2]


def test_every_problem_is_told_at_once_and_in_order() -> None:
    source = 'lead.emplyees > 5 and (clicked("pricng") or lead.stage == "mqll") and not foo()'
    assert [(6, "unknown-field"), (32, "unknown-step"), (59, "unknown-choice"), (75, "condition-name")] == [
        (column, code) for column, code, _ in problems(source)
    ]


def test_text_over_several_lines_is_marked_where_it_begins() -> None:
    assert [1] == [column for column, _, _ in problems("lead.vip\n  or lead.viq")]


def test_what_is_declared_nowhere_may_be_named() -> None:
    free = Names(steps={"a": "x/a"})
    for source in (
        'lead.stage == "anything"',
        'clicked("x/a", "any")',
        'clicked("a", "any")',
        'clicked_kind("any")',
        'consent("any")',
        'submitted("any")',
        'received("any/thing")',
    ):
        assert source == compiled(source, free).source


def test_as_many_brackets_and_alternatives_as_are_allowed_do_run() -> None:
    assert truth("(" * 25 + "lead.vip" + ")" * 25, vip=True)
    assert truth("not " * 24 + "lead.vip", vip=True)
    assert truth(" or ".join(["lead.vip"] * 150), vip=True)
    assert truth("<".join(str(n) for n in range(300)))


# --- whatever comes


PIECES = st.sampled_from(
    [
        *("lead", ".", "company", "stage", "employees", "pains", "vip", "(", ")", "[", "]", ",", "==", "!=", "<", ">="),
        *("in", "not", "and", "or", "is", "if", "else", "-", "+", "|", "~", "=", "*", "**", "{", "}", "{{", "}}", "{%"),
        *('"mql"', "'cost'", '"60 days"', "1", "2.5", "1e9", "0x1f", "true", "none", "within", "ever", "at_least", ":"),
        *("lead.stage", "lead.employees", "lead.pains", "lead.vip", "lead.renewal_date", '"2026-12-31"', "has", "\n"),
        *FUNCTIONS,
    ]
)


@given(st.lists(PIECES, max_size=30).map(" ".join) | st.text(max_size=80) | st.binary(max_size=40).map(repr))
@example("lead." * 399)
@example("(" * 2000)
@example("not " * 499 + "x")
@example("[" * 1000 + "]" * 1000)
@example("-" * 2000)
@example("a()" * 600)
@example('"\\ud800"')
@example("\ud800")
@example("lead.ﬁ == 1")
@example("9" * 2000 + " > 1")
@example('"a" "b" == "ab"')
@example("\\x")
@example("\r\r\n")
def test_whatever_is_written_compiles_and_runs_or_is_told(source: str) -> None:
    try:
        condition = compile_condition(source, MARK, NAMES)
    except ConditionProblems as error:
        assert error.problems
        assert all(problem.message for problem in error.problems)
    else:
        for fields in ({}, {"stage": "mql", "employees": 5, "pains": ["cost"], "vip": True}):
            assert bool is type(condition.test(KnownFacts(fields)))


VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "lead.employees": st.none() | st.integers(0, 6),
    "lead.vip": st.none() | st.booleans(),
    "lead.stage": st.none() | st.sampled_from(["mql", "sql", "lost"]),
}
ATOMS = st.sampled_from(
    [
        ("lead.vip", lambda f: f["vip"] is True),
        ("lead.employees > 3", lambda f: f["employees"] is not None and f["employees"] > 3),
        ("lead.employees != 3", lambda f: f["employees"] is not None and f["employees"] != 3),
        ("1 <= lead.employees <= 4", lambda f: f["employees"] is not None and 1 <= f["employees"] <= 4),
        ('lead.stage in ["mql", "sql"]', lambda f: f["stage"] in ("mql", "sql")),
        ('lead.stage not in ["mql", "sql"]', lambda f: f["stage"] is not None and f["stage"] not in ("mql", "sql")),
        ('known("stage")', lambda f: f["stage"] is not None),
    ]
)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        inner.map(lambda a: (f"not ({a[0]})", lambda f: not a[1](f))),
        st.tuples(inner, inner).map(lambda p: (f"({p[0][0]}) and ({p[1][0]})", lambda f: p[0][1](f) and p[1][1](f))),
        st.tuples(inner, inner).map(lambda p: (f"({p[0][0]}) or ({p[1][0]})", lambda f: p[0][1](f) or p[1][1](f))),
    ),
    max_leaves=8,
)


@given(EXPRESSIONS, st.fixed_dictionaries({name.removeprefix("lead."): value for name, value in VALUES.items()}))
def test_any_combination_means_what_its_parts_mean(expression: tuple[str, Any], fields: Mapping[str, Any]) -> None:
    source, expected = expression
    assert expected(fields) is truth(source, **fields)

"""What is said to be true or false of every lead is so of every lead; and the usual slips are seen."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.core.condition import ConditionProblems, Names, compile_condition
from sequencer.core.condition_names import MadeUp
from sequencer.core.condition_truth import always
from sequencer.core.field import Field
from sequencer.core.mark import Mark

MARK = Mark("f.yaml", 1, 1)
NAMES = Names(
    fields={
        "pains": Field("pains", "some_of", ("cost", "risk", "speed")),
        "industry": Field("industry", "one_of", ("retail", "logistics")),
        "role": Field("role", "text"),
        "employees": Field("employees", "number"),
        "sites": Field("sites", "number"),
        "renewal_date": Field("renewal_date", "date"),
        "pilot": Field("pilot", "flag"),
    },
    stages=("lead", "mql", "sql"),
    steps={"pricing": "sales/pricing"},
    links={"sales/pricing": frozenset({"calculator"})},
)


def verdict(source: str) -> bool | None:
    return always(compile_condition(source, MARK, NAMES), NAMES)


@pytest.mark.parametrize(
    "source",
    [
        "false",
        'lead.stage == "lead" and lead.stage == "mql"',
        'lead.stage in ["mql", "sql"] and lead.stage == "lead"',
        "lead.employees > 50 and lead.employees < 20",
        "lead.employees > 50 and not lead.employees > 20",
        "lead.employees > 5.5 and lead.employees < 5.5",
        "lead.employees > -3 and lead.employees < -5",
        'lead.renewal_date > "2026-12-01" and lead.renewal_date < "2026-06-01"',
        'has(lead.pains, "cost") and not has(lead.pains, "cost")',
        'known("pains") and not known("pains")',
        'not known("industry") and lead.industry == "retail"',
        'not known("industry") and lead.industry != "retail"',
        "replied() and not replied()",
        "lead.pilot and not lead.pilot",
        "lead.employees > lead.sites and lead.sites > lead.employees",
        'lead.role < "a" and lead.role > "b"',
        'company.name == "Acme" and company.name == "Bcme"',
    ],
)
def test_what_no_lead_could_fit_is_seen(source: str) -> None:
    assert verdict(source) is False
    assert verdict(f"not ({source})") is True


@pytest.mark.parametrize(
    "source",
    [
        'lead.stage in ["lead", "mql", "sql"]',
        'lead.stage == "lead" or lead.stage != "lead"',
        "lead.employees >= 50 or lead.employees < 50",
        "lead.employees > 50 and lead.employees < 52",
        "lead.employees > 50 and lead.employees < 51",
        "lead.employees > 5.5 and lead.employees < 5.6",
        "lead.employees == -3",
        "lead.employees < -2.5",
        'lead.renewal_date > "2026-06-01" and lead.renewal_date < "2026-06-03"',
        "lead.employees > lead.sites and lead.sites > 5 and lead.employees < 7",
        'lead.role > "a" and lead.role < "b"',
        'lead.role != "a" and lead.role != "b"',
        'known("pains") and not has(lead.pains, "cost") and not has(lead.pains, "risk")',
        'known("employees") and not (lead.employees >= 50 or lead.employees < 50)',
        'clicked("pricing", "calculator") and not clicked("pricing")',
        'did("a", within="3 days") and not did("a")',
        "lead.industry in lead.pains and lead.role in lead.pains and not (lead.industry == lead.role)",
        " and ".join(f'lead.role != "{letter}"' for letter in "abcdefghijklmnopqrstuvwxyz"),
    ],
)
def test_what_some_lead_could_fit_is_left_alone(source: str) -> None:
    assert verdict(source) is None


def test_where_there_are_too_many_worlds_nothing_is_said() -> None:
    many = " and ".join(f'(did("a{number}") or did("b{number}"))' for number in range(30))
    assert verdict(f"replied() and not replied() and {many}") is False
    assert verdict(f"{many} and replied() and not replied()") is None


# --- soundness

WORDS = ["a", "b", "ba", "lead", "retail"]
NUMBERS = ["1", "2", "2.5", "-3", "50"]
DATES = ["2026-01-01", "2026-01-02", "2026-06-30"]
COMPARED = ["==", "!=", "<", "<=", ">", ">="]
CALLS = ["replied()", 'did("x")', 'did("x", within="2 days")', 'clicked("pricing")', 'opened("pricing")']
SIDES = [
    (["lead.role", "lead.country", "company.name"], [f'"{word}"' for word in WORDS]),
    (["lead.employees", "lead.sites"], NUMBERS),
    (["lead.renewal_date"], [f'"{day}"' for day in DATES]),
]


def atoms() -> st.SearchStrategy[str]:
    compared = st.sampled_from(SIDES).flatmap(
        lambda side: st.builds(
            "{} {} {}".format, st.sampled_from(side[0]), st.sampled_from(COMPARED), st.sampled_from(side[0] + side[1])
        )
    )
    members = st.builds('has(lead.pains, "{}")'.format, st.sampled_from(["cost", "risk"]))
    known = st.builds('known("{}")'.format, st.sampled_from(["role", "pains", "employees", "renewal_date"]))
    chosen = st.builds('lead.stage {} ["{}", "{}"]'.format, st.sampled_from(["in", "not in"]), STAGE, STAGE)
    return st.one_of(compared, members, known, chosen, st.sampled_from([*CALLS, "lead.pilot", 'lead.stage == "mql"']))


STAGE = st.sampled_from(["lead", "mql", "sql"])
CONDITIONS = st.recursive(
    atoms(),
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=6,
)
TEXTS = st.one_of(st.none(), st.sampled_from([*WORDS, "", "aa", "zz"]), st.text(max_size=3))
VALUES = {
    "role": TEXTS,
    "country": TEXTS,
    "stage": st.one_of(st.none(), STAGE, st.just("former")),
    "employees": st.one_of(st.none(), st.integers(-5, 60), st.floats(-5, 60), st.just("many")),
    "sites": st.one_of(st.none(), st.integers(-5, 60), st.floats(-5, 60)),
    "renewal_date": st.one_of(st.none(), st.sampled_from([*DATES, "2026-01-03", "soon"]), st.dates()),
    "pilot": st.one_of(st.none(), st.booleans(), st.just("yes")),
    "pains": st.one_of(st.none(), st.lists(st.sampled_from(["cost", "risk", "speed", "a"]))),
}


class Someone:
    """A lead who answers as drawn, the same question always the same."""

    def __init__(self, fields: Mapping[str, Any], company: str | None, yes: Mapping[str, bool]) -> None:
        self._fields = fields
        self._company = company
        self._yes = yes

    @property
    def lead(self) -> MadeUp:
        return MadeUp(lambda name: None if self._fields.get(name) == "" else self._fields.get(name))

    def company(self, name: str) -> Any:
        return self._company

    def __repr__(self) -> str:
        return f"Someone({self._fields}, {self._company!r}, {self._yes})"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # of whoever prints somebody of whom the claim is wrong
            raise AttributeError(name)
        return lambda *asked, **more: self._yes[f"{name}{more.get('within') is not None}"]


PEOPLE = st.builds(
    Someone,
    st.fixed_dictionaries(VALUES),
    TEXTS,
    st.fixed_dictionaries(
        {f"{name}{within}": st.booleans() for name in ("happened", "clicked", "opened") for within in (True, False)}
    ),
)


@settings(max_examples=300, deadline=None)
@given(CONDITIONS, st.lists(PEOPLE, min_size=3, max_size=6))
def test_what_is_claimed_of_every_lead_holds_for_any(source: str, people: list[Someone]) -> None:
    try:
        condition = compile_condition(source, MARK, NAMES)
    except ConditionProblems:
        return
    claimed = always(condition, NAMES)
    if claimed is not None:
        assert [condition.test(person) for person in people] == [claimed] * len(people)


@settings(max_examples=100, deadline=None)
@given(CONDITIONS, st.lists(PEOPLE, min_size=3, max_size=6))
def test_a_condition_or_its_opposite_is_always_seen_as_true(source: str, people: list[Someone]) -> None:
    try:
        compile_condition(source, MARK, NAMES)
    except ConditionProblems:
        return
    assert verdict(f"{source} or not ({source})") in (True, None)
    assert verdict(f"{source} and not ({source})") in (False, None)


def test_an_audience_is_looked_into() -> None:
    retail = compile_condition('lead.industry == "retail"', MARK, NAMES)
    both = compile_condition(
        'in_audience("retail") and lead.role == "x"', MARK, replace(NAMES, audiences={"retail": retail})
    )
    names = replace(NAMES, audiences={"retail": retail, "both": both})

    def of(source: str) -> bool | None:
        return always(compile_condition(source, MARK, names), names)

    assert of('in_audience("retail")') is None
    assert of('in_audience("both")') is None
    assert of('in_audience("both") and not in_audience("retail")') is False
    assert of('in_audience("both") and lead.industry == "logistics"') is False

"""workspace.yaml: what it declares, and mistakes reported where they stand."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta

import pytest

from sequencer.core.duration import Duration
from sequencer.core.field import Field
from sequencer.core.lead import Away, Rep, Sender
from sequencer.core.mark import Problem
from sequencer.core.touch import touch_of
from sequencer.core.workspace import Brand, CompanyCap, OwnerPolicy, Pressure, StatusMeaning, Topic, Workspace
from sequencer.workspace.settings import load_settings

from .mistakes import broken, places

Load = Callable[[Mapping[str, str]], tuple[Problem, ...]]

# What is changed in which file, and what must be reported: line, column and code (with the file, if it is another).
MISTAKES = [
    ("unknown key", "locale: en", "local: en", ["6:1 unknown-key"]),
    ("no pause", "locale: en", "colleagues: {reply: 5 days}", ["6:21 bad-duration"]),
    ("what pauses", "locale: en", "colleagues: {answer: pause 5 days}", ["6:14 unknown-key"]),
    ("shared address", "locale: en", "companies: {shared: [kim@agency.example]}", ["6:22 bad-value"]),
    ("shared page", "locale: en", "companies: {shared: [https://agency.example]}", ["6:22 bad-value"]),
    ("shared pattern", "locale: en", 'companies: {shared: ["*.agency.example"]}', ["6:22 bad-value"]),
    ("shared word", "locale: en", "companies: {shared: [agency]}", ["6:22 bad-value"]),
    ("shared name", "locale: en", "companies: {shared: [agency..example]}", ["6:22 bad-value"]),
    ("shared suffix", "locale: en", "companies: {shared: [agency.example, co.uk]}", ["6:38 bad-value"]),
    ("shared twice", "locale: en", "companies: {shared: [a.example, B.A.example]}", ["6:33 duplicate-key"]),
    ("shared with us", "locale: en", "companies: {shared: [kestrel.example]}", ["6:22 bad-value"]),
    ("shared what", "locale: en", "companies: {free: [agency.example]}", ["6:13 unknown-key"]),
    ("crm's side", "locale: en", "crm: {truth: {stage: our}}", ["6:22 bad-value"]),
    ("crm's field", "locale: en", "crm: {truth: {stages: crm}}", ["6:15 unknown-field"]),
    ("crm's stage", "locale: en", "crm: {stages: {Won: custommer}}", ["6:21 unknown-stage"]),
    ("crm's webhook like", "locale: en", "crm: {webhooks: {h: {like: hubspott}}}", ["6:28 bad-value"]),
    ("crm's webhook of its own", "locale: en", "crm: {webhooks: {h: {email: mail}}}", ["6:21 missing-key"] * 2),
    ("crm's fields", "locale: en", "crm: {write_back: {to: hubspot, fields: {steps: a}}}", ["6:42 unknown-key"]),
    (
        "crm's turn",
        "locale: en",
        "crm: {write_back: {to: hubspot, every: 1 minute, fields: {step: a}}}",
        ["6:40 bad-duration"],
    ),
    ("crm's path", "locale: en", "crm: {webhooks: {h: {like: hubspot, at: a..b}}}", ["6:41 bad-value"]),
    (
        "crm's event",
        "locale: en",
        "crm: {webhooks: {h: {like: hubspot, events: {opened: {a: b}}}}}",
        ["6:46 bad-value"],
    ),
    ("crm's once", "locale: en", "crm: {webhooks: {h: {like: hubspot, once: {deal_won: a}}}}", ["6:44 bad-value"]),
    ("crm's value", "locale: en", "crm: {webhooks: {h: {like: hubspot, fields: {stag: a}}}}", ["6:46 unknown-field"]),
    ("crm's name", "locale: en", "crm: {webhooks: {Hub: {like: hubspot}}}", ["6:18 bad-id"]),
    ("crm's key", "locale: en", "crm: {stage: {Won: customer}}", ["6:7 unknown-key"]),
    ("no brand", "brand:", "brand_:", ["1:1 unknown-key"]),
    (
        "brand without address",
        "  postal_address: Kestrel Planning Ltd, 1 Example Street, London\n",
        "",
        ["2:3 missing-key"],
    ),
    ("brand url", "url: https://www", "url: www", ["3:8 bad-value"]),
    ("bad zone", "otherwise: Europe/London", "otherwise: Europe/Lodnon", ["5:36 bad-zone"]),
    ("bad locale", "locale: en", "locale: English please", ["6:9 bad-value"]),
    ("stage twice", "customer, lost]", "customer, lead, lost]", ["7:48 duplicate-key"]),
    ("status stops", "stops: all", "stops: some", ["11:36 bad-value"]),
    ("status pauses", "stops: all", "pauses: [giude]", ["11:38 unknown-sequence"]),
    ("status stops and runs", "stops: all", "stops: all, runs: [guide]", ["11:41 bad-value"]),
    (
        "field of two types",
        "number: true",
        "number: true, text: true",
        ["signals.yaml:9:28 condition-type", "15:3 bad-value"],
    ),
    (
        "field built in",
        "  employees: {number",
        "  title: {number",
        ["motivation.yaml:47:73 unknown-field", "signals.yaml:9:15 unknown-field", "15:3 bad-id"],
    ),
    (
        "field name",
        "  current_tool: {text",
        "  current-tool: {text",
        ["motivation.yaml:37:15 unknown-field", "motivation.yaml:37:40 unknown-field", "16:3 bad-id"],
    ),
    ("field without choices", "one_of: [retail, logistics]", "one_of: []", ["14:22 bad-value"]),
    ("topic default", "default: off", "default: maybe", ["22:40 bad-value"]),
    ("sender email", "mara@mail.kestrel.example", "mara@kestrel", ["24:45 bad-email"]),
    ("rep email", "  ben@kestrel.example: {", "  ben.kestrel.example: {", ["27:77 unknown-rep", "28:3 bad-email"]),
    ("rep calendar", "calendar: https://cal", "calendar: cal", ["26:94 bad-value"]),
    ("rep deputy", "deputy: ben@kestrel.example", "deputy: bob@kestrel.example", ["27:77 unknown-rep"]),
    ("own deputy", "deputy: ben@kestrel.example", "deputy: ana@kestrel.example", ["27:77 bad-value"]),
    ("away backwards", "to: 2027-01-02", "to: 2026-12-02", ["27:55 bad-date"]),
    ("away no date", "to: 2027-01-02", "to: 2 January", ["27:55 bad-date"]),
    ("owner missing", "missing: sender marketing", "missing: sender sales", ["30:12 unknown-sender"]),
    ("owner missing word", "missing: sender marketing", "missing: skip", ["30:12 bad-value"]),
    ("owner introduced", "  missing: sender marketing", "  changed: introduce", ["30:12 missing-partial"]),
    ("owner changed", "  missing: sender marketing", "  changed: introduced", ["30:12 bad-value"]),
    ("owner rule", "  missing: sender marketing", "  assign: [turns]", ["30:12 bad-value"]),
    ("owner field", "  missing: sender marketing", "  assign: [{territory: land}]", ["30:24 unknown-field"]),
    ("rep country", "name: Ben Okafor", "name: Ben Okafor, country: Atlantis", ["28:52 bad-value"]),
    ("cap", "day: 1", "day: 0", ["32:17 bad-value"]),
    ("company's mails", "gap: 18 hours", "company: {mails: 0, within: 1 day}", ["32:46 bad-value"]),
    ("company's time", "gap: 18 hours", "company: {mails: 2, within: 1 business day}", ["32:57 bad-duration"]),
    ("company without time", "gap: 18 hours", "company: {mails: 2}", ["32:38 missing-key"]),
    ("gap in business days", "gap: 18 hours", "gap: 1 business day", ["32:34 bad-duration"]),
    ("over", "then: skip", "then: send", ["32:80 bad-value"]),
    ("all quiet", "[sat, sun]", "[mon-sun]", ["33:15 bad-value"]),
    ("unknown holidays", "{days: [sat, sun]}", "{days: [sat, sun], holidays: all}", ["33:37 bad-value"]),
    ("holidays of no country", "{days: [sat, sun]}", "{unknown: Atlantis}", ["33:18 bad-value"]),
    (
        "reply domain",
        "reply_domain: reply.kestrel.example",
        "reply_domain: https://reply.kestrel.example",
        ["36:15 bad-value"],
    ),
]


@pytest.mark.parametrize(("mistake", "old", "new", "expected"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_reported_where_it_stands_and_nothing_else(
    mistake: str, old: str, new: str, expected: list[str], good: Mapping[str, str], problems_of: Load
) -> None:
    assert expected == places(problems_of(broken(good, "workspace", old, new)), "workspace")


@pytest.mark.parametrize(
    ("rule", "territory", "said"),
    [
        ("country", "Netherlands, UK, at, Deutschland", []),
        (
            "country",
            "Netherland, Benelux",
            [
                "expected a country by its code or its name, as `NL`, got `Netherland`, did you mean `Netherlands`?",
                "expected a country by its code or its name, as `NL`, got `Benelux`",
            ],
        ),
        ("role", "Finance", []),
        ("role", "finanz", ["expected one of `it`, `finance`, got `finanz`, did you mean `finance`?"]),
        ("role}, {territory: country", "finance, NL", []),
        (
            "role}, {territory: country",
            "all",
            ["expected a country by its code or its name, as `NL` or one of `it`, `finance`, got `all`"],
        ),
        ("town}, {territory: country", "Anywhere", []),
    ],
)
def test_a_territory_is_what_the_fields_can_have_by_which_reps_are_found(
    rule: str, territory: str, said: list[str], good: Mapping[str, str], problems_of: Load
) -> None:
    fields = "fields:\n  role: {one_of: [it, finance]}\n  town: {text: true}\n"
    whole = broken(good, "workspace", "fields:\n", fields)
    whole = broken(whole, "workspace", "name: Ben Okafor", f"name: Ben Okafor, territory: [{territory}]")
    whole = broken(whole, "workspace", "  missing: sender marketing", f"  assign: [{{territory: {rule}}}]")
    assert said == [one.message for one in problems_of(whole)]


def test_the_code_of_a_country_that_is_named_is_suggested(good: Mapping[str, str], problems_of: Load) -> None:
    [told] = problems_of(broken(good, "workspace", "name: Ben Okafor", "name: Ben Okafor, country: Holland"))
    assert told.message == "expected a country's code as `GB` or `DE`, got `Holland`, did you mean `NL`?"


def test_a_workspace_carries_everything_that_was_declared(good: Mapping[str, str]) -> None:
    ana = Rep(
        "ana@kestrel.example",
        "Ana Ruiz",
        "Europe/Madrid",
        "+34 000 000",
        "https://cal.kestrel.example/ana",
        "ben@kestrel.example",
        (Away(date(2026, 12, 21), date(2027, 1, 2)),),
    )
    expected = Workspace(
        brand=Brand(
            "Kestrel Planning", "https://www.kestrel.example", "Kestrel Planning Ltd, 1 Example Street, London"
        ),
        stages=("subscriber", "lead", "mql", "sql", "customer", "lost"),
        statuses={
            "new": StatusMeaning("new", "New"),
            "idle-timing": StatusMeaning("idle-timing", "Idle – Timing"),
            "bad-fit": StatusMeaning("bad-fit", "Bad fit", stops=True),
        },
        fields={
            "pains": Field("pains", "some_of", ("cost", "risk"), "What gets in your way most?"),
            "industry": Field("industry", "one_of", ("retail", "logistics")),
            "employees": Field("employees", "number"),
            "current_tool": Field("current_tool", "text"),
            "pilot": Field("pilot", "flag"),
            "next_attempt": Field("next_attempt", "date"),
        },
        topics={
            "guides": Topic("guides", "Guides"),
            "sales": Topic("sales", "Messages from your contact"),
            "news": Topic("news", "Monthly news", default=False),
        },
        senders={"marketing": Sender("marketing", "Mara at Kestrel", "mara@mail.kestrel.example", "Europe/London")},
        reps={"ana@kestrel.example": ana, "ben@kestrel.example": Rep("ben@kestrel.example", "Ben Okafor")},
        sequences={},
        zone="Europe/London",
        zone_of_owner=True,
        locale="en",
        pressure=Pressure(1, 3, timedelta(hours=18), Duration(4, "business day")),
        owner=OwnerPolicy("marketing", Duration(2, "business day")),
        quiet_days=frozenset({5, 6}),
        reply_pause=Duration(10, "day"),
        out_of_office=Duration(5, "day"),
        out_of_office_at_most=Duration(20, "day"),
        reply_domain="reply.kestrel.example",
    )
    assert load_settings(good) == (expected, ())


def test_what_is_not_declared_has_its_default() -> None:
    brand = "brand: {name: K, url: https://k.example, postal_address: 1 Example Street}\nstages: [lead, sql]\n"
    workspace, problems = load_settings({"sequences/workspace.yaml": brand})
    assert workspace is not None
    expected = Workspace(Brand("K", "https://k.example", "1 Example Street"), ("lead", "sql"), {}, {}, {}, {}, {}, {})
    assert (workspace, problems) == (expected, ())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "zone: {owner_mail: rep, otherwise: Europe/London}",
            "zone: Asia/Tokyo",
            {"zone": "Asia/Tokyo", "zone_of_owner": False},
        ),
        (
            "day: 1, week: 3",
            "day: none, week: none",
            {"pressure": Pressure(None, None, timedelta(hours=18), Duration(4, "business day"))},
        ),
        (
            "gap: 18 hours",
            "company: {mails: 2, within: 4 hours}",
            {"pressure": Pressure(1, 3, wait=Duration(4, "business day"), company=CompanyCap(2, timedelta(hours=4)))},
        ),
        ("missing: sender marketing", "missing: hold", {"owner": OwnerPolicy("hold", Duration(2, "business day"))}),
        (
            "locale: en",
            "companies: {shared: [Agency.example, xn--bcher-kva.example]}",
            {"shared_domains": frozenset({"agency.example", "bücher.example"})},
        ),
        ("days: [sat, sun]", "days: fri-sat", {"quiet_days": frozenset({4, 5})}),
        ("days: [sat, sun]", "days: []", {"quiet_days": frozenset()}),
        ("days: [sat, sun]", "holidays: none", {"holidays": False}),
        ("days: [sat, sun]", "unknown: gb", {"holidays_unknown": "GB"}),
    ],
)
def test_a_rule_may_be_written_otherwise(
    old: str, new: str, expected: dict[str, object], good: Mapping[str, str]
) -> None:
    before, _ = load_settings(good)
    after, problems = load_settings(broken(good, "workspace", old, new))
    assert before is not None
    assert (after, problems) == (replace(before, **expected), ())  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["https://k.example", "https://K.Example:8443/shop", "http://kim@k.example./"])
def test_the_brands_pages_are_ours_however_their_address_is_written(url: str) -> None:
    workspace = Workspace(Brand("K", url, "1 Example Street"), (), {}, {}, {}, {}, {}, {})
    assert touch_of("", "https://www.k.example/prices", workspace.hosts) == {}
    assert touch_of("", "https://other.example/", workspace.hosts)["source"] == "other.example"


def test_a_missing_workspace_file_is_named(problems_of: Load) -> None:
    assert [f"{problem.mark} {problem.code}" for problem in problems_of({})] == [
        "sequences/workspace.yaml:1:1 missing-file"
    ]

"""When sales is to talk to a lead: once, and again only by what is new after it had fallen back."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sequencer.core.condition import Condition, Names, compile_condition
from sequencer.core.condition_names import STANDING
from sequencer.core.duration import Duration
from sequencer.core.event import Event
from sequencer.core.lead import Lead
from sequencer.core.mark import Mark
from sequencer.core.readiness import AGAIN, Readiness, Verdict, judged, next_look
from sequencer.core.score import Counts, changes_on, thresholds
from sequencer.core.signals import Fit, SalesReady, Signal, Signals
from sequencer.core.snapshot import Snapshot, Standing
from sequencer.core.workspace import Brand, Workspace

MARK = Mark("sequences/signals.yaml", 1, 1)
NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
TODAY = NOW.date()
NAMES = Names(scope="ever", standing=STANDING)
BEGAN = Readiness(1, NOW - timedelta(days=20), None, ("price",))
OVER = BEGAN._replace(over_at=NOW - timedelta(days=5))
REFUSED = OVER._replace(refused=True)


def condition(source: str) -> Condition:
    return compile_condition(source, MARK, NAMES)


RULE = SalesReady(
    {
        "asked": condition('submitted("demo")'),
        "price": condition("score >= 60 and fit >= 20"),
        "together": condition('company.engaged_people("30 days") >= 3 and score >= 20'),
    },
    condition("score < 30"),
)
SIGNALS = Signals(
    (Signal("replied()", MARK, condition("replied()"), 10, 10), Signal("left", MARK, condition('did("left")'), -40, 2)),
    (Fit(condition('lead.country == "DE"'), 20),),
    {"mql": condition("score >= 20"), "sql": condition("score >= 50 and fit >= 20")},
    RULE,
)


def workspace(rule: SalesReady | None = RULE) -> Workspace:
    stages = ("lead", "mql", "sql", "customer")
    return Workspace(Brand("", "", ""), stages, {}, {}, {}, {}, {}, {}, signals=replace(SIGNALS, sales_ready=rule))


def crossing(marks: Collection[int]) -> Callable[[Counts], date | None]:
    return lambda counts: changes_on(SIGNALS, counts, marks, TODAY)


NEVER = crossing(())


def stands(
    replies: int = 0, left: int = 0, together: int = 0, asked: tuple[int, ...] = (), day: date = TODAY, **lead: Any
) -> Snapshot:
    """`asked`: how many days ago the demo was asked for."""
    counts: Mapping[tuple[str, date], int] = {("replied()", day): replies, ("left", day): left}
    events = tuple(
        Event("submitted", NOW - timedelta(days=days), 1, f"{days}", "form", data={"form": "demo"}) for days in asked
    )
    standing = Standing(counts, engaged={Duration(30, "day"): together})
    return Snapshot(Lead(1, "k@b.example", country="DE", **lead), None, None, events=events, standing=standing)


@pytest.mark.parametrize(
    ("snapshot", "last", "expected"),
    [
        (stands(), None, Verdict()),
        (stands(replies=2), None, Verdict("mql")),
        (stands(replies=2, stage="sql"), None, Verdict()),
        (stands(replies=5), None, Verdict("sql")),
        (stands(replies=6), None, Verdict("sql", ("price",))),
        (stands(asked=(3,)), None, Verdict(None, ("asked",))),
        (stands(replies=6, together=3, asked=(0,)), None, Verdict("sql", ("asked", "price", "together"))),
        (stands(replies=2, together=2), None, Verdict("mql")),
        (stands(replies=9), BEGAN, Verdict("sql")),
        (stands(replies=3), BEGAN, Verdict("mql")),
        (stands(replies=2), BEGAN, Verdict("mql", over=True)),
        (stands(replies=2, asked=(9,)), OVER, Verdict("mql")),
        (stands(replies=2, asked=(9, 1)), OVER, Verdict("mql", ("asked",))),
        (stands(replies=7, asked=(9,)), OVER, Verdict("sql", ("price",))),
        (stands(replies=2, together=3), OVER, Verdict("mql")),
        (stands(replies=3, together=3), OVER, Verdict("mql", ("together",))),
    ],
)
def test_what_follows_from_how_a_lead_stands(snapshot: Snapshot, last: Readiness | None, expected: Verdict) -> None:
    assert judged(workspace(), snapshot, last, NOW) == expected


EARLIER = {("replied()", TODAY - timedelta(days=7)): 20}
"""Before sales said no; of 200 points 123 are left."""


def then(counts: Mapping[tuple[str, date], int], asked: tuple[int, ...] = (), together: int = 0) -> Snapshot:
    found = stands(asked=asked, together=together)
    return found._replace(standing=found.standing._replace(counts=counts))


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (then(EARLIER, asked=(9,)), ()),
        (then(EARLIER, asked=(9,), together=3), ()),
        (then(EARLIER, asked=(9, 1)), ("asked",)),
        (then(EARLIER | {("replied()", OVER.over_at.date()): 9}), ()),  # type: ignore[union-attr]
        (then(EARLIER | {("replied()", TODAY): 5}), ()),
        (then(EARLIER | {("replied()", TODAY): 6}), ("price",)),
        (then(EARLIER | {("replied()", TODAY): 2}, together=3), ("together",)),
        (then(EARLIER | {("replied()", TODAY): 6, ("left", TODAY): 3}), ()),
    ],
    ids=["nothing", "colleagues", "asks", "the same day", "little", "much", "with colleagues", "and leaves"],
)
def test_after_sales_said_no_only_what_is_done_then_makes_ready(snapshot: Snapshot, expected: tuple[str, ...]) -> None:
    found = judged(workspace(), snapshot, REFUSED, NOW)
    assert (found.reasons, found.over, found.fell_back) == (expected, False, False)


def test_what_doing_nothing_makes_true_is_no_news_after_sales_said_no() -> None:
    rule = SalesReady({"crowd": condition('company.engaged_people("30 days") >= 3'), "fits": condition("fit >= 20")})
    assert judged(workspace(rule), then(EARLIER, together=3), OVER, NOW).reasons == ("crowd", "fits")
    assert judged(workspace(rule), then({("replied()", TODAY): 9}, together=3), REFUSED, NOW).reasons == ()


def test_who_falls_back_after_sales_said_no_is_judged_as_everybody() -> None:
    before = {("replied()", TODAY - timedelta(days=20)): 11}
    fallen = judged(workspace(), then(before), REFUSED, NOW)
    assert (fallen.fell_back, fallen.reasons) == (True, ()), "27 points"
    again = then(before | {("replied()", TODAY): 4})
    assert judged(workspace(), again, REFUSED, NOW).reasons == (), "67 points, of which 40 are new"
    assert judged(workspace(), again, REFUSED._replace(refused=False), NOW).reasons == ("price",)


def test_before_the_day_that_a_rep_named_only_who_asks_becomes_ready_and_others_are_looked_at_then() -> None:
    reads = then(EARLIER | {("replied()", TODAY): 9})
    last = REFUSED._replace(until=TODAY + timedelta(days=3))
    found = judged(workspace(), reads, last, NOW)
    day = datetime(2026, 11, 5, tzinfo=UTC)
    assert (found.reasons, found.waits, found.rests_until) == ((), ("price",), day)
    assert next_look(workspace(), reads, NEVER, last, found, NOW) == day
    assert judged(workspace(), reads, last, day).reasons == ("price",)
    asks = then(EARLIER | {("replied()", TODAY): 9}, asked=(1,))
    assert judged(workspace(), asks, last, NOW).reasons == ("asked",)
    assert judged(workspace(), then(EARLIER, asked=(9,)), last, NOW).reasons == (), "that was before the no"


def test_after_sales_said_no_the_score_of_what_is_new_is_looked_at_on_its_day_too() -> None:
    rises = then(EARLIER | {("replied()", TODAY): 9, ("left", TODAY): 1})
    # Of what is new 90 - 40 are 50, and 84 - 28 and 78 - 20 the days after; all together falls below on the 19th day.
    assert next_look(workspace(), rises, crossing({58}), None, Verdict(), NOW) == datetime(2026, 11, 21, tzinfo=UTC)
    assert next_look(workspace(), rises, crossing({58}), REFUSED, Verdict(), NOW) == datetime(2026, 11, 4, tzinfo=UTC)


def test_what_is_missing_makes_a_lead_wait() -> None:
    rule = replace(RULE, needs_owner=True, needs=(condition('known("title")'),))
    found = judged(workspace(rule), stands(replies=6), None, NOW)
    assert found == Verdict("sql", waits=("price",), lacks=("owner", 'known("title")'))
    titled = judged(workspace(rule), stands(replies=6, title="CEO"), None, NOW)
    assert titled == Verdict("sql", waits=("price",), lacks=("owner",))
    assert next_look(workspace(rule), stands(replies=6), NEVER, None, found, NOW) == NOW + AGAIN


def test_without_a_mark_to_fall_below_it_is_over_once_no_reason_is_left() -> None:
    rule = replace(RULE, again_below=None)
    assert judged(workspace(rule), stands(replies=6), BEGAN, NOW) == Verdict("sql")
    assert judged(workspace(rule), stands(replies=5), BEGAN, NOW) == Verdict("sql", over=True)


def test_without_a_rule_there_are_only_stages_and_without_signals_nothing() -> None:
    assert judged(workspace(None), stands(replies=9, asked=(1,)), None, NOW) == Verdict("sql")
    nothing = replace(workspace(), signals=None)
    assert judged(nothing, stands(replies=9), None, NOW) == Verdict()
    assert next_look(nothing, stands(replies=9), lambda counts: TODAY, None, Verdict(), NOW) is None


def test_the_next_look_is_at_the_beginning_of_the_day_that_changes_something() -> None:
    marks = crossing(thresholds(SIGNALS.conditions()))
    falls, rises = stands(replies=3), stands(replies=7, left=1)
    # 30 points are 28 a day later; 70 - 40 are 37 then, and 40 a day after, never 50.
    assert next_look(workspace(), falls, marks, None, Verdict(), NOW) == datetime(2026, 11, 3, tzinfo=UTC)
    assert next_look(workspace(), rises, crossing({50}), None, Verdict(), NOW) is None
    assert next_look(workspace(), rises, crossing({40}), None, Verdict(), NOW) == datetime(2026, 11, 4, tzinfo=UTC)
    assert next_look(workspace(), stands(), marks, None, Verdict(), NOW) is None

"""What is picked for whom, and how a series goes on and ends."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.core.decision import Send
from sequencer.core.duration import Duration
from sequencer.core.enrollment import RUNNING, Status
from sequencer.core.event import Event
from sequencer.core.lead import Lead
from sequencer.core.message import State
from sequencer.core.migrate import migrate
from sequencer.core.pick import best
from sequencer.core.sequence import Candidate, Pick
from sequencer.core.snapshot import Snapshot
from tests.core.test_engine import HEAD, MONDAY, Passage, workspace

TODAY = date(2026, 12, 1)


def item(name: str, published: date | None = None, **tags: list[str]) -> Candidate:
    return Candidate(name, {tag: frozenset(values) for tag, values in tags.items()}, published)


def picked(
    candidates: list[Candidate], received: set[str] = frozenset(), fallback: str | None = None, **lead: Any
) -> str | None:  # type: ignore[assignment]
    fields = {name: value for name, value in lead.items() if name != "stage"}
    snapshot = Snapshot(
        Lead(1, "k@b.example", stage=lead.get("stage"), fields=fields), None, None, received=frozenset(received)
    )
    return best(Pick("article", ("stage", "pains", "industry"), tuple(candidates), None, fallback), snapshot, TODAY)


COST, RISK, ALL = item("cost", pains=["cost"]), item("risk", pains=["risk"]), item("all")


@pytest.mark.parametrize(
    ("candidates", "lead", "expected"),
    [
        ([COST, RISK, ALL], {"pains": ["risk"]}, "risk"),
        ([COST, RISK, ALL], {"pains": ["risk", "cost"]}, "cost"),
        ([COST, RISK, ALL], {}, "all"),
        ([COST, ALL], {"pains": ["risk"]}, "all"),
        ([COST], {"pains": ["risk"]}, None),
        ([item("both", pains=["cost"], stage=["mql"]), COST], {"pains": ["cost"], "stage": "mql"}, "both"),
        ([item("both", pains=["cost"], stage=["sql"]), COST], {"pains": ["cost"], "stage": "mql"}, "cost"),
        ([item("b", date(2026, 1, 1)), item("a"), item("c", date(2026, 2, 1))], {}, "c"),
        ([item("b"), item("a")], {}, "a"),
    ],
)
def test_the_best_fitting_is_picked_and_nothing_that_is_for_others(
    candidates: list[Candidate], lead: dict[str, Any], expected: str | None
) -> None:
    assert picked(candidates, **lead) == expected
    assert picked(candidates[::-1], **lead) == expected


def test_what_was_received_is_not_picked_again_and_neither_is_the_fallback() -> None:
    assert picked([COST, ALL], {"all"}) == "cost"
    assert picked([COST], {"cost"}, fallback="other") == "other"
    assert picked([COST], {"cost", "other"}, fallback="other") is None


def test_only_what_is_new_enough() -> None:
    old, new, later = item("a", date(2026, 9, 1)), item("b", date(2026, 11, 1)), item("c", date(2027, 1, 1))
    pick = Pick("article", (), (old, new, later, item("d")), Duration(60, "day"))
    assert best(pick, Snapshot(Lead(1, "k@b.example"), None, None), TODAY) == "b"


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.sets(st.sampled_from("abcdef")))
def test_each_comes_once_until_none_is_left(names: list[str], received: set[str]) -> None:
    had = set(received)
    while (found := picked([item(name) for name in names], had)) is not None:
        assert found not in had
        had.add(found)
    assert had == received | set(names)


SERIES = """
pressure: exempt
steps:
  - email: one
  - wait: 1 day
  - id: tips
    series: {pick: guide}
    every: 14 days
    AT
    up_to: UP_TO
    UNTIL
  - wait: 2 days
  - id: last
    email: one
"""


def series(at: str = "", up_to: int = 6, until: str = "", **passage: Any) -> Passage:
    text = SERIES.replace("AT\n", f"{at}\n" if at else "on_purpose\n").replace("    on_purpose\n", "")
    text = text.replace("UP_TO", str(up_to)).replace("    UNTIL\n", f"    {until}\n" if until else "")
    return Passage(HEAD + text, **passage)


def contents(it: Passage) -> list[str]:
    return [effect.step.content for effect in it.done if isinstance(effect, Send)]


def test_a_series_sends_what_is_new_and_ends_when_nothing_is_left() -> None:
    it = series().after(days=100)
    assert contents(it) == ["one", "four", "three", "two", "one"]
    rounds = [MONDAY + timedelta(days=1 + 14 * n) for n in range(3)]
    end = rounds[-1] + timedelta(days=14)
    assert it.sent[1:] == [*((f"tips:{n + 1}", at) for n, at in enumerate(rounds)), ("last", end + timedelta(days=2))]
    assert [(o.step, o.outcome, o.detail) for o in it.enrollment.outcomes if o.step.startswith("tips")] == [
        ("tips:1", "sent", "four"),
        ("tips:2", "sent", "three"),
        ("tips:3", "sent", "two"),
        ("tips", "done", "nothing new of the kind guide was left"),
    ]


def test_after_its_last_round_a_series_is_over_at_once() -> None:
    it = series(up_to=2).after(days=100)
    assert it.steps == ["one", "tips:1", "tips:2", "last"]
    assert it.sent[3][1] == it.sent[2][1] + timedelta(days=2)


def test_a_series_keeps_its_time_of_the_week() -> None:
    it = series("at: tue 10:00", now=MONDAY + timedelta(seconds=30)).after(days=100)
    tuesday = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    assert [at for step, at in it.sent if step.startswith("tips")] == [
        tuesday + timedelta(days=14 * n) for n in range(3)
    ]


def test_until_ends_a_series_as_soon_as_it_is_true() -> None:
    it = series(until='until: did("asked")').after(days=20)
    it.events.append(Event("asked", it.now, 1, "a", "api"))
    it.look()
    assert it.enrollment.passed("tips") is not None
    assert it.after(days=2, hours=1).sent[-1] == ("last", MONDAY + timedelta(days=22))


def test_until_is_not_asked_before_the_first_round() -> None:
    it = series(until='until: did("asked")')
    it.events.append(Event("asked", MONDAY, 1, "a", "api"))
    assert it.after(days=30).steps == ["one", "tips:1", "last"]


def test_a_round_goes_again_with_the_content_that_was_picked() -> None:
    it = series().after(days=1, seconds=1)
    it.messages["tips:1"] = it.messages["tips:1"]._replace(state=State.RETRY, accepted_at=None, retry_at=it.now)
    it.look()
    again = [effect for effect in it.done if isinstance(effect, Send)][-1]
    assert (again.step.id, again.step.content, again.attempt) == ("tips:1", "four", 2)


def test_what_other_sequences_mailed_is_left_out() -> None:
    assert contents(series(received={"four", "three"}).after(days=100)) == ["one", "two", "one"]


@pytest.mark.parametrize(
    ("edit", "steps"),
    [
        (lambda text: text.replace("up_to: 6", "up_to: 1"), ["one", "tips:1", "last"]),
        (lambda text: text.replace("14 days", "1 day"), ["one", "tips:1", "tips:2", "tips:3", "last"]),
        (lambda text: text.replace("id: tips", "id: others"), ["one", "tips:1", "others:1", "others:2", "last"]),
        (lambda text: text[: text.index("  - id: tips")] + "  - email: two\n", ["one", "tips:1", "two"]),
    ],
)
def test_an_edit_during_a_series_repeats_no_round(edit: Any, steps: list[str]) -> None:
    it = series().after(days=3)
    after = workspace(edit(it.text))
    it.enrollment = migrate(it.sequence, after.sequences["it"], it.enrollment, 2)
    it.workspace, it.sequence = after, after.sequences["it"]
    it.look()
    it.after(days=200)
    assert (it.steps, it.enrollment.status in RUNNING) == (steps, False)
    assert len(contents(it)) == len(set(contents(it))) + (steps[-1] == "last")


def test_a_mail_without_anything_to_pick_is_skipped_or_falls_back() -> None:
    text = "pressure: exempt\nsteps:\n  - id: proof\n    email: {pick: guide}\n  - wait: 1 day\n  - email: one\n"
    everything = {"one", "two", "three", "four"}
    it = Passage(HEAD + text, received=everything).after(days=3)
    assert (it.steps, it.enrollment.outcomes[0].detail) == (["one"], "nothing-new: guide")
    it = Passage(HEAD + text.replace("  - wait", "    fallback: two\n  - wait"), received=everything - {"two"}).after(
        days=3
    )
    assert (contents(it), it.enrollment.status) == (["two", "one"], Status.FINISHED)

"""Mails that wait for a rep to look at them: what is decided; pure."""

from datetime import datetime, timedelta

import pytest

from sequencer.core import explain, operate
from sequencer.core.decision import Ask, Send
from sequencer.core.enrollment import Outcome
from sequencer.core.event import Event
from sequencer.core.operate import Impossible
from tests.core.test_engine import HEAD, MONDAY, Passage

REVIEW = "    review: {by: owner, within: 2 business days, then: send}\n"
MAILS = f"steps:\n  - email: one\n{REVIEW}    unless: did('bought')\n  - wait: 1 day\n  - email: two\n"


def said(passage: Passage, send: bool, edited: bool = False) -> None:
    passage.enrollment = operate.review(passage.sequence, passage.enrollment, "one", send, edited, passage.now)


def outcomes(passage: Passage) -> list[str]:
    return [explain.outcome(o) for o in passage.enrollment.outcomes]


@pytest.mark.parametrize(
    ("then", "after", "sent", "history"),
    [
        ("send", None, [("one", 48)], ["the rep was asked to review one", "was sent one"]),
        ("skip", None, [], ["the rep was asked to review one", "one was skipped (not-reviewed)"]),
        (
            "skip",
            True,
            [("one", 3)],
            ["the rep was asked to review one", "the rep let one go (as the rep wrote it)", "was sent one"],
        ),
        (
            "send",
            False,
            [],
            ["the rep was asked to review one", "the rep had one skipped", "one was skipped (review)"],
        ),
    ],
)
def test_the_mail_goes_or_not_as_the_rep_says_or_when_the_time_is_up(
    then: str, after: bool | None, sent: list[tuple[str, int]], history: list[str]
) -> None:
    kim = Passage(HEAD + MAILS.replace("then: send", f"then: {then}").partition("  - wait")[0])
    kim.look()
    [ask] = kim.done
    assert isinstance(ask, Ask)
    assert (ask.step.content, ask.due_at, ask.rep) == ("one", MONDAY + timedelta(days=2), None)
    assert (kim.enrollment.due_at, kim.sent) == (ask.due_at, [])
    kim.now += timedelta(hours=3)
    if after is not None:
        said(kim, after, edited=True) if after else said(kim, after)
    kim.until(MONDAY + timedelta(days=4), [kim.now])
    assert kim.sent == [(step, MONDAY + timedelta(hours=hours)) for step, hours in sent]
    assert outcomes(kim) == history
    assert sum(isinstance(effect, Ask) for effect in kim.done) == 1


def test_what_makes_the_mail_needless_ends_the_wait() -> None:
    kim = Passage(HEAD + MAILS)
    kim.look()
    kim.now += timedelta(hours=1)
    kim.events.append(Event("bought", kim.now, 1, "b1", "api"))
    kim.look()
    assert outcomes(kim) == ["the rep was asked to review one", "one was skipped (unless: did('bought'))"]


def test_gap_and_hours_are_asked_again_from_when_the_rep_let_it_go() -> None:
    hours = 'hours: {days: mon-fri, between: "09:00-17:00"}\n'
    kim = Passage(HEAD + hours + MAILS.replace("2 business days", "6 business days"))
    kim.look()
    kim.now = MONDAY + timedelta(days=7)  # later than a mail waits for a cap: that time begins with the review
    kim.mailed_before.append(kim.now - timedelta(hours=1))
    said(kim, True)
    decision = kim.look()
    assert (decision.reasons[-1].code, kim.sent) == ("gap", [])
    kim.until(kim.now + timedelta(hours=30))
    assert kim.sent == [("one", datetime(2026, 12, 1, 9, 0, tzinfo=MONDAY.tzinfo))]


def test_what_was_picked_when_the_rep_was_asked_is_what_goes_unless_the_lead_got_it_meanwhile() -> None:
    picks = f"steps:\n  - id: best\n    email: {{pick: guide}}\n{REVIEW}".replace("one", "best")
    for got, sent in ((set(), ["best"]), ({"four"}, [])):
        kim = Passage(HEAD + picks)
        kim.look()
        [ask] = kim.done
        assert ask.step.content == "four"
        kim.received = got | {"one"}
        kim.until(MONDAY + timedelta(days=3))
        assert [step for step, _ in kim.sent] == sent
        assert [e.step.content for e in kim.done if isinstance(e, Send)] == ["four"] * len(sent)


def test_a_rep_speaks_once_and_only_of_a_mail_that_waits() -> None:
    kim = Passage(HEAD + MAILS)
    with pytest.raises(Impossible):
        said(kim, True)
    kim.look()
    said(kim, True)
    with pytest.raises(Impossible):
        said(kim, False)
    moved = kim.enrollment._replace(position="two", outcomes=(Outcome("one", "skipped", kim.now),))
    with pytest.raises(Impossible):
        operate.review(kim.sequence, moved, "one", True, False, kim.now)

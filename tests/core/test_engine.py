"""`decide` by tables of cases, and by laws that hold for any program and any history."""

from collections.abc import Mapping
from collections.abc import Sequence as List
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.core.content import Content
from sequencer.core.dating import first_due
from sequencer.core.decision import Alert, Cancel, Change, Decision, Enter, Send
from sequencer.core.engine import decide, departure
from sequencer.core.enrollment import RUNNING, Enrollment, Status
from sequencer.core.event import Event
from sequencer.core.lead import Away, Lead
from sequencer.core.message import Message, State
from sequencer.core.snapshot import Consent, Snapshot
from sequencer.core.workspace import Workspace
from sequencer.services.compile import compile_workspace
from tests.workspaces import files

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@cache
def contents() -> Mapping[str, Content]:
    """Of every workspace here: they differ in their sequences."""
    return compile_workspace(files(other=OTHER)).contents


@cache
def workspace(text: str) -> Workspace:
    compiled = compile_workspace(files(it=text, other=OTHER), contents())
    assert compiled.workspace is not None, "\n".join(map(str, compiled.problems))
    return compiled.workspace


OTHER = """
title: Other
state: live
topic: guides
enroll:
  when: manual
from: marketing
steps:
  - email: four
"""

HEAD = """
title: It
state: live
topic: guides
enroll:
  when: manual
from: marketing
"""


@dataclass
class Passage:
    """One lead's way through the sequence `it`, on a clock that the test moves; pure."""

    text: str
    lead: Lead = field(default_factory=lambda: Lead(id=1, email="kim@harbor.example", zone="Europe/London"))
    now: datetime = MONDAY
    events: list[Event] = field(default_factory=list)
    messages: dict[str, Message] = field(default_factory=dict)
    consent: Consent = field(default_factory=Consent)
    mailed_before: list[datetime] = field(default_factory=list)
    received: set[str] = field(default_factory=set)
    done: list[Any] = field(default_factory=list)
    sent: list[tuple[str, datetime]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.workspace = workspace(self.text)
        self.sequence = self.workspace.sequences["it"]
        due = first_due(self.workspace, self.sequence, self.lead, None, self.now)
        self.enrollment = Enrollment(1, 1, "it", 1, self.now, self.sequence.start, self.now, due)

    def snapshot(self) -> Snapshot:
        mailed = sorted([*self.mailed_before, *(m.sent_at for m in self.messages.values())])
        return Snapshot(
            lead=self.lead,
            company=None,
            enrollment=self.enrollment,
            messages=self.messages,
            events=tuple(sorted(self.events, key=lambda e: e.at)),
            mailed_at=tuple(mailed),
            received=frozenset(self.received | {m.content for m in self.messages.values()}),
            consent=self.consent,
        )

    def look(self) -> Decision:
        """Decides now and does what was decided; the provider accepts at once."""
        decision = decide(self.workspace, self.sequence, self.snapshot(), self.now)
        self.enrollment = decision.enrollment
        for effect in decision.effects:
            self.done.append(effect)
            if isinstance(effect, Send):
                step = effect.step.id
                self.sent.append((step, self.now))
                content = effect.step.content
                self.messages[step] = Message(
                    1, step, 1, State.ACCEPTED, effect.attempt, content, self.now, accepted_at=self.now
                )
            elif isinstance(effect, Change):
                self.lead = self.lead._replace(**{k: v for k, v in effect.values.items() if k in ("stage", "status")})
        return decision

    def until(self, end: datetime, wakes: List[datetime] = ()) -> None:
        """Looks whenever something is due, and at each of `wakes`, until `end`."""
        for _ in range(2000):
            if self.enrollment.status not in RUNNING:
                return
            moments = [w for w in wakes if w > self.now]
            if self.enrollment.due_at is not None:
                moments.append(max(self.enrollment.due_at, self.now))
            upcoming = min(moments, default=end)
            if upcoming >= end:
                self.now = end
                return
            self.now = upcoming
            self.look()
        raise AssertionError("it does not come to an end")

    def after(self, **span: float) -> "Passage":
        self.until(self.now + timedelta(**span))
        return self

    @property
    def steps(self) -> list[str]:
        return [step for step, _ in self.sent]

    @property
    def why(self) -> str:
        """The code of what it waits for now, or how it ended."""
        return decide(self.workspace, self.sequence, self.snapshot(), self.now).reasons[-1].code


def clicked(step: str, at: datetime) -> Event:
    return Event("clicked", at, 1, f"c{at}", "sendgrid", 1, step, data={"content": step, "link": "price"})


@pytest.mark.parametrize(
    ("written", "sent_after"),
    [
        ("wait: 30 seconds", timedelta(seconds=30)),
        ("wait: 2 hours", timedelta(hours=2)),
        ("wait: 1 day", timedelta(days=1)),
        ("wait: 5 business days", timedelta(days=7)),
        ("wait: 1 week", timedelta(days=7)),
        ("wait: until tue 10:00", timedelta(days=1, hours=1)),
        ("wait: until 08:00", timedelta(hours=23)),
    ],
)
def test_a_wait_counts_from_the_mail_before(written: str, sent_after: timedelta) -> None:
    it = Passage(HEAD + f"pressure: exempt\nsteps:\n  - email: one\n  - {written}\n  - email: two\n").after(days=30)
    assert it.sent == [("one", MONDAY), ("two", MONDAY + sent_after)]


def test_waits_in_a_row_add_up() -> None:
    it = Passage(
        HEAD + "pressure: exempt\nsteps:\n  - email: one\n  - wait: 1 day\n  - wait: 2 hours\n  - email: two\n"
    )
    assert it.after(days=3).sent[1] == ("two", MONDAY + timedelta(days=1, hours=2))


NESTED = """pressure: exempt
steps:
  - id: outer
    if: known("email")
    then:
      - id: inner
        if: known("email")
        then:
          - email: one
WAIT  - email: two
"""
DAY, TWO_DAYS = timedelta(days=1), timedelta(days=2)


@pytest.mark.parametrize(
    ("wait", "stands", "due"),
    [
        ("", "two", MONDAY),
        ("  - wait: 1 day\n", "two", MONDAY + DAY),
        ("      - wait: 1 day\n  - wait: 1 day\n", "outer:then", MONDAY + DAY),
        ("          - wait: 2 days\n", "inner:then", MONDAY + TWO_DAYS),
    ],
)
def test_after_a_mail_in_an_arm_the_next_look_is_where_there_is_something_to_do(
    wait: str, stands: str, due: datetime
) -> None:
    it = Passage(HEAD + NESTED.replace("WAIT", wait))
    it.look()
    assert (it.steps, it.enrollment.position, it.enrollment.since, it.enrollment.due_at) == (
        ["one"],
        stands,
        MONDAY,
        due,
    )


GOAL = 'goal: did("meeting_booked")\nexit_on:\n  - replied()\n  - lead.stage == "customer"\n'
STEPS = "steps:\n  - email: one\n  - wait: 3 days\n  - email: two\n"


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"events": [Event("meeting_booked", MONDAY, 1, "k", "api")]}, Status.CONVERTED, "goal"),
        ({"events": [Event("replied", MONDAY, 1, "k", "inbound")]}, Status.LEFT, "exit_on"),
        ({"lead": Lead(1, "a@b.example", stage="customer")}, Status.LEFT, "exit_on"),
        ({"lead": Lead(1, "a@b.example", suppressed=True)}, Status.STOPPED, "suppressed"),
        ({"consent": Consent(refused=frozenset({"guides"}))}, Status.LEFT, "unsubscribed"),
        ({"consent": Consent(refused=frozenset({"news"}))}, Status.ACTIVE, ""),
        ({"events": [Event("meeting_booked", MONDAY - timedelta(1), 1, "k", "api")]}, Status.ACTIVE, ""),
    ],
)
def test_what_ends_an_enrollment(changes: dict[str, Any], status: Status, reason: str) -> None:
    it = Passage(HEAD + GOAL + STEPS, **changes)
    decision = departure(it.workspace, it.sequence, it.snapshot(), it.now)
    ended = decision.enrollment if decision else it.enrollment
    assert (ended.status, ended.reason.partition(":")[0]) == (status, reason)


def test_a_topic_that_is_off_by_default_needs_consent() -> None:
    text = HEAD.replace("topic: guides", "topic: news") + STEPS
    assert Passage(text).after(days=1).enrollment.reason == "no-consent: news"
    assert Passage(text, consent=Consent(given=frozenset({"news"}))).after(days=1).steps == ["one"]


BRANCH = """
pressure: exempt
steps:
  - email: one
  - id: looked
    if: clicked("one", "price")
    within: 2 days
    then:
      - email: two
    else:
      - email: three
  - wait: 1 hour
  - email: four
"""


def test_an_awaited_click_is_followed_at_once() -> None:
    it = Passage(HEAD + BRANCH).after(hours=5)
    it.messages["one"] = it.messages["one"]._replace(clicked=("price",))
    it.look()
    assert it.sent[1:] == [("two", MONDAY + timedelta(hours=5))]
    assert it.after(hours=2).sent[2:] == [("four", MONDAY + timedelta(hours=6))]


def test_when_the_time_is_up_else_is_taken() -> None:
    it = Passage(HEAD + BRANCH).after(days=1)
    assert (it.steps, it.why) == (["one"], "awaiting")
    assert it.after(days=3).sent[1:] == [
        ("three", MONDAY + timedelta(days=2)),
        ("four", MONDAY + timedelta(days=2, hours=1)),
    ]


def test_within_counts_from_the_providers_acceptance() -> None:
    it = Passage(HEAD + BRANCH).after(hours=1)
    it.messages["one"] = it.messages["one"]._replace(accepted_at=MONDAY + timedelta(hours=10))
    assert it.after(days=5).sent[1] == ("three", MONDAY + timedelta(days=2, hours=10))


@pytest.mark.parametrize(
    ("state", "code"), [(State.SENDING, "sending"), (State.UNKNOWN, "unknown"), (State.RETRY, "retry")]
)
def test_no_mail_goes_while_the_one_before_is_open(state: State, code: str) -> None:
    it = Passage(HEAD + "pressure: exempt\nsteps:\n  - email: one\n  - wait: 1 minute\n  - email: two\n").after(
        seconds=1
    )
    later = MONDAY + timedelta(hours=3)
    it.messages["one"] = it.messages["one"]._replace(state=state, accepted_at=None, retry_at=later)
    it.now = MONDAY + timedelta(minutes=5)
    decision = it.look()
    assert (decision.effects, decision.reasons[-1].code) == ((), code)


def test_a_retry_carries_the_next_attempt_and_counts_anew() -> None:
    it = Passage(HEAD + "pressure: exempt\nsteps:\n  - email: one\n  - wait: 1 hour\n  - email: two\n").after(seconds=1)
    it.messages["one"] = it.messages["one"]._replace(state=State.RETRY, accepted_at=None, retry_at=it.now)
    it.look()
    assert [e.attempt for e in it.done if isinstance(e, Send)] == [1, 2]
    assert it.after(days=1).sent[-1] == ("two", MONDAY + timedelta(hours=1, seconds=1))


def test_what_was_to_go_again_is_cancelled_when_the_lead_leaves() -> None:
    it = Passage(HEAD + STEPS).after(seconds=1)
    it.messages["one"] = it.messages["one"]._replace(state=State.RETRY)
    it.lead = it.lead._replace(suppressed=True)
    assert it.look().effects == (Cancel("one"),)


def test_a_pause_keeps_the_rest_of_the_wait() -> None:
    it = Passage(HEAD + "pressure: exempt\nsteps:\n  - email: one\n  - wait: 3 days\n  - email: two\n").after(days=1)
    resume = it.now + timedelta(days=10)
    it.enrollment = it.enrollment._replace(
        status=Status.PAUSED, paused_at=it.now, resume_at=resume, due_at=resume, reason="replied"
    )
    it.look()
    assert it.why == "paused"
    assert it.after(days=30).sent[1] == ("two", resume + timedelta(days=2))


def test_a_stopped_sequence_holds_everybody_where_they_are() -> None:
    it = Passage(HEAD.replace("state: live", "state: stopped") + STEPS)
    it.after(days=5)
    assert (it.steps, it.why, it.enrollment.position) == ([], "sequence-stopped", "one")


HOURS = 'hours: {days: mon-fri, between: "09:00-17:00"}\n'


@pytest.mark.parametrize(
    ("entered", "goes"),
    [
        (datetime(2026, 11, 23, 7, 0, tzinfo=UTC), datetime(2026, 11, 23, 9, 0, tzinfo=UTC)),
        (datetime(2026, 11, 23, 16, 59, tzinfo=UTC), datetime(2026, 11, 23, 16, 59, tzinfo=UTC)),
        (datetime(2026, 11, 23, 17, 0, tzinfo=UTC), datetime(2026, 11, 24, 9, 0, tzinfo=UTC)),
        (datetime(2026, 11, 27, 18, 0, tzinfo=UTC), datetime(2026, 11, 30, 9, 0, tzinfo=UTC)),
    ],
)
def test_hours_move_a_mail_forward(entered: datetime, goes: datetime) -> None:
    assert Passage(HEAD + HOURS + STEPS, now=entered).after(days=3).sent == [("one", goes)]


def test_hours_are_the_leads_own() -> None:
    tokyo = Lead(id=1, email="k@b.example", zone="Asia/Tokyo")
    it = Passage(HEAD + HOURS + STEPS, lead=tokyo).after(days=1)
    assert it.sent == [("one", datetime(2026, 11, 24, 0, 0, tzinfo=UTC))]


def test_a_mail_over_the_cap_waits_and_is_then_skipped_with_the_reason() -> None:
    mailed = [MONDAY - timedelta(days=1), *(MONDAY + timedelta(days=n) for n in range(0, 12))]
    it = Passage(HEAD + STEPS, mailed_before=mailed).after(hours=1)
    assert it.why == "week"
    it.after(days=7)
    assert [(o.step, o.outcome, o.detail) for o in it.enrollment.outcomes] == [("one", "skipped", "pressure: week")]


OWNER = HEAD.replace("from: marketing", "from: owner") + STEPS


def owned(text: str = OWNER, **away: Any) -> Passage:
    it = Passage(text, lead=Lead(1, "k@b.example", zone="Europe/London", owner="ana@acme.example"))
    ana = replace(it.workspace.reps["ana@acme.example"], **away)
    it.workspace = replace(it.workspace, reps={**it.workspace.reps, ana.email: ana})
    return it


def test_owner_mail_comes_from_the_rep() -> None:
    it = owned().after(hours=1)
    assert [e.sender.email for e in it.done if isinstance(e, Send) and e.sender] == ["ana@acme.example"]


def test_a_mail_that_waits_for_an_owner_is_not_skipped_because_others_mailed_meanwhile() -> None:
    it = Passage(OWNER).after(days=9)
    assert (it.sent, it.why) == ([], "no-owner")
    it.mailed_before = [it.now - timedelta(hours=1)]
    it.look()
    assert (it.sent, it.why) == ([], "no-owner")


def test_owner_mail_waits_for_a_short_absence() -> None:
    it = owned(away=(Away(date(2026, 11, 20), date(2026, 11, 23)),)).after(hours=1)
    assert it.why == "owner-away"
    assert it.after(days=2).sent == [("one", datetime(2026, 11, 24, 0, 0, tzinfo=UTC))]


def test_in_a_long_absence_the_deputy_mails_after_three_business_days() -> None:
    it = owned(away=(Away(date(2026, 11, 20), date(2026, 12, 20)),)).after(days=5)
    sends = [e for e in it.done if isinstance(e, Send)]
    assert [(e.sender.email, e.standing_in_for.email) for e in sends if e.sender and e.standing_in_for] == [
        ("ben@acme.example", "ana@acme.example")
    ]
    assert it.sent == [("one", MONDAY + timedelta(days=3))]


ACTS = """
pressure: exempt
steps:
  - id: up
    set: {stage: mql, next_attempt: in 60 days}
  - id: down
    set: {stage: lead}
  - id: tell
    tell: owner
    note: Hello
  - id: over
    handoff: owner
    note: Ready
  - id: begin
    start: other
  - id: out
    exit: enough
  - email: one
"""


def test_steps_that_are_no_mails_happen_at_once_and_in_order() -> None:
    it = Passage(HEAD + ACTS, lead=Lead(1, "k@b.example", stage="subscriber", zone="Europe/London"))
    decision = it.look()
    assert [type(e) for e in decision.effects] == [Change, Alert, Change, Alert, Enter]
    assert [e.values for e in decision.effects if isinstance(e, Change)] == [
        {"stage": "mql", "next_attempt": "2027-01-22"},
        {"stage": "sql"},
    ]
    assert (it.enrollment.status, it.enrollment.reason) == (Status.LEFT, "exit: enough")


def test_too_late_a_mail_is_skipped() -> None:
    text = HEAD + "pressure: exempt\nmax_lateness: 2 hours\n" + STEPS
    it = Passage(text)
    it.now = MONDAY + timedelta(hours=3)
    it.look()
    assert [(o.step, o.outcome, o.detail) for o in it.enrollment.outcomes] == [("one", "skipped", "too-late")]


def test_what_holds_already_when_a_branch_is_reached_is_not_waited_for() -> None:
    later = BRANCH.replace("  - email: one\n", "  - email: one\n  - wait: 1 day\n  - email: four\n").replace(
        "  - wait: 1 hour\n  - email: four\n", ""
    )
    it = Passage(HEAD + later).after(hours=1)
    it.messages["one"] = it.messages["one"]._replace(clicked=("price",))
    it.after(days=1, hours=1)
    assert it.sent[1:] == [("four", MONDAY + timedelta(days=1)), ("two", MONDAY + timedelta(days=1))]


def test_what_a_step_sets_may_end_the_enrollment_before_the_next_mail() -> None:
    text = (
        HEAD
        + 'exit_on:\n  - lead.stage == "customer"\nsteps:\n  - id: up\n    set: {stage: customer}\n  - email: one\n'
    )
    it = Passage(text).after(days=1)
    assert (it.steps, it.enrollment.status) == ([], Status.LEFT)
    assert [type(e) for e in it.done] == [Change]


SILENT = """
pressure: exempt
steps:
FIRST  - id: looked
    if: CONDITION
    within: 10 days
    then:
      - email: two
    else:
      - email: three
"""


@pytest.mark.parametrize("condition", ['received("four")', 'consent("news")'])
@pytest.mark.parametrize("first", ["", "  - email: one\n", "  - email: one\n  - wait: 1 hour\n"])
def test_a_branch_that_no_event_of_its_own_wakes_looks_again_once_a_day(first: str, condition: str) -> None:
    it = Passage(HEAD + SILENT.replace("FIRST", first).replace("CONDITION", condition))
    looked: list[datetime] = []
    while it.enrollment.due_at is not None and it.enrollment.due_at < MONDAY + timedelta(days=9):
        it.now = it.enrollment.due_at
        looked.append(it.now)
        it.look()
    assert it.why == "awaiting"
    assert max(b - a for a, b in pairwise([*looked, MONDAY + timedelta(days=9)])) <= timedelta(days=1)


LATE = "max_lateness: 2 hours\n"


def test_a_mail_that_the_gap_held_is_not_late() -> None:
    it = Passage(HEAD + LATE + STEPS, mailed_before=[MONDAY - timedelta(hours=1)]).after(days=1)
    assert it.sent == [("one", MONDAY + timedelta(hours=19))]


def test_a_mail_that_an_absence_held_is_not_late() -> None:
    it = owned(OWNER.replace("steps:", LATE + "steps:"), away=(Away(date(2026, 11, 20), date(2026, 12, 20)),)).after(
        days=5
    )
    assert it.sent == [("one", MONDAY + timedelta(days=3))]


def test_a_mail_that_a_pause_held_is_not_late() -> None:
    it = Passage(HEAD + "pressure: exempt\n" + LATE + STEPS).after(days=1)
    resume = it.now + timedelta(days=10)
    it.enrollment = it.enrollment._replace(status=Status.PAUSED, paused_at=it.now, resume_at=resume, due_at=resume)
    assert it.after(days=30).sent[1] == ("two", resume + timedelta(days=2))


def test_a_mail_that_goes_again_is_not_late_for_what_held_the_lead() -> None:
    it = Passage(HEAD + "pressure: exempt\n" + LATE + STEPS).after(seconds=1)
    resume = MONDAY + timedelta(days=7)
    it.messages["one"] = it.messages["one"]._replace(state=State.RETRY, accepted_at=None, retry_at=it.now)
    it.enrollment = it.enrollment._replace(status=Status.PAUSED, paused_at=MONDAY, resume_at=resume, due_at=resume)
    it.until(MONDAY + timedelta(days=8))
    assert it.sent == [("one", MONDAY), ("one", resume)]


CHOOSE = """
pressure: exempt
steps:
  - email: one
  - id: track
    choose:
      cost:
        if: lead.stage == "mql"
        steps:
          - email: two
      asked:
        if: did("asked")
        steps:
          - wait: 1 day
          - email: three
OTHERWISE  - wait: 1 hour
  - email: four
"""


@pytest.mark.parametrize(
    ("stage", "asked", "otherwise", "sent", "arm"),
    [
        ("mql", True, "", ["one", "two", "four"], "cost"),
        (None, True, "", ["one", "three", "four"], "asked"),
        (None, False, "", ["one", "four"], "otherwise"),
        (
            None,
            False,
            "      otherwise:\n        steps:\n          - id: again\n            email: one\n",
            ["one", "again", "four"],
            "otherwise",
        ),
    ],
)
def test_choose_takes_the_first_arm_that_is_true(
    stage: str | None, asked: bool, otherwise: str, sent: list[str], arm: str
) -> None:
    it = Passage(HEAD + CHOOSE.replace("OTHERWISE", otherwise), lead=Lead(1, "k@b.example", stage=stage))
    if asked:
        it.events.append(Event("asked", MONDAY, 1, "a", "api"))
    it.after(days=5)
    assert (it.steps, it.enrollment.passed("track").outcome) == (sent, arm)  # type: ignore[union-attr]


SPLIT = """
pressure: exempt
steps:
  - id: objections
    test:
      blunt:
        share: BLUNT
        steps:
          - email: one
      gentle:
        share: GENTLE
        steps:
          - email: two
  - wait: 1 hour
  - email: four
"""


def drawn(blunt: int, email: str) -> str:
    text = SPLIT.replace("BLUNT", str(blunt)).replace("GENTLE", f"{100 - blunt}%")
    it = Passage(HEAD + text, lead=Lead(1, email)).after(days=2)
    passed = it.enrollment.passed("objections")
    assert passed is not None and it.steps == [{"blunt": "one", "gentle": "two"}[passed.outcome], "four"]
    return passed.outcome


def test_a_test_deals_out_by_its_shares_and_to_each_lead_always_the_same() -> None:
    people = [f"p{n}@b.example" for n in range(400)]
    first = {email: drawn(30, email) for email in people}
    assert {email: drawn(30, email) for email in people[:50]} == dict(list(first.items())[:50])
    # 400 draws of 30 %: five standard deviations are 46.
    assert abs(list(first.values()).count("blunt") - 120) < 46
    assert {drawn(100, email) for email in people[:50]} == {"blunt"}
    assert {drawn(0, email) for email in people[:50]} == {"gentle"}


def test_a_larger_share_takes_nobody_out_of_its_arm() -> None:
    people = [f"p{n}@b.example" for n in range(100)]
    assert {drawn(60, email) for email in people if drawn(30, email) == "blunt"} == {"blunt"}


UNLESS = """
pressure: exempt
hours: {days: mon-fri, between: "09:00-17:00"}
steps:
  - email: one
    unless: UNLESS
  - id: up
    set: {stage: mql}
    unless: UNLESS
  - wait: 1 day
  - email: two
"""


@pytest.mark.parametrize(
    ("unless", "sent", "outcome"),
    [
        ('received("three")', ["one", "two"], "sent"),
        ('received("four")', ["two"], "skipped"),
        ('did("asked")', ["two"], "skipped"),
        ('clicked("two")', ["one", "two"], "sent"),
    ],
)
def test_unless_skips_a_step(unless: str, sent: list[str], outcome: str) -> None:
    it = Passage(HEAD + UNLESS.replace("UNLESS", unless), received={"four"})
    it.events.append(Event("asked", MONDAY, 1, "a", "api"))
    it.after(days=3)
    assert it.steps == sent
    assert [o.outcome for o in it.enrollment.outcomes][:2] == [outcome, "set" if outcome == "sent" else "skipped"]


def test_unless_is_asked_when_the_mail_would_go_and_when_it_would_go_again() -> None:
    it = Passage(HEAD + UNLESS.replace("UNLESS", 'did("asked")'), now=MONDAY - timedelta(hours=5))
    it.until(MONDAY + timedelta(seconds=1))
    it.messages["one"] = it.messages["one"]._replace(state=State.RETRY, accepted_at=None, retry_at=it.now)
    it.events.append(Event("asked", MONDAY, 1, "a", "api"))
    assert it.look().effects[0] == Cancel("one")
    assert it.steps == ["one"]


def waiting_for_a_date(wait: str, **known: str) -> Passage:
    text = HEAD + f"pressure: exempt\nsteps:\n  - email: one\n  - wait: {wait}\n  - email: two\n  - email: three\n"
    return Passage(text, lead=Lead(1, "k@b.example", zone="America/New_York", fields=known))


@pytest.mark.parametrize(
    ("wait", "known", "second"),
    [
        # 04:00 in New York, as the first mail.
        ("until next_attempt", {"next_attempt": "2026-12-03"}, datetime(2026, 12, 3, 9, 0, tzinfo=UTC)),
        ("until 30 days before next_attempt", {"next_attempt": "2027-01-03"}, datetime(2026, 12, 4, 9, 0, tzinfo=UTC)),
        ("until 1 week before next_attempt", {"next_attempt": "2027-03-21"}, datetime(2027, 3, 14, 8, 0, tzinfo=UTC)),
        ("until next_attempt", {"next_attempt": "2026-11-23"}, MONDAY),
        ("until next_attempt", {"next_attempt": "2026-11-22"}, None),
        ("{until: next_attempt, past: go on}", {"next_attempt": "2026-11-22"}, MONDAY),
        ("until next_attempt", {}, None),
        ("until next_attempt", {"next_attempt": "soon"}, None),
        ("{until: next_attempt, unknown: 2 days}", {}, MONDAY + timedelta(days=2)),
    ],
)
def test_a_wait_until_a_date_of_the_lead(wait: str, known: dict[str, str], second: datetime | None) -> None:
    it = waiting_for_a_date(wait, **known).after(days=200)
    assert it.sent == [("one", MONDAY), *([("two", second)] if second else []), ("three", second or MONDAY)]


def test_a_date_that_changes_or_becomes_known_during_the_wait_counts() -> None:
    it = waiting_for_a_date("{until: next_attempt, unknown: 60 days}").after(days=20)
    it.lead = it.lead._replace(fields={"next_attempt": "2026-12-20"})
    it.look()
    assert it.enrollment.due_at == datetime(2026, 12, 20, 9, 0, tzinfo=UTC)
    it.lead = it.lead._replace(fields={"next_attempt": "2026-12-01"})
    it.look()
    assert it.steps == ["one", "two"]


def test_a_fork_after_a_date_that_is_past_is_skipped_as_a_whole() -> None:
    text = SPLIT.replace("BLUNT", "50").replace("GENTLE", "50").replace("steps:\n", WAITING, 1)
    it = Passage(HEAD + text).after(days=3)
    assert it.steps == ["four"]


WAITING = "steps:\n  - wait: until next_attempt\n"


# --- laws

CONDITIONS = ('did("asked")', 'lead.stage == "mql"', "replied()")
WAITS = (
    "3 hours",
    "1 day",
    "2 business days",
    "until tue 10:00",
    "40 minutes",
    "until 2 days before next_attempt",
    "{until: next_attempt, unknown: 30 hours, past: go on}",
)


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Sequences of up to four mails in nested branches, with waits of all kinds."""
    left = ["one", "two", "three", "four"]
    number = 0

    def steps(depth: int, indent: str) -> list[str]:
        nonlocal number
        lines: list[str] = []
        for _ in range(draw(st.integers(1, 4))):
            kinds = ["mail", "wait", "if", "choose", "test", "set", "pick", "series"] if depth < 3 else ["mail", "wait"]
            kind = draw(st.sampled_from(kinds))
            number += 1
            if kind == "mail" and left:
                lines.append(f"{indent}- email: {left.pop(0)}")
                if draw(st.booleans()):
                    lines.append(f"{indent}  unless: {draw(st.sampled_from(CONDITIONS))}")
            elif kind == "wait":
                lines.append(f"{indent}- wait: {draw(st.sampled_from(WAITS))}")
            elif kind == "if":
                condition = draw(st.sampled_from(CONDITIONS))
                lines.append(f"{indent}- id: b{number}")
                lines.append(f"{indent}  if: {condition}")
                if draw(st.booleans()):
                    lines.append(f"{indent}  within: {draw(st.sampled_from(['1 day', '5 hours', '3 business days']))}")
                lines.append(f"{indent}  then:")
                lines += steps(depth + 1, indent + "    ")
                if draw(st.booleans()):
                    lines.append(f"{indent}  else:")
                    lines += steps(depth + 1, indent + "    ")
            elif kind == "pick":
                lines += [f"{indent}- id: p{number}", f"{indent}  email: {{pick: guide}}"]
            elif kind == "series":
                lines += [f"{indent}- id: r{number}", f"{indent}  series: {{pick: guide}}", f"{indent}  every: 3 days"]
                lines.append(f"{indent}  up_to: {draw(st.integers(1, 3))}")
                lines += draw(st.sampled_from([[], [f"{indent}  at: tue 10:00"], [f'{indent}  until: did("asked")']]))
            elif kind in ("choose", "test"):
                lines += [f"{indent}- id: b{number}", f"{indent}  {kind}:"]
                names = draw(st.permutations(["red", "green", "blue"]))[: draw(st.integers(2, 3))]
                first = draw(st.integers(0, 100))
                shares = [first, 100 - first, 0]
                for name, share in zip(names, shares, strict=False):
                    test = f"if: {draw(st.sampled_from(CONDITIONS))}" if kind == "choose" else f"share: {share}"
                    lines += [f"{indent}    {name}:", f"{indent}      {test}", f"{indent}      steps:"]
                    lines += steps(depth + 1, indent + "        ")
                if kind == "choose" and draw(st.booleans()):
                    lines += [f"{indent}    otherwise:", f"{indent}      steps:"]
                    lines += steps(depth + 1, indent + "        ")
            else:
                lines += [f"{indent}- id: s{number}", f"{indent}  set: {{stage: mql}}"]
        if not lines or all("wait" in line for line in lines):
            lines.append(f"{indent}- id: x{number}\n{indent}  set: {{status: working}}")
        return lines

    body = steps(0, "  ")
    if len(left) == 4:
        body.append("  - email: one")
    hours = draw(st.sampled_from(["", HOURS, 'hours: {days: tue-thu, between: "10:00-11:00"}\n']))
    exempt = draw(st.sampled_from(["", "pressure: exempt\n"]))
    return HEAD + hours + exempt + "steps:\n" + "\n".join(body) + "\n"


moments = st.integers(0, 40 * 24 * 60).map(lambda minutes: MONDAY + timedelta(minutes=minutes))
zones = st.sampled_from(["Europe/London", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"])


fields = st.sampled_from([{}, {"next_attempt": "2026-11-24"}, {"next_attempt": "2026-12-20"}])


@given(programs(), zones, fields, st.lists(moments, max_size=3), st.lists(moments, max_size=8))
def test_any_program_ends_mails_each_step_once_and_keeps_every_rule(
    text: str, zone: str, fields: dict[str, Any], asked: list[datetime], wakes: list[datetime]
) -> None:
    it = Passage(text, lead=Lead(1, "k@b.example", zone=zone, fields=fields))
    it.events = []
    for at in sorted(asked):
        it.until(at, wakes)
        it.events.append(Event("asked", at, 1, f"a{at}", "api"))
        if it.enrollment.status in RUNNING:
            it.look()
    it.until(MONDAY + timedelta(days=300), wakes)
    assert it.enrollment.status is Status.FINISHED
    assert len(it.steps) == len(set(it.steps))
    local = [at.astimezone(ZoneInfo(zone)) for _, at in it.sent]
    if it.sequence.hours is not None:
        assert all(it.sequence.hours.start <= at.time() < it.sequence.hours.end for at in local)
        assert all(at.weekday() in it.sequence.hours.days for at in local)
    if not it.sequence.exempt:
        assert all(at.weekday() < 5 for at in local)
        times = [at for _, at in it.sent]
        assert all(b - a >= timedelta(hours=20) for a, b in pairwise(times))
        assert all(c - a >= timedelta(days=7) for a, c in zip(times, times[2:], strict=False))


@given(programs(), zones, fields, st.lists(moments, max_size=30))
def test_looking_more_often_changes_nothing(
    text: str, zone: str, fields: dict[str, Any], wakes: list[datetime]
) -> None:
    lead = Lead(1, "k@b.example", zone=zone, fields=fields)
    calm, restless = Passage(text, lead=lead), Passage(text, lead=lead)
    calm.until(MONDAY + timedelta(days=200))
    restless.until(MONDAY + timedelta(days=200), wakes)
    assert restless.sent == calm.sent
    assert restless.enrollment.outcomes == calm.enrollment.outcomes
